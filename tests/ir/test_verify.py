"""Every row makes legal blocks in all modes; and the verifier names what is wrong with others."""

import random

import pytest
from hypothesis import given
from strategies import block_of, random_word, word_lists

from jitppc.frontend.decode import rows
from jitppc.frontend.translate import translate_row, translate_word
from jitppc.ir.block import Value
from jitppc.ir.builder import LE64, MODES, Builder
from jitppc.ir.ops import OPS
from jitppc.ir.passes import ORDER
from jitppc.ir.types import I8, I64, NOTHING
from jitppc.ir.verify import LAWS, verify


@pytest.mark.parametrize("row", rows().values(), ids=rows().keys())
def test_rows_make_legal_blocks(row):
    source = random.Random(row.key)
    words = [random_word(row, source) for _ in range(8)]
    for mode in MODES.values():
        for flags in row.variants():
            assert [] == verify(translate_row(row, flags, mode)), (mode.name, flags)
        for word in words:
            assert [] == verify(translate_word(word, mode)), (mode.name, hex(word))


@given(line=word_lists(max_size=10))
def test_passes_keep_blocks_legal(line):
    block = block_of(line, LE64)
    for one in ORDER:
        block = one(block)
        assert [] == verify(block)


def problems_of(build) -> str:
    b = Builder()
    build(b)
    return "\n".join(verify(b.block))


def raw(b, name, *args, attr=None, type_=I64):
    value = Value(OPS[name], type_, args, attr, False)
    b.block.values.append(value)
    return value


def late(b):
    x, y = b.get("gpr", 3), b.get("gpr", 4)
    b.add(x, y)
    b.block.values.reverse()


def twice(b):
    b.block.values += [b.get("lr")]


def write_then_load(b):
    b.set("gpr", 3, 0)
    b.load(64, b.get("gpr", 4))


def jump_in_the_middle(b):
    b.jump(b.get("lr"))
    b.set("gpr", 3, 0)


def bad_start(b):
    b.get("lr")
    b.block.starts = [(5, 0)]


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (late, "operands are constants or earlier ops"),
        (twice, "an op stands in the block once"),
        (write_then_load, "writes no register before it may interrupt"),
        (jump_in_the_middle, "what ends a block is its last op"),
        (bad_start, "outside the block's 1 ops"),
        (lambda b: raw(b, "add", b.get("lr"), b.get("so")), "number and types"),
        (lambda b: raw(b, "add", b.get("lr")), "number and types"),
        (lambda b: raw(b, "eq", b.get("lr"), b.get("lr")), "the result has the type"),
        (lambda b: raw(b, "get", attr="xyz"), "the register is in the layout"),
        (lambda b: raw(b, "get", b.const(32), attr="crf", type_=I8), "below its count"),
        (lambda b: raw(b, "get", b.const(0), attr="lr"), "a single register none"),
        (lambda b: raw(b, "set", b.get("so"), attr="lr", type_=NOTHING), "the register's type"),
        (lambda b: raw(b, "trunc", b.get("lr"), attr=64), "the op's direction"),
        (lambda b: raw(b, "add", b.get("lr"), b.get("lr"), attr=3), "has none"),
        (lambda b: b.store(64, b.get("lr"), b.get("so")), ""),
    ],
)
def test_the_verifier_says_what_is_wrong(build, sentence):
    try:
        assert sentence in problems_of(build)
    except TypeError:
        assert not sentence  # the builder refused already


def test_a_second_instruction_may_load_after_the_first_wrote():
    b = Builder()
    b.block.starts = [(0, 0)]
    b.set("gpr", 3, 0)
    b.block.starts.append((len(b.block.values), 4))
    b.load(64, b.get("gpr", 4))
    assert [] == verify(b.block)


def test_laws_are_sentences():
    assert len({law for _, law, _ in LAWS}) == len(LAWS)
