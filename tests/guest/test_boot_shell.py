"""Debian's own kernel and a busybox initramfs: the shell works, and power-off ends it."""

import hashlib
import math
import re
import subprocess
import sys

import pytest
from guest_modules import fetched_guest
from initramfs import PROMPT, busybox_initramfs

pytestmark = pytest.mark.slow

BOOT_SECONDS = 300
COMMAND_SECONDS = 60
APPEND = "quiet"

DATA = "".join(f"{n}\n" for n in range(1, 20001)).encode()
HARMONIC = math.fsum(1 / n for n in range(1, 1001))

#: what is typed, and what must come (the echo of the typed line must not match)
COMMANDS = {
    "uname -a": r"Linux \S+ 6\.\d+\.\S+ .*ppc64le GNU/Linux",
    "cat /proc/cpuinfo": r"cpu\s+: POWER9 .*\s(?s:.*)timebase\s+: 512000000",
    "seq 1 20000 | sha256sum": hashlib.sha256(DATA).hexdigest(),
    "awk 'BEGIN { for (i = 1; i <= 1000; i++) s += 1 / i; printf \"%.9f\\n\", s }'": re.escape(
        f"{HARMONIC:.9f}"
    ),
    "ps": r"\s1 0\s+.*sh -i",
    "seq 1 100 | tr 0-9 a-j | sort | head -3": r"b\r?\nba\r?\nbaa\r?\n",
    "echo $((6 * 7)) $?": r"\n42 0\r?\n",
}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Kernel and initramfs."""
    kernel, busybox, _, _ = fetched_guest([])
    initrd = tmp_path_factory.mktemp("guest") / "initramfs.gz"
    initrd.write_bytes(busybox_initramfs(busybox))
    return kernel, initrd


def test_a_shell_runs_commands_until_power_off(images):
    from jitppc.spapr.machine import Machine

    kernel, initrd = images
    machine = Machine(kernel, initrd, append=APPEND, memory="1G")
    prompt = re.escape(PROMPT)

    def expect(pattern: str, seconds: float) -> None:
        stop = machine.run(until=pattern, timeout=seconds)
        tail = machine.console_output[-2000:].decode(errors="replace")
        assert "until" == stop.reason, f"{pattern!r} did not come; the console ends with:\n{tail}"

    expect(prompt, BOOT_SECONDS)
    for command, answer in COMMANDS.items():
        machine.type(command + "\n")
        expect(answer, COMMAND_SECONDS)
        expect(prompt, COMMAND_SECONDS)
    machine.type("echo now; sleep 1000\n")
    expect(r"\nnow\r?\n", COMMAND_SECONDS)
    machine.type("\x03")
    expect(prompt, COMMAND_SECONDS)
    machine.type("echo it was $?\n")
    expect(r"\nit was 130\r?\n", COMMAND_SECONDS)
    machine.type("poweroff -f\n")
    stop = machine.run(timeout=COMMAND_SECONDS)
    machine.close()
    assert ("poweroff", 0) == (stop.reason, stop.exit_status)


def test_power_off_in_the_guest_ends_the_command_with_0(images):
    kernel, initrd = images
    options = ["-M", "pseries", "-cpu", "power9", "-m", "1G", "-nographic", "-append", APPEND]
    command = [sys.executable, "-m", "jitppc", "run", *options]
    command += ["-kernel", str(kernel), "-initrd", str(initrd), "--timeout", str(BOOT_SECONDS)]
    # typed before the shell is there, as one may at a real terminal
    done = subprocess.run(
        command, input=b"poweroff -f\n", capture_output=True, timeout=2 * BOOT_SECONDS, check=False
    )
    output = done.stdout.decode(errors="replace")[-2000:]
    assert 0 == done.returncode, f"{output}\n{done.stderr.decode(errors='replace')[-2000:]}"
