"""Plain pairs: what may stand between a reserving load and its store conditional."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitppc.frontend.pairs import (
    EXTENDED,
    LOADS,
    PAGE_WORDS,
    PRIMARY,
    STORES,
    is_store_conditional,
    pair_distance,
)
from jitppc.frontend.translate import translate_word
from jitppc.ir.layout import NOT_PLAIN, STRADDLES
from jitppc.ir.ops import Effect

LDARX, STDCX, CMPDI, ADDI, LD, ISYNC = (
    0x7C6020A8, 0x7C6021AD, 0x2C230000, 0x38630001, 0xE8A40000, 0x4C00012C)  # fmt: skip
BLR = 0x4E800020
ONLY_STATE = Effect.READS_STATE | Effect.WRITES_STATE


def bc(words: int) -> int:
    return 0x40820000 | words * 4 & 0xFFFC


def b(words: int) -> int:
    return 0x48000000 | words * 4 & 0x3FFFFFC


def page(*program: int, at: int = 100) -> np.record:
    words = np.full(1024, ISYNC, np.uint32)
    words[at:at + len(program)] = program
    return record(words)


def record(words: np.ndarray) -> np.record:
    return words.view(PAGE_WORDS).view(np.recarray)[0]


def distance(*program: int, at: int = 100) -> int:
    """Of the last word."""
    return pair_distance(page(*program, at=at), at + len(program) - 1, 0, False)


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        ((), 4),
        ((ADDI,), 8),
        ((CMPDI, bc(4)), 12),
        ((CMPDI, bc(-2), ADDI), 16),
        ((CMPDI, bc(6), ADDI, ADDI), NOT_PLAIN),      # where isync stands, which is like a branch
        ((CMPDI, bc(2), ADDI), NOT_PLAIN),            # to the store itself
        ((CMPDI, bc(-3), ADDI, ADDI), NOT_PLAIN),
        ((CMPDI, bc(-2), ADDI, ADDI), 20),            # back to the load
        ((LD,), NOT_PLAIN),
        ((ISYNC,), NOT_PLAIN),
        ((b(1),), NOT_PLAIN),
        ((STDCX,), NOT_PLAIN),
        ((ADDI,) * 30, 124),
        ((ADDI,) * 31, NOT_PLAIN),
    ],
)
def test_what_may_stand_between(between, expected):
    assert expected == distance(LDARX, *between, STDCX)
    program = record(page(LDARX, *between, STDCX).words.byteswap())
    assert expected == pair_distance(program, 101 + len(between), 0, True)


def test_a_pair_that_straddles_pages_is_found_from_both():
    behind, before = page(CMPDI, bc(4), STDCX, at=0), page(LDARX, ADDI, at=1022)
    assert STRADDLES == pair_distance(behind, 2, 0, False)
    assert 16 == pair_distance(before, 1024, 2, False)


def every_word() -> Iterator[int]:
    """Words that pass for instructions on registers, with random fields."""
    dice = random.Random(1)
    for primary in range(64):
        for _ in range(20 * (PRIMARY >> primary & 1)):
            yield primary << 26 | dice.getrandbits(26)
    for extended in range(1024):
        for _ in range(8 * (EXTENDED[extended >> 5] >> (extended & 31) & 1)):
            yield 31 << 26 | dice.getrandbits(15) << 11 | extended << 1 | dice.getrandbits(1)


def test_what_passes_for_an_instruction_on_registers_is_one():
    for word in every_word():
        ops = [v.op for v in translate_word(word).values]
        refused = any(op.name in ("interrupt_if", "helper") for op in ops)
        assert refused or all(op.effects & ~ONLY_STATE == Effect.NONE for op in ops), hex(word)


def test_loads_and_stores_are_what_their_bodies_say():
    for extended in range(1024):
        word = 31 << 26 | 4 << 21 | 6 << 11 | extended << 1
        names = [{v.op.name for v in translate_word(word | n).values} for n in (0, 1)]
        assert any("load_reserve" in n for n in names) == (
            extended in LOADS or extended in AMOS), extended
        assert any("store_conditional" in n for n in names) == (
            extended in STORES or extended in AMOS), extended
        assert is_store_conditional(word) == (extended in STORES)


#: atomic memory operations, a load and a store in one
AMOS = (582, 614, 710, 742)


def paths(words: list[int], at: int, steps: int) -> Iterator[tuple[int, bool]]:
    """Where control may be after so many instructions, and whether one was of storage; not over
    another reserving load, since that is then the pair's.
    """
    if steps == 0:
        yield at, False
        return
    if not 0 <= at < len(words):
        return
    word = words[at]
    primary, offset = word >> 26, 0
    if primary == 16:
        offset = ((word & 0xFFFC) ^ 0x8000) - 0x8000
    elif primary == 18:
        offset = ((word & 0x3FFFFFC) ^ 0x2000000) - 0x2000000
    targets = {at + offset // 4} if offset else set()
    if word == BLR:
        targets = set(range(len(words)))
    if primary not in (18, 19):
        targets.add(at + 1)
    for target in targets:
        if steps > 1 and 0 <= target < len(words) and words[target] == LDARX:
            continue
        for end, stored in paths(words, target, steps - 1):
            yield end, stored or word == LD


WORDS = st.one_of(
    st.sampled_from([ADDI, CMPDI, LD, BLR, LDARX]),
    st.integers(-8, 8).filter(bool).map(bc),
    st.integers(-8, 8).filter(bool).map(b),
)


BETWEEN = st.one_of(st.sampled_from([ADDI, CMPDI]), st.integers(-8, 8).map(bc))


@given(
    before=st.lists(WORDS, max_size=4),
    between=st.lists(BETWEEN, max_size=5),
    after=st.lists(WORDS, max_size=8),
)
def test_a_pair_of_the_right_count_touched_no_other_storage(before, between, after):
    """Whatever the branches did."""
    program = [*before, LDARX, *between, STDCX, *after]
    store = len(before) + 1 + len(between)
    words = np.full(1024, BLR, np.uint32)
    words[:len(program)] = program
    far = pair_distance(record(words), store, 0, False)
    if far in (NOT_PLAIN, STRADDLES):
        return
    whole = [int(w) for w in words[:len(program) + 8]]
    ways = paths(whole, store - far // 4, far // 4)
    assert not any(stored for end, stored in ways if end == store)
