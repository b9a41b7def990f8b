"""Laws of the compile workers, and of what makes vCPUs."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

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
#: tells the number of a worker that is busy for long
BUSY = """
import time
from jitppc.runtime.workers import WorkerPool
pool = WorkerPool(1)
pool.submit("compile_module", "", 1).result()
lines = [f" %v{n + 1} = mul i64 %v{n}, %v{n // 2}" for n in range(60_000)]
pool.submit("compile_module", "\\n".join(
    ["define i64 @f(i64 %v0) {", *lines, " ret i64 %v60000", "}"]), 2)
time.sleep(0.2)
print(pool._processes[0].pid, flush=True)
time.sleep(100)
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


def is_running(pid):
    """Whether there is such a process that is no corpse."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def test_a_busy_worker_ends_when_its_machine_is_killed():
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE) as machine:
        worker = int(machine.stdout.readline())
        assert is_running(worker)
        machine.send_signal(signal.SIGKILL)
    end = time.monotonic() + 2
    while is_running(worker) and time.monotonic() < end:
        time.sleep(0.05)
    found = is_running(worker)
    if found:
        os.kill(worker, signal.SIGKILL)
    assert not found


def test_a_script_on_standard_input_may_use_workers():
    done = subprocess.run(
        [sys.executable, "-"], input=SCRIPT, capture_output=True, text=True, check=False
    )
    assert ("True\n", "") == (done.stdout, done.stderr)


@pytest.mark.parametrize("options", [{"strategy": "fast"}, {"clock": "slow"}, {"cache": True}])
def test_unknown_options_of_a_vcpu_are_refused(options):
    with pytest.raises((TypeError, ValueError), match=r"unknown|unexpected"):
        make_vcpu(GuestMemory(1 << 20), 0, 0x4E1202, **options)
