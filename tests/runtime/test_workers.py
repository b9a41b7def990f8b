"""Laws of the compile workers, and of what makes vCPUs."""

import subprocess
import sys
from contextlib import closing

import pytest

from jitppc.runtime.factory import make_vcpu
from jitppc.runtime.memory import GuestMemory
from jitppc.runtime.workers import WorkerError, WorkerPool

MODULE = "define i64 @seven() {\n ret i64 7\n}\n"
# No guard against being imported again: a worker must not run the user's script.
SCRIPT = f"""
from jitppc.runtime.workers import WorkerPool
pool = WorkerPool(1)
print(len(pool.submit("compile_module", {MODULE!r}, 1).result()) > 0)
pool.close()
"""


def test_a_worker_compiles_and_says_what_it_cannot():
    with closing(WorkerPool(1)) as pool:
        assert pool.submit("compile_module", MODULE, 1).result().startswith(b"\x7fELF")
        with pytest.raises(WorkerError, match="compile_module: RuntimeError"):
            pool.submit("compile_module", "no module", 1).result()
        with pytest.raises(WorkerError, match="nothing: KeyError"):
            pool.submit("nothing").result()


def test_closing_ends_all_processes():
    pool = WorkerPool(2)
    for future in [pool.submit("compile_module", MODULE, 1) for _ in range(4)]:
        future.result()
    processes = list(pool._processes)
    assert all(process.poll() is None for process in processes)
    pool.close()
    assert all(process.poll() is not None for process in processes)


def test_a_script_on_standard_input_may_use_workers():
    done = subprocess.run(
        [sys.executable, "-"], input=SCRIPT, capture_output=True, text=True, check=False
    )
    assert ("True\n", "") == (done.stdout, done.stderr)


@pytest.mark.parametrize("options", [{"strategy": "fast"}, {"clock": "slow"}, {"cache": True}])
def test_unknown_options_of_a_vcpu_are_refused(options):
    with pytest.raises((TypeError, ValueError), match=r"unknown|unexpected"):
        make_vcpu(GuestMemory(1 << 20), 0, 0x4E1202, **options)
