"""Strategies: named sets of options that say how guest code is executed.

The table here is the only place where they are stated; `jitppc run -strategy`, `jitppc bench` and
the runtime take them from it. A user adds one with `add` in a file of their own (docs/bench.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any


@dataclass(frozen=True, slots=True)
class RegionOptions:
    """How regions of hot code are made. Part of the key under which a region is kept.

    Fields:
        limit: guest instructions of a region at most.
        single_blocks: a region is one basic block, as in a classic block translator.
        level: 0..3, of LLVM's passes and of its code generation.
        chaining: a region goes straight on to the cell behind a direct branch; without, every exit
            looks its target up.
        flag_elimination: writes of flags and registers that nothing can see are dropped.
        windows: the kernel's loads from its linear map go straight to host memory, without a
            look-up in the data TLB.
    """

    limit: int = 160
    single_blocks: bool = False
    level: int = 1
    chaining: bool = True
    flag_elimination: bool = True
    windows: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= 4096:
            raise ValueError(f"limit {self.limit}: a region has 1 to 4096 instructions")
        if self.level not in range(4):
            raise ValueError(f"level {self.level}: LLVM has the levels 0 to 3")


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to execute guest code.

    Fields:
        says: one sentence for the table.
        regions: how hot code is compiled; None leaves all to the interpreter.
        units: the interpreter runs warm code as stencils copied one behind the other.
        keeps_regions: regions come from earlier runs, and are kept for later ones.
        exact: the interpreter counts and stops at exact instructions, as -lockstep needs it.
    """

    name: str
    says: str
    regions: RegionOptions | None = RegionOptions()
    units: bool = True
    exact: bool = False
    keeps_regions: bool = True

    def __post_init__(self) -> None:
        if not self.name or not self.name.replace("-", "").isalnum():
            raise ValueError(f"{self.name!r} is not a name: letters, digits and dashes")
        if self.exact and self.regions is not None:
            raise ValueError("an exact strategy has no regions")
        if self.exact and self.units:
            raise ValueError("an exact strategy has no units")


_ALL = {
    row.name: row
    for row in (
        Strategy("interp", "the threaded interpreter alone", None, units=False),
        Strategy("units", "the interpreter, and copied stencils for warm code", None),
        Strategy("regions", "the interpreter, stencils, and LLVM regions for hot code"),
        Strategy("no-units", "regions without stencils", units=False),
        Strategy("cold", "regions, none of them from earlier runs", keeps_regions=False),
        Strategy(
            "exact",
            "an interpreter that can stop anywhere, for -lockstep",
            None,
            units=False,
            exact=True,
        ),
        Strategy("blocks", "regions of one basic block", RegionOptions(single_blocks=True)),
        Strategy("regions-o0", "regions at LLVM level 0", RegionOptions(level=0)),
        Strategy("regions-o2", "regions at LLVM level 2", RegionOptions(level=2)),
        Strategy("regions-o3", "regions at LLVM level 3", RegionOptions(level=3)),
        Strategy("regions-40", "regions of 40 instructions at most", RegionOptions(limit=40)),
        Strategy("no-chaining", "regions that look every target up", RegionOptions(chaining=False)),
        Strategy(
            "no-elimination",
            "regions that write all flags and registers",
            RegionOptions(flag_elimination=False),
        ),
        Strategy(
            "windows",
            "regions whose kernel loads from the linear map go past the data TLB",
            RegionOptions(windows=True),
        ),
    )
}
OURS = tuple(_ALL)


def strategies() -> Mapping[str, Strategy]:
    """All strategies by name, those of the user's files included."""
    return _ALL


def find(name: str) -> Strategy:
    """The strategy of this name; ValueError names the nearest."""
    if name in _ALL:
        return _ALL[name]
    near = get_close_matches(name, _ALL, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_ALL)}"
    raise ValueError(f"unknown strategy {name!r}; {hint}")


def add(strategy: Strategy) -> None:
    """A strategy of the user's has a place in the table; names are given once."""
    if strategy.name in _ALL:
        raise ValueError(f"there is a strategy {strategy.name!r} already")
    _ALL[strategy.name] = strategy


def variant(of: str, name: str, says: str, **changes: Any) -> Strategy:
    """A strategy like another with some options of its regions changed."""
    base = find(of)
    regions = replace(base.regions or RegionOptions(), **changes)
    return replace(base, name=name, says=says, regions=regions)
