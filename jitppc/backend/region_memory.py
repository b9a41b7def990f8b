"""Loads and stores of a region that share one look-up in the data TLB.

Accesses at constant distances from each other (a stack frame, the fields of a record) mostly lie in
one granule. The first of them looks up the whole span; the others use its host address. If the span
crosses into the next granule or misses, the first one leaves, and tier 0 does the rest one by one.
A span with a store in it is looked up for writing, which implies reading.

A block to which control comes from one other block alone goes on with the look-ups of that block,
as in the parts of an unrolled loop. There a store does not join loads: it may never happen, and
what is loaded from need not be writable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from jitppc.ir.block import Block, Value
from jitppc.ir.ops import OPS
from jitppc.ir.passes.places import Place, forget_changed, place
from jitppc.ir.types import signed

from .region_graph import RegionBlock

GET, SET = OPS["get"], OPS["set"]
#: bytes that one look-up may cover
SPAN = 2048
#: ... and by how many a block may widen the span of another
WIDER = 64
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

    def fits(self, low: int, high: int, span: int = SPAN) -> bool:
        """The span would still be one that a look-up may cover."""
        return max(self.high, high) - min(self.low, low) <= span


#: values that are added or, with -1, subtracted; and a distance in bytes
Sum = tuple[tuple[tuple[Value, int], ...], int]


def sum_of(address: Value, known: dict[Value, Sum]) -> Sum:
    """An address taken apart; `known` are values that are sums of others."""
    terms: list[tuple[Value, int]] = []
    distance, work = 0, [(address, 1)]
    while work:
        value, sign = work.pop()
        name = value.op.name
        if value.constant is not None:
            distance += sign * signed(value.constant, 64)
        elif value in known:
            parts, more = known[value]
            terms += [(part, sign * s) for part, s in parts]
            distance += sign * more
        elif name in ("add", "sub") and len(terms) + len(work) < TERMS:
            x, y = value.args
            work += [(x, sign), (y, sign if name == "add" else -sign)]
        else:
            terms.append((value, sign))
    if len(terms) > TERMS:
        return ((address, 1),), 0
    return tuple(sorted(terms, key=lambda term: (id(term[0]), term[1]))), distance


@dataclass(slots=True)
class _Behind:
    """What holds behind a block: look-ups by what is added up, and registers that are sums."""

    groups: dict[tuple, Group] = field(default_factory=dict)
    registers: dict[Place, Sum] = field(default_factory=dict)


def shared_look_ups(blocks: Sequence[RegionBlock]) -> dict[Value, tuple[Group, int]]:
    """For each load and store that shares a look-up: its group, and its distance.

    The blocks are in the order in which their code will be made, the region's first one first.
    """
    before: dict[int, list[int]] = {}
    for block in blocks:
        for after in block.successors:
            before.setdefault(after, []).append(block.index)
    found: dict[Value, tuple[Group, int]] = {}
    behind: dict[int, _Behind] = {}
    for number, block in enumerate(blocks):
        ways = before.get(block.index, [])
        earlier = behind.get(ways[0]) if number and len(ways) == 1 else None
        behind[block.index] = _follow(block.block, earlier or _Behind(), found)
    return {value: item for value, item in found.items() if item[0].members > 1}


def _follow(block: Block, before: _Behind, found: dict[Value, tuple[Group, int]]) -> _Behind:
    groups, registers = dict(before.groups), dict(before.registers)
    own: set[int] = set()
    known: dict[Value, Sum] = {}
    for value in block.values:
        if value.op is GET and value.type.bits == 64:
            here = place(value)
            if here is not None:
                if here in registers:
                    known[value] = registers[here]
                registers.setdefault(here, (((value, 1),), 0))
        else:
            forget_changed(registers, value)
            here = place(value) if value.op is SET else None
            if here is not None and value.args[-1].type.bits == 64:
                registers[here] = sum_of(value.args[-1], known)
        if value.op.name in ("load", "store"):
            terms, low = sum_of(value.args[0], known)
            high, stores = low + value.attr // 8, value.op.name == "store"
            group = groups.get(terms)
            if group is None or not _takes(group, low, high, stores, id(group) in own):
                group = groups[terms] = Group(low, high)
                own.add(id(group))
            group.low, group.high = min(group.low, low), max(group.high, high)
            group.writes |= stores
            group.members += 1
            found[value] = group, low
    return _Behind(groups, registers)


def _takes(group: Group, low: int, high: int, stores: bool, is_own: bool) -> bool:
    """An access may share the group's look-up, which this block makes or an earlier one."""
    if is_own:
        return group.fits(low, high)
    return group.fits(low, high, group.high - group.low + WIDER) and group.writes >= stores
