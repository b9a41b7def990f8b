"""Debian's kernel on several processors: it boots every time, and nothing goes wrong under stress.

`make test-smp`, or `pytest --smp-boots 100 --smp-seconds 3600`: so many boots with two and so many
with eight processors; litmus tests and stress-ng for so long.
"""

import faulthandler
import hashlib
import itertools
import os
import re
from collections import Counter
from pathlib import Path

import pytest
import stress_ng
from delays import Delays
from guest_modules import compiled, fetched_kernel
from initramfs import MOUNTS, busybox_initramfs, fetch_busybox

from jitppc.spapr.machine import Machine
from jitppc.topology import parse

pytestmark = pytest.mark.slow

SOURCE = Path(__file__).with_name("smp_litmus.c")
BOOT_SECONDS, WORK_SECONDS = 300, 1200
#: of each litmus test and of each group of stressors, on one machine
LITMUS_SECONDS, STRESS_SECONDS = 6, 20
TESTS = 17
#: how often processors are switched off and on
ROUNDS = 20
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
SAID = "-smp {} -cpu {} -strategy {} -M ic-mode={}"
#: all processors work at once; then the machine is switched off
INIT_BOOT = f"""\
#!/bin/sh
{MOUNTS}\
export PATH=/bin
count=$(grep -c ^processor /proc/cpuinfo)
echo "processors $count"
for n in $(seq $count); do sha256sum /bin/busybox > /tmp/sum.$n & done
wait
sort /tmp/sum.* | uniq -c
poweroff -f
"""

#: what the kernel says may come into the middle of a line, so all is said once more in the end
INIT_LITMUS = f"""\
#!/bin/sh
{MOUNTS}\
export PATH=/bin
echo
/smp_litmus {LITMUS_SECONDS} | tee /tmp/results
sleep 1
echo
cat /tmp/results
poweroff -f
"""


@pytest.fixture(scope="module")
def boots(long_proof):
    return long_proof("--smp-boots", "test-smp")


def ran(initrd, kind, seconds, memory="2G"):
    """Debian's kernel until it is off: the stop, the console, and how long it took."""
    smp, cpu, strategy, ic_mode = kind
    faulthandler.dump_traceback_later(3 * seconds, exit=True)          # native code hangs
    machine = Machine(
        fetched_kernel(), initrd, append="loglevel=5", memory=memory,
        smp=parse(smp), cpu=cpu, strategy=strategy, ic_mode=ic_mode,
    )  # fmt: skip
    try:
        with Delays() as delays:
            stop = machine.run(timeout=seconds)
        return stop, machine.console_output.decode(errors="replace"), delays
    finally:
        machine.close()
        faulthandler.cancel_dump_traceback_later()


def boot(initrd, kind):
    """What is to be said of it; what was wrong, with the whole console, or nothing."""
    stop, console, delays = ran(initrd, kind, BOOT_SECONDS)
    count = parse(kind[0]).cpus
    digest = hashlib.sha256(fetch_busybox().read_bytes()).hexdigest()
    is_right = (
        stop.reason == "poweroff"
        and f"processors {count}\r" in console
        and f" {count} {digest}  /bin/busybox" in console
        and not delays.broken(console)
    )
    return delays.says(console), "" if is_right else f"{stop.reason}\n{console}"


@pytest.mark.parametrize("cpus", KINDS)
def test_every_boot_ends_with_power_off_and_all_processors_have_worked(
    boots, cpus, tmp_path_factory
):
    initrd = tmp_path_factory.mktemp("smp") / "boot.gz"
    initrd.write_bytes(busybox_initramfs(fetch_busybox(), INIT_BOOT))
    kinds = KINDS[cpus]
    right: Counter[str] = Counter()
    failures = []
    for number in range(boots):
        kind = kinds[number % len(kinds)]
        times, wrong = boot(initrd, kind)
        name = SAID.format(*kind)
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


@pytest.fixture(scope="module")
def seconds(long_proof):
    return long_proof("--smp-seconds", "test-smp")


@pytest.fixture(scope="module")
def work(seconds, require_tool, tmp_path_factory):
    """What guests do, by name: their initramfs, and what is wrong with what they said."""
    folder = tmp_path_factory.mktemp("smp")
    litmus = compiled(require_tool, SOURCE, folder / "smp_litmus")
    archives = {
        "litmus": busybox_initramfs(fetch_busybox(), INIT_LITMUS, {"smp_litmus": litmus}),
        "stress-ng": stress_ng.initramfs(folder, STRESS_SECONDS),
    }
    judges = {"litmus": litmus_complaints, "stress-ng": stress_ng.complaints}
    for name, archive in archives.items():
        (folder / f"{name}.gz").write_bytes(archive)
    return {name: (folder / f"{name}.gz", judges[name]) for name in archives}


def litmus_complaints(console):
    lines = re.findall(r"^([a-z0-9-]+) (\d+) (\d+)\r?$", console, re.MULTILINE)
    results = list(dict.fromkeys(lines))
    print(*(" ".join(result) for result in results), sep=", ")
    wrong = [f"{name}: {n} wrong" for name, _, n in results if int(n)]
    idle = [f"{name}: did nothing" for name, times, _ in results if not int(times)]
    return wrong + idle + ([] if len(results) == TESTS else [f"{len(results)} results"])


def test_nothing_goes_wrong_and_nothing_hangs_for_an_hour(seconds, work):
    """Litmus tests and stress-ng in turn, on machines of all kinds."""
    kinds = [kind for both in zip(KINDS["2"], KINDS["8"], strict=True) for kind in both]
    turns = itertools.cycle([(name, kind) for kind in kinds for name in work])
    spent, failures = 0.0, []
    while spent < seconds:
        name, kind = next(turns)
        initrd, judge = work[name]
        stop, console, delays = ran(initrd, kind, WORK_SECONDS, memory="1G")
        spent += delays.seconds - delays.stopped
        wrong = judge(console) + delays.broken(console)
        wrong += [] if stop.reason == "poweroff" else [stop.reason]
        what = f"{name}: " + SAID.format(*kind)
        said = f"{wrong or 'right'}, {delays.says(console)}"
        print(f"{what}: {said}; {spent:.0f} s in all", flush=True)
        if wrong:
            print(console, flush=True)
            failures.append(f"{what}: {wrong}")
    assert [] == failures


#: all processors but the first go and come back, while others work; then all tell where they are
INIT_HOTPLUG = f"""\
#!/bin/sh
{MOUNTS}\
export PATH=/bin
echo
for n in 1 2; do while true; do sha256sum /bin/busybox > /dev/null || echo BAD; done & done
for n in $(seq {ROUNDS}); do
  for cpu in 1 2 3; do echo 0 > /sys/devices/system/cpu/cpu$cpu/online; done
  echo "down $(cat /sys/devices/system/cpu/online)"
  for cpu in 3 1 2; do echo 1 > /sys/devices/system/cpu/cpu$cpu/online; done
  echo "up $(cat /sys/devices/system/cpu/online)"
done
echo l > /proc/sysrq-trigger
sleep 2
dmesg | grep 'NMI backtrace'
poweroff -f
"""


@pytest.mark.parametrize(
    "kind", [("4", "power9", "dual"), ("4,threads=4", "power8", "xics")], ids=lambda kind: kind[1]
)
def test_processors_go_and_come_back_and_each_hears_a_system_reset(boots, kind, tmp_path):
    """stop-self, start-cpu, H_SIGNAL_SYS_RESET."""
    smp, cpu, ic_mode = kind
    initrd = tmp_path / "hotplug.gz"
    initrd.write_bytes(busybox_initramfs(fetch_busybox(), INIT_HOTPLUG))
    machine = Machine(
        fetched_kernel(), initrd, append="quiet", smp=parse(smp), cpu=cpu, ic_mode=ic_mode
    )
    stop = machine.run(timeout=WORK_SECONDS)
    lines = machine.console_output.decode(errors="replace").replace("\r", "").split("\n")
    machine.close()
    assert stop.reason == "poweroff", "\n".join(lines[-40:])
    assert (ROUNDS, ROUNDS) == (lines.count("down 0"), lines.count("up 0-3"))
    assert "BAD" not in lines
    told = {line.rpartition(" ")[2] for line in lines if "NMI backtrace for cpu" in line}
    assert {"0", "1", "2", "3"} == told
