"""Loads and stores of a basic block that share one look-up in the data TLB.

Accesses at constant distances from each other (a stack frame, the fields of a record) mostly lie in
one granule. The first of them looks up the whole span; the others use its host address. If
the span crosses into the next granule or misses, the first one leaves, and tier 0 does the rest one
by one. A span with a store in it is looked up for writing, which implies reading.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from jitppc.ir.block import Block, Value
from jitppc.ir.types import signed

#: bytes that one look-up may cover
SPAN = 2048
#: values that an address may be the sum of
TERMS = 4


@dataclass(slots=True, eq=False)
class Group:
    """Accesses at constant distances from each other, and the span that covers them: from `low` to
    `high` bytes behind the sum of values that all their addresses have in common.
    """

    low: int
    high: int
    writes: bool = False
    members: int = 0
    #: text of the host address of `low`, once it has been looked up
    host: str = field(default="")

    def fits(self, low: int, high: int) -> bool:
        """The span would still be one that a look-up may cover."""
        return max(self.high, high) - min(self.low, low) <= SPAN


def based(ea: Value) -> tuple[tuple[Value, ...], int]:
    """An address as the values that are added up, in an order that depends on nothing but them, and
    a constant distance.
    """
    terms: list[Value] = []
    distance, work = 0, [ea]
    while work:
        value = work.pop()
        if value.op.name == "add" and len(terms) + len(work) < TERMS:
            work += value.args
        elif value.constant is not None:
            distance += signed(value.constant, 64)
        else:
            terms.append(value)
    return tuple(sorted(terms, key=id)), distance


def group_accesses(block: Block) -> dict[Value, tuple[Group, int]]:
    """For each load and store that shares a look-up: its group, and its distance."""
    open_groups: dict[tuple[Value, ...], Group] = {}
    found: dict[Value, tuple[Group, int]] = {}
    for value in block.values:
        if value.op.name not in ("load", "store"):
            continue
        base, low = based(value.args[0])
        high = low + value.attr // 8
        group = open_groups.get(base)
        if group is None or not group.fits(low, high):
            group = open_groups[base] = Group(low, high)
        group.low, group.high = min(group.low, low), max(group.high, high)
        group.writes |= value.op.name == "store"
        group.members += 1
        found[value] = group, low
    return {value: item for value, item in found.items() if item[0].members > 1}
