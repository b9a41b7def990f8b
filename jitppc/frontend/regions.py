"""Which instructions belong together: from a hot entry, the control flow through code that has run.

A region follows direct branches both ways, and direct calls: what a call reaches belongs to the
region like anything else, and the return goes back to the calls that it is known to answer. It
stops at indirect jumps, at instructions that need a native routine, at instructions that have never
run, and at pages it was not given.

Words are numbered from the first word of the entry's page: word 1024 is the first of the next page,
word -1 the last of the page before. docs/regions.md tells the whole story.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from jitppc.ir.block import Block, Value
from jitppc.ir.builder import LE64, Mode
from jitppc.ir.types import signed

from .translate import translate_word

WORDS = 1024
#: instructions of a region at most, unless the caller says otherwise
LIMIT = 240
#: calls that one return may answer
RETURNS = 16
_LEAVING = ("helper", "timebase", "random")     # ops that only tier 0 has


class Page(NamedTuple):
    """A page of code: its 4096 bytes, and one byte for each word, nonzero if it has run."""

    code: bytes
    has_run: bytes


@dataclass(slots=True)
class Piece:
    """One instruction of a region, translated: where control goes from it."""

    block: Block
    taken: int | None = None  # the branch target, if direct
    falls: bool = True        # control may reach the next instruction
    is_call: bool = False
    is_return: bool = False


@dataclass(slots=True)
class GuestBlock:
    """A basic block: instructions from `index` on, as one IR block.

    `returns` are the words that a return at its end is known to go to.
    """

    index: int
    count: int = 0
    block: Block = field(default_factory=Block)
    returns: tuple[int, ...] = ()


@dataclass(slots=True)
class Region:
    """A control-flow graph over words; `blocks[0]` starts at the entry."""

    entry: int
    blocks: list[GuestBlock]

    @property
    def instructions(self) -> int:
        """Number of guest instructions."""
        return sum(b.count for b in self.blocks)

    @property
    def pages(self) -> tuple[int, ...]:
        """The pages it has words of, relative to the entry's, without that one."""
        return tuple(sorted({b.index // WORDS for b in self.blocks} - {0}))


@functools.lru_cache(1 << 15)
def _template(word: int, mode: Mode) -> Piece | None:
    """The instruction as if at word 0, or None when a region cannot hold it."""
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
        piece.taken = signed(displacement, 64) // 4
    else:
        piece.is_return = _reads_link(last.args[-1])
    piece.is_call = any(v.op.name == "set" and v.attr == "lr" for v in values)
    return piece


def _piece(word: int, index: int, mode: Mode) -> Piece | None:
    """The instruction at a word, with values of its own; None when a region cannot hold it."""
    found = _template(word, mode)
    if found is None:
        return None
    taken = None if found.taken is None else index + found.taken
    block = Block(copied(found.block.values))
    return Piece(block, taken, found.falls, found.is_call, found.is_return)


def copied(values: list[Value]) -> list[Value]:
    """The same ops as new values; constants, which are in no list, are shared."""
    new: dict[Value, Value] = {}
    for value in values:
        args = tuple([new.get(arg, arg) for arg in value.args]) if value.args else ()
        new[value] = Value(value.op, value.type, args, value.attr, value.is_static)
    return list(new.values())


def _reads_link(target: Value) -> bool:
    if target.op.name == "get":
        return bool(target.attr == "lr")
    return any(_reads_link(arg) for arg in target.args)


class _Former:
    """Collects the pieces of one region."""

    def __init__(self, pages: Mapping[int, Page], limit: int, mode: Mode) -> None:
        self._pages, self._limit, self._mode = pages, limit, mode
        self._order: Literal["little", "big"] = "little" if mode.little else "big"
        self.pieces: dict[int, Piece] = {}
        self.calls: dict[int, set[int]] = {}     # called word -> words behind its calls

    def follow(self, entry: int) -> None:
        """Take in what can be reached; calls last, so that a loop is whole before its callees."""
        flows: deque[int] = deque([entry])
        calls: deque[tuple[int, int]] = deque()
        while len(self.pieces) < self._limit:
            if flows:
                self._run_from(flows.popleft(), flows, calls)
            elif calls:
                callee, behind = calls.popleft()
                self._run_from(callee, flows, calls)
                if callee in self.pieces:
                    self.calls.setdefault(callee, set()).add(behind)
                    flows.append(behind)
            else:
                return

    def _run_from(self, index: int, flows: deque[int], calls: deque[tuple[int, int]]) -> None:
        while index not in self.pieces and len(self.pieces) < self._limit:
            page = self._pages.get(index // WORDS)
            at = index % WORDS
            if page is None or not page.has_run[at]:
                return
            word = int.from_bytes(page.code[4 * at:4 * at + 4], self._order)
            piece = _piece(word, index, self._mode)
            if piece is None:
                return
            self.pieces[index] = piece
            if piece.taken is not None:
                if piece.is_call:
                    calls.append((piece.taken, index + 1))
                else:
                    flows.append(piece.taken)
            if not piece.falls:
                return
            index += 1

    def successors(self, index: int) -> Iterator[int]:
        """Where control goes within a function: over a call, not into it."""
        piece = self.pieces[index]
        if piece.falls or (piece.is_call and piece.taken is not None):
            yield index + 1
        if piece.taken is not None and not piece.is_call:
            yield piece.taken

    def returns(self) -> dict[int, set[int]]:
        """For each return, the words behind the calls that it may answer."""
        found: dict[int, set[int]] = {}
        for callee, behind in self.calls.items():
            seen, work = {callee}, [callee]
            while work:
                index = work.pop()
                if self.pieces[index].is_return:
                    found.setdefault(index, set()).update(b for b in behind if b in self.pieces)
                for after in self.successors(index):
                    if after in self.pieces and after not in seen:
                        seen.add(after)
                        work.append(after)
        return found


def form_region(
    pages: Mapping[int, Page],
    entry: int,
    limit: int = LIMIT,
    mode: Mode = LE64,
    *,
    single_block: bool = False,
) -> Region | None:
    """The region of an entry, or None when its first instruction cannot be in one.

    Args:
        pages: by distance from the entry's page, which is 0; only those at hand.
        entry: index of the entry's word, 0..1023.
        limit: instructions at most.
        single_block: no more than the basic block at the entry.
    """
    former = _Former(pages, limit, mode)
    former.follow(entry)
    if entry not in former.pieces:
        return None
    blocks = _basic_blocks(former, entry)
    return Region(entry, blocks[:1] if single_block else blocks)


def _basic_blocks(former: _Former, entry: int) -> list[GuestBlock]:
    pieces, returns = former.pieces, former.returns()
    leaders = {entry}.union(*former.calls.values())
    leaders.update(p.taken for p in pieces.values() if p.taken is not None)
    blocks: list[GuestBlock] = []
    for index in sorted(pieces):
        follows = index - 1 in pieces and not pieces[index - 1].block.ends and index % WORDS
        if index in leaders or not follows:
            blocks.append(GuestBlock(index))
        current = blocks[-1]
        merged = current.block
        merged.starts.append((len(merged.values), 4 * current.count))
        merged.values += pieces[index].block.values
        current.count += 1
        current.returns = tuple(sorted(returns.get(index, ()))[:RETURNS])
    blocks.sort(key=lambda b: b.index != entry)
    return blocks
