"""Every row inside a region: with its fields known, passes and optimiser at work."""

from __future__ import annotations

import random

import pytest
from bench import (
    CODE,
    STAY,
    bench,
    program_state,
)
from programs import memory_rows, plain_rows, with_fields
from strategies import random_word
from test_blocks_agreement import compare_from_states

from jitppc.frontend.decode import rows

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
    compare_from_states(native, word, source, 2, STATES)
