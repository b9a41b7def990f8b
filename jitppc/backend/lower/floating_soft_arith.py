"""Sums to estimates on integers alone. See floating_soft.py."""

from __future__ import annotations

from jitppc.ir.block import Value
from jitppc.ir.fpscr import FPSCR
from jitppc.ir.ieee import DOUBLE, SINGLE, Format
from jitppc.ir.types import I1, I128

from .floating_soft import (
    FAR_DOWN,
    FRACTION,
    HIDDEN,
    INFINITY,
    ONE,
    SIGN,
    B,
    Number,
    Operand,
    Outcome,
    finished,
    flag,
    not_,
    operand,
    rounded,
    smaller,
    special,
    with_nans,
)

# --- exact results before rounding


def normalized(b: B, negative: Value, m: Value, e: Value) -> Number:
    """A significand whose bit 126 has exponent e, as a 64-bit one with a sticky last bit."""
    zeros = b.ctlz(m)
    m = b.shl(m, zeros)
    return Number(
        negative, b.or_(b.hi(m), b.zext(b.ne(b.lo(m), 0))), b.sub(b.add(e, 1), b.lo(zeros))
    )


def product(b: B, x: Operand, y: Operand) -> Number:
    """x * y, 128 bits wide and exact."""
    m = b.mul(b.zext(x.m, 128), b.zext(y.m, 128))
    is_long = b.slt(b.hi(m), 0)
    e = b.add(b.add(x.e, y.e), b.zext(is_long))
    is_zero = b.or_(x.is_zero, y.is_zero)
    return Number(
        b.xor(x.negative, y.negative),
        b.select(is_long, b.lshr(m, 1), m),
        b.select(is_zero, b.const(FAR_DOWN), e),
    )


def widened(b: B, x: Operand) -> Number:
    """An operand, 128 bits wide."""
    return Number(x.negative, b.shl(b.zext(x.m, 128), 63), x.e)


def total(b: B, x: Number, y: Number) -> tuple[Number, Value]:
    """x + y of 128-bit numbers, and an i1: the sum is exactly zero, its sign still open."""
    swap = b.slt(x.e, y.e)
    big, small = b.select(swap, y.m, x.m), b.select(swap, x.m, y.m)
    e = b.select(swap, y.e, x.e)
    distance = smaller(b, b.sub(e, b.select(swap, x.e, y.e)), 127)
    right = b.zext(distance, 128)
    lost = b.ne(b.shl(small, b.sub(b.const(128, I128), right)), 0)
    small = b.or_(b.lshr(small, right), b.zext(lost, 128))
    differ = b.xor(x.negative, y.negative)
    m = b.select(differ, b.sub(big, small), b.add(big, small))
    below = b.and_(differ, b.slt(b.hi(m), 0))
    m = b.select(below, b.neg(m), m)
    negative = b.xor(b.select(swap, y.negative, x.negative), below)
    return normalized(b, negative, m, e), b.eq(m, 0)


def sum_outcome(b: B, fmt: Format, x: Number, y: Number, fpscr: Value) -> Outcome:
    """The rounded sum of two 128-bit numbers."""
    exact, is_zero = total(b, x, y)
    down = b.eq(b.and_(fpscr, FPSCR.RN), 3)
    negative = b.select(b.eq(x.negative, y.negative), x.negative, down)
    return special(b, rounded(b, fmt, exact, fpscr), is_zero, flag(b, negative, SIGN))


def with_sign(b: B, magnitude: int, negative: Value) -> Value:
    """The bits of a number of which sign and magnitude are known."""
    return b.or_(flag(b, negative, SIGN), magnitude)


def add(b: B, fmt: Format, x: Value, y: Value, fpscr: Value, *, subtract: bool = False) -> Value:
    """pack(FPSCR, x + y)."""
    p, q = operand(b, x), operand(b, y)
    addend = operand(b, b.xor(y, SIGN)) if subtract else q
    r = sum_outcome(b, fmt, widened(b, p), widened(b, addend), fpscr)
    r = special(b, r, q.is_infinite, addend.bits)
    clash = b.and_(q.is_infinite, b.xor(p.negative, addend.negative))
    r = special(
        b,
        r,
        p.is_infinite,
        b.select(clash, b.const(DOUBLE.default_nan), x),
        flag(b, clash, FPSCR.VXISI),
    )
    return finished(b, fpscr, with_nans(b, fmt, r, [p, q]))


def multiply(b: B, fmt: Format, x: Value, y: Value, fpscr: Value) -> Value:
    """pack(FPSCR, x * y)."""
    p, q = operand(b, x), operand(b, y)
    exact = product(b, p, q)
    r = rounded(b, fmt, normalized(b, exact.negative, exact.m, exact.e), fpscr)
    is_zero, is_infinite = b.or_(p.is_zero, q.is_zero), b.or_(p.is_infinite, q.is_infinite)
    r = special(b, r, is_zero, with_sign(b, 0, exact.negative))
    r = special(b, r, is_infinite, with_sign(b, INFINITY, exact.negative))
    r = special(b, r, b.and_(is_zero, is_infinite), DOUBLE.default_nan, FPSCR.VXIMZ)
    return finished(b, fpscr, with_nans(b, fmt, r, [p, q]))


def multiply_add(b: B, fmt: Format, kind: str, x: Value, z: Value, y: Value, fpscr: Value) -> Value:
    """pack(FPSCR, ±(x * z ± y))."""
    p, c, q = operand(b, x), operand(b, z), operand(b, y)
    addend = operand(b, b.xor(y, SIGN)) if kind.endswith("msub") else q
    exact = product(b, p, c)
    r = sum_outcome(b, fmt, exact, widened(b, addend), fpscr)
    is_infinite = b.or_(p.is_infinite, c.is_infinite)
    bad_product = b.and_(is_infinite, b.or_(p.is_zero, c.is_zero))
    bad_sum = b.and_(b.and_(is_infinite, q.is_infinite), b.xor(exact.negative, addend.negative))
    r = special(b, r, q.is_infinite, addend.bits)
    r = special(b, r, is_infinite, with_sign(b, INFINITY, exact.negative))
    if kind.startswith("n"):
        flips = b.select(
            b.eq(b.and_(r.bits, SIGN - 1), 0), b.const(FPSCR.C), b.const(FPSCR.FL | FPSCR.FG)
        )
        r = Outcome(b.xor(r.bits, SIGN), r.exceptions, r.fi, r.fr, b.xor(r.fprf, flips))
    r = special(b, r, bad_sum, DOUBLE.default_nan, FPSCR.VXISI)
    r = special(b, r, bad_product, DOUBLE.default_nan, FPSCR.VXIMZ)
    return finished(b, fpscr, with_nans(b, fmt, r, [p, q, c], flag(b, bad_product, FPSCR.VXIMZ)))


def corrected(b: B, negative: Value, root: Value, remainder: Value, e: Value) -> Number:
    """The exact result from the nearest double in [1/2, 2) and the sign of what it is short of:
    three low-order bits tell below from above, which is all that rounding needs (it is never half-
    way).
    """
    significand = b.or_(b.and_(root, FRACTION), HIDDEN)
    m = b.shl(significand, 11)
    nudge = b.select(b.slt(b.hi(remainder), 0), b.const(-1), b.zext(b.ne(remainder, 0)))
    m = b.add(m, nudge)
    zeros = b.ctlz(m)
    return Number(negative, b.shl(m, zeros), b.sub(b.add(e, b.sub(b.lshr(root, 52), 1023)), zeros))


def quotient(b: B, x: Operand, y: Operand) -> Number:
    """x / y, for numbers other than zero."""
    mx, my = b.lshr(x.m, 11), b.lshr(y.m, 11)
    near = b.d_div(b.or_(b.and_(mx, FRACTION), ONE), b.or_(b.and_(my, FRACTION), ONE))
    below_one = b.ult(near, ONE)
    qm = b.or_(b.and_(near, FRACTION), HIDDEN)
    scaled = b.shl(b.zext(mx, 128), b.zext(b.select(below_one, b.const(53), b.const(52)), 128))
    remainder = b.sub(scaled, b.mul(b.zext(qm, 128), b.zext(my, 128)))
    return corrected(b, b.xor(x.negative, y.negative), near, remainder, b.sub(x.e, y.e))


def divide(
    b: B, fmt: Format, x: Value, y: Value, fpscr: Value, mode: Value | None = None
) -> Outcome:
    """x / y."""
    p, q = operand(b, x), operand(b, y)
    exact = quotient(b, p, q)
    r = rounded(b, fmt, exact, fpscr, mode)
    r = special(b, r, b.or_(p.is_zero, q.is_infinite), with_sign(b, 0, exact.negative))
    r = special(
        b,
        r,
        b.or_(q.is_zero, p.is_infinite),
        with_sign(b, INFINITY, exact.negative),
        flag(b, b.and_(q.is_zero, not_(b, p.is_infinite)), FPSCR.ZX),
    )
    r = special(b, r, b.and_(p.is_zero, q.is_zero), DOUBLE.default_nan, FPSCR.VXZDZ)
    r = special(b, r, b.and_(p.is_infinite, q.is_infinite), DOUBLE.default_nan, FPSCR.VXIDI)
    return with_nans(b, fmt, r, [p, q])


def square_root(b: B, fmt: Format, x: Value, fpscr: Value, mode: Value | None = None) -> Outcome:
    """The square root of x."""
    p = operand(b, x)
    is_odd = b.and_(p.e, 1)
    m = b.lshr(p.m, 11)
    near = b.d_sqrt(b.add(b.or_(b.and_(m, FRACTION), ONE), b.shl(is_odd, 52)))
    root = b.or_(b.and_(near, FRACTION), HIDDEN)
    square = b.mul(b.zext(root, 128), b.zext(root, 128))
    remainder = b.sub(b.shl(b.zext(m, 128), b.zext(b.add(is_odd, 52), 128)), square)
    half = b.ashr(b.sub(p.e, is_odd), 1)
    r = rounded(b, fmt, corrected(b, b.const(0, I1), near, remainder, half), fpscr, mode)
    r = special(b, r, b.or_(p.is_zero, p.is_infinite), x)
    bad = b.and_(p.negative, not_(b, p.is_zero))
    r = special(b, r, bad, DOUBLE.default_nan, FPSCR.VXSQRT)
    return with_nans(b, fmt, r, [p])


def narrow(b: B, fmt: Format, x: Value, fpscr: Value) -> Value:
    """pack(FPSCR, x rounded to single or half precision)."""
    p = operand(b, x)
    lost = DOUBLE.fraction_bits - fmt.fraction_bits
    controls = fpscr if fmt is SINGLE else b.and_(fpscr, ~(FPSCR.OE | FPSCR.UE))
    r = rounded(b, fmt, Number(p.negative, p.m, p.e), controls)
    r = with_nans(b, fmt, special(b, r, b.or_(p.is_zero, p.is_infinite), x), [p])
    if fmt is SINGLE:
        return finished(b, fpscr, r)
    plain = b.or_(p.is_nan, b.or_(p.is_zero, p.is_infinite))
    tiny = b.and_(b.slt(p.e, fmt.lowest), not_(b, plain))
    underflows = b.and_(tiny, b.ne(b.and_(fpscr, FPSCR.UE), 0))  # though it may be exact
    exceptions = b.or_(r.exceptions, flag(b, underflows, FPSCR.UX))
    exponent = flag(b, b.or_(p.is_nan, p.is_infinite), fmt.infinity)
    cut = b.or_(
        b.or_(b.lshr(b.and_(r.bits, FRACTION), lost), exponent), flag(b, p.negative, fmt.sign_bit)
    )
    return finished(
        b, fpscr, Outcome(b.select(plain, cut, r.bits), exceptions, r.fi, r.fr, r.fprf)
    )


def estimate(b: B, r: Outcome) -> Outcome:
    """The outcome without its inexactness."""
    no = b.const(0, I1)
    return Outcome(r.bits, b.and_(r.exceptions, ~FPSCR.XX), no, no, r.fprf)


def reciprocal(b: B, fmt: Format, x: Value, fpscr: Value) -> Value:
    """pack(FPSCR, 1 / x to nearest)."""
    return finished(b, fpscr, estimate(b, divide(b, fmt, b.const(ONE), x, fpscr, b.const(0))))


def reciprocal_root(b: B, fmt: Format, x: Value, fpscr: Value) -> Value:
    """pack(FPSCR, 1 / the root of x, each to nearest)."""
    controls = b.const(0)
    root = square_root(b, DOUBLE, x, controls, controls)
    r = estimate(b, divide(b, fmt, b.const(ONE), root.bits, fpscr, controls))
    is_nan = b.ult(b.const(INFINITY), b.and_(root.bits, SIGN - 1))
    bits = b.and_(root.bits, -1 << 29) if fmt is SINGLE else root.bits
    return finished(b, fpscr, special(b, r, is_nan, bits, root.exceptions))
