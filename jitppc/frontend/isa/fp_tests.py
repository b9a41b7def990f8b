"""What ftdiv, ftsqrt and their VSX relatives find out about operands, for both formats. Ref: Book I 4.6.6.1, 7.6.3."""

from __future__ import annotations

from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.ieee import DOUBLE, Format
from jitppc.ir.types import I8


def _exponent(b: Builder, fmt: Format, x: Value) -> Value:
    """The biased exponent field."""
    return b.lshr(b.and_(x, fmt.infinity), fmt.fraction_bits)


def _any(b: Builder, first: Value, *others: Value) -> Value:
    for other in others:
        first = b.or_(first, other)
    return first


def _code(b: Builder, fg: Value, fe: Value) -> Value:
    """1 || fg_flag || fe_flag || 0: fl_flag is 1 because estimates are better than 2**-14."""
    bits = b.or_(b.shl(b.zext(fg, 8), 2), b.shl(b.zext(fe, 8), 1))
    return b.or_(bits, b.const(8, I8))


def division_test(b: Builder, x: Value, y: Value, fmt: Format = DOUBLE) -> Value:
    """The CR field for x / y; operands are zero-extended to doublewords."""
    magnitude = fmt.sign_bit - 1
    top = fmt.infinity >> fmt.fraction_bits
    ex, ey = _exponent(b, fmt, x), _exponent(b, fmt, y)
    mx, my = b.and_(x, magnitude), b.and_(y, magnitude)
    distance = b.sub(ex, ey)
    x_matters = _any(b, b.sle(b.const(fmt.bias), distance), b.sle(distance, b.const(fmt.lowest + 1)),
                     b.ule(ex, b.const(fmt.fraction_bits + 1)))
    fe = _any(b, b.eq(ex, top), b.eq(ey, top), b.eq(my, 0), b.ule(ey, b.const(1)),
              b.ule(b.const(2 * fmt.bias - 2), ey), b.and_(b.ne(mx, 0), x_matters))
    fg = _any(b, b.eq(mx, fmt.infinity), b.eq(my, fmt.infinity), b.eq(ey, 0))
    return _code(b, fg, fe)


def root_test(b: Builder, x: Value, fmt: Format = DOUBLE) -> Value:
    """The CR field for the square root of x, zero-extended to a doubleword."""
    top = fmt.infinity >> fmt.fraction_bits
    e = _exponent(b, fmt, x)
    fe = _any(b, b.eq(b.and_(x, fmt.sign_bit - 1), 0), b.eq(e, top), b.ne(b.and_(x, fmt.sign_bit), 0),
              b.ule(e, b.const(fmt.fraction_bits + 1)))
    fg = _any(b, b.eq(b.and_(x, fmt.sign_bit - 1), fmt.infinity), b.eq(e, 0))
    return _code(b, fg, fe)
