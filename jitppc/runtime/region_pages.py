"""What a worker is told for the region of a hot word: the pages it may have words of, what has run
there, and where indirect jumps went last.

These pages are found by going along the code from the word, as `frontend/regions.py` will do, but
by no more than the words' branches. A page is known by where it lies beside the first one in real
memory, or by the code TLB in which the first one is. Nothing here has to be right: a region looks
itself whether a page is mapped there with these contents (docs/regions.md).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from jitppc.frontend.page import NEAR, OFTEN, RARELY, RUN, WORDS
from jitppc.ir.layout import (
    CELL,
    CELL_BYTES,
    CELLS_PER_PAGE,
    CODE_CONTEXTS,
    CODE_ENTRY,
    CODE_MASK,
    CODE_SHIFT,
    HOT_THRESHOLD,
    LINEAR_MAP,
    MMU_STATE,
    PAGE_INFO_OFFSET,
    SECOND_MASK,
    SECOND_SHIFT,
    SECOND_START,
    UNIT_THRESHOLD,
    PageMode,
    offset,
)

#: jumps to a word from which on it counts as often jumped to, and below which as rarely
OFTEN_TIMES, RARE_TIMES = 60, 12
#: words that are looked at for one region
WALK = 600
#: pages of one region at most
MOST_PAGES = 24

_ADDRESS = (1 << 64) - 1


class CodePage(NamedTuple):
    """A page as the worker gets it, and where each of its indirect jumps went last."""

    code: bytes
    has_run: bytes
    targets: np.ndarray


Pages = dict[int, CodePage]


def walk(
    entry: int, cia: int, page_at: Callable[[int], CodePage | None], mode: int = PageMode.LE64
) -> tuple[Pages, dict[int, int]]:
    """The pages that code may reach from a word, and words with indirect jumps with those to which
    they go; both count from the entry's page.

    Args:
        entry: the word's number in its page.
        cia: its effective address.
        page_at: the page at a distance, or None.
        mode: the PageMode of them all.
    """
    order: Literal["little", "big"] = "big" if mode & PageMode.BIG else "little"
    base = cia & -4096
    pages: Pages = {}
    targets: dict[int, int] = {}
    absent: set[int] = set()

    def page(distance: int) -> CodePage | None:
        if distance not in pages:
            found = None
            if distance not in absent and len(pages) < MOST_PAGES:
                found = page_at(distance)
            if found is None:
                absent.add(distance)
                return None
            pages[distance] = found
        return pages[distance]

    work, seen = [entry], set[int]()
    while work:
        index = work.pop()
        while index not in seen and len(seen) < WALK:
            distance, number = divmod(index, WORDS)
            here = page(distance)
            if here is None or not here.has_run[number]:
                break
            seen.add(index)
            word = int.from_bytes(here.code[4 * number:4 * number + 4], order)
            target, falls = _branch(word, index)
            if word >> 26 == 19 and word >> 1 & 0x3FF == 528:          # bcctr
                last = int(here.targets[number])
                target = signed_words(last - base)
                for nearby in (index - NEAR, index + NEAR):
                    page(nearby // WORDS)
                if last and page(target // WORDS) is not None:
                    targets[index] = target
            if target is not None and target not in seen:
                work.append(target)
            if not falls:
                break
            index += 1
    return pages, targets


def _branch(word: int, index: int) -> tuple[int | None, bool]:
    """Where a relative branch goes, and whether control may come to the next word."""
    opcode = word >> 26
    if opcode == 18:
        distance = (word >> 2 & 0xFFFFFF ^ 0x800000) - 0x800000
        return (None if word & 2 else index + distance), bool(word & 1)
    if opcode == 16:
        distance = (word >> 2 & 0x3FFF ^ 0x2000) - 0x2000
        return (None if word & 2 else index + distance), True
    if opcode == 19 and word >> 1 & 0x3FF in (16, 528):
        return None, bool(word & 1) or word >> 21 & 20 != 20
    return None, True


def signed_words(bytes_apart: int) -> int:
    """A distance between effective addresses in words."""
    return ((bytes_apart & _ADDRESS) ^ 1 << 63) - (1 << 63) >> 2


class NearPages:
    """Where the cells of pages are, as seen from a hot word.

    In the same 64 KiB of real memory, since Linux maps no less, and anywhere in the kernel's linear
    map, neighbours in real memory are neighbours in effective addresses. Other pages are looked up
    in the code TLB that leads to the word's page.
    """

    def __init__(
        self, state: Any, code_pages: np.ndarray, first: int, cells: int, cia: int
    ) -> None:
        """Seen from the page with this number in real memory and these cells."""
        self._code_pages, self._first, self._base = code_pages, first, cia & -4096
        self._is_linear = cia >> 48 == LINEAR_MAP >> 48
        self._state, self._cells = state, cells
        self._table: int | None = None

    def cells(self, distance: int) -> int:
        """Host address of the cells of the page at a distance, or 0."""
        page = self._first + distance
        if self._is_linear or page >> 4 == self._first >> 4:
            return int(self._code_pages[page]) if 0 <= page < len(self._code_pages) else 0
        if self._table is None:
            self._table = self._find_table()
        return leads_to(self._table, self._base + (distance << 12)) if self._table else 0

    def _find_table(self) -> int:
        """The code TLB, of all contexts' the current first, where the word's page is."""
        mmu = int(self._state["mmu"])
        tables = [int(self._state["itlb"])]
        if mmu:
            start = mmu + offset("code_tables", MMU_STATE)
            tables += np.frombuffer(at(start, 8 * CODE_CONTEXTS), np.uint64).tolist()
        for table in tables:
            if table and leads_to(table, self._base) == self._cells:
                return table
        return 0


def leads_to(table: int, ea: int) -> int:
    """The cells to which a code TLB leads from an effective address of a page, or 0."""
    ea &= _ADDRESS
    line = ea >> CODE_SHIFT
    second = SECOND_START + ((line ^ line >> SECOND_SHIFT) & SECOND_MASK)
    for place in (line & CODE_MASK, second):
        tag, cells = np.frombuffer(at(table + place, CODE_ENTRY.itemsize), np.uint64).tolist()
        if tag == ea:
            return int(cells)
    return 0


def cells_at(page: int) -> np.ndarray:
    """A copy of the cells of a page, by the host address of its PAGE_INFO: the vCPU decodes on
    while we look.
    """
    return np.frombuffer(at(page - PAGE_INFO_OFFSET, CELLS_PER_PAGE * CELL_BYTES), CELL).copy()


def what_has_run(cells: np.ndarray, handlers: int, *, has_units: bool) -> np.ndarray:
    """One byte for each word, as of frontend.page.Page; `handlers` is the table's address."""
    numbers = int(cells["handler"].max()) + 1
    table = np.frombuffer(at(handlers, 8 * numbers), np.uint64)
    times = arrivals(cells, table, has_units=has_units)
    flags = np.full(CELLS_PER_PAGE, RUN, np.uint8)
    flags |= np.where(times >= OFTEN_TIMES, OFTEN, 0).astype(np.uint8)
    flags |= np.where(times < RARE_TIMES, RARELY, 0).astype(np.uint8)
    return np.where(cells["handler"] != 0, flags, 0).astype(np.uint8)


def arrivals(cells: np.ndarray, handlers: np.ndarray, *, has_units: bool) -> np.ndarray:
    """How many jumps have arrived at cells, as far as their heat tells; HOT_THRESHOLD is many.

    A cell counts down to its unit first, if there are units, and from there to its region.
    """
    heat = cells["heat"].astype(np.int64)
    is_plain = cells["entry"] == handlers[cells["handler"]]
    start = UNIT_THRESHOLD if has_units else HOT_THRESHOLD
    first = np.where(is_plain | (not has_units), start, start + HOT_THRESHOLD)
    return np.where(heat > first, HOT_THRESHOLD, np.minimum(first - heat, HOT_THRESHOLD))


def at(address: int, size: int) -> Any:
    """Host memory there."""
    return (ctypes.c_char * size).from_address(address)
