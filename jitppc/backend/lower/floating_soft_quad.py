"""Quad-precision operations on integers of 128 and 256 bits. See floating_soft.py.

Significands have their first bit at bit 127 (of 128) or 254 (of 256): a `Number` is
±m * 2**(e - 127) or ±m * 2**(e - 254). The bits of an `Operand` or `Outcome` are an i128.
"""

from __future__ import annotations

from jitppc.ir.block import Value
from jitppc.ir.fpscr import FPSCR
from jitppc.ir.ieee import NEAR_AWAY, QUAD, TO_ODD, Format
from jitppc.ir.ops.floating_quad import EXTENDED
from jitppc.ir.types import I1, I128

from .floating_soft import FAR_DOWN, B, Number, Operand, Outcome, flag, not_, settled

SIGN, INFINITY, QUIET, HIDDEN = QUAD.sign_bit, QUAD.infinity, QUAD.quiet, 1 << 112


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
    return Operand(
        bits,
        is_negative(b, bits),
        b.shl(significand, zeros),
        b.select(is_zero, b.const(FAR_DOWN), e),
        is_nan,
        b.and_(is_nan, b.eq(b.and_(bits, QUIET), 0)),
        b.eq(magnitude, INFINITY),
        is_zero,
    )


def class_of(b: B, fmt: Format, bits: Value) -> Value:
    """FPRF of a number; bits of `fmt` in an i128."""
    magnitude, negative = b.and_(bits, fmt.sign_bit - 1), b.ne(b.and_(bits, fmt.sign_bit), 0)
    relation = b.select(negative, b.const(FPSCR.FL), b.const(FPSCR.FG))
    denormal = flag(b, b.eq(b.and_(magnitude, fmt.infinity), 0), FPSCR.C)
    number = b.or_(relation, b.or_(denormal, flag(b, b.eq(magnitude, fmt.infinity), FPSCR.FU)))
    zero = b.or_(FPSCR.FE, flag(b, negative, FPSCR.C))
    kind = b.select(b.eq(magnitude, 0), zero, number)
    return b.select(b.ult(wide(b, fmt.infinity), magnitude), b.const(FPSCR.C | FPSCR.FU), kind)


# --- rounding


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
    return (
        b.select(far, wide(b, 0), b.lshr(m, amount)),
        b.select(far, b.zext(b.ne(m, 0), 128), within),
    )


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
    exceptions = b.or_(
        flag(b, ux, FPSCR.UX),
        b.or_(flag(b, overflow, FPSCR.OX), flag(b, b.or_(fi, lost), FPSCR.XX)),
    )
    relation = b.select(negative, b.const(FPSCR.FL), b.const(FPSCR.FG))
    kind = b.or_(
        relation,
        b.or_(flag(b, not_(b, is_normal), FPSCR.C), flag(b, b.and_(lost, infinite), FPSCR.FU)),
    )
    zero = b.or_(FPSCR.FE, flag(b, negative, FPSCR.C))
    return Outcome(
        bits,
        exceptions,
        b.or_(fi, lost),
        b.select(lost, infinite, fr),
        b.select(b.eq(kept, 0), zero, kind),
    )


def special(
    b: B,
    r: Outcome,
    condition: Value,
    bits: Value | int,
    exceptions: Value | int = 0,
    fmt: Format = QUAD,
) -> Outcome:
    """The outcome, or one that needs no rounding if the i1 is 1."""
    bits = wide(b, bits) if isinstance(bits, int) else bits
    exceptions = b.const(exceptions) if isinstance(exceptions, int) else exceptions
    other = not_(b, condition)
    return Outcome(
        b.select(condition, bits, r.bits),
        b.select(condition, exceptions, r.exceptions),
        b.and_(r.fi, other),
        b.and_(r.fr, other),
        b.select(condition, class_of(b, fmt, bits), r.fprf),
    )


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
