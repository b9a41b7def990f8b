"""Binding time: what static values may be, and what does not fit a cell."""

from __future__ import annotations

import random

import pytest
from strategies import random_word

from jitppc.backend.binding import SMALL_SLOTS, DoesNotFit, Slots, upper_bound
from jitppc.frontend.decode import rows
from jitppc.frontend.translate import translate_row
from jitppc.ir.block import Block
from jitppc.ir.builder import ANY, LE64, Builder


def static_numbers(block: Block, word: int) -> dict:
    """Every static value of a block, computed for a word."""
    known: dict = {}
    for value in block.values:
        if value.op.name == "field":
            _, width, shift = value.attr
            known[value] = word >> shift & (1 << width) - 1
        elif value.is_static and value.op.evaluate is not None:
            args = [a.constant if a.constant is not None else known[a] for a in value.args]
            shared = [a.type for a, k in zip(value.args, value.op.args, strict=True) if k == "T"]
            kind = shared[0] if shared else value.args[0].type
            known[value] = value.op.evaluate(kind, value.attr, *args)
    return known


@pytest.mark.parametrize("mode", [LE64, ANY], ids=lambda mode: mode.name)
def test_no_static_value_is_above_its_bound(mode):
    source = random.Random(1)
    for row in rows().values():
        for _ in range(6):
            word = random_word(row, source)
            block = translate_row(row, row.flag_values(word), mode)
            for value, number in static_numbers(block, word).items():
                assert number <= upper_bound(value), f"{row.key} {word:08x}: {value!r}"


def test_a_cell_has_four_small_slots():
    b = Builder(LE64)
    slots = Slots()
    values = [b.field(f"F{n}", 5, n) for n in range(SMALL_SLOTS + 1)]
    assert list(range(SMALL_SLOTS)) == [slots.small_slot(v, None) for v in values[:SMALL_SLOTS]]
    assert slots.small_slot(values[0], None) == 0  # it has one already
    assert not slots.has_room(values[-1], None, is_small=True)
    with pytest.raises(DoesNotFit, match="four slots"):
        slots.small_slot(values[-1], None)


def test_a_cell_has_one_wide_slot():
    b = Builder(LE64)
    slots = Slots()
    first, second = (b.shl(b.field("F", 16, n), 16) for n in range(2))
    slots.wide_slot(first)
    slots.wide_slot(first)
    assert not slots.has_room(second, None, is_small=False)
    with pytest.raises(DoesNotFit, match="wide"):
        slots.wide_slot(second)
