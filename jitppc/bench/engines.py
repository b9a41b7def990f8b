"""Where workloads run: natively, in a guest of QEMU, in a guest of jitppc under a strategy."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from jitppc.bench import workloads
from jitppc.bench.lines import All, Begin, Child, End, Event, Run
from jitppc.bench.watch import MILESTONES, watch
from jitppc.bench.workloads import Workload
from jitppc.environment import child_environment
from jitppc.errors import UserError
from jitppc.host import installer
from jitppc.strategies import Strategy

#: Seconds that a guest may be silent beyond the limit of one workload: it boots meanwhile.
BOOT_SECONDS = 120
MEMORY = "1G"
BOOT_MEMORY = "2G"
BOOT_APPEND = "console=hvc0"

# The machine without firmware code, and without the warnings about mitigations that TCG lacks.
QEMU_MACHINE = "pseries,x-vof=on,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off"


@dataclass(frozen=True, slots=True)
class Job:
    """What an engine is asked to run: workloads by name, each `runs` times in one process.

    Either all of them are boots, or none.
    """

    workloads: Mapping[str, Workload]
    runs: int = 4
    limit_seconds: int = 60

    @property
    def is_boot(self) -> bool:
        return any(row.source is None for row in self.workloads.values())


@dataclass(slots=True)
class Facts:
    """What an engine says of itself after a job; `problem` is "" when it ended well."""

    problem: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


class Engine(Protocol):
    """Runs jobs. `name` stands in the table; `kind` is `strategy` or `peer`."""

    name: str
    kind: str
    #: it keeps translations, and is measured once it has them
    needs_filling: bool

    def check(self) -> None:
        """Nothing is missing, or UserError says what."""

    def can(self, workload: Workload) -> bool:
        """It runs such workloads at all."""

    def run(self, job: Job) -> Iterator[Event | Facts]:
        """Events as they happen; the last one is Facts."""


class Native:
    """The same sources, compiled for this host."""

    name, kind, needs_filling = "native", "peer", False

    def check(self) -> None:
        if shutil.which(workloads.NATIVE.compiler) is None:
            package = workloads.NATIVE.package
            raise UserError(f"{workloads.NATIVE.compiler} is not installed (Debian: {package})")

    def can(self, workload: Workload) -> bool:
        return workload.source is not None

    def run(self, job: Job) -> Iterator[Event | Facts]:
        program = workloads.build(job.workloads, workloads.NATIVE)
        for name in job.workloads:
            yield Begin(name)
            child = Child([str(program), name, str(job.runs)])
            try:
                for event in child.events(job.limit_seconds):
                    if not isinstance(event, bytes):
                        yield event
            finally:
                status = child.close()
            yield End(name, -signal.SIGALRM if child.timed_out else status)
        yield All()
        yield Facts()


class Qemu:
    """qemu-system-ppc64's pseries machine."""

    name, kind, needs_filling = "qemu", "peer", False
    program = "qemu-system-ppc64"

    def check(self) -> None:
        if shutil.which(self.program) is None:
            raise UserError(f"{self.program} is not installed (Debian: qemu-system-ppc)")

    def can(self, workload: Workload) -> bool:
        return True

    def run(self, job: Job) -> Iterator[Event | Facts]:
        kernel, initrd, append = guest_files(job)
        memory = BOOT_MEMORY if job.is_boot else MEMORY
        command = [self.program, "-M", QEMU_MACHINE, "-cpu", "POWER9", "-m", memory, "-nographic"]
        command += ["-vga", "none", "-no-reboot", "-kernel", str(kernel), "-initrd", str(initrd)]
        command += ["-append", append]
        yield from _boot(command, job) if job.is_boot else _guest(Child(command), job)


class Jitppc:
    """A guest of ours, in a process of its own, under a strategy."""

    kind = "strategy"

    def __init__(self, strategy: Strategy) -> None:
        self.name = strategy.name
        self.needs_filling = strategy.regions is not None and strategy.keeps_regions
        self._strategy = strategy

    def check(self) -> None:
        """Nothing is needed that is not installed with jitppc."""

    def can(self, workload: Workload) -> bool:
        return True

    def run(self, job: Job) -> Iterator[Event | Facts]:
        kernel, initrd, append = guest_files(job)
        order = {
            "kernel": str(kernel),
            "initrd": str(initrd),
            "append": append,
            "memory": BOOT_MEMORY if job.is_boot else MEMORY,
            "strategy": dataclasses.asdict(self._strategy),
            "is_boot": job.is_boot,
        }
        command = [sys.executable, "-m", "jitppc.bench.guest", json.dumps(order)]
        yield from _boot(command, job) if job.is_boot else _guest(
            Child(command, child_environment()), job
        )


#: What a name after `--peers` makes.
PEERS: dict[str, type[Native | Qemu]] = {"qemu": Qemu, "native": Native}


def guest_files(job: Job) -> tuple[Path, Path, str]:
    """Kernel, initramfs and command line of a guest that does this job."""
    files = installer.fetch()
    if job.is_boot:
        return files.kernel, files.initrd, BOOT_APPEND
    program = workloads.build(job.workloads, workloads.GUEST)
    append = workloads.command_line(job.workloads, job.runs, job.limit_seconds)
    return files.kernel, workloads.initramfs(program), append


def _guest(child: Child, job: Job) -> Iterator[Event | Facts]:
    facts = Facts()
    is_done = False
    silence = job.limit_seconds + BOOT_SECONDS
    try:
        for event in child.events(silence):
            if not isinstance(event, bytes):
                is_done = is_done or isinstance(event, All)
                yield event
            elif event.startswith(b"@facts "):
                facts.facts |= json.loads(event[7:])
    finally:
        status = child.close()
    if child.timed_out:
        facts.problem = f"no word from the guest for {silence} s"
    elif not is_done:
        facts.problem = f"the guest ended early (status {status}){_last_words(child.tail)}"
    yield facts


def _boot(command: list[str], job: Job) -> Iterator[Event | Facts]:
    """One boot, watched until the last milestone that is asked for."""
    wanted = {f"boot-{name}": name for name in MILESTONES if f"boot-{name}" in job.workloads}
    yield Begin(next(iter(wanted)))
    limit = max(600, job.limit_seconds)
    seen = watch(command, child_environment(), limit, list(wanted.values())[-1], patience=1.0)
    for name, milestone in wanted.items():
        if milestone in seen.seconds:
            yield Run(name, 0, seen.seconds[milestone], "")
            yield End(name, 0)
    missing = [name for name, milestone in wanted.items() if milestone not in seen.seconds]
    problem = f"{missing[0]} was not reached{_last_words(seen.tail)}" if missing else ""
    yield Facts(problem, {"peak_mib": round(seen.peak_bytes / (1 << 20))})


def _last_words(tail: bytes) -> str:
    lines = [line.strip() for line in tail.decode("utf-8", "replace").splitlines()]
    lines = [line for line in lines if line]
    return f": {lines[-1][:200]}" if lines else ""
