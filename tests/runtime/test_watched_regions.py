"""Regions that learn from the host's flags what was inexact: programs of arithmetic in loops, with
XX clear or set before, of numbers that are whole, fractions, zeros, tiny or huge.
"""

from __future__ import annotations

import functools
import random
import struct
from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from bench import CODE, FACILITIES, MODES, Judge, bench, differences, program_state, set_msr
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import U32, random_word

from jitppc.backend.lower.host_flags import can_watch
from jitppc.frontend.decode import rows
from jitppc.frontend.disasm import disassemble
from jitppc.frontend.translate import translate_word
from jitppc.ir.fpscr import FPSCR, with_summaries
from jitppc.ir.layout import MSR
from jitppc.ir.passes import run_passes_of_regions

FILES = ("fp_arith", "fp_convert", "vsx_arith", "vsx_families", "vsx_convert", "vsx_compare")
STAY = 0x48000000
#: what is likely to be exact, to be lost, or to be lost altogether
WHOLE = (0.0, -0.0, 1.0, -1.0, 2.0, 3.0, -7.0, 0.5, 1024.0)
LOSSY = (0.1, 1 / 3, -1e10, 2.0**53 + 1, 4294967295.5, -2147483648.5, 9.3e18)
EXTREME = (2.0**-1022, 5e-324, -3e-310, 1.7e308, 2.0**-537, 2.0**-149, 3e38, 2.0**-1000,
           float("inf"), float("-inf"), 2.0**-1021, 2.0**-126, float("nan"))


def is_watched(word: int) -> bool:
    """A region that holds the instruction watches."""
    return can_watch([run_passes_of_regions(translate_word(word), keep_dead=False)])


@functools.cache
def watched_rows() -> tuple:
    """Rows of which some words may be in a region that watches (all but record forms, mostly)."""
    source = random.Random(1)
    chosen = [r for r in rows().values() if r.body.__module__.split(".")[-1] in FILES]
    return tuple(r for r in chosen if any(is_watched(a_word(r, source)) for _ in range(6)))


def a_word(row: object, source: random.Random) -> int:
    """An instruction; mostly not the record form, which reads the FPSCR."""
    word = random_word(row, source, near=True)
    return word & ~1 if source.randrange(8) and is_watched(word & ~1) else word


def a_state(source: random.Random, msr: int) -> np.ndarray:
    """Registers full of numbers of one or two kinds, XX clear in most cases, little enabled."""
    state = program_state(source.getrandbits(32), "le64")
    kinds = source.choice(([WHOLE], [WHOLE], [WHOLE, LOSSY], [WHOLE, EXTREME], [LOSSY, EXTREME]))

    def a_number() -> int:
        value = source.choice(source.choice(kinds))
        if source.randrange(5) == 0:
            single = struct.pack("<f", value) if abs(value) < 3e38 else b"\0\0\0\x40"
            return int.from_bytes(2 * single, "little")
        return int.from_bytes(struct.pack("<d", value), "little")

    state[0]["vsr"] = [[a_number(), a_number()] for _ in range(64)]
    enabled = source.choice((0, 0, 0, FPSCR.OE, FPSCR.UE, FPSCR.XE, FPSCR.VE, 1, 2))
    sticky = source.choice((0, 0, 0, FPSCR.XX | FPSCR.FX, FPSCR.FX, FPSCR.OX | FPSCR.FX))
    plain = with_summaries(enabled | sticky)
    state[0]["fpscr"] = enabled if plain & FPSCR.FEX else plain
    set_msr(state[0], MODES["le64"][1] | FACILITIES | MSR.ME | MSR.RI | msr)
    return state


def run_both_ways(words: list[int], states: Iterable[np.ndarray], insns: int = 120) -> None:
    """Tier 0, then a region, and the evaluator beside each: all leave the same behind."""
    native = bench("interp")
    native.place_vectors(little=True)
    native.place(CODE, words)
    listing = "\n".join(disassemble(word) for word in words)
    for turn, state in enumerate(states):
        native.load_state(state)
        judge = Judge(state, native.memory.read(0, native.memory.size))
        found = native.run(CODE, insns)
        nia = judge.run(CODE, found.retired)
        assert not differences(state, found.state), f"turn {turn}\n{listing}"
        assert nia == found.nia, listing
        if turn == 0:
            assert native.install_region(CODE), listing


def test_the_usual_arithmetic_may_be_watched():
    names = {row.key for row in watched_rows()}
    wanted = "fadd fmuls fmadd fdiv fctiwz xvadddp xvmaddasp xsmaddmdp fcmpu"
    assert set(wanted.split()) <= names


@settings(max_examples=25)
@given(U32, st.sampled_from([0, 0, MSR.FE1 | MSR.FE0]))
def test_the_inexact_flag_is_what_the_evaluator_says(seed, msr):
    source = random.Random(seed)
    count = source.randrange(1, 9)
    chosen = source.sample(watched_rows(), min(count, 3))
    words = [a_word(source.choice(chosen), source) for _ in range(count)]
    back = -4 * len(words) & 0xFFFC
    words += [0x42000000 | back, STAY]                  # bdnz

    def states() -> Iterator[np.ndarray]:
        for _ in range(4):
            state = a_state(source, msr)
            state[0]["spr"][9] = source.choice((1, 2, 9))
            yield state

    run_both_ways(words, states())


@pytest.mark.parametrize(
    ("number", "enabled", "causes", "is_inside"),
    [
        (3.0, 0, 0, True),
        (0.1, 0, FPSCR.XX, True),
        (2.0**-1000, 0, FPSCR.XX | FPSCR.UX, True),
        (2.0**-520, 0, 0, False),                       # denormal, and exact
        (2.0**-511, 0, 0, False),                       # the least normal number
        (1e200, 0, FPSCR.XX | FPSCR.OX, True),
        (float("inf"), 0, 0, True),
        (float("nan"), 0, 0, False),
        (0.1, FPSCR.XE, FPSCR.XX, False),
    ],
)
def test_what_a_loop_of_squares_leaves_in_the_fpscr(number, enabled, causes, is_inside):
    native = bench("interp")
    native.place_vectors(little=True)
    square, again = 0xFC2000B2 | 2 << 16 | 2 << 6, 0x4200FFFC          # fmul f1,f2,f2; bdnz
    native.place(CODE, [square, again, STAY])
    for turn in range(2):
        state = program_state(7, "le64")
        set_msr(state[0], MODES["le64"][1] | FACILITIES | MSR.ME | MSR.RI)
        state[0]["fpscr"], state[0]["spr"][9] = enabled, 500
        state[0]["vsr"][2][1] = state[0]["vsr"][2][0] = np.float64(number).view(np.uint64)
        native.load_state(state)
        before = int(native.vcpu.state["region_insns"])
        found = native.run(CODE, 1100)
        assert int(found.state[0]["fpscr"]) & FPSCR.EXCEPTIONS == causes
        if turn == 0:
            assert native.install_region(CODE)
        else:
            assert (int(native.vcpu.state["region_insns"]) - before > 900) is is_inside


#: half-way between the largest single and the infinity that rounding it would give
HALF_WAY = (2 - 2.0**-24) * 2.0**127


@pytest.mark.parametrize(
    ("word", "operands"),
    [
        (0xEC22193A, (-(2.0**-40), HALF_WAY, 2.0**-10)),        # fmadds f1,f2,f4,f3
        (0xEC22193A, (2.0**-40, HALF_WAY, 2.0**-10)),
        (0xEC22182A, (-(2.0**-40), HALF_WAY, 0.0)),             # fadds f1,f2,f3
        (0xEC22182A, (0.0, HALF_WAY, 0.0)),
    ],
)
def test_what_is_rounded_twice_on_the_host_tells_of_no_overflow_that_is_none(word, operands):
    def states() -> Iterator[np.ndarray]:
        for _ in range(2):
            state = program_state(7, "le64")
            set_msr(state[0], MODES["le64"][1] | FACILITIES | MSR.ME | MSR.RI)
            state[0]["fpscr"], state[0]["spr"][9] = 0, 9
            for number, value in enumerate(operands, 2):
                state[0]["vsr"][number][:] = np.float64(value).view(np.uint64)
            yield state

    run_both_ways([word, 0x4200FFFC, STAY], states())
