"""One boot in a process of its own, watched from outside: time to milestones, peak memory."""

import contextlib
import os
import pty
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jitppc.processes import ENDS_WITH_US

# What the console shows, in order. The kernel says the first when it starts the first program; the
# installer's first dialogue has the other as its title.
MILESTONES = {"init": b"Run /init", "language": b"Select a language"}

_KEPT = 64
_MEMORY_PERIOD_SECONDS = 0.5


@dataclass
class Boot:
    """Seconds from the start of the process to each milestone that was reached."""

    seconds: dict[str, float] = field(default_factory=dict)
    peak_bytes: int = 0
    tail: bytes = b""


def watch(
    command: Sequence[str],
    environment: Mapping[str, str],
    timeout: float,
    last: str = "language",
    patience: float = 15.0,
) -> Boot:
    """Start `command` on a pseudo-terminal, wait for the milestones, and end it.

    A process that ends by itself, or the time limit, ends the wait early; then milestones are
    missing.

    Args:
        patience: seconds that the process has to end once it is asked to.
    """
    master, slave = pty.openpty()
    started = time.monotonic()
    process = subprocess.Popen(
        [*ENDS_WITH_US, *command],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=dict(environment),
        start_new_session=True,
    )
    os.close(slave)
    boot = Boot()
    try:
        _read_until_last(master, started, timeout, last, process.pid, boot)
    finally:
        _end(process, master, patience)
    return boot


def _read_until_last(
    master: int, started: float, timeout: float, last: str, pid: int, boot: Boot
) -> None:
    window = b""
    next_look = started
    while last not in boot.seconds:
        now = time.monotonic()
        if now - started > timeout:
            return
        if now >= next_look:
            boot.peak_bytes = max(boot.peak_bytes, tree_bytes(pid))
            next_look = now + _MEMORY_PERIOD_SECONDS
        if not select.select([master], [], [], 0.1)[0]:
            continue
        try:
            data = os.read(master, 1 << 16)
        except OSError:  # the process has ended
            return
        seen = time.monotonic() - started
        window = window[-_KEPT:] + data
        boot.tail = (boot.tail + data)[-2000:]
        for name, text in MILESTONES.items():
            if text in window:
                boot.seconds.setdefault(name, seen)
    boot.peak_bytes = max(boot.peak_bytes, tree_bytes(pid))


def _end(process: subprocess.Popen[bytes], master: int, patience: float) -> None:
    """Ctrl-A X is the way out of QEMU and `jitppc run`; what stays is asked to go, and killed."""
    with contextlib.suppress(OSError):
        os.write(master, b"\x01x")
    _drain(process, master, patience)
    if process.poll() is None:
        process.terminate()
        _drain(process, master, patience)
        process.kill()
    process.wait()
    os.close(master)


def _drain(process: subprocess.Popen[bytes], master: int, seconds: float) -> None:
    """Read on until the process is gone, or for so long."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if select.select([master], [], [], 0.1)[0]:
                os.read(master, 1 << 16)


def tree_bytes(pid: int) -> int:
    """Proportional set sizes of a process and all its descendants, added up."""
    total = 0
    for each in _descendants(pid):
        try:
            rollup = Path(f"/proc/{each}/smaps_rollup").read_text(encoding="ascii")
        except OSError:
            continue
        for line in rollup.splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def _descendants(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [int(child) for child in children.read_text(encoding="ascii").split()]
    return found
