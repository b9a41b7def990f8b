"""Which instructions belong together: from a hot entry, the control flow through code that has run.

A region follows direct branches both ways, and direct calls: what a call reaches belongs to the
region like anything else, and the return goes back to the calls that it is known to answer. An
indirect jump goes on to where it went last, and to words near it that are often jumped to, though
nothing in sight leads there; such are the cases of a switch. A region stops at instructions that
need a native routine, at instructions that have never run, at branches that were rarely taken, and
at pages it was not given.

Words are numbered from the first word of the entry's page: word 1024 is the first of the next page,
word -1 the last of the page before. docs/regions.md tells the whole story.
"""

from __future__ import annotations

import functools
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np

from jitppc.ir.block import Block, Value
from jitppc.ir.builder import LE64, Mode
from jitppc.ir.layout import NOT_PLAIN, PREFIXING
from jitppc.ir.types import signed

from .decode import is_prefix
from .levels import DEFAULT_MODEL, Model
from .page import NEAR, OFTEN, RARELY, WORDS, Page
from .pairs import PAGE_WORDS, is_store_conditional, pair_distance
from .translate import translate_word

#: instructions of a region at most, unless the caller says otherwise
LIMIT = 240
#: words that one return or indirect jump may be known to go to
WAYS = 16
_LEAVING = ("helper", "timebase", "random")     # ops that only tier 0 has


@dataclass(slots=True)
class Piece:
    """One instruction of a region, translated: where control goes from it."""

    block: Block
    taken: int | None = None  # the branch target, if direct
    falls: bool = True        # control may reach the next instruction
    is_call: bool = False
    is_return: bool = False
    is_indirect: bool = False

    @property
    def words(self) -> int:
        """2 for a prefixed instruction, else 1."""
        return self.block.size_bytes // 4


@dataclass(slots=True)
class GuestBlock:
    """A basic block: instructions from `index` on, as one IR block.

    `ways` are the words that a return or indirect jump at its end is known to go to.
    """

    index: int
    count: int = 0
    words: int = 0
    block: Block = field(default_factory=Block)
    ways: tuple[int, ...] = ()


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
    def words(self) -> Iterator[int]:
        """Every word that is in it."""
        return (w for b in self.blocks for w in range(b.index, b.index + b.words))

    @property
    def pages(self) -> tuple[int, ...]:
        """The pages it has words of, relative to the entry's, without that one."""
        return tuple(sorted({b.index // WORDS for b in self.blocks} - {0}))


@functools.lru_cache(1 << 15)
def _template(
    word: int, mode: Mode, model: Model | None, pair: int = NOT_PLAIN
) -> Piece | None:
    """The instruction as if at word 0, or None when a region cannot hold it."""
    block = translate_word(word, mode, model, pair)
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
        piece.is_indirect = not piece.is_return and last.args[-1].constant is None
    piece.is_call = any(v.op.name == "set" and v.attr == "lr" for v in values)
    return piece


def _piece(
    word: int, index: int, mode: Mode, model: Model | None, pair: int
) -> Piece | None:
    """The instruction at a word, with values of its own; None when a region cannot hold it."""
    found = _template(word, mode, model, pair)
    if found is None:
        return None
    taken = None if found.taken is None else index + found.taken
    block = Block(copied(found.block.values), size_bytes=found.block.size_bytes)
    return Piece(
        block, taken, found.falls, found.is_call, found.is_return, found.is_indirect)


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

    def __init__(
        self,
        pages: Mapping[int, Page],
        targets: Mapping[int, int],
        limit: int,
        mode: Mode,
        model: Model | None,
    ) -> None:
        self._pages, self._limit, self._mode, self._model = pages, limit, mode, model
        self._targets = targets
        self._knows_prefixes = model is None or bool(model.bit & PREFIXING)
        self._order: Literal["little", "big"] = "little" if mode.little else "big"
        self.pieces: dict[int, Piece] = {}
        self.calls: dict[int, set[int]] = {}     # called word -> words behind its calls
        self.ways: dict[int, set[int]] = {}      # return or indirect jump -> where it may go
        self._flows: deque[int] = deque()
        self._sites: list[int] = []              # calls and indirect jumps that were not followed
        self._loops: list[tuple[int, int]] = []  # words between which branches go back
        self._outside: set[int] = set()          # words behind the entry's loop

    def follow(self, entry: int) -> None:
        """Take in what can be reached; calls last, so that a loop is whole before its callees."""
        self._outside = self._around_loop(entry)
        self._flows.append(entry)
        while len(self.pieces) < self._limit:
            if self._flows:
                self._run_from(self._flows.popleft())
            elif self._sites:
                site = min(self._sites, key=self._comes_late)
                self._sites.remove(site)
                self._go_on_at(site)
            else:
                return

    def _comes_late(self, site: int) -> int:
        """Jumps are part of a function's flow; calls in loops are worth more than others."""
        if not self.pieces[site].is_call:
            return 0
        return 1 if any(first <= site <= last for first, last in self._loops) else 2

    def _around_loop(self, entry: int) -> set[int]:
        """The words of the entry's function that control reaches from it, but does not come back
        from: what is behind the loop that the entry is in. Nothing if it is in none, or in a large
        one.
        """
        before: dict[int, list[int]] = {}
        seen: set[int] = set()
        work = deque([entry])
        while work:
            index = work.popleft()
            if index in seen or not self._known(index):
                continue
            if len(seen) >= self._limit:
                return set()
            seen.add(index)
            piece = _template(self._word(index), self._mode, self._model)
            if piece is None:
                continue
            for after in self._successors(index, piece):
                before.setdefault(after, []).append(index)
                work.append(after)
                if after <= index:
                    self._loops.append((after, index))
        inside, work = set[int](), deque([entry])
        while work:
            for index in before.get(work.popleft(), ()):
                if index not in inside:
                    inside.add(index)
                    work.append(index)
        return seen - inside if inside else set()

    def _successors(self, index: int, piece: Piece) -> Iterator[int]:
        """Where control may go within a function, over calls, from a template placed at a word."""
        if piece.falls or piece.is_call:
            yield index + piece.words
        if piece.is_call:
            return
        if piece.is_indirect:
            yield from self._guesses(index)
        elif piece.taken is not None and not self._known(index + piece.taken) & RARELY:
            yield index + piece.taken

    def _known(self, index: int) -> int:
        page = self._pages.get(index // WORDS)
        return 0 if page is None else page.has_run[index % WORDS]

    def _word(self, index: int) -> int:
        """The instruction's word; prefix << 32 | suffix when a prefix stands there. One that
        crosses a boundary is left alone: without its suffix a prefix has no row.
        """
        code, at = self._pages[index // WORDS].code, 4 * (index % WORDS)
        word = int.from_bytes(code[at:at + 4], self._order)
        if self._knows_prefixes and is_prefix(word) and at % 64 != 60:
            return word << 32 | int.from_bytes(code[at + 4:at + 8], self._order)
        return word

    def _pair(self, word: int, index: int) -> int:
        """Of a store conditional: how far back its reserving load is (pairs.py)."""
        if not is_store_conditional(word):
            return NOT_PLAIN
        code = np.frombuffer(self._pages[index // WORDS].code, PAGE_WORDS)
        page = code.view(np.recarray)[0]
        return pair_distance(page, index % WORDS, 0, self._order != sys.byteorder)

    def _go_on_at(self, site: int) -> None:
        """Follow a call or an indirect jump."""
        piece = self.pieces[site]
        if piece.taken is not None:
            self._call(piece.taken, site + piece.words)
            return
        for target in self._guesses(site):
            if piece.is_call:
                self._call(target, site + piece.words)
            else:
                self._flows.append(target)
            self.ways.setdefault(site, set()).add(target)

    def _call(self, callee: int, behind: int) -> None:
        self._run_from(callee)
        if callee in self.pieces:
            self.calls.setdefault(callee, set()).add(behind)
            self._flows.append(behind)

    def _run_from(self, index: int) -> None:
        while index not in self.pieces and len(self.pieces) < self._limit:
            if not self._known(index) or index in self._outside:
                return
            word = self._word(index)
            piece = _piece(word, index, self._mode, self._model, self._pair(word, index))
            if piece is None:
                return
            self.pieces[index] = piece
            if piece.is_indirect:
                self._sites.append(index)
            elif piece.taken is not None and not self._known(piece.taken) & RARELY:
                if piece.is_call:
                    self._sites.append(index)
                else:
                    self._flows.append(piece.taken)
                    if piece.taken <= index:
                        self._loops.append((piece.taken, index))
            if not piece.falls:
                return
            index += piece.words

    def _guesses(self, index: int) -> list[int]:
        """Where an indirect jump or call may go: where it went last; and unless that is far, to
        what is often reached near by, nobody knows how.
        """
        last = self._targets.get(index)
        if last is not None and abs(last - index) >= NEAR:
            return [last]
        around = sorted(range(index - NEAR, index + NEAR), key=lambda i: abs(i - index))
        ways = [i for i in around if self._known(i) & OFTEN and self._is_reached_by_jumps(i)][:WAYS]
        return ways if last is None or last in ways else [last, *ways[:WAYS - 1]]

    def _is_reached_by_jumps(self, index: int) -> bool:
        """Control does not fall into the word, nor return to it."""
        if not self._known(index - 1):
            return True
        before = _template(self._word(index - 1), self._mode, self._model)
        return before is not None and not before.falls and not before.is_call

    def _flow_after(self, index: int) -> Iterator[int]:
        """Where control goes within a function, over calls, as far as it is followed."""
        piece = self.pieces[index]
        if piece.falls or piece.is_call:
            yield index + piece.words
        if piece.is_call or piece.is_return:
            return
        yield from self.ways.get(index, ()) if piece.taken is None else (piece.taken,)

    def find_returns(self) -> None:
        """To the ways belong, for each return, the words behind the calls that it may answer."""
        for callee, behind in self.calls.items():
            seen, work = {callee}, [callee]
            while work:
                index = work.pop()
                if self.pieces[index].is_return:
                    self.ways.setdefault(index, set()).update(behind)
                for after in self._flow_after(index):
                    if after in self.pieces and after not in seen:
                        seen.add(after)
                        work.append(after)


def form_region(
    pages: Mapping[int, Page],
    entry: int,
    limit: int = LIMIT,
    mode: Mode = LE64,
    *,
    single_block: bool = False,
    model: Model | None = DEFAULT_MODEL,
    targets: Mapping[int, int] = MappingProxyType({}),
) -> Region | None:
    """The region of an entry, or None when its first instruction cannot be in one.

    Args:
        pages: by distance from the entry's page, which is 0; only those at hand.
        entry: index of the entry's word, 0..1023.
        limit: instructions at most.
        single_block: no more than the basic block at the entry.
        model: the processor whose instructions they are; None executes every row.
        targets: words with indirect jumps, and the words where they went last.
    """
    former = _Former(pages, targets, limit, mode, model)
    former.follow(entry)
    former.find_returns()
    if entry not in former.pieces:
        return None
    blocks = _basic_blocks(former, entry)
    return Region(entry, blocks[:1] if single_block else blocks)


def _basic_blocks(former: _Former, entry: int) -> list[GuestBlock]:
    pieces, ways = former.pieces, former.ways
    leaders = {entry}.union(*former.calls.values(), *ways.values())
    leaders.update(p.taken for p in pieces.values() if p.taken is not None)
    blocks: list[GuestBlock] = []
    for index in sorted(pieces):
        before = blocks[-1] if blocks else None
        follows = (
            before is not None and before.index + before.words == index
            and not before.block.ends and index % WORDS
        )
        if index in leaders or not follows:
            blocks.append(GuestBlock(index))
        current = blocks[-1]
        merged = current.block
        merged.starts.append((len(merged.values), 4 * current.words))
        merged.values += pieces[index].block.values
        merged.size_bytes = pieces[index].block.size_bytes
        current.count += 1
        current.ways = tuple(sorted(ways.get(index, set()) & pieces.keys())[:WAYS])
        current.words += pieces[index].words
    blocks.sort(key=lambda b: b.index != entry)
    return blocks
