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
from jitppc.frontend.translate import translate_row
from jitppc.ir.builder import BE64, LE64
from jitppc.ir.text import block_text

KEYS = sorted({row.key for row in (*plain_rows(), *memory_rows())})
STATES = 12
NOP = 0x60000000




def knows_the_order(key: str) -> bool:
    """The row is not the same in both byte orders."""
    row = rows()[key]
    texts = [
        [block_text(translate_row(row, flags, mode)) for flags in row.variants()]
        for mode in (LE64, BE64)
    ]
    return texts[0] != texts[1]


CASES = [
    *((key, "le64") for key in KEYS), *((key, "be64") for key in KEYS if knows_the_order(key))
]  # fmt: skip


@pytest.mark.parametrize(("key", "mode"), CASES)
def test_every_row_does_in_a_region_what_the_evaluator_does(key, mode):
    """From many states, so that ordinary cases and all others are seen."""
    source = random.Random(key)
    row, native = rows()[key], bench("interp")
    word = random_word(row, source, near=True)
    if row in memory_rows():
        word = with_fields(row, word, RA=29, RB=27, D=16, DS=4, DQ=1)
    little = mode == "le64"
    native.place_vectors(little)
    native.place(CODE, [NOP, word, STAY], little)
    native.load_state(program_state(0, mode))
    native.run(CODE, 2)
    native.install_region(CODE)
    compare_from_states(native, word, source, 2, STATES, mode)
