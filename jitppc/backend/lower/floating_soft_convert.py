"""Conversions to and from integers, comparisons and extrema, on integers alone. See
floating_soft.py.
"""

from __future__ import annotations

from jitppc.ir.block import Value
from jitppc.ir.fpscr import FPSCR
from jitppc.ir.ieee import DOUBLE, Format
from jitppc.ir.ops.floating import MODES
from jitppc.ir.ops.floating_status import limits

from .floating_soft import (
    FRACTION,
    INFINITY,
    QUIET,
    SIGN,
    B,
    Number,
    Outcome,
    class_of,
    finished,
    flag,
    grows,
    not_,
    operand,
    rounded,
    settled,
    shifted_apart,
    special,
    with_nans,
)


def from_integer(b: B, fmt: Format, is_signed: bool, x: Value, fpscr: Value) -> Value:
    """pack(FPSCR, the integer as a number)."""
    negative = b.slt(x, 0) if is_signed else b.ne(b.const(0), 0)
    m = b.select(negative, b.neg(x), x)
    zeros = b.ctlz(m)
    r = rounded(b, fmt, Number(negative, b.shl(m, zeros), b.sub(63, zeros)), fpscr)
    return finished(b, fpscr, special(b, r, b.eq(x, 0), 0))


def to_integer(b: B, is_signed: bool, bits: int, truncates: bool, x: Value, fpscr: Value) -> Value:
    """pack(FPSCR, the number as an integer, saturated)."""
    p = operand(b, x)
    mode = b.const(1) if truncates else b.and_(fpscr, FPSCR.RN)
    kept, rest = shifted_apart(b, p.m, b.sub(63, p.e))
    fr = grows(b, mode, p.negative, kept, rest)
    kept = b.add(kept, b.zext(fr))
    low, high = limits(is_signed, bits)
    limit = b.select(p.negative, b.const(-low), b.const(high))
    too_big = b.or_(b.slt(b.const(63), p.e), b.ult(limit, kept))
    bad = b.or_(too_big, p.is_nan)
    value = b.select(p.negative, b.neg(kept), kept)
    saturated = b.select(b.or_(p.negative, p.is_nan), b.const(low), b.const(high))
    inexact = b.and_(b.ne(rest, 0), not_(b, bad))
    exceptions = b.or_(
        b.or_(flag(b, bad, FPSCR.VXCVI), flag(b, p.is_signalling, FPSCR.VXSNAN)),
        flag(b, inexact, FPSCR.XX),
    )
    fpscr = settled(b, fpscr, exceptions, inexact, b.and_(fr, inexact), None)
    return b.pack(fpscr, b.select(bad, saturated, value))


def to_integral(b: B, how: str, x: Value, fpscr: Value) -> Value:
    """pack(FPSCR, the number rounded to an integer)."""
    p = operand(b, x)
    mode = b.and_(fpscr, FPSCR.RN) if how == "current" else b.const(MODES[how])
    kept, rest = shifted_apart(b, p.m, b.sub(63, p.e))
    fr = grows(b, mode, p.negative, kept, rest)
    kept = b.add(kept, b.zext(fr))
    zeros = b.ctlz(kept)
    exponent = b.shl(b.sub(63 + 1023, zeros), 52)
    number = b.or_(exponent, b.and_(b.lshr(b.shl(kept, zeros), 11), FRACTION))
    bits = b.or_(b.select(b.eq(kept, 0), b.const(0), number), flag(b, p.negative, SIGN))
    fi = b.and_(b.ne(rest, 0), b.eq(b.const(how == "current"), 1))
    r = Outcome(bits, flag(b, fi, FPSCR.XX), fi, b.and_(fr, fi), class_of(b, bits))
    r = special(b, r, b.slt(b.const(51), p.e), x)
    return finished(b, fpscr, with_nans(b, DOUBLE, r, [p]))


def unrounded(b: B, fpscr: Value, exceptions: Value, bits: Value) -> Value:
    """pack(FPSCR, bits) of operations that leave FR, FI and FPRF alone."""
    kept = b.and_(fpscr, FPSCR.FR | FPSCR.FI)
    no = b.ne(b.const(0), 0)
    return b.pack(b.or_(settled(b, fpscr, exceptions, no, no, None), kept), bits)


def order(b: B, x: Value) -> Value:
    """A signed number that orders doubles as their values are ordered; zeros are equal."""
    magnitude = b.and_(x, SIGN - 1)
    return b.select(b.slt(x, 0), b.neg(magnitude), magnitude)


def compare(b: B, ordered: bool, x: Value, y: Value, fpscr: Value) -> Value:
    """pack(FPSCR with FPCC, FPCC)."""
    p, q = operand(b, x), operand(b, y)
    a, c = order(b, x), order(b, y)
    unordered, signals = b.or_(p.is_nan, q.is_nan), b.or_(p.is_signalling, q.is_signalling)
    code = b.select(b.slt(a, c), b.const(8), b.select(b.slt(c, a), b.const(4), b.const(2)))
    code = b.select(unordered, b.const(1), code)
    exceptions = flag(b, signals, FPSCR.VXSNAN)
    if ordered:
        hidden = b.and_(signals, b.ne(b.and_(fpscr, FPSCR.VE), 0))
        exceptions = b.or_(exceptions, flag(b, b.and_(unordered, not_(b, hidden)), FPSCR.VXVC))
    return unrounded(b, b.or_(b.and_(fpscr, ~FPSCR.FPCC), b.shl(code, 12)), exceptions, code)


def extremum(b: B, kind: str, x: Value, y: Value, fpscr: Value) -> Value:
    """pack(FPSCR, the larger or smaller)."""
    p, q = operand(b, x), operand(b, y)
    any_nan = b.or_(p.is_nan, q.is_nan)
    exceptions = flag(b, b.or_(p.is_signalling, q.is_signalling), FPSCR.VXSNAN)
    a, c = order(b, x), order(b, y)
    first = b.slt(a, c) if kind.startswith("min") else b.slt(c, a)
    bits = b.select(first, x, y)
    if kind.endswith("c"):
        return unrounded(b, fpscr, exceptions, b.select(any_nan, y, bits))
    bits = b.select(b.eq(a, c), b.or_(x, y) if kind.startswith("min") else b.and_(x, y), bits)
    if kind.endswith("j"):
        return unrounded(b, fpscr, exceptions, b.select(p.is_nan, x, b.select(q.is_nan, y, bits)))
    take_y = b.or_(q.is_signalling, b.and_(p.is_nan, not_(b, q.is_nan)))
    take_y = b.and_(take_y, not_(b, p.is_signalling))
    chosen = b.select(take_y, y, x)
    chosen = b.or_(chosen, flag(b, b.ult(b.const(INFINITY), b.and_(chosen, SIGN - 1)), QUIET))
    return unrounded(b, fpscr, exceptions, b.select(any_nan, chosen, bits))
