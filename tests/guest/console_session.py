"""A `jitppc` process that is used from outside, as a user would: its console, its passt."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

COMMAND_SECONDS = 3600


class Session:
    """A `jitppc` process: what it prints is kept, what is typed goes in."""

    def __init__(self, *words):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jitppc", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.text = ""
        self._seen = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while data := self.process.stdout.read1():
            text = data.decode("utf-8", "replace")
            self.text += text
            print(text, end="", flush=True)  # seen when a test fails

    def expect(self, pattern, seconds):
        end = time.monotonic() + seconds
        while True:
            if match := re.compile(pattern).search(self.text, self._seen):
                self._seen = match.end()
                return match
            tail = self.text[-2000:]
            assert self.process.poll() is None, f"ended before {pattern!r}:\n{tail}"
            assert time.monotonic() < end, f"{pattern!r} did not come:\n{tail}"
            time.sleep(0.1)

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()


def kill_passt(parent):
    """The network's program ends, and another has taken its place."""
    first = passt_of(parent)
    os.kill(first, signal.SIGKILL)
    end = time.monotonic() + 60
    while passt_of(parent) in {None, first}:
        assert time.monotonic() < end
        time.sleep(0.1)


def passt_of(parent):
    """The number of the passt that this process has started, None when there is none."""
    for child in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = child.read_text().partition(") ")
            if "(passt" in name and rest.split()[:2][1] == str(parent) and rest[0] != "Z":
                return int(child.parent.name)
    return None


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def ssh(directory, port, command):
    """What the command prints in the guest; it has to succeed."""
    done = try_ssh(directory, port, command)
    assert 0 == done.returncode, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def try_ssh(directory, port, command):
    options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    options += ["-o", "BatchMode=yes", "-o", "ConnectTimeout=60", "-i", str(directory / "key")]
    return subprocess.run(
        ["ssh", "-q", *options, "-p", str(port), "root@127.0.0.1", command],
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
