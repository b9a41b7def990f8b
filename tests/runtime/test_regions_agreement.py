"""Every row inside a region: with its fields known, passes and optimiser at work."""

from __future__ import annotations

import random

import pytest
from bench import (
    CODE,
    MODES,
    STAY,
    WINDOW,
    WINDOW_BYTES,
    Judge,
    bench,
    differences,
    memory_differences,
    program_state,
)
from programs import memory_rows, plain_rows, with_fields
from strategies import random_word

from jitppc.frontend.decode import rows
from jitppc.frontend.disasm import disassemble

STORAGE_REGISTERS = ("spr[18]", "spr[19]")
KEYS = sorted({row.key for row in (*plain_rows(), *memory_rows())})
STATES = 12
NOP = 0x60000000


@pytest.mark.parametrize("key", KEYS)
def test_every_row_does_in_a_region_what_the_evaluator_does(key):
    """From many states, so that ordinary cases and all others are seen."""
    source = random.Random(key)
    row, native = rows()[key], bench("interp")
    word = random_word(row, source, near=True)
    if row in memory_rows():
        word = with_fields(row, word, RA=29, RB=27, D=16, DS=4, DQ=1)
    native.place_vectors(little=True)
    native.place(CODE, [NOP, word, STAY])
    native.load_state(program_state(0, "le64"))
    native.run(CODE, 2)
    native.install_region(CODE)
    for number in range(STATES):
        seed = source.getrandbits(32)
        state = program_state(seed, "le64")
        native.memory.write(WINDOW, random.Random(seed).randbytes(WINDOW_BYTES))
        native.load_state(state)
        judge = Judge(state, native.memory.read(0, native.memory.size), MODES["le64"][0])
        found = native.run(CODE, 2)
        nia = judge.run(CODE, found.retired)
        lines = differences(state, found.state, STORAGE_REGISTERS)
        lines += memory_differences(judge.memory.data, native.memory.read(0, native.memory.size))
        assert (nia, []) == (found.nia, lines), f"{word:08x} {disassemble(word)}, state {number}"
