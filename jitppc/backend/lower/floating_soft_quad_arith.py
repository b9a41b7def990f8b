"""Quad-precision sums to square roots on integers of 128 and 256 bits. See floating_soft.py."""

from __future__ import annotations

from jitppc.ir.block import Value
from jitppc.ir.fpscr import FPSCR
from jitppc.ir.ieee import QUAD
from jitppc.ir.types import I1, I256

from .floating_soft import FAR_DOWN, ONE, B, flag, not_
from .floating_soft import FRACTION as DOUBLE_FRACTION
from .floating_soft_quad import (
    INFINITY,
    SIGN,
    Number,
    Operand,
    Outcome,
    mode_of,
    operand,
    rounded,
    special,
    wide,
    wide_flag,
    with_nans,
)

#: quads whose significand is scaled to this many bits have roots of 115 bits
ROOT_BITS = 230

# --- arithmetic


def normalized(b: B, negative: Value, m: Value, e: Value) -> Number:
    """A significand whose bit 254 has exponent e, as a 128-bit one with a sticky last bit."""
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
    return Number(
        b.xor(x.negative, y.negative),
        b.select(is_long, b.lshr(m, b.const(1, I256)), m),
        b.select(is_zero, b.const(FAR_DOWN), e),
    )


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
    exact = Number(
        b.xor(p.negative, q.negative),
        b.trunc(b.shl(m, b.sub(zeros, 128)), 128),
        b.sub(b.add(b.sub(p.e, q.e), 255 - 118), b.trunc(zeros, 64)),
    )
    r = rounded(b, QUAD, exact, fpscr, mode_of(b, fpscr, odd))
    r = special(b, r, b.or_(p.is_zero, q.is_infinite), with_sign(b, 0, exact.negative))
    r = special(
        b,
        r,
        b.or_(q.is_zero, p.is_infinite),
        with_sign(b, INFINITY, exact.negative),
        flag(b, b.and_(q.is_zero, not_(b, p.is_infinite)), FPSCR.ZX),
    )
    r = special(b, r, b.and_(p.is_zero, q.is_zero), QUAD.default_nan, FPSCR.VXZDZ)
    r = special(b, r, b.and_(p.is_infinite, q.is_infinite), QUAD.default_nan, FPSCR.VXIDI)
    return with_nans(b, r, [p, q])


def integer_root(b: B, x: Value, first: Value) -> Value:
    """The root of x, rounded down, from an approximation good to 50 bits: each step doubles that,
    and the last bit is corrected.
    """
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
    m = b.shl(
        b.zext(b.lshr(p.m, wide(b, 15)), 256), b.zext(b.add(is_odd, ROOT_BITS - 2 - 112), 256)
    )
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
