"""Fields of CR that a region keeps as the two numbers that were compared.

A comparison in a loop is mostly there for the branch behind it. The four bits that it puts into CR
take eight host instructions, and seldom does another instruction look at them. So where all writes
of a field are comparisons, its variable is the pair of operands, and whoever leaves or looks makes
the bits. The summary overflow bit among them is XER[SO], which must not change
in the region.
"""

from __future__ import annotations

from typing import NamedTuple

from jitppc.ir.block import Value
from jitppc.ir.simplify import possible_bits

#: the field was compared, as signed or as unsigned numbers; otherwise its plain bits stand here
COMPARED, COMPARED_UNSIGNED = 0xFF, 0xFE
PREDICATES = ("slt", "ult")


SIGN = 1 << 63


class Comparison(NamedTuple):
    """What a write of a CR field says: x < y, x > y or x = y, as signed or unsigned doublewords."""

    x: Value
    y: Value
    is_signed: bool


def comparison(value: Value) -> Comparison | None:
    """The comparison that makes a CR field's value, or None if it is anything else.

    Builder.comparison says how it looks.
    """
    if value.op.name != "or":
        return None
    for code, overflow in (value.args, value.args[::-1]):
        if overflow.op.name == "get" and overflow.attr == "so" and code.op.name == "select":
            less, eight, rest = code.args
            if eight.constant == 8 and rest.op.name == "select":
                greater, four, two = rest.args
                if four.constant == 4 and two.constant == 2:
                    return _of(less, greater)
    return None


def _of(less: Value, greater: Value) -> Comparison | None:
    if less.op.name not in PREDICATES or less.op is not greater.op:
        return None
    x, y = less.args
    if not (_same(x, greater.args[1]) and _same(y, greater.args[0])):
        return None
    fits = not (possible_bits(x) | possible_bits(y)) & SIGN
    return Comparison(x, y, less.op.name == "slt" or fits)


def _same(one: Value, other: Value) -> bool:
    return one is other or (one.constant is not None and one.constant == other.constant)
