"""Random programs: tier 0, regions and the evaluator end in the same state."""

from __future__ import annotations

import random

import pytest
from bench import (
    CODE,
    MODES,
    WINDOW,
    WINDOW_BYTES,
    Bench,
    Judge,
    bench,
    differences,
    memory_differences,
    program_state,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import program
from strategies import U32

from jitppc.frontend.disasm import disassemble
from jitppc.ir.layout import MSR
from jitppc.strategies import strategies

#: of every strategy that has regions
REGION_OPTIONS = sorted(
    {row.regions for row in strategies().values() if row.regions}, key=repr
)
STORAGE_REGISTERS = ("spr[18]", "spr[19]")
#: modes with regions
WIDE = ("le64", "be64")


def listing(words: list[int], start: int) -> str:
    return "\n".join(
        f"{start + 4 * n:x} {word:08x} {disassemble(word, start + 4 * n)}"
        for n, word in enumerate(words)
    )


def prepare(native: Bench, start: int, words: list[int], mode: str, seed: int) -> None:
    little = bool(MODES[mode][1] & MSR.LE)
    native.place_vectors(little)
    native.memory.write(WINDOW, random.Random(seed).randbytes(WINDOW_BYTES))
    native.place(start, words, little)


def compare(native: Bench, start: int, words: list[int], mode: str, seed: int, limit: int) -> None:
    """Run, let the judge take as many steps, compare."""
    state = program_state(seed, mode)
    native.load_state(state)
    judge = Judge(state, native.memory.read(0, native.memory.size), MODES[mode][0])
    found = native.run(start, limit)
    nia = judge.run(start, found.retired)
    lines = differences(state, found.state, STORAGE_REGISTERS)
    lines += memory_differences(judge.memory.data, native.memory.read(0, native.memory.size))
    if found.nia != nia:
        lines.append(f"nia: expected {nia:#x}, found {found.nia:#x}")
    assert not lines, f"after {found.retired}:\n{listing(words, start)}"


def compare_from_states(
    native: Bench, word: int, source: random.Random, steps: int, count: int, mode: str = "le64"
) -> None:
    """The program at CODE, which holds the word, from so many random states."""
    for number in range(count):
        seed = source.getrandbits(32)
        state = program_state(seed, mode)
        native.memory.write(WINDOW, random.Random(seed).randbytes(WINDOW_BYTES))
        native.load_state(state)
        judge = Judge(state, native.memory.read(0, native.memory.size), MODES[mode][0])
        found = native.run(CODE, steps)
        nia = judge.run(CODE, found.retired)
        lines = differences(state, found.state, STORAGE_REGISTERS)
        lines += memory_differences(judge.memory.data, native.memory.read(0, native.memory.size))
        assert (nia, []) == (found.nia, lines), f"{word:08x} {disassemble(word)}, state {number}"


STARTS = (CODE, CODE + 0x1000 - 40, CODE + 0x10000 - 24)


@settings(max_examples=120)
@given(U32, U32, st.sampled_from(sorted(MODES)), st.sampled_from(STARTS), st.integers(1, 300))
def test_a_program_stops_exactly_where_it_is_told(seed, state_seed, mode, start, limit):
    native = bench("exact")
    words = program(seed, 1 + seed % 24)
    prepare(native, start, words, mode, state_seed)
    before = native.vcpu.retired
    compare(native, start, words, mode, state_seed, limit)
    assert native.vcpu.retired - before == limit


@settings(max_examples=120)
@given(U32, U32, st.sampled_from(sorted(MODES)), st.sampled_from(STARTS), st.integers(1, 300))
def test_a_program_does_natively_what_the_evaluator_does(seed, state_seed, mode, start, limit):
    native = bench("interp")
    words = program(seed, 1 + seed % 24)
    prepare(native, start, words, mode, state_seed)
    compare(native, start, words, mode, state_seed, limit)


@settings(max_examples=240)
@given(U32, U32, st.sampled_from(STARTS), st.integers(1, 600), st.sampled_from(WIDE), st.data())
def test_regions_do_what_the_evaluator_does(seed, state_seed, start, limit, mode, data):
    native = bench("interp")
    words = program(seed, 2 + seed % 30, branches=0.2)
    prepare(native, start, words, mode, state_seed)
    compare(native, start, words, mode, state_seed, 200)
    native.memory.write(WINDOW, random.Random(state_seed).randbytes(WINDOW_BYTES))
    heads = data.draw(st.sets(st.integers(0, len(words) - 2), max_size=2)) | {0}
    options = data.draw(st.sampled_from(REGION_OPTIONS))
    for head in heads:
        native.install_region(start + 4 * head, options)
    compare(native, start, words, mode, state_seed, limit)
    compare(native, start, words, mode, state_seed ^ 1, limit)


@pytest.mark.parametrize("mode", WIDE)
@pytest.mark.parametrize("seed", range(6))
def test_long_loops_with_regions_end_as_with_exact_counting(seed, mode):
    """Tier 0, a region and the exact strategy after the same number of instructions."""
    words = program(seed, 20, branches=0.05)[:-1]
    words += [0x4200FFFC - 4 * (len(words) - 1) & 0xFFFF | 0x42000000, 0x48000000]
    results = []
    regions, exact = bench("interp"), bench("exact")
    for native in (regions, exact):
        prepare(native, CODE, words, mode, seed)
    state = program_state(seed, mode)
    state[0]["spr"][9] = 500
    regions.load_state(state)
    regions.run(CODE, 100)
    prepare_window = random.Random(seed).randbytes(WINDOW_BYTES)
    for native in (regions, exact):
        native.memory.write(WINDOW, prepare_window)
        native.load_state(state)
    regions.install_region(CODE)
    results.append(regions.run(CODE, 4000))
    results.append(exact.run(CODE, results[0].retired))
    assert results[0].retired == results[1].retired
    assert results[0].nia == results[1].nia
    assert not differences(results[0].state, results[1].state)
    assert regions.memory.read(WINDOW, WINDOW_BYTES) == exact.memory.read(WINDOW, WINDOW_BYTES)
