"""Quad-precision operations on integers of 128 and 256 bits. See floating_soft.py.

Significands have their first bit at bit 127 (of 128) or 254 (of 256).
"""

from __future__ import annotations

from dataclasses import dataclass

from jitppc.ir.block import Value
from jitppc.ir.fpscr import FPSCR
from jitppc.ir.ieee import DOUBLE, NEAR_AWAY, QUAD, TO_ODD, Format
from jitppc.ir.ops.floating_quad import EXTENDED
from jitppc.ir.ops.floating_status import limits
from jitppc.ir.types import I1, I128, I256

from .floating_soft import FAR_DOWN, ONE, B, flag, not_, settled
from .floating_soft import FRACTION as DOUBLE_FRACTION

SIGN, INFINITY, QUIET, HIDDEN = QUAD.sign_bit, QUAD.infinity, QUAD.quiet, 1 << 112
#: quads whose significand is scaled to this many bits have roots and quotients of 115 bits and more
ROOT_BITS = 230


@dataclass(frozen=True, slots=True)
class Operand:
    """A quad taken apart; `m` is normalized, 0 for zero; `e` is the exponent of its first bit."""

    bits: Value
    negative: Value
    m: Value
    e: Value
    is_nan: Value
    is_signalling: Value
    is_infinite: Value
    is_zero: Value


@dataclass(frozen=True, slots=True)
class Number:
    """±m * 2**(e - 127), or (e - 254) when m is 256 bits wide. The last bit of m is sticky."""

    negative: Value
    m: Value
    e: Value


@dataclass(frozen=True, slots=True)
class Outcome:
    """As in floating_soft.py; the bits are an i128."""

    bits: Value
    exceptions: Value
    fi: Value
    fr: Value
    fprf: Value


def wide(b: B, value: int) -> Value:
    """An i128 constant."""
    return b.const(value, I128)


def wide_flag(b: B, condition: Value, mask: int) -> Value:
    """The i128 mask if the i1 is 1, else 0."""
    return b.select(condition, wide(b, mask), wide(b, 0))


def is_negative(b: B, x: Value) -> Value:
    """i1: the sign of an i128."""
    return b.slt(b.hi(x), 0)


def operand(b: B, bits: Value) -> Operand:
    """A quad, classified and normalized."""
    magnitude = b.and_(bits, SIGN - 1)
    exponent, fraction = b.lo(b.lshr(magnitude, wide(b, 112))), b.and_(bits, QUAD.fraction)
    is_small, is_zero = b.eq(exponent, 0), b.eq(magnitude, 0)
    is_nan = b.ult(wide(b, INFINITY), magnitude)
    significand = b.select(is_small, fraction, b.or_(fraction, HIDDEN))
    zeros = b.ctlz(significand)
    e = b.sub(b.add(b.select(is_small, b.const(1), exponent), 15 - QUAD.bias), b.lo(zeros))
    return Operand(bits, is_negative(b, bits), b.shl(significand, zeros),
                   b.select(is_zero, b.const(FAR_DOWN), e), is_nan,
                   b.and_(is_nan, b.eq(b.and_(bits, QUIET), 0)), b.eq(magnitude, INFINITY), is_zero)


def class_of(b: B, fmt: Format, bits: Value) -> Value:
    """FPRF of a number; bits of `fmt` in an i128."""
    magnitude, negative = b.and_(bits, fmt.sign_bit - 1), b.ne(b.and_(bits, fmt.sign_bit), 0)
    relation = b.select(negative, b.const(FPSCR.FL), b.const(FPSCR.FG))
    denormal = flag(b, b.eq(b.and_(magnitude, fmt.infinity), 0), FPSCR.C)
    number = b.or_(relation, b.or_(denormal, flag(b, b.eq(magnitude, fmt.infinity), FPSCR.FU)))
    zero = b.or_(FPSCR.FE, flag(b, negative, FPSCR.C))
    kind = b.select(b.eq(magnitude, 0), zero, number)
    return b.select(b.ult(wide(b, fmt.infinity), magnitude), b.const(FPSCR.C | FPSCR.FU), kind)


# --- rounding --------------------------------------------------------------------------------------

def grows(b: B, mode: Value, negative: Value, kept: Value, rest: Value) -> Value:
    """i1: rounding takes the next number away from zero."""
    half = wide(b, SIGN)
    is_even, inexact = b.eq(b.and_(kept, 1), 0), b.ne(rest, 0)
    tie = b.and_(b.eq(rest, half), b.or_(not_(b, is_even), b.eq(mode, NEAR_AWAY)))
    to_nearest = b.or_(b.ult(half, rest), tie)
    directed = b.and_(inexact, b.eq(mode, b.select(negative, b.const(3), b.const(2))))
    to_odd = b.and_(b.and_(inexact, is_even), b.eq(mode, TO_ODD))
    is_nearest = b.or_(b.eq(mode, 0), b.eq(mode, NEAR_AWAY))
    return b.select(is_nearest, to_nearest, b.or_(directed, to_odd))


def shifted_apart(b: B, m: Value, n: Value) -> tuple[Value, Value]:
    """m >> n and the bits lost, left-justified, the last one sticky; 0 <= n."""
    far = b.slt(b.const(128), n)
    amount = b.zext(b.select(far, b.const(128), n), 128)
    within = b.shl(m, b.sub(128, amount))
    return (b.select(far, wide(b, 0), b.lshr(m, amount)),
            b.select(far, b.zext(b.ne(m, 0), 128), within))


def rounded(b: B, fmt: Format, number: Number, fpscr: Value, mode: Value) -> Outcome:
    """A nonzero number in a format; double-extended ones are kept as quads."""
    into = QUAD if fmt is EXTENDED else fmt
    precision, negative, e = fmt.fraction_bits + 1, number.negative, number.e
    tiny = b.slt(e, b.const(fmt.lowest))
    wraps_up = b.and_(tiny, b.ne(b.and_(fpscr, FPSCR.UE), 0))
    denormal = b.and_(tiny, not_(b, wraps_up))
    missing = b.select(denormal, b.sub(fmt.lowest, e), b.const(0))
    kept, rest = shifted_apart(b, number.m, b.add(missing, 128 - precision))
    fi, fr = b.ne(rest, 0), grows(b, mode, negative, kept, rest)
    kept = b.add(kept, b.zext(fr, 128))
    e = b.add(b.select(denormal, b.const(fmt.lowest), e), flag(b, wraps_up, fmt.wrap))
    above = b.ne(b.lshr(kept, wide(b, precision)), 0)
    overflow = b.and_(not_(b, tiny), b.slt(b.const(fmt.bias), b.add(e, b.zext(above))))
    wraps_down = b.and_(overflow, b.ne(b.and_(fpscr, FPSCR.OE), 0))
    e = b.sub(e, flag(b, wraps_down, fmt.wrap))
    lost = b.and_(overflow, not_(b, wraps_down))
    is_normal = b.ne(b.lshr(kept, wide(b, precision - 1)), 0)
    kept_in_place = b.shl(kept, wide(b, into.fraction_bits - fmt.fraction_bits))
    exponent = b.select(is_normal, b.add(e, fmt.bias - 1), b.const(0))
    bits = b.add(b.shl(b.zext(exponent, 128), wide(b, into.fraction_bits)), kept_in_place)
    bits = b.and_(bits, into.sign_bit - 1)
    directed = b.select(negative, b.const(3), b.const(2))
    infinite = b.or_(b.or_(b.eq(mode, 0), b.eq(mode, NEAR_AWAY)), b.eq(mode, directed))
    largest = into.infinity - (1 << (into.fraction_bits - fmt.fraction_bits))
    bits = b.select(lost, b.select(infinite, wide(b, into.infinity), wide(b, largest)), bits)
    bits = b.or_(bits, wide_flag(b, negative, into.sign_bit))
    ux = b.or_(wraps_up, b.and_(tiny, fi))
    exceptions = b.or_(flag(b, ux, FPSCR.UX),
                       b.or_(flag(b, overflow, FPSCR.OX), flag(b, b.or_(fi, lost), FPSCR.XX)))
    relation = b.select(negative, b.const(FPSCR.FL), b.const(FPSCR.FG))
    kind = b.or_(relation, b.or_(flag(b, not_(b, is_normal), FPSCR.C),
                                 flag(b, b.and_(lost, infinite), FPSCR.FU)))
    zero = b.or_(FPSCR.FE, flag(b, negative, FPSCR.C))
    return Outcome(bits, exceptions, b.or_(fi, lost), b.select(lost, infinite, fr),
                   b.select(b.eq(kept, 0), zero, kind))


def special(b: B, r: Outcome, condition: Value, bits: Value | int, exceptions: Value | int = 0,
            fmt: Format = QUAD) -> Outcome:
    """The outcome, or one that needs no rounding if the i1 is 1."""
    bits = wide(b, bits) if isinstance(bits, int) else bits
    exceptions = b.const(exceptions) if isinstance(exceptions, int) else exceptions
    other = not_(b, condition)
    return Outcome(b.select(condition, bits, r.bits), b.select(condition, exceptions, r.exceptions),
                   b.and_(r.fi, other), b.and_(r.fr, other),
                   b.select(condition, class_of(b, fmt, bits), r.fprf))


def with_nans(b: B, r: Outcome, operands: list[Operand], exceptions: Value | int = 0) -> Outcome:
    """The outcome, or the first NaN operand made quiet."""
    is_nan, signals, bits = b.const(0, I1), b.const(0, I1), wide(b, 0)
    for x in reversed(operands):
        bits = b.select(x.is_nan, x.bits, bits)
        is_nan, signals = b.or_(is_nan, x.is_nan), b.or_(signals, x.is_signalling)
    exceptions = b.const(exceptions) if isinstance(exceptions, int) else exceptions
    exceptions = b.or_(exceptions, flag(b, signals, FPSCR.VXSNAN))
    return special(b, r, is_nan, b.or_(bits, QUIET), exceptions)


def finished(b: B, fpscr: Value, r: Outcome) -> tuple[Value, Value]:
    """Number and FPSCR."""
    return r.bits, settled(b, fpscr, r.exceptions, r.fi, r.fr, r.fprf)


def mode_of(b: B, fpscr: Value, odd: bool) -> Value:
    """RN, or round to odd."""
    return b.const(TO_ODD) if odd else b.and_(fpscr, FPSCR.RN)


# --- arithmetic --------------------------------------------------------------------------------------

def normalized(b: B, negative: Value, m: Value, e: Value) -> Number:
    """A 256-bit significand whose bit 254 has exponent e, as a 128-bit one with a sticky last bit."""
    zeros = b.ctlz(m)
    m = b.shl(m, zeros)
    sticky = b.zext(b.ne(b.trunc(m, 128), 0), 128)
    high = b.trunc(b.lshr(m, b.const(128, I256)), 128)
    return Number(negative, b.or_(high, sticky), b.sub(b.add(e, 1), b.trunc(zeros, 64)))


def product(b: B, x: Operand, y: Operand) -> Number:
    """x * y, 256 bits wide and exact."""
    m = b.mul(b.zext(x.m, 256), b.zext(y.m, 256))
    is_long = b.ne(b.lshr(m, b.const(255, I256)), 0)
    e = b.add(b.add(x.e, y.e), b.zext(is_long))
    is_zero = b.or_(x.is_zero, y.is_zero)
    return Number(b.xor(x.negative, y.negative), b.select(is_long, b.lshr(m, b.const(1, I256)), m),
                  b.select(is_zero, b.const(FAR_DOWN), e))


def widened(b: B, x: Operand) -> Number:
    """An operand, 256 bits wide."""
    return Number(x.negative, b.shl(b.zext(x.m, 256), b.const(127, I256)), x.e)


def total(b: B, x: Number, y: Number) -> tuple[Number, Value]:
    """x + y of 256-bit numbers, and an i1: the sum is exactly zero."""
    swap = b.slt(x.e, y.e)
    big, small = b.select(swap, y.m, x.m), b.select(swap, x.m, y.m)
    e = b.select(swap, y.e, x.e)
    apart = b.sub(e, b.select(swap, x.e, y.e))
    right = b.zext(b.select(b.slt(b.const(255), apart), b.const(255), apart), 256)
    lost = b.ne(b.shl(small, b.sub(b.const(256, I256), right)), 0)
    small = b.or_(b.lshr(small, right), b.zext(lost, 256))
    differ = b.xor(x.negative, y.negative)
    m = b.select(differ, b.sub(big, small), b.add(big, small))
    below = b.and_(differ, b.slt(m, 0))
    m = b.select(below, b.neg(m), m)
    negative = b.xor(b.select(swap, y.negative, x.negative), below)
    return normalized(b, negative, m, e), b.eq(m, 0)


def sum_outcome(b: B, x: Number, y: Number, fpscr: Value, mode: Value) -> Outcome:
    """The rounded sum of two 256-bit numbers."""
    exact, is_zero = total(b, x, y)
    negative = b.select(b.eq(x.negative, y.negative), x.negative, b.eq(mode, 3))
    return special(b, rounded(b, QUAD, exact, fpscr, mode), is_zero, wide_flag(b, negative, SIGN))


def with_sign(b: B, magnitude: int, negative: Value) -> Value:
    """A number of which sign and magnitude are known."""
    return b.or_(wide_flag(b, negative, SIGN), magnitude)


def add(b: B, subtract: bool, odd: bool, x: Value, y: Value, fpscr: Value) -> Outcome:
    """x + y or x - y."""
    p, q = operand(b, x), operand(b, y)
    addend = operand(b, b.xor(y, SIGN)) if subtract else q
    r = sum_outcome(b, widened(b, p), widened(b, addend), fpscr, mode_of(b, fpscr, odd))
    r = special(b, r, q.is_infinite, addend.bits)
    clash = b.and_(q.is_infinite, b.xor(p.negative, addend.negative))
    bits = b.select(clash, wide(b, QUAD.default_nan), x)
    r = special(b, r, p.is_infinite, bits, flag(b, clash, FPSCR.VXISI))
    return with_nans(b, r, [p, q])


def multiply(b: B, odd: bool, x: Value, y: Value, fpscr: Value) -> Outcome:
    """x * y."""
    p, q = operand(b, x), operand(b, y)
    exact = product(b, p, q)
    number = normalized(b, exact.negative, exact.m, exact.e)
    r = rounded(b, QUAD, number, fpscr, mode_of(b, fpscr, odd))
    is_zero, is_infinite = b.or_(p.is_zero, q.is_zero), b.or_(p.is_infinite, q.is_infinite)
    r = special(b, r, is_zero, with_sign(b, 0, exact.negative))
    r = special(b, r, is_infinite, with_sign(b, INFINITY, exact.negative))
    r = special(b, r, b.and_(is_zero, is_infinite), QUAD.default_nan, FPSCR.VXIMZ)
    return with_nans(b, r, [p, q])


def multiply_add(b: B, kind: str, odd: bool, x: Value, z: Value, y: Value, fpscr: Value) -> Outcome:
    """±(x * z ± y)."""
    p, c, q = operand(b, x), operand(b, z), operand(b, y)
    addend = operand(b, b.xor(y, SIGN)) if kind.endswith("msub") else q
    exact = product(b, p, c)
    r = sum_outcome(b, exact, widened(b, addend), fpscr, mode_of(b, fpscr, odd))
    is_infinite = b.or_(p.is_infinite, c.is_infinite)
    bad_product = b.and_(is_infinite, b.or_(p.is_zero, c.is_zero))
    bad_sum = b.and_(b.and_(is_infinite, q.is_infinite), b.xor(exact.negative, addend.negative))
    r = special(b, r, q.is_infinite, addend.bits)
    r = special(b, r, is_infinite, with_sign(b, INFINITY, exact.negative))
    if kind.startswith("n"):
        is_zero = b.eq(b.and_(r.bits, SIGN - 1), 0)
        flips = b.select(is_zero, b.const(FPSCR.C), b.const(FPSCR.FL | FPSCR.FG))
        r = Outcome(b.xor(r.bits, SIGN), r.exceptions, r.fi, r.fr, b.xor(r.fprf, flips))
    r = special(b, r, bad_sum, QUAD.default_nan, FPSCR.VXISI)
    r = special(b, r, bad_product, QUAD.default_nan, FPSCR.VXIMZ)
    return with_nans(b, r, [p, q, c], flag(b, bad_product, FPSCR.VXIMZ))


def divide(b: B, odd: bool, x: Value, y: Value, fpscr: Value) -> Outcome:
    """x / y."""
    p, q = operand(b, x), operand(b, y)
    # 113 bits, moved up by 117: the quotient has 117 or 118 bits
    numerator = b.shl(b.zext(b.lshr(p.m, wide(b, 15)), 256), b.const(117, I256))
    divisor = b.zext(b.lshr(q.m, wide(b, 15)), 256)
    quotient, rest = b.udiv(numerator, divisor), b.urem(numerator, divisor)
    m = b.or_(b.shl(quotient, b.const(1, I256)), b.zext(b.ne(rest, 0), 256))
    # bit 118 of m is worth 2**(p.e - q.e)
    zeros = b.ctlz(m)
    exact = Number(b.xor(p.negative, q.negative), b.trunc(b.shl(m, b.sub(zeros, 128)), 128),
                   b.sub(b.add(b.sub(p.e, q.e), 255 - 118), b.trunc(zeros, 64)))
    r = rounded(b, QUAD, exact, fpscr, mode_of(b, fpscr, odd))
    r = special(b, r, b.or_(p.is_zero, q.is_infinite), with_sign(b, 0, exact.negative))
    r = special(b, r, b.or_(q.is_zero, p.is_infinite), with_sign(b, INFINITY, exact.negative),
                flag(b, b.and_(q.is_zero, not_(b, p.is_infinite)), FPSCR.ZX))
    r = special(b, r, b.and_(p.is_zero, q.is_zero), QUAD.default_nan, FPSCR.VXZDZ)
    r = special(b, r, b.and_(p.is_infinite, q.is_infinite), QUAD.default_nan, FPSCR.VXIDI)
    return with_nans(b, r, [p, q])


def integer_root(b: B, x: Value, first: Value) -> Value:
    """The root of x, rounded down, from an approximation good to 50 bits: each step doubles that,
    and the last bit is corrected."""
    one = b.const(1, I256)
    root = first
    for _ in range(2):
        root = b.lshr(b.add(root, b.udiv(x, root)), one)
    too_big = b.ult(x, b.mul(root, root))
    root = b.select(too_big, b.sub(root, one), root)
    above = b.add(root, one)
    return b.select(b.ule(b.mul(above, above), x), above, root)


def square_root(b: B, odd: bool, x: Value, fpscr: Value) -> Outcome:
    """The square root of x."""
    p = operand(b, x)
    is_odd = b.and_(p.e, 1)
    # the significand in [1, 4), as an integer of 229 or 230 bits: its root has 115 bits
    m = b.shl(b.zext(b.lshr(p.m, wide(b, 15)), 256), b.zext(b.add(is_odd, ROOT_BITS - 2 - 112), 256))
    head = b.or_(b.and_(b.lo(b.lshr(p.m, wide(b, 75))), DOUBLE_FRACTION), ONE)
    near = b.d_sqrt(b.add(head, b.shl(is_odd, 52)))
    near_root = b.or_(b.and_(near, DOUBLE_FRACTION), 1 << 52)
    first = b.shl(b.zext(near_root, 256), b.const(ROOT_BITS // 2 - 53, I256))
    root = integer_root(b, m, first)
    exact = b.eq(b.mul(root, root), m)
    sticky = b.or_(b.shl(root, b.const(1, I256)), b.zext(not_(b, exact), 256))
    half = b.ashr(b.sub(p.e, is_odd), 1)
    # the root's first bit is bit 114, bit 115 with the sticky one below it
    number = Number(b.const(0, I1), b.shl(b.trunc(sticky, 128), wide(b, 127 - 115)), half)
    r = rounded(b, QUAD, number, fpscr, mode_of(b, fpscr, odd))
    r = special(b, r, b.or_(p.is_zero, p.is_infinite), x)
    r = special(b, r, b.and_(p.negative, not_(b, p.is_zero)), QUAD.default_nan, FPSCR.VXSQRT)
    return with_nans(b, r, [p])


# --- rounding and conversion ----------------------------------------------------------------------------

def extended(b: B, x: Value, mode: Value, fpscr: Value) -> Outcome:
    """x rounded to double-extended precision."""
    p = operand(b, x)
    r = rounded(b, EXTENDED, Number(p.negative, p.m, p.e), fpscr, mode)
    return with_nans(b, special(b, r, b.or_(p.is_zero, p.is_infinite), x), [p])


def integral(b: B, exact: bool, x: Value, mode: Value, fpscr: Value) -> Outcome:
    """x rounded to an integer."""
    p = operand(b, x)
    kept, rest = shifted_apart(b, p.m, b.sub(127, p.e))
    fr = grows(b, mode, p.negative, kept, rest)
    kept = b.add(kept, b.zext(fr, 128))
    zeros = b.ctlz(kept)
    fraction = b.and_(b.lshr(b.shl(kept, zeros), wide(b, 15)), QUAD.fraction)
    exponent = b.shl(b.sub(127 + QUAD.bias, zeros), wide(b, 112))
    number = b.select(b.eq(kept, 0), wide(b, 0), b.or_(exponent, fraction))
    bits = b.or_(number, wide_flag(b, p.negative, SIGN))
    fi = b.and_(b.ne(rest, 0), b.const(int(exact), I1))
    r = Outcome(bits, flag(b, fi, FPSCR.XX), fi, b.and_(fr, fi), class_of(b, QUAD, bits))
    r = special(b, r, b.slt(b.const(111), p.e), x)
    return with_nans(b, r, [p])


def to_double(b: B, odd: bool, x: Value, fpscr: Value) -> Outcome:
    """x rounded to double, as the high doubleword."""
    p = operand(b, x)
    number = Number(p.negative, p.m, p.e)
    r = rounded(b, DOUBLE, number, fpscr, mode_of(b, fpscr, odd))
    sign = wide_flag(b, p.negative, DOUBLE.sign_bit)
    r = special(b, r, p.is_zero, sign, fmt=DOUBLE)
    r = special(b, r, p.is_infinite, b.or_(sign, DOUBLE.infinity), fmt=DOUBLE)
    payload = b.and_(b.lshr(x, wide(b, 60)), DOUBLE.fraction)
    nan = b.or_(b.or_(sign, payload), DOUBLE.default_nan)
    r = special(b, r, p.is_nan, nan, flag(b, p.is_signalling, FPSCR.VXSNAN), fmt=DOUBLE)
    return Outcome(b.shl(r.bits, wide(b, 64)), r.exceptions, r.fi, r.fr, r.fprf)


def of_double(b: B, x: Value, _fpscr: Value) -> Outcome:
    """A double as a quad."""
    magnitude, fraction = b.and_(x, DOUBLE.sign_bit - 1), b.and_(x, DOUBLE.fraction)
    field, no = b.lshr(magnitude, 52), b.const(0, I1)
    is_small, is_special = b.eq(field, 0), b.eq(field, 0x7FF)
    zeros = b.ctlz(fraction)
    # a denormal's first bit becomes the hidden one
    moved = b.select(is_small, b.and_(b.shl(fraction, b.sub(zeros, 11)), DOUBLE.fraction), fraction)
    exponent = b.select(is_small, b.sub(QUAD.bias - 1023 + 12, zeros), b.add(field, QUAD.bias - 1023))
    exponent = b.select(is_special, b.const(0x7FFF), exponent)
    bits = b.or_(b.shl(b.zext(exponent, 128), wide(b, 112)), b.shl(b.zext(moved, 128), wide(b, 60)))
    bits = b.select(b.eq(magnitude, 0), wide(b, 0), bits)
    is_nan = b.ult(b.const(DOUBLE.infinity), magnitude)
    signals = b.and_(is_nan, b.eq(b.and_(x, DOUBLE.quiet), 0))
    bits = b.or_(b.or_(bits, wide_flag(b, b.slt(x, 0), SIGN)), wide_flag(b, is_nan, QUIET))
    return Outcome(bits, flag(b, signals, FPSCR.VXSNAN), no, no, class_of(b, QUAD, bits))


def of_integer(b: B, is_signed: bool, x: Value, _fpscr: Value) -> Outcome:
    """An integer as a quad."""
    negative, no = b.slt(x, 0) if is_signed else b.const(0, I1), b.const(0, I1)
    m = b.select(negative, b.neg(x), x)
    zeros = b.ctlz(m)
    fraction = b.and_(b.shl(b.zext(b.shl(m, zeros), 128), wide(b, 112 - 63)), QUAD.fraction)
    exponent = b.shl(b.zext(b.sub(QUAD.bias + 63, zeros), 128), wide(b, 112))
    bits = b.select(b.eq(x, 0), wide(b, 0), b.or_(exponent, fraction))
    bits = b.or_(bits, wide_flag(b, negative, SIGN))
    return Outcome(bits, b.const(0), no, no, class_of(b, QUAD, bits))


def to_integer(b: B, is_signed: bool, bits: int, x: Value, fpscr: Value) -> tuple[Value, Value]:
    """An integer, as the high doubleword, saturated; and the FPSCR."""
    p = operand(b, x)
    kept, rest = shifted_apart(b, p.m, b.sub(127, p.e))
    low, high = limits(is_signed, bits)
    limit = b.select(p.negative, b.const(-low), b.const(high))
    too_big = b.or_(b.slt(b.const(63), p.e), b.ult(limit, b.lo(kept)))
    bad = b.or_(too_big, p.is_nan)
    value = b.select(p.negative, b.neg(b.lo(kept)), b.lo(kept))
    saturated = b.select(b.or_(p.negative, p.is_nan), b.const(low), b.const(high))
    inexact = b.and_(b.ne(rest, 0), not_(b, bad))
    exceptions = b.or_(b.or_(flag(b, bad, FPSCR.VXCVI), flag(b, p.is_signalling, FPSCR.VXSNAN)),
                       flag(b, inexact, FPSCR.XX))
    no = b.const(0, I1)
    return (b.pack(b.select(bad, saturated, value), 0),
            settled(b, fpscr, exceptions, inexact, no, None))


def compare(b: B, ordered: bool | None, x: Value, y: Value, fpscr: Value) -> tuple[Value, Value]:
    """FPCC, and the FPSCR with it."""
    p, q = operand(b, x), operand(b, y)
    both_zero = b.and_(p.is_zero, q.is_zero)
    flip = b.and_(p.negative, q.negative)
    below = b.select(b.xor(p.negative, q.negative), p.negative, b.xor(b.ult(x, y), flip))
    same = b.or_(b.eq(x, y), both_zero)
    code = b.select(same, b.const(2), b.select(below, b.const(8), b.const(4)))
    unordered, signals = b.or_(p.is_nan, q.is_nan), b.or_(p.is_signalling, q.is_signalling)
    code = b.select(unordered, b.const(1), code)
    exceptions = flag(b, signals, FPSCR.VXSNAN)
    if ordered:
        hidden = b.and_(signals, b.ne(b.and_(fpscr, FPSCR.VE), 0))
        invalid = b.and_(unordered, not_(b, hidden))
        exceptions = b.or_(exceptions, flag(b, invalid, FPSCR.VXVC))
    no = b.const(0, I1)
    start = b.or_(b.and_(fpscr, ~FPSCR.FPCC), b.shl(code, 12))
    kept = b.and_(fpscr, FPSCR.FR | FPSCR.FI)
    return code, b.or_(settled(b, start, exceptions, no, no, None), kept)


