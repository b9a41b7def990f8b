"""Text and blocks say the same."""

import pytest
from hypothesis import given
from strategies import SparseMemory, block_of, cpu_states, memories, random_state, word_lists
from test_passes import observed

from jitppc.frontend.decode import rows
from jitppc.frontend.translate import translate_row
from jitppc.ir.builder import ANY
from jitppc.ir.interp import Evaluator
from jitppc.ir.text import block_text, parse_block
from jitppc.ir.verify import verify


@given(line=word_lists(max_size=10), state=cpu_states(), memory=memories())
def test_a_parsed_text_is_an_equal_block(line, state, memory):
    block = block_of(line)
    again = parse_block(block_text(block))
    assert block_text(block) == block_text(again)
    assert [] == verify(again)
    assert observed(block, state, memory) == observed(again, state, memory)
    assert block.starts == again.starts


@pytest.mark.parametrize("row", rows().values(), ids=rows().keys())
def test_handlers_round_trip_with_their_static_values(row):
    for flags in row.variants():
        block = translate_row(row, flags, ANY)
        again = parse_block(block_text(block))
        assert block_text(block) == block_text(again)
        assert [v.is_static for v in block.values] == [v.is_static for v in again.values]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("%0:i64 = get[lr]\n%0:i64 = get[ctr]", "line 2: %0 is there already"),
        ("jump %7", "line 1: %7 is not defined above"),
        ("; fine\nfrobnicate 3", "line 2: there is no op frobnicate"),
        ("%0:i65 = get[lr]", "there is no type i65"),
        ("set[lr] x", "neither a name nor a number"),
        ("set[lr", "not an op"),
    ],
)
def test_the_parser_names_the_line(text, problem):
    with pytest.raises(ValueError, match=problem):
        parse_block(text)


def test_numbers_are_taken_modulo_their_type():
    block = parse_block("set[so] -1:i8 ; all ones\nset[lr] 0x10")
    assert [255, 16] == [v.args[0].constant for v in block.values]
    state = random_state(0)
    Evaluator(state, SparseMemory()).run(block, 0)
    assert (255, 16) == (state[0]["so"], state[0]["spr"][8])
