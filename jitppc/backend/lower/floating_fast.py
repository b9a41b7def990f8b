"""Floating-point operations with host arithmetic, for ordinary cases: RN is nearest, XE is off, and
operands and result are numbers well inside the range (or zeros). MXCSR is not touched: what
rounding took away is computed exactly, with Dekker's and Knuth's error-free transformations, and
its sign gives FR, its being zero FI.

Each function returns (i1: this was an ordinary case, pack(FPSCR, bits)); the second is void without
the first. Ref: J.-M. Muller et al., Handbook of Floating-Point Arithmetic, 4.3, 4.4; Boldo &
Muller, ErrFma.
"""

from __future__ import annotations

from jitppc.ir.block import Value
from jitppc.ir.fpscr import FPSCR
from jitppc.ir.ops.floating_status import limits

from .floating_soft import INFINITY, SIGN, B, flag, not_

Fast = tuple[Value, Value]
#: exponent fields: results above SAFE have an exact remainder; below HUGE nothing on the way
#: overflows
SAFE, HUGE, LARGEST = 128, 2000, 2045
#: the exponents of normal singles, in doubles
SINGLE_LOWEST, SINGLE_HIGHEST = 1023 - 126, 1023 + 127


def exponent(b: B, x: Value) -> Value:
    """The exponent field of a double."""
    return b.and_(b.lshr(x, 52), 0x7FF)


def between(b: B, x: Value, low: int, high: int) -> Value:
    """i1: low <= x <= high, unsigned."""
    return b.ule(b.sub(x, low), b.const(high - low))


def is_zero(b: B, x: Value) -> Value:
    """i1: either zero."""
    return b.eq(b.and_(x, SIGN - 1), 0)


def is_ordinary(b: B, fpscr: Value) -> Value:
    """i1: rounding is to nearest, and inexactness raises nothing."""
    return b.eq(b.and_(fpscr, FPSCR.XE | FPSCR.RN), 0)


def said(b: B, fpscr: Value, fi: Value, fr: Value, fprf: Value | None) -> Value:
    """The FPSCR after a result that was at most inexact."""
    kept = b.and_(fpscr, ~(FPSCR.FR | FPSCR.FI | (FPSCR.FPRF if fprf is not None else 0)))
    inexact = flag(b, fi, FPSCR.FI | FPSCR.XX)
    fresh = b.and_(b.shl(b.and_(inexact, b.not_(fpscr)), 6), FPSCR.FX)
    told = b.or_(b.or_(kept, inexact), b.or_(fresh, flag(b, fr, FPSCR.FR)))
    return told if fprf is None else b.or_(told, fprf)


def class_of_number(b: B, bits: Value, zero: Value) -> Value:
    """FPRF of a normal number or zero."""
    sign = b.lshr(bits, 63)
    return b.select(zero, b.or_(b.shl(sign, 16), FPSCR.FE), b.shl(b.const(FPSCR.FG), sign))


def delivered(b: B, ok: Value, fpscr: Value, bits: Value, error: Value) -> Fast:
    """A double result and, exactly or by its sign, what it is short of."""
    fi = not_(b, is_zero(b, error))
    fr = b.and_(fi, b.slt(b.xor(error, bits), 0))
    return ok, b.pack(said(b, fpscr, fi, fr, class_of_number(b, bits, is_zero(b, bits))), bits)


def delivered_single(
    b: B, ok: Value, fpscr: Value, near: Value, error: Value, negate: bool = False
) -> Fast:
    """The same, rounded once to single: first the double is made odd when it is inexact."""
    step = b.select(b.slt(b.xor(error, near), 0), b.const(-1), b.const(1))
    uneven = b.and_(not_(b, is_zero(b, error)), b.eq(b.and_(near, 1), 0))
    odd = b.select(uneven, b.add(near, step), near)
    bits = b.d_single(odd)
    zero = is_zero(b, odd)
    within = b.and_(
        b.ule(b.const(SINGLE_LOWEST), exponent(b, odd)),
        b.ule(exponent(b, bits), b.const(SINGLE_HIGHEST)),
    )
    ok = b.and_(ok, b.or_(within, zero))
    fi, fr = b.ne(bits, odd), b.ult(odd, bits)
    bits = b.xor(bits, SIGN) if negate else bits
    return ok, b.pack(said(b, fpscr, fi, fr, class_of_number(b, bits, zero)), bits)


def rounded_sum(b: B, x: Value, y: Value) -> tuple[Value, Value]:
    """x + y and its error."""
    near = b.d_add(x, y)
    part = b.d_sub(near, x)
    return near, b.d_add(b.d_sub(x, b.d_sub(near, part)), b.d_sub(y, part))


def settle(b: B, precision: int, ok: Value, fpscr: Value, near: Value, error: Value) -> Fast:
    """The result in the precision asked for."""
    if precision == 32:
        return delivered_single(b, ok, fpscr, near, error)
    return delivered(b, ok, fpscr, near, error)


def add(b: B, precision: int, x: Value, y: Value, fpscr: Value, *, subtract: bool = False) -> Fast:
    """x + y. Small sums are exact; a denormal one is left to the slow path, for its class."""
    near, error = rounded_sum(b, x, b.xor(y, SIGN) if subtract else y)
    ok = b.or_(between(b, exponent(b, near), 1, LARGEST), is_zero(b, near))
    return settle(b, precision, b.and_(ok, is_ordinary(b, fpscr)), fpscr, near, error)


def zero_product(b: B, near: Value, x: Value, y: Value) -> Value:
    """i1: a product is zero because an operand is."""
    return b.and_(is_zero(b, near), b.or_(is_zero(b, x), is_zero(b, y)))


def multiply(b: B, precision: int, x: Value, y: Value, fpscr: Value) -> Fast:
    """x * y."""
    near = b.d_mul(x, y)
    error = b.d_fma(x, y, b.xor(near, SIGN))
    ok = b.or_(between(b, exponent(b, near), SAFE, LARGEST), zero_product(b, near, x, y))
    return settle(b, precision, b.and_(ok, is_ordinary(b, fpscr)), fpscr, near, error)


def divide(b: B, precision: int, x: Value, y: Value, fpscr: Value) -> Fast:
    """x / y."""
    near = b.d_div(x, y)
    remainder = b.d_fma(b.xor(near, SIGN), y, x)
    error = b.xor(remainder, b.and_(y, SIGN))
    ok = b.and_(
        between(b, exponent(b, near), SAFE, LARGEST), between(b, exponent(b, x), SAFE, 2046)
    )
    return settle(b, precision, b.and_(ok, is_ordinary(b, fpscr)), fpscr, near, error)


def square_root(b: B, precision: int, x: Value, fpscr: Value) -> Fast:
    """The square root of x."""
    near = b.d_sqrt(x)
    error = b.d_fma(b.xor(near, SIGN), near, x)
    ok = between(b, x, SAFE << 52, INFINITY - 1)
    return settle(b, precision, b.and_(ok, is_ordinary(b, fpscr)), fpscr, near, error)


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
    ok = b.or_(between(b, exponent(b, high), SAFE, HUGE), zero_product(b, high, x, z))
    ok = b.and_(ok, b.ule(exponent(b, y), b.const(HUGE)))
    ok = b.and_(ok, b.or_(between(b, exponent(b, near), 1, LARGEST), is_zero(b, near)))
    ok = b.and_(ok, is_ordinary(b, fpscr))
    negate = kind.startswith("n")
    if precision == 32:
        return delivered_single(b, ok, fpscr, near, error, negate)
    if negate:
        near, error = b.xor(near, SIGN), b.xor(error, SIGN)
    return delivered(b, ok, fpscr, near, error)


def narrow(b: B, bits: int, x: Value, fpscr: Value) -> Fast:
    """x rounded to single."""
    if bits != 32:
        return b.ne(b.const(0), 0), b.pack(fpscr, x)
    return delivered_single(b, is_ordinary(b, fpscr), fpscr, x, b.const(0))


def from_integer(b: B, is_signed: bool, precision: int, x: Value, fpscr: Value) -> Fast:
    """An integer that needs no rounding."""
    limit = 1 << (53 if precision == 64 else 24)
    small = between(b, b.add(x, limit), 0, 2 * limit) if is_signed else b.ule(x, b.const(limit))
    bits, no = b.d_of_int(x), b.ne(b.const(0), 0)
    return small, b.pack(said(b, fpscr, no, no, class_of_number(b, bits, b.eq(x, 0))), bits)


def to_integer(b: B, is_signed: bool, bits: int, truncates: bool, x: Value, fpscr: Value) -> Fast:
    """A number truncated to an integer in range."""
    value = b.d_to_int(x)
    low, high = limits(is_signed, bits)
    ok = b.ult(exponent(b, x), b.const(1023 + 62))
    if bits == 32:
        ok = b.and_(ok, between(b, value, low, high))
    elif not is_signed:
        ok = b.and_(ok, b.sle(b.const(0), value))
    fi, no = not_(b, b.d_eq(b.d_of_int(value), x)), b.ne(b.const(0), 0)
    ok = b.and_(ok, b.eq(b.and_(fpscr, FPSCR.XE), 0)) if truncates else no
    return ok, b.pack(said(b, fpscr, fi, no, None), value)


def to_integral(b: B, how: str, x: Value, fpscr: Value) -> Fast:
    """A number rounded to an integer by truncation and a correction; zeros and large numbers are
    left out.
    """
    whole = b.d_of_int(b.d_to_int(x))
    one = b.const(0x3FF << 52)
    if how in ("up", "down"):
        low, high = (x, whole) if how == "down" else (whole, x)
        moved = b.select(
            b.d_lt(low, high), b.d_add(whole, b.xor(one, SIGN) if how == "down" else one), whole
        )
    elif how == "zero":
        moved = whole
    else:
        return b.ne(b.const(0), 0), b.pack(fpscr, x)
    bits = b.or_(b.and_(moved, SIGN - 1), b.and_(x, SIGN))
    no = b.ne(b.const(0), 0)
    return between(b, exponent(b, x), 1, 1023 + 51), b.pack(
        said(b, fpscr, no, no, class_of_number(b, bits, is_zero(b, bits))), bits
    )


def compare(b: B, x: Value, y: Value, fpscr: Value) -> Fast:
    """FPCC of two numbers."""
    less, equal, greater = b.d_lt(x, y), b.d_eq(x, y), b.d_lt(y, x)
    code = b.select(less, b.const(8), b.select(greater, b.const(4), b.const(2)))
    fpscr = b.or_(b.and_(fpscr, ~FPSCR.FPCC), b.shl(code, 12))
    return b.or_(b.or_(less, equal), greater), b.pack(fpscr, code)


def extremum(b: B, kind: str, x: Value, y: Value, fpscr: Value) -> Fast:
    """The larger or smaller of two numbers."""
    less, equal, greater = b.d_lt(x, y), b.d_eq(x, y), b.d_lt(y, x)
    smallest = kind.startswith("min")
    bits = b.select(less if smallest else greater, x, y)
    if not kind.endswith("c"):
        bits = b.select(equal, b.or_(x, y) if smallest else b.and_(x, y), bits)
    return b.or_(b.or_(less, equal), greater), b.pack(fpscr, bits)
