"""Tier 0 against the evaluator: every row, single instructions, all modes."""

from __future__ import annotations

import random

import numpy as np
import pytest
from bench import (
    CODE,
    FACILITIES,
    MODES,
    PVR,
    STAY,
    WINDOW,
    WINDOW_BYTES,
    Judge,
    bench,
    differences,
    expect_interrupt,
    memory_differences,
    set_msr,
)
from helper_models import MODELS
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import U32, random_state, random_word

from jitppc.frontend.decode import decode, is_hidden, rows
from jitppc.frontend.disasm import disassemble
from jitppc.frontend.forms import raw_field, words_of
from jitppc.ir.layout import MSR

ROWS = sorted(key for key, row in rows().items() if not is_hidden(row))
EXAMPLES = 4
BOUNDARY = WINDOW + WINDOW_BYTES // 2
MIDDLES = (BOUNDARY, BOUNDARY - 4096, BOUNDARY + 2048)


def aim(word: int, state: np.ndarray, judge_mode: str, source: random.Random) -> None:
    """Move RA so that the first access falls into the window, often near a boundary."""
    insn = decode(word)
    if insn is None or "RA" not in insn.row.picture.fields:
        return
    number = raw_field(insn.row.picture, word, "RA")
    mode, _ = MODES[judge_mode]
    judge = Judge(state.copy(), bytes(bench("exact").memory.size), mode)
    order = "little" if state[0]["little"] else "big"
    line = b"".join(part.to_bytes(4, order) for part in words_of(word))
    judge.memory.data[CODE : CODE + len(line)] = line
    outcome = judge.step(CODE)
    ea = judge.memory.first_ea
    if ea is None and outcome.kind == "helper":
        ea = outcome.detail[1][1]
    if ea is None or number == 0:
        return
    align = source.choice((1, 1, 4, 8, 16, 128))
    wanted = source.choice(MIDDLES) + source.randrange(-64, 64) & -align
    gpr = state[0]["gpr"]
    gpr[number] = int(gpr[number]) + wanted - ea & (1 << 64) - 1


def compare(word: int, mode_name: str, seed: int, strategy: str) -> None:
    """Run one word natively and by the evaluator from the same state."""
    source = random.Random(seed)
    mode, bits = MODES[mode_name]
    state = random_state(seed, mode)
    state[0]["spr"][157] = source.choice((0, 3 << 62, (1 << 64) - 1))
    flip = source.choice((0,) * 6 + (MSR.FP, MSR.VEC, MSR.VSX, MSR.PR, MSR.PR, MSR.EE))
    set_msr(state[0], (bits | FACILITIES | MSR.ME | MSR.RI) ^ flip)
    if source.randrange(8) == 0:
        state[0]["spr"][153] = source.getrandbits(56)
    state[0]["lpcr"] = source.choice((0, 1 << (63 - 38)))
    state[0]["dec_deadline"], state[0]["pvr"] = 1 << 62, PVR
    if source.random() < 0.9:
        aim(word, state, mode_name, source)

    native = bench(strategy)
    cia = source.choice((CODE, CODE + 0x7F0, CODE + 0xFF8))
    window = source.randbytes(WINDOW_BYTES)
    native.memory.write(WINDOW, window)
    native.place(cia, [word, STAY], bool(bits & MSR.LE))
    native.load_state(state)
    native.vcpu.state["random_state"] = 1 + seed
    ram = native.memory.read(0, native.memory.size)

    judge = Judge(state, ram, mode)
    judge.evaluator.timebase = native.vcpu.timebase
    judge.evaluator.random_state = 1 + seed
    outcome = judge.step(cia)
    found = native.run(cia, 1)
    nia = outcome.nia & int(state[0]["ea_mask"])
    skip: tuple[str, ...] = ()
    retired = 1
    if outcome.kind == "interrupt":
        nia = expect_interrupt(state, outcome.detail, cia, outcome.value, word)
        if outcome.detail == "STORAGE":
            skip = ("spr[18]", "spr[19]")
    elif outcome.kind == "helper":
        name, args = outcome.detail
        if name not in MODELS:
            return
        nia = MODELS[name](state, judge.memory, cia, *args)
        retired += nia != cia + 4 & int(state[0]["ea_mask"])  # a routine's interrupt counts too
        if nia == 0x200:
            skip = ("spr[18]", "spr[19]")
    lines = differences(state, found.state, skip)
    lines += memory_differences(judge.memory.data, native.memory.read(0, native.memory.size))
    if found.nia != nia:
        lines.append(f"nia: expected {nia:#x}, found {found.nia:#x}")
    if decode(word) is None:
        retired += 1
    if strategy == "exact" and found.retired != retired:
        lines.append(f"{found.retired} instructions retired")
    assert not lines, f"{word:08x} {disassemble(word, cia)} ({mode_name}, {strategy}, seed {seed})"


@pytest.mark.parametrize("key", ROWS)
def test_every_row_does_natively_what_the_evaluator_does(key):
    source = random.Random(key)
    row = rows()[key]
    for number in range(EXAMPLES):
        word = random_word(row, source)
        for mode in MODES:
            strategy = ("exact", "interp")[number & 1]
            compare(word, mode, source.getrandbits(32), strategy)


@settings(max_examples=400)
@given(
    st.sampled_from(ROWS),
    U32,
    st.sampled_from(sorted(MODES)),
    U32,
    st.sampled_from(("exact", "interp")),
)
def test_any_word_does_natively_what_the_evaluator_does(key, pick, mode, seed, strategy):
    compare(random_word(rows()[key], random.Random(pick)), mode, seed, strategy)


@settings(max_examples=300)
@given(U32, st.sampled_from(sorted(MODES)), U32)
def test_arbitrary_words_do_natively_what_the_evaluator_does(word, mode, seed):
    compare(word, mode, seed, "exact")
