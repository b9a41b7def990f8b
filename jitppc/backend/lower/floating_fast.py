"""Floating-point operations with host arithmetic, for ordinary cases: no exception is enabled that
could happen, RN is nearest, operands and result are numbers well inside the range, or zeros.

MXCSR is not touched: what rounding took away is computed exactly, with Dekker's and Knuth's
error-free transformations, and its sign gives FR, its being zero FI.

Each function returns (conditions under which this is not an ordinary case, pack(FPSCR, bits)).
Ref: J.-M. Muller et al., Handbook of Floating-Point Arithmetic, 4.3, 4.4; Boldo & Muller, ErrFma.
"""

from __future__ import annotations

from jitppc.ir.block import Value
from jitppc.ir.fpscr import FPSCR
from jitppc.ir.ops.floating_status import limits

from .floating_soft import INFINITY, ONE, SIGN, B, flag

Fast = tuple[list[Value], Value]
#: exponent fields: results from SAFE on have an exact remainder
SAFE, LARGEST = 128, 2045
#: below it nothing overflows on the way
HUGE = 2000
#: the exponents of normal singles, in doubles
SINGLE_LOWEST, SINGLE_HIGHEST = 1023 - 126, 1023 + 127
#: adding and subtracting it rounds a double of less than 2**51 to an integer
ROUNDER = 0x4338 << 48


def exponent(b: B, x: Value) -> Value:
    """The exponent field of a double."""
    return b.and_(b.lshr(x, 52), 0x7FF)


def outside(b: B, x: Value, low: int, high: int) -> Value:
    """i1: x < low or x > high, unsigned."""
    return b.ult(b.const(high - low), b.sub(x, low))


def nonzero(b: B, x: Value) -> Value:
    """i1: a number other than the zeros (one instruction, where equality with 0 takes two)."""
    return b.d_lg(x, 0)


def exceptional(b: B, fpscr: Value, mask: int = FPSCR.XE | FPSCR.RN) -> Value:
    """i1: a bit of the mask is set, or an enabled exception has happened."""
    return b.ne(b.and_(fpscr, FPSCR.FEX | mask), 0)


def first_inexact(b: B, fpscr: Value, fi: Value) -> Value:
    """i1: the result is inexact, and that is new enough to set FX."""
    return b.and_(fi, b.eq(b.and_(fpscr, FPSCR.FX | FPSCR.XX), 0))


def said(b: B, fpscr: Value, fi: Value, fr: Value, fprf: Value | None) -> Value:
    """The FPSCR after a result that was at most inexact. FEX is known to be 0."""
    mask = FPSCR.FR | FPSCR.FI | FPSCR.FEX | (FPSCR.FPRF if fprf is not None else 0)
    told = b.or_(b.and_(fpscr, FPSCR.IMPLEMENTED & ~mask), flag(b, fi, FPSCR.FI | FPSCR.XX))
    told = b.or_(told, flag(b, fr, FPSCR.FR))
    return told if fprf is None else b.or_(told, fprf)


def exactly(b: B, fpscr: Value, bits: Value, fprf: Value | None) -> Value:
    """pack(FPSCR, bits) of an exact result."""
    no = b.ne(b.const(0), 0)
    return b.pack(said(b, fpscr, no, no, fprf), bits)


def class_of_number(b: B, bits: Value, is_nonzero: Value) -> Value:
    """FPRF of a normal number or zero."""
    sign = b.lshr(bits, 63)
    zero = b.or_(b.shl(sign, 16), FPSCR.FE)
    return b.select(is_nonzero, b.shl(b.const(FPSCR.FG), sign), zero)


def delivered(b: B, bad: list[Value], fpscr: Value, bits: Value, error: Value) -> Fast:
    """A double result and, exactly or by its sign, what it is short of."""
    fi = nonzero(b, error)
    fr = b.and_(fi, b.slt(b.xor(error, bits), 0))
    fprf = class_of_number(b, bits, nonzero(b, bits))
    bad = [*bad, exceptional(b, fpscr), first_inexact(b, fpscr, fi)]
    return bad, b.pack(said(b, fpscr, fi, fr, fprf), bits)


def delivered_single(
    b: B, bad: list[Value], fpscr: Value, near: Value, error: Value, negate: bool = False
) -> Fast:
    """The same, rounded once to single: first the double is made odd when it is inexact."""
    step = b.select(b.slt(b.xor(error, near), 0), b.const(-1), b.const(1))
    uneven = b.and_(nonzero(b, error), b.eq(b.and_(near, 1), 0))
    odd = b.select(uneven, b.add(near, step), near)
    bits, is_nonzero = b.d_single(odd), nonzero(b, odd)
    low = b.ult(exponent(b, odd), b.const(SINGLE_LOWEST))
    high = b.ult(b.const(SINGLE_HIGHEST), exponent(b, bits))
    fi, fr = b.ne(bits, odd), b.ult(odd, bits)
    bits = b.xor(bits, SIGN) if negate else bits
    bad = [*bad, b.and_(low, is_nonzero), high]
    bad += [exceptional(b, fpscr), first_inexact(b, fpscr, fi)]
    return bad, b.pack(said(b, fpscr, fi, fr, class_of_number(b, bits, is_nonzero)), bits)


def rounded_sum(b: B, x: Value, y: Value) -> tuple[Value, Value]:
    """x + y and its error."""
    near = b.d_add(x, y)
    part = b.d_sub(near, x)
    return near, b.d_add(b.d_sub(x, b.d_sub(near, part)), b.d_sub(y, part))


def settle(b: B, precision: int, bad: list[Value], fpscr: Value, near: Value, error: Value) -> Fast:
    """The result in the precision asked for."""
    if precision == 32:
        return delivered_single(b, bad, fpscr, near, error)
    return delivered(b, bad, fpscr, near, error)


def out_of_range(b: B, near: Value, low: int, high: int, matters: Value) -> list[Value]:
    """Conditions: an exponent above `high` (or no number), or below `low` when that matters."""
    e = exponent(b, near)
    return [b.ult(b.const(high), e), b.and_(b.ult(e, b.const(low)), matters)]


def add(b: B, precision: int, x: Value, y: Value, fpscr: Value, *, subtract: bool = False) -> Fast:
    """x + y. Small sums are exact; a denormal one is left to the slow path, for its class."""
    near, error = rounded_sum(b, x, b.xor(y, SIGN) if subtract else y)
    bad = out_of_range(b, near, 1, LARGEST, nonzero(b, near))
    return settle(b, precision, bad, fpscr, near, error)


def multiply(b: B, precision: int, x: Value, y: Value, fpscr: Value) -> Fast:
    """x * y."""
    near = b.d_mul(x, y)
    error = b.d_fma(x, y, b.xor(near, SIGN))
    bad = out_of_range(b, near, SAFE, LARGEST, b.and_(nonzero(b, x), nonzero(b, y)))
    return settle(b, precision, bad, fpscr, near, error)


def divide(b: B, precision: int, x: Value, y: Value, fpscr: Value) -> Fast:
    """x / y."""
    near = b.d_div(x, y)
    remainder = b.d_fma(b.xor(near, SIGN), y, x)
    error = b.xor(remainder, b.and_(y, SIGN))
    bad = [outside(b, exponent(b, near), SAFE, LARGEST), outside(b, exponent(b, x), SAFE, 2046)]
    return settle(b, precision, bad, fpscr, near, error)


def square_root(b: B, precision: int, x: Value, fpscr: Value) -> Fast:
    """The square root of x."""
    near = b.d_sqrt(x)
    error = b.d_fma(b.xor(near, SIGN), near, x)
    return settle(b, precision, [outside(b, x, SAFE << 52, INFINITY - 1)], fpscr, near, error)


def multiply_add(
    b: B, kind: str, precision: int, x: Value, z: Value, y: Value, fpscr: Value
) -> Fast:
    """±(x * z ± y)."""
    y = b.xor(y, SIGN) if kind.endswith("msub") else y
    near = b.d_fma(x, z, y)
    high = b.d_mul(x, z)
    low = b.d_fma(x, z, b.xor(high, SIGN))
    a1, a2 = rounded_sum(b, y, low)
    b1, b2 = rounded_sum(b, high, a1)
    error = b.d_add(b.d_add(b.d_sub(b1, near), b2), a2)
    bad = [
        *out_of_range(b, high, SAFE, HUGE, b.and_(nonzero(b, x), nonzero(b, z))),
        b.ult(b.const(HUGE), exponent(b, y)),
        *out_of_range(b, near, 1, LARGEST, nonzero(b, near)),
    ]
    negate = kind.startswith("n")
    if precision == 32:
        return delivered_single(b, bad, fpscr, near, error, negate)
    if negate:
        near, error = b.xor(near, SIGN), b.xor(error, SIGN)
    return delivered(b, bad, fpscr, near, error)


def narrow(b: B, bits: int, x: Value, fpscr: Value) -> Fast | None:
    """x rounded to single."""
    return delivered_single(b, [], fpscr, x, b.const(0)) if bits == 32 else None


def from_integer(b: B, is_signed: bool, precision: int, x: Value, fpscr: Value) -> Fast:
    """An integer that needs no rounding."""
    limit = 1 << (53 if precision == 64 else 24)
    if is_signed:
        large = outside(b, b.add(x, limit), 0, 2 * limit)
    else:
        large = b.ult(b.const(limit), x)
    bits = b.d_of_int(x)
    fprf = class_of_number(b, bits, b.ne(x, 0))
    return [large, exceptional(b, fpscr, 0)], exactly(b, fpscr, bits, fprf)


def to_integer(
    b: B, is_signed: bool, bits: int, truncates: bool, x: Value, fpscr: Value
) -> Fast:
    """A number as an integer in range."""
    whole = x if truncates else b.d_sub(b.d_add(x, ROUNDER), ROUNDER)
    value = b.d_to_int(whole)
    low, high = limits(is_signed, bits)
    bad = [b.ule(b.const(1023 + (62 if truncates else 50)), exponent(b, x))]
    if bits == 32:
        bad.append(outside(b, value, low, high))
    elif not is_signed:
        bad.append(b.slt(value, 0))
    back = b.d_of_int(value)
    fi = b.d_lg(back, x)
    fr = b.ult(b.and_(x, SIGN - 1), b.and_(back, SIGN - 1))
    bad += [exceptional(b, fpscr, FPSCR.XE | (0 if truncates else FPSCR.RN))]
    bad += [first_inexact(b, fpscr, fi)]
    return bad, b.pack(said(b, fpscr, fi, fr, None), value)


def to_integral(b: B, how: str, x: Value, fpscr: Value) -> Fast | None:
    """A number of less than 2**51 rounded to an integer, in its own format."""
    one = b.const(ONE)
    whole = b.d_of_int(b.d_to_int(x))
    if how == "down":
        moved = b.select(b.d_lt(x, whole), b.d_sub(whole, one), whole)
    elif how == "up":
        moved = b.select(b.d_lt(whole, x), b.d_add(whole, one), whole)
    elif how == "zero":
        moved = whole
    elif how == "away":
        half = b.and_(b.d_sub(x, whole), SIGN - 1)
        away = b.d_add(whole, b.or_(one, b.and_(x, SIGN)))
        moved = b.select(b.d_lt(half, 0x3FE << 52), whole, away)
    else:
        moved = b.d_sub(b.d_add(x, ROUNDER), ROUNDER)
    bits = b.or_(b.and_(moved, SIGN - 1), b.and_(x, SIGN))
    bad = [outside(b, exponent(b, x), 1, 1023 + 50)]
    fprf = class_of_number(b, bits, nonzero(b, bits))
    if how != "current":
        return [*bad, exceptional(b, fpscr, 0)], exactly(b, fpscr, bits, fprf)
    fi, fr = b.ne(bits, x), b.ult(x, bits)
    bad += [exceptional(b, fpscr), first_inexact(b, fpscr, fi)]
    return bad, b.pack(said(b, fpscr, fi, fr, fprf), bits)


def compare(b: B, x: Value, y: Value, fpscr: Value) -> Fast:
    """FPCC of two numbers."""
    less, greater = b.d_lt(x, y), b.d_lt(y, x)
    code = b.select(less, b.const(8), b.select(greater, b.const(4), b.const(2)))
    bad = [b.d_uno(x, y), exceptional(b, fpscr, 0)]
    told = b.or_(b.and_(fpscr, ~(FPSCR.FPCC | FPSCR.FEX)), b.shl(code, 12))
    return bad, b.pack(told, code)


def extremum(b: B, kind: str, x: Value, y: Value, fpscr: Value) -> Fast:
    """The larger or smaller of two numbers."""
    smallest = kind.startswith("min")
    bits = b.select(b.d_lt(x, y) if smallest else b.d_lt(y, x), x, y)
    if not kind.endswith("c"):
        same = b.or_(x, y) if smallest else b.and_(x, y)
        bits = b.select(b.d_lg(x, y), bits, same)
    bad = [b.d_uno(x, y), exceptional(b, fpscr, 0)]
    return bad, b.pack(b.and_(fpscr, ~FPSCR.FEX), bits)
