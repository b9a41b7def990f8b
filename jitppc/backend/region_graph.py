"""The control-flow graph of a region, and which guest registers live in host registers across it.

A *place* (see ir/passes/places.py) that is accessed in a cycle, and that no other register accessed
there overlaps, is a variable of the function as long as control is in cycles: edges into them load
what is wanted. Blocks of cycles keep variables *lazily*: writes go to the variable alone, and
whatever leaves the cycles stores it. All other blocks read and write the state. So a region without
cycles has no variables, and costs least to compile.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from jitppc.ir.block import Block, Value
from jitppc.ir.ops import OPS, Effect
from jitppc.ir.passes.places import Place, file_places, overlapping, place, reservation
from jitppc.ir.types import signed

from .region_compare import comparison

WORDS = 1024
GET, SET = OPS["get"], OPS["set"]
_MAY_LEAVE = frozenset(n for n, row in OPS.items() if row.effects & Effect.MAY_INTERRUPT)


@dataclass(slots=True)
class RegionBlock:
    """A basic block: `count` instructions from word `index` on.

    `ways` are the words a return or indirect jump at its end may go to. The rest is
    what `Graph` finds: variables it writes, keeps lazily, finds lazily written; bits are numbers
    of variables.
    """

    index: int
    count: int
    block: Block
    ways: tuple[int, ...] = ()
    successors: tuple[int, ...] = ()
    writes: int = 0
    needs: int = 0
    is_cyclic: bool = False
    lazy: int = 0
    dirty_in: int = 0
    dirty_out: int = 0
    live_in: int = 0
    live_out: int = 0

    @property
    def last(self) -> int:
        """The word of its last instruction."""
        starts = self.block.starts
        return self.index + (starts[-1][1] // 4 if starts else self.count - 1)

    @property
    def behind(self) -> int:
        """The word behind its last instruction."""
        return self.last + self.block.size_bytes // 4

    @property
    def may_leave(self) -> bool:
        """Something before its end may leave the region."""
        return any(v.op.name in _MAY_LEAVE for v in self.block.values)


def branch_target(terminator: Value, at: int) -> int | None:
    """The word a relative branch at word `at` goes to; None for others."""
    if not terminator.op.name.startswith("jump_rel"):
        return None
    displacement = terminator.args[-1].constant
    assert displacement is not None
    return at + signed(displacement, 64) // 4


def successors(block: RegionBlock, among: Container[int]) -> tuple[int, ...]:
    """The first words of those blocks of a region to which control may go from one."""
    terminator = block.block.values[-1] if block.block.ends else None
    found: list[int] = []
    if terminator is None:
        found.append(block.behind)
    else:
        if terminator.op.name.endswith("_if"):
            found.append(block.behind)
        target = branch_target(terminator, block.last)
        found += block.ways if target is None else (target,)
    return tuple(index for index in found if index in among)


@dataclass(slots=True)
class Graph:
    """The blocks of a region by their first word, the entry's first."""

    blocks: dict[int, RegionBlock]
    places: list[Place] = field(default_factory=list)
    number: dict[Place, int] = field(default_factory=dict)
    #: variables that hold two compared numbers, see region_compare.py
    compared: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, blocks: Sequence[RegionBlock], *, lazy: bool = True) -> Graph:
        """The graph with all facts found; without `lazy`, each write goes to the state."""
        graph = cls({b.index: b for b in blocks})
        for block in blocks:
            block.successors = successors(block, graph.blocks)
        graph._drop_unreachable(blocks[0].index)
        graph._find_cycles()
        graph._choose_places()
        graph._find_accesses()
        if lazy:
            graph._choose_lazy()
            graph._find_compared()
        graph._find_dirty()
        graph._find_live()
        return graph

    @property
    def is_cyclic(self) -> bool:
        """Some block may run twice in a stay."""
        return bool(self.cycles())

    def cycles(self) -> list[RegionBlock]:
        """The blocks that may run twice in a stay."""
        return [block for block in self.blocks.values() if block.is_cyclic]

    def _find_cycles(self) -> None:
        bits = {index: 1 << n for n, index in enumerate(self.blocks)}
        reach = {i: sum(bits[s] for s in b.successors) for i, b in self.blocks.items()}
        changed = True
        while changed:
            changed = False
            for index, block in self.blocks.items():
                wider = reach[index]
                for after in block.successors:
                    wider |= reach[after]
                if wider != reach[index]:
                    reach[index], changed = wider, True
        for index, block in self.blocks.items():
            block.is_cyclic = bool(reach[index] & bits[index])

    def _drop_unreachable(self, entry: int) -> None:
        """What only comes behind a call that does not come back in here is not part of it."""
        seen, work = {entry}, [entry]
        while work:
            for after in self.blocks[work.pop()].successors:
                if after not in seen:
                    seen.add(after)
                    work.append(after)
        self.blocks = {index: block for index, block in self.blocks.items() if index in seen}

    def _choose_places(self) -> None:
        accessed: dict[Place, None] = {}
        barred = set(reservation())
        for block in self.cycles():
            for value in block.block.values:
                if value.op is GET or value.op is SET:
                    here = place(value)
                    if here is None:
                        barred |= file_places(value.attr)
                    else:
                        accessed[here] = None
        taken = barred.union(accessed)
        self.places = [
            p for p in accessed if p not in barred and taken.isdisjoint(overlapping(p))
        ]
        self.number = {p: n for n, p in enumerate(self.places)}

    def variable(self, access: Value) -> int | None:
        """The number of the variable that a `get` or `set` of a cycle is about, or None."""
        here = place(access)
        return None if here is None else self.number.get(here)

    def _find_accesses(self) -> None:
        for block in self.cycles():
            for value in block.block.values:
                if value.op is GET:
                    number = self.variable(value)
                    if number is not None and not block.writes >> number & 1:
                        block.needs |= 1 << number
                elif value.op is SET:
                    number = self.variable(value)
                    if number is not None:
                        block.writes |= 1 << number

    def _choose_lazy(self) -> None:
        for block in self.cycles():
            block.lazy = (1 << len(self.places)) - 1

    def _find_compared(self) -> None:
        gain: dict[int, int] = {}        # comparisons less twice the looks by other blocks
        barred: set[int | None] = set()
        for block in self.cycles():
            for value in block.block.values:
                if value.op is SET and value.attr == "so":
                    return
                number = self.variable(value) if value.op is GET or value.op is SET else None
                if number is None:
                    continue
                if value.attr != "crf":
                    barred.add(number)
                elif value.op is GET:
                    gain[number] = gain.get(number, 0) - 2
                elif comparison(value.args[-1]) is not None:
                    gain[number] = gain.get(number, 0) + 1
        self.compared = {n for n, times in gain.items() if times > 0 and n not in barred}

    def _find_dirty(self) -> None:
        work = self.cycles()
        for block in work:
            block.dirty_out = block.writes & block.lazy
        while work:
            block = work.pop()
            for index in block.successors:
                after = self.blocks[index]
                arriving = block.dirty_out & after.lazy
                if arriving & ~after.dirty_in:
                    after.dirty_in |= arriving
                    after.dirty_out = after.dirty_in | (after.writes & after.lazy)
                    work.append(after)

    def _find_live(self) -> None:
        before: dict[int, list[RegionBlock]] = {index: [] for index in self.blocks}
        for block in self.cycles():
            for index in block.successors:
                before[index].append(block)
            stored = block.dirty_in if block.may_leave else 0
            block.live_in = block.needs | stored
            block.live_out = block.dirty_out
        work = self.cycles()
        for block in work:
            block.live_in |= block.live_out & ~block.writes
        while work:
            block = work.pop()
            for earlier in before[block.index]:
                if block.live_in & ~earlier.live_out:
                    earlier.live_out |= block.live_in
                    earlier.live_in |= earlier.live_out & ~earlier.writes
                    work.append(earlier)
