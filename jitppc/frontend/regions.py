"""Which instructions belong together: from a hot entry, the control flow within one 4 KiB page of
code.

A region follows direct branches both ways through instructions that have run before (those that
have not are left to tier 0), and stops at calls, indirect jumps, and instructions that need a
native routine.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from jitppc.ir.block import Block, Value
from jitppc.ir.builder import LE64, Mode
from jitppc.ir.types import signed

from .translate import translate_word

WORDS = 1024
_LEAVING = ("helper", "timebase", "random")     # ops that only tier 0 has


@dataclass(slots=True)
class Piece:
    """One instruction of a region, translated: where control goes from it."""

    block: Block
    taken: int | None = None  # index in the page of the branch target, if direct and in the page
    falls: bool = True        # control may reach the next instruction
    is_call: bool = False


@dataclass(slots=True)
class GuestBlock:
    """A basic block: instructions from `index` on, as one IR block."""

    index: int
    count: int = 0
    block: Block = field(default_factory=Block)


@dataclass(slots=True)
class Region:
    """A control-flow graph over cells of one page; `blocks[0]` starts at the entry."""

    entry: int
    blocks: list[GuestBlock]

    @property
    def instructions(self) -> int:
        """Number of guest instructions."""
        return sum(b.count for b in self.blocks)


def _piece(word: int, index: int, mode: Mode) -> Piece | None:
    """The instruction, or None when a region cannot hold it."""
    block = translate_word(word, mode)
    values = block.values
    for value in values:
        name = value.op.name
        if name in _LEAVING or (name == "interrupt_if" and value.args[0].constant == 1):
            return None
    if not block.ends:
        return Piece(block)
    last = values[-1]
    piece = Piece(block, falls=last.op.name.endswith("_if"))
    if last.op.name.startswith("jump_rel"):
        displacement = last.args[-1].constant
        assert displacement is not None
        target = index + signed(displacement, 64) // 4
        if 0 <= target < WORDS:
            piece.taken = target
    piece.is_call = any(_writes_link(v) for v in values)
    return piece


def _writes_link(value: Value) -> bool:
    return value.op.name == "set" and value.attr == "lr"


def form_region(
    page: bytes,
    entry: int,
    has_run: bytes,
    limit: int = 160,
    mode: Mode = LE64,
    *,
    single_block: bool = False,
) -> Region | None:
    """The region of a page at an entry, or None when its first instruction cannot be in one.

    Args:
        page:    the 4096 bytes of code.
        entry:   index of the entry's word, 0..1023.
        has_run: one byte for each word, nonzero if it has been executed.
        limit:   instructions at most.
        single_block: no more than the basic block at the entry.
    """
    order: Literal["little", "big"] = "little" if mode.little else "big"
    pieces: dict[int, Piece] = {}
    work = deque([entry])
    while work and len(pieces) < limit:
        index = work.popleft()
        while 0 <= index < WORDS and index not in pieces and has_run[index] and len(pieces) < limit:
            piece = _piece(int.from_bytes(page[4 * index:4 * index + 4], order), index, mode)
            if piece is None:
                break
            pieces[index] = piece
            if piece.taken is not None and not piece.is_call:
                work.append(piece.taken)
            if not piece.falls:
                break
            index += 1
    if entry not in pieces:
        return None
    blocks = _basic_blocks(pieces, entry)
    return Region(entry, blocks[:1] if single_block else blocks)


def _basic_blocks(pieces: dict[int, Piece], entry: int) -> list[GuestBlock]:
    leaders = {entry} | {p.taken for p in pieces.values() if p.taken is not None and not p.is_call}
    blocks = []
    for index in sorted(pieces):
        follows = index - 1 in pieces and not pieces[index - 1].block.ends
        if index in leaders or not follows:
            blocks.append(GuestBlock(index))
        current = blocks[-1]
        merged = current.block
        merged.starts.append((len(merged.values), 4 * current.count))
        merged.values += pieces[index].block.values
        current.count += 1
    blocks.sort(key=lambda b: b.index != entry)
    return blocks
