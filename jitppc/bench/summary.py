"""What a list of records says: medians, ratios, and what went wrong."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from jitppc.bench.measure import FILLING, Record
from jitppc.bench.workloads import GROUPS

#: Whom ratios refer to, if it is there.
REFERENCES = ("qemu", "native")


@dataclass(slots=True)
class Cell:
    """One workload on one engine: seconds of first runs in a process, and of later ones."""

    firsts: list[float] = field(default_factory=list)
    laters: list[float] = field(default_factory=list)

    @property
    def first(self) -> float | None:
        return statistics.median(self.firsts) if self.firsts else None

    @property
    def later(self) -> float | None:
        """A boot has first runs only."""
        return statistics.median(self.laters) if self.laters else self.first


@dataclass(slots=True)
class Summary:
    """Results by (workload, engine), in the order of the table.

    Fields:
        engines: name -> `strategy` or `peer`.
        workloads: name -> group.
        problems: one line each.
        guests: what our guests told of themselves, without filling runs.
    """

    host: Record = field(default_factory=dict)
    engines: dict[str, str] = field(default_factory=dict)
    workloads: dict[str, str] = field(default_factory=dict)
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    guests: list[Record] = field(default_factory=list)

    @property
    def reference(self) -> str:
        """The engine that ratios refer to."""
        for name in (*REFERENCES, *self.engines):
            if name in self.engines:
                return name
        return ""

    def cell(self, workload: str, engine: str) -> Cell:
        return self.cells.get((workload, engine), Cell())

    def speed(self, workload: str, engine: str, *, first: bool = False) -> float | None:
        """How many times faster than the reference; None where one of both is missing."""
        mine, other = self.cell(workload, engine), self.cell(workload, self.reference)
        pair = (mine.first, other.first) if first else (mine.later, other.later)
        return pair[1] / pair[0] if pair[0] and pair[1] else None

    def mean_speed(self, engine: str, group: str, *, first: bool = False) -> float | None:
        """The geometric mean over the workloads of a group, "" for all but boots."""
        names = [n for n, of in self.workloads.items() if of == group or (not group and of)]
        if not group:
            names = [name for name in names if self.workloads[name] != "boot"]
        speeds = [self.speed(name, engine, first=first) for name in names]
        known = [speed for speed in speeds if speed]
        if not known or len(known) < len(names):
            return None
        return math.exp(statistics.fmean(math.log(speed) for speed in known))

    @property
    def groups(self) -> list[str]:
        present = set(self.workloads.values())
        return [group for group in GROUPS if group in present]


def summarise(records: Iterable[Record], time: str = "wall") -> Summary:
    """The summary of a run's records, by wall-clock or by CPU time."""
    found = Summary()
    sums: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    engines: dict[str, str] = {}
    workloads: dict[str, str] = {}
    key = "cpu_seconds" if time == "cpu" else "seconds"
    for record in records:
        what = record["what"]
        if what == "host":
            found.host = found.host or record
            continue
        engines.setdefault(record["engine"], record["kind"])
        if what == "problem":
            found.problems.append(_problem(record))
        elif what == "guest" and record["repeat"] != FILLING:
            found.guests.append(record)
        elif what == "run":
            name, engine = record["workload"], record["engine"]
            workloads.setdefault(name, record["group"])
            sums[name][record["checksum"]].add(engine)
            seconds = record.get(key) or record["seconds"]
            if record["repeat"] == FILLING:
                continue
            cell = found.cells.setdefault((name, engine), Cell())
            (cell.laters if record["number"] else cell.firsts).append(seconds)
    kinds = {"strategy": 0, "peer": 1}
    found.engines = dict(sorted(engines.items(), key=lambda item: kinds[item[1]]))
    found.workloads = dict(sorted(workloads.items(), key=lambda item: GROUPS.index(item[1])))
    found.problems += [_disagreement(name, by) for name, by in sums.items() if len(by) > 1]
    return found


def _problem(record: Record) -> str:
    where = f", {record['workload']}" if record["workload"] else ""
    return f"{record['engine']}{where}: {record['text']}"


def _disagreement(name: str, by: dict[str, set[str]]) -> str:
    parts = [f"{', '.join(sorted(engines))}: {value}" for value, engines in by.items()]
    return f"{name}: checksums differ: {'; '.join(parts)}"
