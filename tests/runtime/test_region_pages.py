"""Which pages are found for a region: by the code itself, by real memory, by the code TLB."""

from __future__ import annotations

import numpy as np
import pytest

from jitppc.frontend.page import WORDS
from jitppc.ir.layout import (
    CODE_CONTEXTS,
    CODE_ENTRY,
    CODE_MASK,
    CODE_SHIFT,
    CPU_STATE,
    ITLB_ENTRIES,
    MMU_STATE,
    SECOND_ENTRIES,
)
from jitppc.runtime.region_pages import MOST_PAGES, CodePage, NearPages, signed_words, walk

NOP, BLR, BEQLR, BCTR, BCTRL = 0x60000000, 0x4E800020, 0x4D820020, 0x4E800420, 0x4E800421
CIA = 0x1000_3010
ENTRY = 4


def b(distance: int, link: int = 0) -> int:
    return 0x48000000 | 4 * distance & 0x03FFFFFC | link


def beq(distance: int) -> int:
    return 0x41820000 | 4 * distance & 0xFFFC


def walked(words: dict[int, int], last: dict[int, int] | None = None):
    """Pages and targets found from ENTRY; `last` are effective addresses by word."""

    def page_at(distance: int) -> CodePage | None:
        own = {w % WORDS: code for w, code in words.items() if w // WORDS == distance}
        if not own:
            return None
        code = b"".join(own.get(n, 0).to_bytes(4, "little") for n in range(WORDS))
        targets = np.zeros(WORDS, np.uint64)
        for word, ea in (last or {}).items():
            if word // WORDS == distance:
                targets[word % WORDS] = ea
        return CodePage(code, bytes(n in own for n in range(WORDS)), targets)

    pages, targets = walk(ENTRY, CIA, page_at)
    return set(pages), targets


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({4: NOP, 5: b(2 * WORDS), 5 + 2 * WORDS: BLR}, {0, 2}),
        ({4: b(-WORDS, 1), 4 - WORDS: BLR, 5: beq(WORDS), 6: BLR, 5 + WORDS: BLR}, {0, -1, 1}),
        ({4: BLR, 5: b(WORDS), 5 + WORDS: BLR}, {0}),
        ({4: BEQLR, 5: b(WORDS), 5 + WORDS: BLR}, {0, 1}),
        ({4: b(8), 5: b(WORDS), 5 + WORDS: BLR}, {0}),              # 12 has not run
    ],
)  # fmt: skip
def test_pages_are_those_that_branches_reach(words, expected):
    assert (expected, {}) == walked(words)


def test_an_indirect_jump_is_followed_to_where_it_went_last():
    far = 70 * WORDS
    words = {4: BCTRL, 5: BLR, far: b(-1), far - 1: BLR}
    pages, targets = walked(words, {4: 0x1000_3000 + 4 * far})
    assert {0, 70, 69} == pages
    assert {4: far} == targets
    assert ({0}, {}) == walked(words)                              # it has not run
    assert ({0}, {}) == walked(words, {4: 0x2000_0000})            # nothing is known of that page


def test_the_kernel_is_behind_and_before_any_address():
    assert signed_words(0xC000_0000_0000_0000 - 0x1000) < 0
    assert -1 == signed_words(-4)


def test_a_long_way_is_cut_off():
    words = {4: b(WORDS - 4)} | {n * WORDS: b(WORDS) for n in range(1, 99)}
    assert set(range(MOST_PAGES)) == walked(words)[0]


class CodeTlbs:
    """Two contexts' code TLBs, the second one current."""

    def __init__(self) -> None:
        self.tables = np.zeros((2, ITLB_ENTRIES + SECOND_ENTRIES), CODE_ENTRY)
        self.mmu = np.zeros(1, MMU_STATE)
        self.mmu["code_tables"][0, :2] = [t.ctypes.data for t in self.tables]
        self.state = np.zeros(1, CPU_STATE)
        self.state["mmu"], self.state["itlb"] = self.mmu.ctypes.data, self.tables[1].ctypes.data

    def fill(self, context: int, ea: int, cells: int) -> None:
        entry = (ea >> CODE_SHIFT & CODE_MASK) // CODE_ENTRY.itemsize
        self.tables[context, entry] = ea & -4096, cells


HERE, NEXT, FAR, OTHER = 0x7000, 0x8000, 0x9000, 0xA000
FIRST = 0x23


def near_pages(tlbs: CodeTlbs, cia: int) -> NearPages:
    code_pages = np.zeros(64, np.uint64)
    code_pages[[FIRST, FIRST + 1, FIRST + 0x10]] = HERE, NEXT, OTHER
    return NearPages(tlbs.state[0], code_pages, FIRST, HERE, cia)


@pytest.mark.parametrize("context", [0, 1])
def test_another_granule_is_looked_up_where_the_first_page_is(context):
    tlbs = CodeTlbs()
    tlbs.fill(context, CIA, HERE)
    tlbs.fill(context, CIA + (0x50 << 12), FAR)
    tlbs.fill(1 - context, CIA, OTHER)                 # another process, at the same address
    tlbs.fill(1 - context, CIA + (0x50 << 12), OTHER)
    tlbs.fill(1 - context, CIA + (0x51 << 12), OTHER)
    near = near_pages(tlbs, CIA)
    assert [HERE, NEXT, FAR, 0, 0] == [near.cells(n) for n in (0, 1, 0x50, 0x51, 0x10)]


def test_nothing_far_is_known_without_a_context():
    tlbs = CodeTlbs()
    tlbs.fill(1, CIA + (0x50 << 12), FAR)
    assert 0 == near_pages(tlbs, CIA).cells(0x50)
    assert CODE_CONTEXTS > 2


def test_the_linear_map_goes_as_real_memory_does():
    near = near_pages(CodeTlbs(), 0xC000_0000_0002_3010)
    assert [HERE, NEXT, OTHER, 0, 0] == [near.cells(n) for n in (0, 1, 0x10, -FIRST - 1, 64)]
