"""Loads and stores of a basic block that share one look-up in the data TLB.

Accesses at constant distances from the same value (a stack frame, the fields of a record) mostly
lie in one granule. The first of them looks up the whole span; the others use its host address. If
the span crosses into the next granule or misses, the first one leaves, and tier 0 does the rest one
by one. A span with a store in it is looked up for writing, which implies reading.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from jitppc.ir.block import Block, Value
from jitppc.ir.types import signed

#: bytes that one look-up may cover
SPAN = 2048


@dataclass(slots=True, eq=False)
class Group:
    """Accesses relative to one base: (distance, bytes) of each, and what covers them."""

    base: Value
    low: int
    high: int
    writes: bool = False
    members: int = 0
    #: text of the host address of `low`, once it has been looked up
    host: str = field(default="")

    def fits(self, low: int, high: int) -> bool:
        """The span would still be one that a look-up may cover."""
        return max(self.high, high) - min(self.low, low) <= SPAN


def based(ea: Value) -> tuple[Value, int]:
    """An address as a value and a constant distance."""
    if ea.op.name == "add":
        for base, distance in (ea.args, ea.args[::-1]):
            if distance.constant is not None:
                return base, signed(distance.constant, 64)
    return ea, 0


def group_accesses(block: Block) -> dict[Value, tuple[Group, int]]:
    """For each load and store that shares a look-up: its group, and its distance."""
    open_groups: dict[Value, Group] = {}
    found: dict[Value, tuple[Group, int]] = {}
    for value in block.values:
        if value.op.name not in ("load", "store"):
            continue
        base, low = based(value.args[0])
        high = low + value.attr // 8
        group = open_groups.get(base)
        if group is None or not group.fits(low, high):
            group = open_groups[base] = Group(base, low, high)
        group.low, group.high = min(group.low, low), max(group.high, high)
        group.writes |= value.op.name == "store"
        group.members += 1
        found[value] = group, low
    return {value: item for value, item in found.items() if item[0].members > 1}
