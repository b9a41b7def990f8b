"""Regions with calls, returns and several pages: what they compute, and when they leave."""

from __future__ import annotations

import random

import numpy as np
import pytest
from bench import CODE, MODES, WINDOW, Judge, bench, differences, program_state
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import U32
from test_blocks_agreement import WIDE

from jitppc.frontend.levels import DEFAULT_MODEL
from jitppc.frontend.page import OFTEN
from jitppc.ir.layout import CODE_MASK, CODE_SHIFT
from jitppc.runtime.region_file import page_contents, page_hash
from jitppc.runtime.worker import compile_region
from jitppc.strategies import RegionOptions

STAY = 0x48000000
BLR = 0x4E800020
PAGE = 4096
#: a function in the next page
FAR = CODE + PAGE + 0x40


def bl(here: int, there: int) -> int:
    return 0x48000001 | there - here & 0x03FFFFFC


def addi(rt: int, ra: int, value: int) -> int:
    return 14 << 26 | rt << 21 | ra << 16 | value & 0xFFFF


def add(rt: int, ra: int, rb: int) -> int:
    return 31 << 26 | rt << 21 | ra << 16 | rb << 11 | 266 << 1


def std(rs: int, distance: int, ra: int, update: int = 0) -> int:
    return 62 << 26 | rs << 21 | ra << 16 | distance & 0xFFFC | update


def ld(rt: int, distance: int, ra: int) -> int:
    return 58 << 26 | rt << 21 | ra << 16 | distance & 0xFFFC


NOP, BCTR, MTCTR_8, ANDI_8_3_3, SLDI_8_4, ADDIC_4 = (
    0x60000000, 0x4E800420, 0x7D0903A6, 0x70680003, 0x790826E4, 0x3484FFFF)  # fmt: skip
MFLR_0, MTLR_0, MTCTR_4 = 0x7C0802A6, 0x7C0803A6, 0x7C8903A6
BDNZ = 0x42000000
#: fields of r1's frame
LR_AT, FRAME = 16, 48


class Program:
    """Random functions of two pages that call each other downwards, and a loop that calls them."""

    def __init__(self, seed: int) -> None:
        self.source = source = random.Random(seed)
        self.words: dict[int, int] = {}
        starts = [CODE + PAGE - 0x30 + 0x60 * n for n in range(3)]
        starts += [CODE + 0x200 + 0x80 * n for n in range(3)]
        source.shuffle(starts)
        self.functions: list[int] = []
        for start in starts[: source.randrange(1, 7)]:
            self._function(start)
            self.functions.append(start)
        here = self._emit(CODE, [addi(4, 0, source.randrange(2, 9)), MTCTR_4])
        loop = here
        for callee in source.sample(self.functions, source.randrange(1, len(self.functions) + 1)):
            here = self._emit(here, [bl(here, callee), addi(5, 3, 1)])
        here = self._emit(here, [BDNZ | loop - here & 0xFFFC, STAY])

    def _emit(self, here: int, words: list[int]) -> int:
        for word in words:
            assert here not in self.words
            self.words[here] = word
            here += 4
        return here

    def _work(self) -> list[int]:
        source = self.source
        choices = [addi(3, 3, source.randrange(-9, 9)), add(3, 3, 5), add(6, 3, 6),
                   std(3, 8 * source.randrange(4), 28), ld(6, 8 * source.randrange(4), 28),
                   0x7C633115, 0x2C030005, 0x7C6300D0]  # adde., cmpwi, neg  # fmt: skip
        return source.choices(choices, k=source.randrange(1, 4))

    def _function(self, start: int) -> None:
        """A leaf, or a function with a frame that calls an earlier one."""
        if not self.functions or self.source.randrange(2):
            self._emit(start, [*self._work(), BLR])
            return
        here = self._emit(start, [MFLR_0, std(0, LR_AT, 1), std(1, -FRAME, 1, update=1)])
        here = self._emit(here, self._work()[:2])
        here = self._emit(here, [bl(here, self.source.choice(self.functions))])
        self._emit(here, [addi(3, 3, 2), addi(1, 1, FRAME), ld(0, LR_AT, 1), MTLR_0, BLR])

    def place(self, native, little: bool) -> None:
        native.memory.write(CODE, bytes(3 * PAGE))
        for address, word in self.words.items():
            native.place(address, [word], little)


def state_of(seed: int, mode: str = "le64") -> np.ndarray:
    state = program_state(seed, mode)
    state[0]["gpr"][1] = WINDOW + 0x1800 + 8 * (seed % 64)
    return state


def install(
    native, entry: int, pages: tuple[int, ...] = (0, 1), often: tuple[int, ...] = ()
) -> None:
    """A region of an entry and of the pages beside it, as the translator makes and places it.

    Nothing happens when the entry has not run.
    """
    found, mode = {}, int(native.page_info(entry)["mode"])
    for page in pages:
        gra = (entry & -PAGE) + page * PAGE
        if not int(native.memory.code_pages[gra >> 12]):
            continue
        cells = native.cells(gra)
        symbols = native.engine.arena.symbols
        undecoded = [symbols["decode_me_le64"], symbols["decode_me_any"]]
        has_run = ~np.isin(cells["entry"], np.array(undecoded, np.uint64))
        flags = has_run.astype(np.uint8)
        for address in often:
            if address & -PAGE == gra:
                flags[address % PAGE // 4] |= OFTEN
        found[page] = native.memory.read(gra, PAGE), flags.tobytes()
        native.page_info(gra)["contents"] = page_contents(
            page_hash(found[page][0], DEFAULT_MODEL.bit, mode))
    answer = compile_region(found, (entry & 4095) >> 2, RegionOptions(), mode=mode)
    if answer is None:
        return
    placed = native.engine.arena.load([answer[0]])[0]
    native.cells(entry)["entry"][(entry & 4095) >> 2] = placed.symbols["region"]


def agrees(native, seed: int, limit: int = 4000, mode: str = "le64") -> int:
    """Run the placed program in the bench and by the judge; how much of it ran in regions."""
    state = state_of(seed, mode)
    native.load_state(state)
    before = int(native.vcpu.state["region_insns"])
    judge = Judge(state, native.memory.read(0, native.memory.size), MODES[mode][0])
    found = native.run(CODE, limit)
    nia = judge.run(CODE, found.retired)
    assert [] == differences(state, found.state)
    assert nia == found.nia
    assert bytes(judge.memory.data) == native.memory.read(0, native.memory.size)
    return int(native.vcpu.state["region_insns"]) - before


@settings(max_examples=40)
@given(U32, st.sampled_from(WIDE))
def test_calls_and_returns_in_regions_agree_with_the_evaluator(seed, mode):
    native, program, little = bench("interp"), Program(seed), mode == "le64"
    native.place_vectors(little)
    program.place(native, little)
    agrees(native, seed, mode=mode)
    entries = [CODE + 8, *random.Random(seed).sample(program.functions, 1)]
    for entry in entries:
        if entry >> 12 == CODE >> 12:
            install(native, entry)
    assert agrees(native, seed + 1, mode=mode) > 0
    agrees(native, seed + 2, random.Random(seed).randrange(1, 60), mode)


@settings(max_examples=20)
@given(U32)
def test_switches_in_regions_agree_with_the_evaluator(seed):
    """A loop jumps to one of four cases by what r3 holds; the region knows some of them."""
    source, native = random.Random(seed), bench("interp")
    native.place_vectors(little=True)
    native.memory.write(CODE, bytes(3 * PAGE))
    table, loop = CODE + 0x100, CODE + 16
    # r7 <- the table, r4 counts; the loop goes to r7 + 16 * (r3 & 3)
    native.place(CODE, [15 << 26 | 7 << 21 | table >> 16, 0x60E70000 | table & 0xFFFF,
                        addi(4, 0, source.randrange(5, 60)), NOP])  # fmt: skip
    native.place(loop, [ANDI_8_3_3, SLDI_8_4, add(8, 8, 7), MTCTR_8, BCTR])
    behind = CODE + 0x200
    for number in range(4):
        case = table + 16 * number
        work = source.choice((addi(3, 3, source.randrange(1, 99)), add(3, 3, 4), 0x7C6300D0))
        native.place(case, [work, addi(5, 5, number), 0x48000000 | behind - case - 8])
    back = loop - behind - 8
    native.place(behind, [ADDIC_4, 0x41820008, 0x48000000 | back & 0x03FFFFFC, STAY])
    agrees(native, seed)
    cases = tuple(table + 16 * n for n in range(4) if source.randrange(4))
    install(native, loop, (0,), cases)
    assert agrees(native, seed + 1) > 0
    agrees(native, seed + 2, limit=source.randrange(1, 90))


#: instructions of the loop with its calls, and of what stands before it
LENGTH = 2 + 50 * 5


@pytest.fixture
def two_pages():
    """A loop that calls a function of the next page, decoded and with a region in its head."""
    native = bench("interp")
    native.place_vectors(little=True)
    native.memory.write(CODE, bytes(3 * PAGE))
    here = CODE + 8
    loop = [bl(here, FAR), addi(5, 3, 1), BDNZ | -8 & 0xFFFC, STAY]
    native.place(CODE, [addi(4, 0, 50), MTCTR_4, *loop])
    native.place(FAR, [addi(3, 3, 7), BLR])
    agrees(native, 1)
    install(native, here)
    return native


def test_a_region_goes_through_calls_into_another_page(two_pages):
    assert agrees(two_pages, 2, LENGTH) >= 50 * 5


def test_a_store_to_another_page_of_a_region_is_seen(two_pages):
    two_pages.place(FAR, [addi(3, 3, -9)])
    # nothing of the page runs in the region any more
    assert agrees(two_pages, 3, LENGTH) <= 50 * 3 + 1


def test_another_page_that_is_mapped_elsewhere_is_not_run(two_pages):
    """The cells that the region was made for are another page's."""
    native = two_pages
    copy = CODE + 2 * PAGE
    native.place(copy, [addi(3, 3, 1)] * 16 + [addi(3, 3, 100), BLR])
    native.run(copy, 1)
    line = (FAR >> CODE_SHIFT & CODE_MASK) + int(native.vcpu.state["itlb"])
    native.put_words(line, (FAR & -PAGE, int(native.memory.code_pages[copy >> 12])))
    state = state_of(5)
    native.load_state(state)
    expected = int(state[0]["gpr"][3]) + 50 * 100
    found = native.run(CODE, 4000)
    native.memory.write(copy, bytes(PAGE))
    native.put_words(line, (0, 0))
    assert expected & (1 << 64) - 1 == int(found.state[0]["gpr"][3])


#: words that write CR, mostly from two numbers, or compute, and words that look at it
COMPARES = (0x2C030005, 0x7C232040, 0x2B830007, 0x7C632215, 0x706A0001, 0x7F832000, 0x7C842A14,
            0x38630001, 0x7C832850, 0x7C6300D0, 0x7C852039, 0x2CA30000, 0x7CA01120)  # fmt: skip
READS = (0x7CE00026, 0x4C822982, 0x7CE4281E, 0x7D000026, 0x4D840000, 0x7C640194)


@settings(max_examples=40)
@given(U32)
def test_flags_of_loops_are_right_wherever_one_leaves(seed):
    """Comparisons, branches on them, looks at CR, and stores into two granules."""
    source, native = random.Random(seed), bench("interp")
    native.place_vectors(little=True)
    native.memory.write(CODE, bytes(3 * PAGE))
    reads = source.choice((0.0, 0.1, 0.3))
    words = []
    for _ in range(source.randrange(6, 30)):
        kind = source.random()
        if kind < reads:
            words.append(source.choice(READS))
        elif kind < 0.8:
            words.append(source.choice(COMPARES))
        elif kind < 0.9:
            words.append(std(3, 8 * source.randrange(300), source.choice((28, 29, 30))))
        else:
            skip = source.randrange(2, 5)
            bit = source.choice((0, 1, 2, 3, 28, 29, 30, 31))
            words.append(0x40800000 | source.randrange(2) << 24 | bit << 16 | 4 * skip)
    words += [NOP] * 5
    words.append(BDNZ | -4 * len(words) & 0xFFFC)
    native.place(CODE, [addi(9, 0, source.randrange(2, 30)), 0x7D2903A6, *words, STAY])
    agrees(native, seed)
    install(native, CODE + 8, (0,))
    assert agrees(native, seed + 1) > 0
    for more in range(2, 5):
        agrees(native, seed + more, limit=source.randrange(1, 150))


def test_a_cycle_that_goes_through_tier_0_ends_with_the_slice():
    """The region jumps back to a load that it always leaves at, since it crosses into another
    granule; tier 0 does it and falls into the region's first word.
    """
    native, state = bench("interp"), state_of(3)
    native.place_vectors(little=True)
    native.place(CODE, [ld(3, 0, 29), 0x4BFFFFFC])            # b .-4
    state[0]["gpr"][29] = 0x1FFFC
    for _ in range(2):
        native.load_state(state)
        before = int(native.vcpu.state["region_insns"])
        assert native.run(CODE, 300).retired < 600
        ran = int(native.vcpu.state["region_insns"]) - before
        assert native.install_region(CODE + 4)
    assert ran > 100
