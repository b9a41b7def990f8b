"""Products of halfwords summed into singles: a row of an outer product. Two ops, as in floating_vector.py.

FR, FI and FPRF stay. Ref: Book I 7.6.3 (xvf16ger2, xvbf16ger2).
"""

from __future__ import annotations

from jitppc.ir import ieee
from jitppc.ir.ieee import BFLOAT, DOUBLE, HALF, SINGLE, Rounding
from jitppc.ir.types import I64, I128, Type

from .floating_vector import vector_status
from .row import Op
from .vector_lanes import join, split

HALVES = {"half": HALF, "bfloat": BFLOAT}


def _signed(x: int, letter: str) -> int:
    """A double with the other sign if the letter is n; NaNs keep theirs."""
    return x ^ DOUBLE.sign_bit if letter == "n" and not DOUBLE.is_nan(x) else x


def _one(attr: tuple[str, str], x: int, y: int, z: int, fpscr: int) -> tuple[int, int]:
    """The single, and the exceptions on the way."""
    source, kind = attr
    how, fmt = Rounding(SINGLE, fpscr), HALVES[source]
    x0, y0, x1, y1 = (ieee.widened(fmt, DOUBLE, half & 0xFFFF) for half in (x >> 16, y >> 16, x, y))
    first = ieee.multiply(DOUBLE, x0, y0, Rounding(DOUBLE, fpscr))
    both = ieee.multiply_add(DOUBLE, x1, y1, first.bits, how)
    causes, bits = first.exceptions | both.exceptions, both.bits
    if DOUBLE.is_nan(bits):
        bits = bits >> 29 << 29
    if kind:
        total = ieee.add(DOUBLE, _signed(bits, kind[0]), _signed(ieee.widened(SINGLE, DOUBLE, z), kind[1]), how)
        causes, bits = causes | total.exceptions, total.bits
    return ieee.stored_single(bits), causes


def _each(attr: tuple[str, str], x: int, y: int, z: int, fpscr: int) -> list[tuple[int, int]]:
    columns = zip(split(x, 32), split(y, 32), split(z, 32), strict=True)
    return [_one(attr, a, c, addend, fpscr) for a, c, addend in columns]


def _vector(_t: Type, attr: tuple[str, str], *operands: int) -> int:
    return join([bits for bits, _ in _each(attr, *operands)], 32)


def _status(_t: Type, attr: tuple[str, str], *operands: int) -> int:
    exceptions = 0
    for _, causes in _each(attr, *operands):
        exceptions |= causes
    return vector_status(operands[-1], exceptions)


SAYS = ("For each word the sum of both products of its halves, rounded once to single; "
        "with a kind pp, pn, np or nn plus "
        "or minus (the first letter) that, plus or minus the third operand, rounded again. The attribute is (half or "
        "bfloat, kind or nothing).")
OPERANDS = (I128, I128, I128, I64)
ROWS = (
    Op("fv_outer", OPERANDS, I128, SAYS, _vector, attr="kind"),
    Op("fv_outer_status", OPERANDS, I64, SAYS + " The FPSCR.", _status, attr="kind"),
)
