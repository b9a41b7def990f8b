"""Units of stencils do what the evaluator does."""

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
    program_state,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import memory_rows, plain_rows, program, with_fields
from strategies import U32, random_word
from test_blocks_agreement import STARTS, WIDE, compare, compare_from_states, prepare
from test_regions_agreement import CASES

from jitppc.frontend.decode import rows
from jitppc.ir.layout import UNIT_BUFFER, UNIT_ROOM

KEYS = sorted({row.key for row in (*plain_rows(), *memory_rows())})
STATES = 8
NOP = 0x60000000


@settings(max_examples=300)
@given(U32, U32, st.sampled_from(STARTS), st.integers(1, 600), st.sampled_from(WIDE), st.data())
def test_programs(seed, state_seed, start, limit, mode, data):
    native = bench("units")
    words = program(seed, 2 + seed % 30, branches=0.2)
    prepare(native, start, words, mode, state_seed)
    compare(native, start, words, mode, state_seed, 200)
    native.memory.write(WINDOW, random.Random(state_seed).randbytes(WINDOW_BYTES))
    heads = data.draw(st.sets(st.integers(0, len(words) - 2), max_size=3)) | {0}
    for head in heads:
        native.make_unit(start + 4 * head)
    compare(native, start, words, mode, state_seed, limit)
    compare(native, start, words, mode, state_seed ^ 1, limit)


@pytest.mark.parametrize(("key", "mode"), CASES)
def test_every_row(key, mode):
    """From many states, so that ordinary cases and all others are seen."""
    source = random.Random(key)
    row, native = rows()[key], bench("units")
    word = random_word(row, source, near=True)
    if row in memory_rows():
        word = with_fields(row, word, RA=29, RB=27, D=16, DS=4, DQ=1)
    little = mode == "le64"
    native.place_vectors(little)
    native.place(CODE, [NOP, word, NOP, STAY], little)
    native.load_state(program_state(0, mode))
    native.run(CODE, 3)
    native.make_unit(CODE)
    compare_from_states(native, word, source, 3, STATES, mode)


@pytest.mark.parametrize("mode", ["be32", "le32"])
def test_32_bit_code_has_no_units(mode):
    native, little = bench("units"), mode == "le32"
    native.place_vectors(little)
    native.place(CODE, [NOP, NOP, STAY], little)
    native.load_state(program_state(0, mode))
    native.run(CODE, 3)
    assert 0 == native.make_unit(CODE)


@pytest.mark.parametrize("mode", WIDE)
def test_most_ordinary_instructions_have_a_stencil(mode):
    native, without, little = bench("units"), [], mode == "le64"
    native.place_vectors(little)
    for key in KEYS:
        row = rows()[key]
        word = random_word(row, random.Random(key), near=True)
        native.place(CODE, [NOP, word, NOP, STAY], little)
        native.load_state(program_state(0, mode))
        native.run(CODE, 3)
        if native.make_unit(CODE) < 2:
            without.append(key)
    plain = {key for key in without if rows()[key].body.__module__.rpartition(".")[2].startswith(
        ("fixed", "branch", "cr"))}
    assert not plain
    assert len(without) < len(KEYS) // 3


def loop_that_patches_itself() -> list[int]:
    """Adds 1 to r3 in a loop; half way through, the addition becomes one of 7."""
    return [
        0x38600000,               # li    r3,0
        0x38800064,               # li    r4,100
        0x7C8903A6,               # mtctr r4
        0x38630001,               # addi  r3,r3,1      <- patched
        0x7CA902A6,               # mfctr r5
        0x2C250032,               # cmpdi r5,50
        0x40820010,               # bne   +16
        0x90DC0000,               # stw   r6,0(r28)
        0x7C00E0AC - 0x40,        # dcbst 0,r28
        0x7C00E7AC,               # icbi  0,r28
        0x4200FFE4,               # bdnz  -28
        STAY,
    ]


def test_a_unit_whose_page_is_stored_to_is_made_anew():
    native, words = bench("units"), loop_that_patches_itself()
    prepare(native, CODE, words, "le64", 0)
    state = program_state(0, "le64")
    state[0]["gpr"][28], state[0]["gpr"][6] = CODE + 12, 0x38630007
    native.load_state(state)
    judge = Judge(state, native.memory.read(0, native.memory.size), MODES["le64"][0])
    before = native.counter("units")
    found = native.run(CODE, 100_000)
    nia = judge.run(CODE, 2000)
    assert native.counter("units") > before
    assert found.nia == nia == CODE + 4 * (len(words) - 1)
    assert int(found.state[0]["gpr"][3]) == int(state[0]["gpr"][3]) == 51 + 49 * 7


def test_a_full_buffer_is_emptied_and_heads_get_their_handlers_back():
    native, words = bench("units"), [NOP, NOP, NOP, STAY]
    prepare(native, CODE, words, "le64", 1)
    compare(native, CODE, words, "le64", 1, 3)
    assert native.make_unit(CODE) == 4
    machine, flushes = native.memory.state[0], native.counter("unit_flushes")
    first = int(native.cells(CODE)["entry"][0])
    assert machine["units"] <= first < machine["units_end"]
    machine["units_next"] = int(machine["units"]) + UNIT_BUFFER - UNIT_ROOM + 1
    assert native.make_unit(CODE + 4) == 3
    assert native.counter("unit_flushes") == flushes + 1
    entries = native.cells(CODE)["entry"]
    assert not machine["units"] <= int(entries[0]) < machine["units_end"]
    assert int(entries[1]) == machine["units"]
    compare(native, CODE, words, "le64", 2, 3)
