"""Quad-precision rounding, conversions and comparison. See floating_soft.py."""

from __future__ import annotations

from jitppc.ir.block import Value
from jitppc.ir.fpscr import FPSCR
from jitppc.ir.ieee import DOUBLE, QUAD
from jitppc.ir.ops.floating_quad import EXTENDED
from jitppc.ir.ops.floating_status import limits
from jitppc.ir.types import I1

from .floating_soft import B, flag, not_, settled
from .floating_soft_quad import (
    QUIET,
    SIGN,
    Number,
    Outcome,
    class_of,
    grows,
    mode_of,
    operand,
    rounded,
    shifted_apart,
    special,
    wide,
    wide_flag,
    with_nans,
)


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
    exponent = b.select(
        is_small, b.sub(QUAD.bias - 1023 + 12, zeros), b.add(field, QUAD.bias - 1023)
    )
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
    exceptions = b.or_(
        b.or_(flag(b, bad, FPSCR.VXCVI), flag(b, p.is_signalling, FPSCR.VXSNAN)),
        flag(b, inexact, FPSCR.XX),
    )
    no = b.const(0, I1)
    return (
        b.pack(b.select(bad, saturated, value), 0),
        settled(b, fpscr, exceptions, inexact, no, None),
    )


def of_quad_integer(b: B, is_signed: bool, x: Value, fpscr: Value) -> Outcome:
    """A 128-bit integer as a quad, rounded."""
    negative = b.slt(b.hi(x), 0) if is_signed else b.const(0, I1)
    m = b.select(negative, b.neg(x), x)
    zeros = b.ctlz(m)
    number = Number(negative, b.shl(m, zeros), b.sub(127, b.lo(zeros)))
    r = rounded(b, QUAD, number, fpscr, mode_of(b, fpscr, False))
    return special(b, r, b.eq(x, wide(b, 0)), wide(b, 0))


def to_quad_integer(b: B, is_signed: bool, x: Value, fpscr: Value) -> tuple[Value, Value]:
    """A 128-bit integer, saturated; and the FPSCR."""
    p = operand(b, x)
    kept, rest = shifted_apart(b, p.m, b.sub(127, p.e))
    low, high = limits(is_signed, 128)
    limit = b.select(p.negative, wide(b, -low), wide(b, high))
    too_big = b.or_(b.slt(b.const(127), p.e), b.ult(limit, kept))
    bad = b.or_(too_big, p.is_nan)
    value = b.select(p.negative, b.neg(kept), kept)
    saturated = b.select(b.or_(p.negative, p.is_nan), wide(b, low), wide(b, high))
    inexact = b.and_(b.ne(rest, 0), not_(b, bad))
    exceptions = b.or_(
        b.or_(flag(b, bad, FPSCR.VXCVI), flag(b, p.is_signalling, FPSCR.VXSNAN)),
        flag(b, inexact, FPSCR.XX),
    )
    status = settled(b, fpscr, exceptions, inexact, b.const(0, I1), None)
    return b.select(bad, saturated, value), status


def extremum(b: B, kind: str, x: Value, y: Value, fpscr: Value) -> tuple[Value, Value]:
    """The first if it is larger (maxc) or smaller (minc), else the second; and the FPSCR."""
    code, _ = compare(b, None, x, y, fpscr)
    p, q, no = operand(b, x), operand(b, y), b.const(0, I1)
    exceptions = flag(b, b.or_(p.is_signalling, q.is_signalling), FPSCR.VXSNAN)
    kept = b.and_(fpscr, FPSCR.FR | FPSCR.FI)
    status = b.or_(settled(b, fpscr, exceptions, no, no, None), kept)
    return b.select(b.eq(code, 4 if kind == "maxc" else 8), x, y), status


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
