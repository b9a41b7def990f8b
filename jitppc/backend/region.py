"""Tier 1: a region of basic blocks as one LLVM function with a handler's signature.

A region replaces the entry of its first cell, so chaining is what cells do anyway: a tail call of a
cell's entry. It never calls: whatever the fast path cannot do is left to the instruction's tier-0
handler (`side_exit`). State is written through, so that it is complete at every exit. The slice is
checked on backward edges.
"""

from __future__ import annotations

from collections.abc import Sequence

from jitppc.ir.block import Block, Value
from jitppc.ir.layout import CELL_BYTES
from jitppc.ir.ops import Effect
from jitppc.ir.types import signed

from .cells import ARGS, TYPES, tail
from .lower.effects import METADATA, UNLIKELY, EffectEmitter

EXITS = ("side_exit", "near_arrive", "far_jump", "slice_end")
NAME = "region"


class RegionEmitter(EffectEmitter):
    """Emits one region. Blocks are (index of first word, instruction count, IR block)."""

    def __init__(
        self,
        entry: int,
        blocks: Sequence[tuple[int, int, Block]],
        *,
        chaining: bool,
        keep_dead: bool,
    ) -> None:
        super().__init__()
        self._chaining = chaining
        self.set_word = "volatile " if keep_dead else ""
        self._entry, self._blocks = entry, blocks
        self._heads = {index for index, _, _ in blocks}
        self._index = entry        # the instruction being emitted
        self._done = 0             # instructions of the current block before it
        self._side_exits: dict[int, int] = {}

    # --- addresses
    def _cell(self, index: int) -> str:
        if index == self._entry:
            return "%cell"
        return self.tmp(f"getelementptr i8, ptr %cell, i64 {(index - self._entry) * CELL_BYTES}")

    def cia(self) -> str:
        address = self.tmp(f"lshr i64 {self.tmp('ptrtoint ptr %cell to i64')}, 3")
        head = self.tmp(f"add i64 {address}, %delta")
        return self.tmp(f"add i64 {head}, {(self._index - self._entry) * 4}")

    # --- leaving
    def leave_if(self, condition: str) -> None:
        stay = self.fresh("stay")
        self._side_exits[self._index] = self._done
        self.line(f"br i1 {condition}, label %x{self._index}, label %{stay}, {UNLIKELY}")
        self.line(f"{stay}:")

    def _account(self, left: str) -> None:
        """Add what ran in here to the statistics."""
        pointer = self.field_pointer("region_insns")
        ran = self.tmp(f"sub i64 %icount, {left}")
        total = self.tmp(f"add i64 {self.tmp(f'load i64, ptr {pointer}')}, {ran}")
        self.line(f"store i64 {total}, ptr {pointer}")

    def _leave(self, routine: str, cell: str, left: str, delta: str = "%delta") -> None:
        self._account(left)
        self.line(tail(f"@{routine}", cell, left, delta))

    # --- the function
    def emit_all(self) -> str:
        """The module's text."""
        for index, count, block in self._blocks:
            self._emit_block(index, count, block)
        for index, done in self._side_exits.items():
            self.line(f"x{index}:")
            left = self.tmp("load i64, ptr %ic")
            self._leave("side_exit", self._cell(index), self.tmp(f"sub i64 {left}, {done}"))
        needs = "\n".join(self.declarations.values())
        declares = "\n".join(f"declare preserve_nonecc void @{name}({TYPES})" for name in EXITS)
        body = "\n".join(self.lines)
        first = self._blocks[0][0]
        return f"""{declares}
{needs}
define preserve_nonecc void @{NAME}({ARGS}) nounwind {{
 %ic = alloca i64
 store i64 %icount, ptr %ic
 br label %b{first}
{body}
}}
{METADATA}"""

    def _emit_block(self, index: int, count: int, block: Block) -> None:
        self.line(f"b{index}:")
        terminator = block.values[-1] if block.ends else None
        self._index, self._done = index, 0
        boundaries = sorted((at, byte // 4) for at, byte in block.starts)
        position = 0
        for at, value in enumerate(block.values):
            while position < len(boundaries) and boundaries[position][0] <= at:
                self._done = boundaries[position][1]
                self._index = index + self._done
                position += 1
            if value is not terminator and value.op.name != "const":
                self.lower(value)
        self._index, self._done = index + count - 1, count - 1
        left = self.tmp(f"sub i64 {self.tmp('load i64, ptr %ic')}, {count}")
        self.line(f"store i64 {left}, ptr %ic")
        self._terminate(terminator, left)

    def lower(self, value: Value) -> None:
        if value.op.name == "interrupt_if":
            self.leave_if(self.of(value.args[0]))
        else:
            super().lower(value)

    def _terminate(self, terminator: Value | None, left: str) -> None:
        following = self._index + 1
        if terminator is None:
            self._go(following, left)
            return
        name, target = terminator.op.name, terminator.args[-1]
        assert terminator.op.effects & Effect.ENDS_BLOCK
        if name.endswith("_if"):
            taken, other = self.fresh("taken"), self.fresh("other")
            self.line(f"br i1 {self.of(terminator.args[0])}, label %{taken}, label %{other}")
            self.line(f"{other}:")
            self._go(following, left)
            self.line(f"{taken}:")
        if name.startswith("jump_rel"):
            displacement = target.constant
            assert displacement is not None
            distance = signed(displacement, 64)
            index = self._index + distance // 4
            if 0 <= index < 1024:
                self._go(index, left)
            else:
                address = self.tmp(f"add i64 {self.cia()}, {distance}")
                self._leave("far_jump", "%cell", left, address)
        else:
            self._leave("far_jump", "%cell", left, self.of(target))

    def _go(self, index: int, left: str) -> None:
        """Go on at a word of the page: a block of the region, or out."""
        if index not in self._heads:
            if self._chaining:
                self._leave("near_arrive", self._cell(index), left)
            else:
                address = self.tmp(f"add i64 {self.cia()}, {(index - self._index) * 4}")
                self._leave("far_jump", "%cell", left, address)
            return
        if index > self._index:
            self.line(f"br label %b{index}")
            return
        stop = self.fresh("stop")
        done = self.tmp(f"icmp sle i64 {left}, 0")
        self.line(f"br i1 {done}, label %{stop}, label %b{index}, {UNLIKELY}")
        self.line(f"{stop}:")
        self._leave("slice_end", self._cell(index), left)


def region_text(
    entry: int,
    blocks: Sequence[tuple[int, int, Block]],
    *,
    chaining: bool = True,
    keep_dead: bool = False,
) -> str:
    """LLVM text of a region's module; the function is called `region`.

    Args:
        chaining: an exit to a cell of the same page goes straight there; else it is looked up like
            one to any other page.
        keep_dead: LLVM may not drop writes of registers.
    """
    return RegionEmitter(entry, blocks, chaining=chaining, keep_dead=keep_dead).emit_all()
