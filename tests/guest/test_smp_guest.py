"""Debian's kernel on several processors: it boots every time, and sees storage in order.

`make test-smp`, or `pytest --smp-boots 100`, boots machines of all these kinds in turn so often,
and lets each litmus test run for a minute.
"""

import re
from pathlib import Path

import pytest
from guest_modules import compiled, fetched_kernel
from initramfs import PROMPT, busybox_initramfs, fetch_busybox

from jitppc.spapr.machine import Machine
from jitppc.topology import parse

pytestmark = pytest.mark.slow

SOURCE = Path(__file__).with_name("smp_litmus.c")
BOOT_SECONDS = 300
TESTS = 15
#: -smp, -cpu, strategy
KINDS = [
    ("2", "power9", "regions"), ("8", "power9", "regions"), ("8,threads=4", "power10", "regions"),
    ("2", "power8", "regions"), ("4,threads=2", "power9", "units"), ("2", "power9", "interp"),
]  # fmt: skip


@pytest.fixture(scope="module")
def boots(long_proof):
    return long_proof("--smp-boots", "test-smp")


@pytest.fixture(scope="module")
def images(boots, require_tool, tmp_path_factory):
    """Kernel, and an initramfs with the litmus tests."""
    folder = tmp_path_factory.mktemp("smp")
    litmus = compiled(require_tool, SOURCE, folder / "litmus")
    initrd = folder / "initramfs.gz"
    initrd.write_bytes(busybox_initramfs(fetch_busybox(), more={"smp_litmus": litmus}))
    return fetched_kernel(), initrd


def shell(images, smp, cpu, strategy):
    """A machine at its prompt."""
    machine = Machine(*images, append="quiet", smp=parse(smp), cpu=cpu, strategy=strategy)
    stop = machine.run(until=re.escape(PROMPT), timeout=BOOT_SECONDS)
    tail = machine.console_output[-2000:].decode(errors="replace")
    assert stop.reason == "until", f"-smp {smp} -cpu {cpu}: no prompt; the console ends:\n{tail}"
    return machine


def test_every_boot_ends_at_the_shell_with_all_processors(boots, images):
    for number in range(boots):
        smp, cpu, strategy = KINDS[number % len(KINDS)]
        machine = shell(images, smp, cpu, strategy)
        machine.type("grep -c ^processor /proc/cpuinfo\n")
        count = parse(smp).cpus
        assert machine.run(until=rf"\n{count}\r?\n", timeout=60).reason == "until"
        machine.type("poweroff -f\n")
        assert machine.run(timeout=60).reason == "poweroff"
        machine.close()
        print(f"boot {number + 1}: -smp {smp} -cpu {cpu} -strategy {strategy}", flush=True)


@pytest.mark.parametrize("kind", KINDS[:4], ids=lambda kind: f"-smp {kind[0]} -cpu {kind[1]}")
def test_no_litmus_test_sees_what_it_must_not(boots, images, kind):
    seconds = 60 if boots >= 100 else 2
    machine = shell(images, *kind)
    machine.type(f"/smp_litmus {seconds}\n")
    stop = machine.run(until="LITMUS-END", timeout=TESTS * seconds * 4 + 120)
    output = machine.console_output.decode(errors="replace")
    machine.close()
    assert stop.reason == "until", output[-2000:]
    results = re.findall(r"^([a-z0-9-]+) (\d+) (\d+)\r?$", output, re.MULTILINE)
    print(*(" ".join(result) for result in results), sep="\n")
    assert len(results) == TESTS
    assert all(int(times) > 0 for _, times, _ in results)
    assert [] == [name for name, _, wrong in results if int(wrong)]
