"""Floating-point operations with host arithmetic, for ordinary cases: no exception is enabled that
could happen, RN is nearest, operands and result are numbers well inside the range, or zeros.

MXCSR is not touched: what rounding took away is computed exactly, with Dekker's and Knuth's
error-free transformations, and its sign gives FR, its being zero FI.

Each function returns an `Ordinary`: the result, what can be said about it, and the conditions under
which it must not be used. Ref: J.-M. Muller et al., Handbook of Floating-Point Arithmetic, 4.3 and
4.4; Boldo & Muller, ErrFma.
"""

from __future__ import annotations

from dataclasses import dataclass

from jitppc.ir.block import Value
from jitppc.ir.fpscr import FPSCR
from jitppc.ir.ops.floating_status import limits

from .floating_soft import INFINITY, ONE, SIGN, B, flag

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


@dataclass(frozen=True, slots=True)
class Ordinary:
    """A result. `bad` are conditions (i1) under which this is no ordinary case, `controls` the bits
    of the FPSCR that must be 0 for it to be one. None for `fi` and `fr`: they stay as they are.
    None for `fprf`: it stays. FPRF is said under `fprf_mask`.
    """

    bits: Value
    bad: list[Value]
    controls: int = 0
    fi: Value | None = None
    fr: Value | None = None
    fprf: Value | None = None
    fprf_mask: int = FPSCR.FPRF

    def unusual(self, b: B, fpscr: Value) -> list[Value]:
        """All conditions under which neither the result nor `told` is right."""
        return [*self.bad, b.ne(b.and_(fpscr, FPSCR.FEX | self.controls), 0)]

    def first_inexact(self, b: B, fpscr: Value, known: int = FPSCR.FX | FPSCR.XX) -> Value | None:
        """i1: the result is inexact, and none of the known bits is set: that is news."""
        if self.fi is None or self.fi.constant == 0:
            return None
        return b.and_(self.fi, b.eq(b.and_(fpscr, known), 0))

    def told(self, b: B, fpscr: Value) -> Value:
        """The FPSCR after the result. FEX is known to be 0."""
        kept, said = FPSCR.IMPLEMENTED & ~FPSCR.FEX, b.const(0)
        if self.fi is not None and self.fr is not None:
            kept &= ~(FPSCR.FR | FPSCR.FI)
            said = flag(b, self.fi, FPSCR.FI | FPSCR.XX)
            said = b.or_(said, flag(b, self.fr, FPSCR.FR))
        if self.fprf is not None:
            kept &= ~self.fprf_mask
            said = b.or_(said, self.fprf)
        return b.or_(b.and_(fpscr, kept), said)


def complete(b: B, fpscr: Value, form: Ordinary) -> tuple[list[Value], Value]:
    """Conditions, and pack(FPSCR, bits)."""
    news = form.first_inexact(b, fpscr)
    conditions = form.unusual(b, fpscr) + ([] if news is None else [news])
    return conditions, b.pack(form.told(b, fpscr), form.bits)


def class_of_number(b: B, bits: Value, is_nonzero: Value) -> Value:
    """FPRF of a normal number or zero."""
    sign = b.lshr(bits, 63)
    zero = b.or_(b.shl(sign, 16), FPSCR.FE)
    return b.select(is_nonzero, b.shl(b.const(FPSCR.FG), sign), zero)


ROUNDING = FPSCR.XE | FPSCR.RN


def never(b: B) -> Value:
    """The i1 0."""
    return b.ne(b.const(0), 0)


def exactly(b: B, bad: list[Value], bits: Value, is_nonzero: Value) -> Ordinary:
    """An exact result."""
    return Ordinary(bits, bad, 0, never(b), never(b), class_of_number(b, bits, is_nonzero))


def delivered(b: B, bad: list[Value], bits: Value, error: Value) -> Ordinary:
    """A double result and, exactly or by its sign, what it is short of."""
    fi = nonzero(b, error)
    fr = b.and_(fi, b.slt(b.xor(error, bits), 0))
    return Ordinary(
        bits, bad, ROUNDING, fi, fr, class_of_number(b, bits, nonzero(b, bits))
    )


def delivered_single(
    b: B, bad: list[Value], near: Value, error: Value, negate: bool = False
) -> Ordinary:
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
    return Ordinary(bits, bad, ROUNDING, fi, fr, class_of_number(b, bits, is_nonzero))


def rounded_sum(b: B, x: Value, y: Value) -> tuple[Value, Value]:
    """x + y and its error."""
    near = b.d_add(x, y)
    part = b.d_sub(near, x)
    return near, b.d_add(b.d_sub(x, b.d_sub(near, part)), b.d_sub(y, part))


def settle(b: B, precision: int, bad: list[Value], near: Value, error: Value) -> Ordinary:
    """The result in the precision asked for."""
    if precision == 32:
        return delivered_single(b, bad, near, error)
    return delivered(b, bad, near, error)


def out_of_range(b: B, near: Value, low: int, high: int, matters: Value) -> list[Value]:
    """Conditions: an exponent above `high` (or no number), or below `low` when that matters."""
    e = exponent(b, near)
    return [b.ult(b.const(high), e), b.and_(b.ult(e, b.const(low)), matters)]


def add(b: B, precision: int, x: Value, y: Value, *, subtract: bool = False) -> Ordinary:
    """x + y. Small sums are exact; a denormal one is left to the slow path, for its class."""
    near, error = rounded_sum(b, x, b.xor(y, SIGN) if subtract else y)
    bad = out_of_range(b, near, 1, LARGEST, nonzero(b, near))
    return settle(b, precision, bad, near, error)


def multiply(b: B, precision: int, x: Value, y: Value) -> Ordinary:
    """x * y."""
    near = b.d_mul(x, y)
    error = b.d_fma(x, y, b.xor(near, SIGN))
    bad = out_of_range(b, near, SAFE, LARGEST, b.and_(nonzero(b, x), nonzero(b, y)))
    return settle(b, precision, bad, near, error)


def divide(b: B, precision: int, x: Value, y: Value) -> Ordinary:
    """x / y."""
    near = b.d_div(x, y)
    remainder = b.d_fma(b.xor(near, SIGN), y, x)
    error = b.xor(remainder, b.and_(y, SIGN))
    bad = [outside(b, exponent(b, near), SAFE, LARGEST), outside(b, exponent(b, x), SAFE, 2046)]
    return settle(b, precision, bad, near, error)


def square_root(b: B, precision: int, x: Value) -> Ordinary:
    """The square root of x."""
    near = b.d_sqrt(x)
    error = b.d_fma(b.xor(near, SIGN), near, x)
    return settle(b, precision, [outside(b, x, SAFE << 52, INFINITY - 1)], near, error)


def multiply_add(b: B, kind: str, precision: int, x: Value, z: Value, y: Value) -> Ordinary:
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
        return delivered_single(b, bad, near, error, negate)
    if negate:
        near, error = b.xor(near, SIGN), b.xor(error, SIGN)
    return delivered(b, bad, near, error)


def narrow(b: B, bits: int, x: Value) -> Ordinary | None:
    """x rounded to single."""
    return delivered_single(b, [], x, b.const(0)) if bits == 32 else None


def from_integer(b: B, is_signed: bool, precision: int, x: Value) -> Ordinary:
    """An integer that needs no rounding."""
    limit = 1 << (53 if precision == 64 else 24)
    if is_signed:
        large = outside(b, b.add(x, limit), 0, 2 * limit)
    else:
        large = b.ult(b.const(limit), x)
    return exactly(b, [large], b.d_of_int(x), b.ne(x, 0))


def to_integer(b: B, is_signed: bool, bits: int, truncates: bool, x: Value) -> Ordinary:
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
    fr = b.ult(b.and_(x, SIGN - 1), b.and_(back, SIGN - 1))
    controls = FPSCR.XE if truncates else ROUNDING
    return Ordinary(value, bad, controls, b.d_lg(back, x), fr)


def to_integral(b: B, how: str, x: Value) -> Ordinary:
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
    if how != "current":
        return exactly(b, bad, bits, nonzero(b, bits))
    fprf = class_of_number(b, bits, nonzero(b, bits))
    return Ordinary(bits, bad, ROUNDING, b.ne(bits, x), b.ult(x, bits), fprf)


def compare(b: B, x: Value, y: Value) -> Ordinary:
    """FPCC of two numbers."""
    less, greater = b.d_lt(x, y), b.d_lt(y, x)
    code = b.select(less, b.const(8), b.select(greater, b.const(4), b.const(2)))
    return Ordinary(code, [b.d_uno(x, y)], fprf=b.shl(code, 12), fprf_mask=FPSCR.FPCC)


def extremum(b: B, kind: str, x: Value, y: Value) -> Ordinary:
    """The larger or smaller of two numbers."""
    smallest = kind.startswith("min")
    bits = b.select(b.d_lt(x, y) if smallest else b.d_lt(y, x), x, y)
    if not kind.endswith("c"):
        same = b.or_(x, y) if smallest else b.and_(x, y)
        bits = b.select(b.d_lg(x, y), bits, same)
    return Ordinary(bits, [b.d_uno(x, y)])
