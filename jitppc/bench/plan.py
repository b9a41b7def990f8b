"""What is measured: names become engines and workloads, or one line of refusal."""

from __future__ import annotations

import runpy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from jitppc import strategies
from jitppc.bench import workloads
from jitppc.bench.engines import PEERS, Engine, Jitppc, Job
from jitppc.bench.workloads import GROUPS, Workload
from jitppc.errors import OptionError, UserError
from jitppc.option_values import suggestion

#: workloads of one boot at most, unless a group has more
PART = 8
QUICK = ("fib", "strlen", "matmul", "getppid")
ENTRY_POINTS = "jitppc.strategies"


@dataclass(frozen=True, slots=True)
class Plan:
    """A matrix: every engine runs every part, `repeats` times, all of them interleaved.

    A part is what one guest runs in one boot: the workloads of some groups.
    """

    engines: tuple[Engine, ...]
    parts: tuple[Job, ...]
    repeats: int

    @property
    def workloads(self) -> dict[str, Workload]:
        return {name: row for part in self.parts for name, row in part.workloads.items()}


def suites(known: Mapping[str, Workload]) -> dict[str, tuple[str, ...]]:
    """The names that stand for several workloads."""
    found: dict[str, tuple[str, ...]] = {"quick": QUICK}
    for group in GROUPS:
        found[group] = tuple(name for name, row in known.items() if row.group == group)
    found["programs"] = tuple(name for name, row in known.items() if row.source)
    found["all"] = tuple(known)
    return found


def choose_workloads(words: Iterable[str], known: Mapping[str, Workload]) -> dict[str, Workload]:
    """The workloads that suites and names stand for, in the order of the table."""
    named = suites(known)
    chosen: set[str] = set()
    for word in words:
        if word not in named and word not in known:
            raise _unknown("workload", word, [*named, *known])
        chosen.update(named.get(word, (word,)))
    return {name: row for name, row in known.items() if name in chosen}


def choose_engines(names: Iterable[str], peers: Iterable[str]) -> tuple[Engine, ...]:
    """Engines for these strategies, and these peers; each once."""
    engines: list[Engine] = []
    for name in dict.fromkeys(names):
        try:
            engines.append(Jitppc(strategies.find(name)))
        except ValueError as error:
            raise OptionError(str(error)) from None
    for name in dict.fromkeys(peers):
        if name not in PEERS:
            raise _unknown("peer", name, PEERS)
        engines.append(PEERS[name]())
    if not engines:
        raise OptionError("nothing to measure: name strategies or peers")
    return tuple(engines)


def make_parts(chosen: Mapping[str, Workload], runs: int, limit_seconds: int) -> tuple[Job, ...]:
    """Jobs of some groups each, so that a guest's boot is worth it; boots are one of their own."""
    jobs: list[dict[str, Workload]] = []
    for group in dict.fromkeys(row.group for row in chosen.values()):
        rows = {name: row for name, row in chosen.items() if row.group == group}
        if jobs and group != "boot" and len(jobs[-1]) + len(rows) <= PART:
            jobs[-1] |= rows
        else:
            jobs.append(rows)
    return tuple(Job(rows, runs, limit_seconds) for rows in jobs)


def load_plugins(files: Sequence[Path] = ()) -> None:
    """Strategies of installed packages (entry points) and of the user's files are in the table.

    A file is run, and calls `jitppc.strategies.add`; an entry point names a Strategy.
    """
    for point in entry_points(group=ENTRY_POINTS):
        try:
            strategies.add(point.load())
        except Exception as error:
            raise UserError(f"strategy {point.name} of {point.value}: {_reason(error)}") from error
    for file in files:
        if not file.is_file():
            raise UserError(f"-strategy-file {file}: there is no such file")
        before = len(strategies.strategies())
        try:
            runpy.run_path(str(file), run_name="jitppc.strategy_file")
        except Exception as error:
            raise UserError(f"-strategy-file {file}: {_reason(error)}") from error
        if len(strategies.strategies()) == before:
            raise UserError(f"-strategy-file {file} adds no strategy; see docs/bench.md")


def _reason(error: Exception) -> str:
    line = ""
    trace = error.__traceback__
    while trace is not None:
        if "strategy_file" in trace.tb_frame.f_globals.get("__name__", ""):
            line = f"line {trace.tb_lineno}: "
        trace = trace.tb_next
    if isinstance(error, SyntaxError):
        line = f"line {error.lineno}: "
    return f"{line}{type(error).__name__}: {error}"


def _unknown(what: str, word: str, known: Iterable[str]) -> OptionError:
    known = list(known)
    hint = suggestion(word, known) or f"; there are {', '.join(known)}"
    return OptionError(f"unknown {what} {word!r}{hint}")


def find_workloads(files: Sequence[Path] = ()) -> dict[str, Workload]:
    """All workloads there are."""
    return workloads.find(files)
