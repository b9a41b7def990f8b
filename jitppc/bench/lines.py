"""What a program of workloads prints, read line by line, with an eye on the clock."""

from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jitppc.processes import ENDS_WITH_US

_RUN = re.compile(rb"@run (\S+) (\d+) (\d+) ([0-9a-f]{16})")
_BEGIN = re.compile(rb"@begin (\S+)")
_END = re.compile(rb"@end (\S+) (-?\d+)")
_ALL = re.compile(rb"@all")
_NOTE = re.compile(rb"^@note (.*)")
_KEPT = 2000


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a workload; number 0 is the first in its process.

    Fields:
        seconds: by the clock of whoever ran it.
        cpu_seconds: CPU time that the process took meanwhile, seen from outside.
    """

    name: str
    number: int
    seconds: float
    checksum: str
    cpu_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Begin:
    """The guest starts a workload."""

    name: str


@dataclass(frozen=True, slots=True)
class End:
    """A workload has ended; status 0 is well, below 0 a signal."""

    name: str
    status: int


@dataclass(frozen=True, slots=True)
class All:
    """The guest has done everything."""


@dataclass(frozen=True, slots=True)
class Note:
    """What is being done before the guest starts."""

    text: str


Event = Run | Begin | End | All | Note


def read_line(line: bytes) -> Event | None:
    """The event that a line of output tells, wherever in the line it stands."""
    if found := _RUN.search(line):
        name, number, nanoseconds, checksum = (part.decode() for part in found.groups())
        return Run(name, int(number), int(nanoseconds) / 1e9, checksum)
    if found := _BEGIN.search(line):
        return Begin(found[1].decode())
    if found := _END.search(line):
        return End(found[1].decode(), int(found[2]))
    if found := _NOTE.search(line):
        return Note(found[1].decode("utf-8", "replace").strip())
    return All() if _ALL.search(line) else None


class Child:
    """A process whose standard output is read by lines, and that does not outlive us."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None):
        self.process = subprocess.Popen(
            [*ENDS_WITH_US, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        self.tail = b""
        self.timed_out = self.ended = False

    def _keep(self, data: bytes) -> None:
        """Remember the end of what was said beside events, for whoever asks why it ended."""
        self.tail = (self.tail + data)[-_KEPT:]

    def events(self, silence: float) -> Iterator[Event | bytes]:
        """What the lines tell, with the CPU time of each run; other lines as they are."""
        before = self.cpu_seconds()
        for line in self.lines(silence):
            event = read_line(line)
            if isinstance(event, Run):
                event = replace(event, cpu_seconds=-before + (before := self.cpu_seconds()))
            elif event is not None:
                before = self.cpu_seconds()
            elif not line.startswith(b"@"):
                self._keep(line + b"\n")
            yield line if event is None else event

    def lines(self, silence: float) -> Iterator[bytes]:
        """Lines as they come, until the process ends or says nothing for `silence` seconds.

        Lines on standard error are kept in `tail` only.
        """
        out, err = self.process.stdout, self.process.stderr
        assert out is not None
        assert err is not None
        waiting = {out.fileno(): b"", err.fileno(): b""}
        deadline = time.monotonic() + silence
        while waiting:
            ready = select.select(list(waiting), [], [], max(0, deadline - time.monotonic()))[0]
            if not ready:
                self.timed_out = True
                return
            for descriptor in ready:
                data = os.read(descriptor, 1 << 16)
                if not data:
                    rest = waiting.pop(descriptor)
                    if descriptor == out.fileno() and rest:
                        yield rest
                    continue
                if descriptor == err.fileno():
                    self._keep(data)
                    continue
                deadline = time.monotonic() + silence
                *whole, waiting[descriptor] = (waiting[descriptor] + data).split(b"\n")
                yield from whole
        self.ended = True

    def cpu_seconds(self) -> float:
        """CPU time of the process's threads so far, without that of its children."""
        total = 0
        for task in Path(f"/proc/{self.process.pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                total += int(task.read_text(encoding="ascii").split()[0])
        return total / 1e9

    def close(self, patience: float = 5.0) -> int:
        """The process is gone; its status. One that does not go by itself is ended."""
        try:
            self.process.wait(patience if self.ended else 0)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return self.process.returncode
