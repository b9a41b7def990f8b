"""Runs a plan and yields one record after the other; what fails is a record too, and the rest goes
on.
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jitppc import __version__
from jitppc.bench.engines import Engine, Facts, Job
from jitppc.bench.lines import Begin, End, Note, Run
from jitppc.bench.plan import Plan
from jitppc.bench.workloads import Workload
from jitppc.errors import UserError

Record = dict[str, Any]
#: number of a repeat that only fills the cache of kept translations
FILLING = -1
#: Told what is being measured, and how much of the plan is done.
Tell = Callable[[str, float], None]


def measure(plan: Plan, tell: Tell) -> Iterator[Record]:
    """Every record of a plan, engines interleaved so that a busy moment of the host hits all.

    The first engine of a round is another one each time. A strategy that keeps translations runs
    everything once before, so that they are there.
    """
    yield host_record()
    out: set[str] = set()
    turns = list(order(plan))
    for done, (engine, part, repeat) in enumerate(turns):
        if engine.name in out:
            continue

        def say(text: str, fraction: float = done / len(turns)) -> None:
            tell(text, fraction)

        for record in measure_part(engine, part, repeat, say):
            if record["what"] == "out":
                out.add(engine.name)
            else:
                yield record


def order(plan: Plan) -> Iterator[tuple[Engine, Job, int]]:
    """Whose turn it is: engine, part, and repeat; repeat FILLING is not measured."""
    for part in plan.parts:
        for engine in plan.engines:
            if engine.needs_filling:
                yield engine, part, FILLING
    for repeat in range(plan.repeats):
        for part in plan.parts:
            shift = repeat % len(plan.engines)
            for engine in plan.engines[shift:] + plan.engines[:shift]:
                yield engine, part, repeat


def measure_part(
    engine: Engine, part: Job, repeat: int, say: Callable[[str], None]
) -> Iterator[Record]:
    """One engine's part: guests are started until every workload has run or failed.

    A record `out` means that the engine is of no use, and need not be asked again.
    """
    left = {name: row for name, row in part.workloads.items() if engine.can(row)}
    try:
        if left:
            engine.check()
    except UserError as error:
        yield {**_of(engine, repeat), "what": "problem", "workload": None, "text": str(error)}
        yield {"what": "out"}
        return
    while left:
        attempt = _Attempt(engine, repeat)
        job = Job(left, part.runs, part.limit_seconds)
        try:
            yield from attempt.run(job, say)
        except UserError as error:
            yield attempt.problem(None, str(error))
            yield {"what": "out"}
            return
        if not attempt.begun and attempt.failure:
            yield {"what": "out"}
            return
        left = attempt.left(left)


class _Attempt:
    """One guest: what was seen of it."""

    def __init__(self, engine: Engine, repeat: int) -> None:
        self._engine, self._repeat = engine, repeat
        self.begun = 0
        self.current: str | None = None
        self.failure = ""
        self.failed: str | None = None

    def problem(self, workload: str | None, text: str) -> Record:
        self.failure, self.failed = text, workload
        return {
            **_of(self._engine, self._repeat),
            "what": "problem",
            "workload": workload,
            "text": text,
        }

    def left(self, asked: dict[str, Workload]) -> dict[str, Workload]:
        """What another guest has to run: all behind the workload that ended this one."""
        names = list(asked)
        if not self.failure or self.failed not in names:
            return {}
        return {name: asked[name] for name in names[names.index(self.failed) + 1 :]}

    def _next(self, job: Job) -> str | None:
        """Where a guest stopped that was between two workloads."""
        names = list(job.workloads)
        return names[self.begun] if 0 < self.begun < len(names) else None

    def run(self, job: Job, say: Callable[[str], None]) -> Iterator[Record]:
        say(f"{self._engine.name}: starting")
        for event in self._engine.run(job):
            match event:
                case Note(text):
                    say(f"{self._engine.name}: {text}")
                case Begin(name):
                    self.begun += 1
                    self.current = name
                    say(f"{self._engine.name}: {name}")
                case Run(name, number, seconds, checksum, cpu_seconds):
                    yield {
                        **_of(self._engine, self._repeat),
                        "what": "run",
                        "workload": name,
                        "group": job.workloads[name].group,
                        "number": number,
                        "seconds": seconds,
                        "cpu_seconds": cpu_seconds,
                        "checksum": checksum,
                    }
                case End(name, status):
                    self.current = None
                    if status:
                        text = _ending(status, job.limit_seconds)
                        yield self.problem(name, text)
                        self.failure = ""
                case Facts(problem, facts):
                    if problem:
                        yield self.problem(self.current or self._next(job), problem)
                    if facts:
                        yield {
                            **_of(self._engine, self._repeat),
                            "what": "guest",
                            "workloads": list(job.workloads),
                            **facts,
                        }


def _of(engine: Engine, repeat: int) -> Record:
    return {"engine": engine.name, "kind": engine.kind, "repeat": repeat}


def _ending(status: int, limit_seconds: int) -> str:
    if status == -signal.SIGALRM:
        return f"not done after {limit_seconds} s (-limit)"
    if status < 0:
        return f"ended by signal {-status}"
    return f"ended with status {status}"


def host_record() -> Record:
    """When and where this was measured."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "what": "host",
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "jitppc": __version__,
        "commit": _commit(),
        "cpu": model,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "qemu": _version("qemu-system-ppc64"),
    }


def _commit() -> str:
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return ""
    return _first_line(["git", "-C", str(root), "rev-parse", "--short", "HEAD"])


def _version(program: str) -> str:
    return _first_line([program, "--version"]).removeprefix("QEMU emulator version ")


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.partition("\n")[0] if done.returncode == 0 else ""
