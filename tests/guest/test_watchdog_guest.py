"""H_WATCHDOG beside QEMU: Debian's kernel has no driver for it, so a program of ours asks."""

import json
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SECONDS = 60
POWER_OFF, RESTART, DUMP_RESTART = 1, 2, 3
OPTIONS = "-cpu POWER9 -m 256M -nodefaults -nographic -serial stdio".split()


def built(compiler, folder, action):
    """The program that ends in this way."""
    made = folder / f"watchdog{action}"
    source = Path(__file__).with_name("watchdog_probe.c")
    flags = "-O1 -ffreestanding -nostdlib -static -mabi=elfv2 -mcpu=power8 -mno-vsx -mno-altivec"
    script = source.with_suffix(".ld")
    flags += f" -fno-stack-protector -Wl,-T,{script},--build-id=none,--no-warn-rwx-segments"
    words = [compiler, *flags.split(), f"-DACTION={action}", "-o", str(made), str(source)]
    subprocess.run(words, check=True)
    return made


class Running:
    """A machine that runs the program; what it prints is kept."""

    def __init__(self, command):
        self.text = ""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, **pipes)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while data := self.process.stdout.read1():
            self.text += data.decode("latin-1").replace("\r", "")

    def until(self, holds):
        end = time.monotonic() + SECONDS
        while not holds():
            assert time.monotonic() < end, self.text[-500:]
            time.sleep(0.05)

    def close(self):
        """All that it printed."""
        self.process.kill()
        self.process.wait()
        self._reader.join(SECONDS)
        self.process.stdout.close()
        return self.text

    def said(self, action, has_stopped):
        """What it printed until it stands still or, when it is to start again, has begun again."""
        try:
            if action == RESTART:
                self.until(lambda: self.text.count("@begin") == 2)
            else:
                self.until(has_stopped)
        finally:
            self.close()
        return self.text


def is_shut_down(path):
    """QEMU's machine has been switched off; QEMU itself stays."""
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(SECONDS)
        try:
            control.connect(str(path))
        except OSError:
            return False
        lines = control.makefile("rw")
        lines.readline()
        for word in ("qmp_capabilities", "query-status"):
            lines.write(json.dumps({"execute": word}) + "\n")
            lines.flush()
            answer = json.loads(lines.readline())
            while "return" not in answer:
                answer = json.loads(lines.readline())
    return answer["return"]["status"] == "shutdown"


def calls(text):
    """Each call of the first time through, with what came back."""
    return re.findall(r"call .*", text.split("@begin")[1].split("@reset")[0])


@pytest.mark.parametrize("action", [POWER_OFF, RESTART, DUMP_RESTART])
def test_watchdogs_answer_and_act_as_on_qemu(action, tmp_path, require_tool):
    made = built(require_tool("powerpc64-linux-gnu-gcc"), tmp_path, action)
    control = tmp_path / "control"
    qemu = [require_tool("qemu-system-ppc64"), "-M", "pseries,x-vof=on", *OPTIONS]
    qemu += ["-qmp", f"unix:{control},server=on,wait=off", "-kernel", str(made)]
    ours = [sys.executable, "-m", "jitppc", "run", "-M", "pseries,kernel-addr=0", *OPTIONS]
    theirs = Running(qemu).said(action, lambda: is_shut_down(control))
    run = Running([*ours, "-kernel", str(made)])
    mine = run.said(action, lambda: run.process.poll() is not None)
    assert action == RESTART or run.process.returncode == 0
    for text in (theirs, mine):
        assert (action == DUMP_RESTART) == ("@reset" in text), text[-500:]
        assert text.count("@begin") == (2 if action == RESTART else 1)
    assert len(calls(theirs)) > 700
    assert calls(theirs) == calls(mine)
