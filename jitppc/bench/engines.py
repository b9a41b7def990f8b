"""Where workloads run: natively, in a guest of QEMU, in a guest of jitppc under a strategy."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from jitppc.bench import workloads
from jitppc.bench.lines import All, Begin, Child, End, Event, read_line
from jitppc.bench.workloads import Workload
from jitppc.config import child_environment
from jitppc.errors import UserError
from jitppc.host import installer

#: Seconds that a guest may be silent beyond the limit of one workload: it boots meanwhile.
BOOT_SECONDS = 90
MEMORY = "1G"

# The machine without firmware code, and without the warnings about mitigations that TCG lacks.
QEMU_MACHINE = "pseries,x-vof=on,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off"


@dataclass(frozen=True, slots=True)
class Job:
    """What an engine is asked to run: workloads by name, each `runs` times in one process."""

    workloads: Mapping[str, Workload]
    runs: int = 4
    limit_seconds: int = 60


@dataclass(slots=True)
class Facts:
    """What an engine says of itself after a job; `problem` is "" when it ended well."""

    problem: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


class Engine(Protocol):
    """Runs jobs. `name` stands in the table; `kind` is `strategy` or `peer`."""

    name: str
    kind: str

    def check(self) -> None:
        """Nothing is missing, or UserError says what."""

    def run(self, job: Job) -> Iterator[Event | Facts]:
        """Events as they happen; the last one is Facts."""


class Native:
    """The same sources, compiled for this host."""

    name, kind = "native", "peer"

    def check(self) -> None:
        if shutil.which(workloads.NATIVE.compiler) is None:
            raise UserError(f"peer native: {workloads.NATIVE.compiler} is not installed")

    def run(self, job: Job) -> Iterator[Event | Facts]:
        program = workloads.build(job.workloads, workloads.NATIVE)
        for name in job.workloads:
            yield Begin(name)
            child = Child([str(program), name, str(job.runs)])
            try:
                yield from _events(child, job.limit_seconds)
            finally:
                status = child.close()
            yield End(name, status)
        yield All()
        yield Facts()


class Qemu:
    """qemu-system-ppc64's pseries machine."""

    name, kind, program = "qemu", "peer", "qemu-system-ppc64"

    def check(self) -> None:
        if shutil.which(self.program) is None:
            raise UserError(f"peer qemu: {self.program} is not installed (Debian: qemu-system-ppc)")

    def run(self, job: Job) -> Iterator[Event | Facts]:
        kernel, initrd, append = guest_files(job)
        command = [self.program, "-M", QEMU_MACHINE, "-cpu", "POWER9", "-m", MEMORY, "-nographic"]
        command += ["-vga", "none", "-no-reboot", "-kernel", str(kernel), "-initrd", str(initrd)]
        yield from _guest(Child([*command, "-append", append]), job)


class Jitppc:
    """A guest of ours, in a process of its own, under a strategy.

    Args:
        strategy: its name; it is one of ours or in one of `files`.
    """

    kind = "strategy"

    def __init__(self, strategy: str, files: Sequence[Path] = ()) -> None:
        self.name = strategy
        self._files = files

    def check(self) -> None:
        pass

    def run(self, job: Job) -> Iterator[Event | Facts]:
        kernel, initrd, append = guest_files(job)
        order = {
            "kernel": str(kernel),
            "initrd": str(initrd),
            "append": append,
            "memory": MEMORY,
            "strategy": self.name,
            "strategy_files": [str(path) for path in self._files],
        }
        command = [sys.executable, "-m", "jitppc.bench.guest", json.dumps(order)]
        yield from _guest(Child(command, child_environment()), job)


def guest_files(job: Job) -> tuple[Path, Path, str]:
    """Kernel, initramfs and command line of a guest that does this job."""
    program = workloads.build(job.workloads, workloads.GUEST)
    append = workloads.command_line(job.workloads, job.runs, job.limit_seconds)
    return installer.fetch().kernel, workloads.initramfs(program), append


def _events(child: Child, silence: float) -> Iterator[Event]:
    for line in child.lines(silence):
        event = read_line(line)
        if event is not None:
            yield event


def _guest(child: Child, job: Job) -> Iterator[Event | Facts]:
    facts = Facts()
    is_done = False
    try:
        for line in child.lines(job.limit_seconds + BOOT_SECONDS):
            if line.startswith(b"@facts "):
                facts.facts |= json.loads(line[7:])
                continue
            event = read_line(line)
            if event is not None:
                is_done = is_done or isinstance(event, All)
                yield event
    finally:
        status = child.close()
    if child.timed_out:
        facts.problem = f"no word from the guest for {job.limit_seconds + BOOT_SECONDS} s"
    elif not is_done:
        facts.problem = f"the guest ended early (status {status}){_last_words(child.tail)}"
    yield facts


def _last_words(tail: bytes) -> str:
    lines = [line.strip() for line in tail.decode("utf-8", "replace").splitlines()]
    lines = [line for line in lines if line and not line.startswith("@")]
    return f": {lines[-1][:200]}" if lines else ""
