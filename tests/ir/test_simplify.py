"""Simplified expressions equal plain ones, for random trees of integer ops."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import EDGES, SparseMemory, random_state

from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.interp import Evaluator
from jitppc.ir.layout import CPU_STATE, REGISTERS
from jitppc.ir.ops import OPS
from jitppc.ir.ops.integer import ROWS
from jitppc.ir.passes import eliminate_dead
from jitppc.ir.types import BY_BITS, I1, I64

SOURCES = ("gpr", "so", "ca", "crf", "vsr", "xer_low")
PURE = [row.name for row in ROWS if row.is_pure]


class PlainBuilder(Builder):
    """Builds exactly what it is told."""

    def emit(self, name, *operands, attr=None):
        row = OPS[name]
        args, shared = self._typed(row, operands)
        value = Value(row, self._result_type(row, shared, attr), args, attr, False)
        self.block.values.append(value)
        return value


def tree(b: Builder, source: random.Random, size: int) -> None:
    """Random ops, the same for every builder with the same source; GPRs take the results."""
    values: dict = {}

    def keep(value: Value) -> None:
        values.setdefault(value.type.bits, []).append(value)

    def some(bits: int):
        pool = values.get(bits)
        if pool is None or source.random() < 0.3:
            return b.const(
                source.choice((0, 1, 2, 3, 7, bits - 1, bits, -1, source.choice(EDGES))),
                BY_BITS[bits],
            )
        return source.choice(pool[-6:])

    for name in SOURCES:
        for index in ((1, 2) if REGISTERS[name].count > 1 else ()) or (None,):
            keep(b.get(name, index))
    for _ in range(size):
        row = OPS[source.choice(PURE)]
        bits = source.choice((1, 8, 64, 64, 64, 128))
        if row.attr == "width":
            narrow, wide = sorted(source.sample((1, 8, 16, 32, 64, 128), 2))
            wider = (wide, narrow) if row.name == "trunc" else (narrow, wide)
            keep(b.emit(row.name, some(wider[0]), attr=wider[1]))
            continue
        if row.name == "bswap" and bits == 1:
            bits = 8
        operands = [some(bits if kind == "T" else kind.bits) for kind in row.args]
        keep(b.emit(row.name, *operands))
    for number, value in enumerate(v for pool in values.values() for v in pool[-3:]):
        wide = (
            value
            if value.type == I64
            else b.emit("trunc" if value.type.bits > 64 else "zext", value, attr=64)
        )
        b.set("gpr", 3 + number % 29, wide)


def run(builder: type[Builder], seed: int, size: int) -> np.ndarray:
    b = builder()
    tree(b, random.Random(seed), size)
    state = random_state(seed)
    Evaluator(state, SparseMemory()).run(b.block, 0)
    return state


@settings(max_examples=400)
@given(seed=st.integers(0, 2**64), size=st.integers(1, 60))
def test_simplified_trees_equal_plain_ones(seed, size):
    assert run(PlainBuilder, seed, size).tobytes() == run(Builder, seed, size).tobytes()


def test_a_branch_on_a_comparison_is_the_comparison():
    b = Builder()
    x, y = b.get("gpr", 3), b.get("gpr", 4)
    field = b.comparison(b.slt(x, y), b.slt(y, x))
    less, greater, equal = (b.ne(b.and_(field, b.const(bit, field.type)), 0) for bit in (8, 4, 2))
    assert "slt" == less.op.name
    assert ("select", "slt") == (greater.op.name, greater.args[2].op.name)
    assert [I1] * 3 == [v.type for v in (less, greater, equal)]
    assert not any(v.op.name in ("ne", "and") for v in b.block.values if v.type == field.type)


def test_the_opposite_of_a_comparison_is_a_comparison():
    b = Builder()
    x, y = b.get("gpr", 3), b.get("gpr", 4)
    assert "sle" == b.not_(b.slt(x, y)).op.name
    assert [y, x] == list(b.not_(b.slt(x, y)).args)


@given(
    st.integers(0, 31), st.sampled_from([0, 1, 0xFF, 0xFF00, 0xFFFF0000, 0xFFFFFFFF, 0xC0000003]),
    st.sampled_from(EDGES), st.booleans(),
)  # fmt: skip
def test_rotated_words_are_what_they_were(amount, mask, number, is_swapped):
    """As rlwinm makes them; narrower masks too, in which one end of the word counts."""
    results = []
    for builder in (Builder(), PlainBuilder()):
        low = builder.and_(builder.get("gpr", 1), 0xFFFFFFFF)
        halves = (low, builder.shl(low, 32))
        twice = builder.or_(*(halves[::-1] if is_swapped else halves))
        for n, one in enumerate((mask, mask & (1 << amount) - 1, mask & -1 << amount)):
            builder.set("gpr", 3 + n, builder.and_(builder.rotl(twice, amount), one))
        state = np.zeros(1, CPU_STATE)
        state["gpr"][0, 1] = number & (1 << 64) - 1
        Evaluator(state, SparseMemory()).run(builder.block, 0)
        results.append(state["gpr"][0, 3:6].tolist())
        if isinstance(builder, PlainBuilder):
            continue
        used = eliminate_dead(builder.block).values
        rotations = [v.type.bits for v in used if v.op.name == "rotl"]
        assert set(rotations) <= {32}
    assert results[0] == results[1]
