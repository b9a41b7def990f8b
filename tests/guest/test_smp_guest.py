"""Debian's kernel on several processors: it boots every time, and sees storage in order.

`make test-smp`, or `pytest --smp-boots 100`, boots so many machines of two and so many of eight
processors, and lets each litmus test run for a minute.
"""

import faulthandler
import hashlib
import os
import re
from collections import Counter
from pathlib import Path

import pytest
from delays import Delays
from guest_modules import compiled, fetched_kernel
from initramfs import MOUNTS, PROMPT, busybox_initramfs, fetch_busybox

from jitppc.spapr.machine import Machine
from jitppc.topology import parse

pytestmark = pytest.mark.slow

SOURCE = Path(__file__).with_name("smp_litmus.c")
BOOT_SECONDS = 300
TESTS = 15
#: -smp, -cpu, strategy, ic_mode; the boots take them in turn
KINDS = {
    "2": [
        ("2", "power9", "regions", "xive"), ("2", "power8", "regions", "xics"),
        ("2,threads=2", "power10", "regions", "dual"), ("2", "power9", "units", "xics"),
        ("2", "power9", "interp", "xive"),
    ],
    "8": [
        ("8", "power9", "regions", "xive"), ("8,threads=4", "power10", "regions", "dual"),
        ("8,threads=8", "power8", "regions", "xics"), ("8", "power9", "units", "xics"),
        ("8,cores=4,threads=2", "power9", "interp", "xive"),
    ],
}  # fmt: skip
#: all processors work at once; then the machine is switched off
INIT_BOOT = f"""\
#!/bin/sh
{MOUNTS}\
export PATH=/bin
count=$(grep -c ^processor /proc/cpuinfo)
echo "processors $count"
for n in $(seq $count); do sha256sum /bin/busybox & done
wait
poweroff -f
"""


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


def shell(images, smp, cpu, strategy, ic_mode="dual"):
    """A machine at its prompt."""
    machine = Machine(
        *images, append="quiet", smp=parse(smp), cpu=cpu, strategy=strategy, ic_mode=ic_mode
    )
    stop = machine.run(until=re.escape(PROMPT), timeout=BOOT_SECONDS)
    tail = machine.console_output[-2000:].decode(errors="replace")
    assert stop.reason == "until", f"-smp {smp} -cpu {cpu}: no prompt; the console ends:\n{tail}"
    return machine


def boot(images, smp, cpu, strategy, ic_mode):
    """What is to be said of it; what was wrong, with the whole console, or nothing."""
    faulthandler.dump_traceback_later(3 * BOOT_SECONDS, exit=True)     # native code hangs
    machine = Machine(
        *images, append="loglevel=5", smp=parse(smp), cpu=cpu, strategy=strategy, ic_mode=ic_mode
    )
    try:
        with Delays() as delays:
            stop = machine.run(timeout=BOOT_SECONDS)
        console = machine.console_output.decode(errors="replace")
    finally:
        machine.close()
        faulthandler.cancel_dump_traceback_later()
    count = parse(smp).cpus
    digest = hashlib.sha256(fetch_busybox().read_bytes()).hexdigest()
    is_right = (
        stop.reason == "poweroff"
        and f"processors {count}\r" in console
        and count == console.count(f"{digest}  /bin/busybox")
        and not delays.complaints(console)
    )
    return str(delays), "" if is_right else f"{stop.reason}\n{console}"


@pytest.mark.parametrize("cpus", KINDS)
def test_every_boot_ends_with_power_off_and_all_processors_have_worked(
    boots, cpus, tmp_path_factory
):
    initrd = tmp_path_factory.mktemp("smp") / "boot.gz"
    initrd.write_bytes(busybox_initramfs(fetch_busybox(), INIT_BOOT))
    images, kinds = (fetched_kernel(), initrd), KINDS[cpus]
    right: Counter[str] = Counter()
    failures = []
    for number in range(boots):
        kind = kinds[number % len(kinds)]
        times, wrong = boot(images, *kind)
        name = "-smp {} -cpu {} -strategy {} -M ic-mode={}".format(*kind)
        load = os.getloadavg()[0]
        said = "WRONG" if wrong else "right"
        print(f"boot {number + 1}: {name}: {said}, {times}, load {load:.1f}", flush=True)
        if wrong:
            failures.append(f"boot {number + 1}: {name}: {wrong}")
            print(failures[-1], flush=True)
        else:
            right[name] += 1
    print(dict(right))
    assert [] == failures


@pytest.mark.parametrize(
    "kind",
    [KINDS["2"][0], KINDS["8"][0], KINDS["8"][1], KINDS["2"][1]],
    ids=lambda kind: f"-smp {kind[0]} -cpu {kind[1]}",
)
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
