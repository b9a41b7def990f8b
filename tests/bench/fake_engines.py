"""Engines that play a script instead of running a guest; and records as a run would write them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jitppc.bench.engines import Facts, Job
from jitppc.bench.lines import All, Begin, End, Run
from jitppc.bench.workloads import Workload
from jitppc.errors import UserError


class Scripted:
    """`script` maps a workload to seconds of its runs, an ending status, or `dies`.

    Without a script for it, a workload takes a second.
    """

    def __init__(self, name: str, kind: str = "strategy", script: Any = None, **switches: Any):
        self.name, self.kind, self._script = name, kind, script or {}
        self.needs_filling = switches.get("fills", False)
        self._missing = switches.get("missing", "")
        self._boots = switches.get("boots", True)
        self.jobs: list[list[str]] = []

    def check(self) -> None:
        if self._missing:
            raise UserError(self._missing)

    def can(self, workload: Workload) -> bool:
        return True

    def run(self, job: Job) -> Iterator[Any]:
        self.jobs.append(list(job.workloads))
        if not self._boots:
            yield Facts("the guest ended early (status 1)")
            return
        for name in job.workloads:
            plays = self._script.get(name, [1.0] * job.runs)
            yield Begin(name)
            if plays == "dies":
                yield Facts("the guest ended early (status 0)")
                return
            if isinstance(plays, int):
                yield End(name, plays)
                continue
            for number, seconds in enumerate(plays):
                yield Run(name, number, seconds, f"{len(name):016x}", seconds / 2)
            yield End(name, 0)
        yield All()
        yield Facts("", {"statistics": {}})


def workloads(*names: str, group: str = "integer") -> dict[str, Workload]:
    return {name: Workload(name, group, "a workload", Path(name)) for name in names}


def run_record(
    engine: str, workload: str, number: int, seconds: float, **more: Any
) -> dict[str, Any]:
    return {
        "what": "run",
        "engine": engine,
        "kind": "peer" if engine in {"qemu", "native"} else "strategy",
        "repeat": 0,
        "workload": workload,
        "group": "integer",
        "number": number,
        "seconds": seconds,
        "cpu_seconds": seconds,
        "checksum": "0",
    } | more


def guest_record(engine: str, names: list[str]) -> dict[str, Any]:
    """What a guest of ours says of itself."""
    timeline = [
        {
            "seconds": n / 20,
            "instructions": n * 1_000_000,
            "in_regions": n * (n - 1) * 10_000 if engine != "interp" else 0,
            "regions": n,
            "compile_seconds": n / 50,
            "tiers": {
                "regions": n / 400 if engine != "interp" else 0.0,
                "units of stencils": 0.01,
                "interpreter": 0.15 - n / 400,
                "all else": 0.002,
            },
        }
        for n in range(1, 60)
    ]
    profile = {
        "kinds": {"regions": 0.5, "interpreter": 0.3, "decoding": 0.02},
        "names": {"regions": 0.5, "h_ld_le64": 0.2, "h_std_le64": 0.1},
    }
    cost = {**timeline[-1], "compile_seconds": 0.4, "profile": profile}
    return {
        "what": "guest",
        "engine": engine,
        "kind": "strategy",
        "repeat": 0,
        "workloads": names,
        "stop": "poweroff",
        "statistics": {},
        "timeline": timeline,
        "workload_costs": dict.fromkeys(names, cost),
        "profile": profile,
    }
