"""Floating-point operations on integers alone, for all operands, rounding modes and enabled exceptions.

Written over the IR builder, so that the same text is lowered to LLVM and, given constants, computes. Straight lines:
every case is computed and the right one selected. `d_div` and `d_sqrt` serve as approximations that an exact
remainder corrects. Significands have their first bit at bit 63 (of 64) or 126 (of 128). Ref: Book I 4.3, 4.4.
"""

from __future__ import annotations

from dataclasses import dataclass

from jitppc.ir.block import Value
from jitppc.ir.builder import OpsMixin
from jitppc.ir.fpscr import FPSCR, NO_RESULT
from jitppc.ir.ieee import DOUBLE, NEAR_AWAY, SINGLE, Format
from jitppc.ir.types import I1, I64, I128

B = OpsMixin
SIGN, INFINITY, QUIET, HIDDEN, FRACTION = 1 << 63, 0x7FF << 52, 1 << 51, 1 << 52, (1 << 52) - 1
ONE = 0x3FF << 52
FAR_DOWN = -(1 << 20)       # an exponent below all others: zero's


@dataclass(frozen=True, slots=True)
class Operand:
    """A double taken apart. `m` is normalized, 0 for zero; `e` is the exponent of its first bit."""

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
    """±m * 2**(e - 63), or (e - 126) when m is 128 bits wide. The last bit of m is sticky."""

    negative: Value
    m: Value
    e: Value


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `ieee.Result` says, as values: fi and fr are i1, `is_special` says that fprf is that of the bits."""

    bits: Value
    exceptions: Value
    fi: Value
    fr: Value
    fprf: Value


def not_(b: B, x: Value) -> Value:
    """The other i1."""
    return b.xor(x, 1)


def flag(b: B, condition: Value, mask: int) -> Value:
    """The mask if the i1 is 1, else 0."""
    return b.select(condition, b.const(mask), b.const(0))


def smaller(b: B, x: Value, y: Value | int) -> Value:
    """The signed minimum."""
    y = b.const(y) if isinstance(y, int) else y
    return b.select(b.slt(x, y), x, y)


def operand(b: B, bits: Value) -> Operand:
    """A double, classified and normalized."""
    magnitude = b.and_(bits, SIGN - 1)
    is_nan = b.ult(b.const(INFINITY), magnitude)
    exponent, fraction = b.lshr(magnitude, 52), b.and_(bits, FRACTION)
    is_small = b.eq(exponent, 0)
    significand = b.select(is_small, fraction, b.or_(fraction, HIDDEN))
    zeros = b.ctlz(significand)
    is_zero = b.eq(magnitude, 0)
    e = b.sub(b.add(b.select(is_small, b.const(1), exponent), 11 - 1023), zeros)
    return Operand(bits, b.slt(bits, 0), b.shl(significand, zeros), b.select(is_zero, b.const(FAR_DOWN), e), is_nan,
                   b.and_(is_nan, b.eq(b.and_(bits, QUIET), 0)), b.eq(magnitude, INFINITY), is_zero)


def class_of(b: B, bits: Value) -> Value:
    """FPRF of a double."""
    magnitude, negative = b.and_(bits, SIGN - 1), b.slt(bits, 0)
    relation = b.select(negative, b.const(FPSCR.FL), b.const(FPSCR.FG))
    denormal = flag(b, b.eq(b.lshr(magnitude, 52), 0), FPSCR.C)
    number = b.or_(relation, b.or_(denormal, flag(b, b.eq(magnitude, INFINITY), FPSCR.FU)))
    zero = b.or_(FPSCR.FE, flag(b, negative, FPSCR.C))
    kind = b.select(b.eq(magnitude, 0), zero, number)
    return b.select(b.ult(b.const(INFINITY), magnitude), b.const(FPSCR.C | FPSCR.FU), kind)


# --- rounding --------------------------------------------------------------------------------------------

def grows(b: B, mode: Value, negative: Value, kept: Value, rest: Value) -> Value:
    """i1: rounding takes the next number away from zero; the first bit of `rest` is worth a half of kept's last."""
    half = b.const(SIGN)
    is_odd = b.ne(b.and_(kept, 1), 0)
    above = b.ult(half, rest)
    to_nearest = b.or_(above, b.and_(b.eq(rest, half), b.or_(is_odd, b.eq(mode, NEAR_AWAY))))
    directed = b.and_(b.ne(rest, 0), b.eq(mode, b.select(negative, b.const(3), b.const(2))))
    is_nearest = b.or_(b.eq(mode, 0), b.eq(mode, NEAR_AWAY))
    return b.select(is_nearest, to_nearest, directed)


def shifted_apart(b: B, m: Value, n: Value) -> tuple[Value, Value]:
    """m >> n and the bits lost, left-justified; the last bit of the latter is sticky. n is 1 or more."""
    n = smaller(b, n, 66)
    kept = b.lshr(m, n)
    within = b.shl(m, b.sub(64, smaller(b, n, 64)))
    beyond = b.zext(b.ne(m, 0))
    return kept, b.select(b.slt(b.const(64), n), beyond, within)


def rounded(b: B, fmt: Format, number: Number, fpscr: Value, mode: Value | None = None) -> Outcome:
    """A nonzero number in a format; singles are kept as doubles."""
    mode = b.and_(fpscr, FPSCR.RN) if mode is None else mode
    precision, negative, e = fmt.fraction_bits + 1, number.negative, number.e
    tiny = b.slt(e, b.const(fmt.lowest))
    wraps_up = b.and_(tiny, b.ne(b.and_(fpscr, FPSCR.UE), 0))
    denormal = b.and_(tiny, not_(b, wraps_up))
    missing = b.select(denormal, b.sub(fmt.lowest, e), b.const(0))
    kept, rest = shifted_apart(b, number.m, b.add(missing, 64 - precision))
    fi, fr = b.ne(rest, 0), grows(b, mode, negative, kept, rest)
    kept = b.add(kept, b.zext(fr))
    # the exponent of kept's bit `precision - 1`
    e = b.add(b.select(denormal, b.const(fmt.lowest), e), flag(b, wraps_up, fmt.wrap))
    above = b.ne(b.lshr(kept, precision), 0)
    overflow = b.and_(not_(b, tiny), b.slt(b.const(fmt.bias), b.add(e, b.zext(above))))
    wraps_down = b.and_(overflow, b.ne(b.and_(fpscr, FPSCR.OE), 0))
    e = b.sub(e, flag(b, wraps_down, fmt.wrap))
    lost = b.and_(overflow, not_(b, wraps_down))
    bits = _as_double(b, kept, e) if fmt is SINGLE else _packed(b, fmt, kept, e)
    # disabled overflow: infinity or the largest number
    directed = b.select(negative, b.const(3), b.const(2))
    infinite = b.or_(b.or_(b.eq(mode, 0), b.eq(mode, NEAR_AWAY)), b.eq(mode, directed))
    into = DOUBLE if fmt is SINGLE else fmt
    largest = into.infinity - 1 if fmt is not SINGLE else 0x47EFFFFFE0000000
    bits = b.select(lost, b.select(infinite, b.const(into.infinity), b.const(largest)), bits)
    bits = b.or_(bits, flag(b, negative, into.sign_bit))
    ux = b.or_(wraps_up, b.and_(tiny, fi))
    exceptions = b.or_(flag(b, ux, FPSCR.UX), b.or_(flag(b, overflow, FPSCR.OX), flag(b, b.or_(fi, lost), FPSCR.XX)))
    relation = b.select(negative, b.const(FPSCR.FL), b.const(FPSCR.FG))
    kind = b.or_(relation, b.or_(flag(b, b.eq(b.lshr(kept, precision - 1), 0), FPSCR.C),
                                 flag(b, b.and_(lost, infinite), FPSCR.FU)))
    zero = b.or_(FPSCR.FE, flag(b, negative, FPSCR.C))
    return Outcome(bits, exceptions, b.or_(fi, lost), b.select(lost, infinite, fr),
                   b.select(b.eq(kept, 0), zero, kind))


def _packed(b: B, fmt: Format, kept: Value, e: Value) -> Value:
    """Adding the significand carries into the exponent: the hidden bit is the exponent's last one."""
    is_normal = b.ne(b.lshr(kept, fmt.fraction_bits), 0)
    exponent = b.select(is_normal, b.add(e, fmt.bias - 1), b.const(0))
    return b.and_(b.add(b.shl(exponent, fmt.fraction_bits), kept), fmt.sign_bit - 1)


def _as_double(b: B, kept: Value, e: Value) -> Value:
    """kept * 2**(e - 23) as a double; kept has up to 25 bits."""
    zeros = b.ctlz(kept)
    exponent = b.sub(b.add(e, 1023 - 23 + 63), zeros)
    fraction = b.and_(b.lshr(b.shl(kept, zeros), 11), FRACTION)
    bits = b.or_(b.shl(b.and_(exponent, 0x7FF), 52), fraction)
    return b.select(b.eq(kept, 0), b.const(0), bits)


# --- the FPSCR --------------------------------------------------------------------------------------------

def settled(b: B, fpscr: Value, exceptions: Value, fi: Value, fr: Value, fprf: Value | None) -> Value:
    """As `settled` of jitppc/ir/ops/floating.py. Ref: Book I 4.4."""
    is_invalid = b.ne(b.and_(exceptions, FPSCR.INVALID), 0)
    wanted = b.or_(flag(b, is_invalid, FPSCR.VE), b.and_(b.lshr(exceptions, FPSCR.ENABLE_SHIFT), FPSCR.ZE))
    forbidden = b.ne(b.and_(wanted, fpscr), 0)
    cleared = b.and_(fpscr, ~(FPSCR.FR | FPSCR.FI | FPSCR.VX | FPSCR.FEX))
    fresh = b.ne(b.and_(exceptions, b.not_(fpscr)), 0)
    new = b.or_(b.or_(cleared, exceptions), flag(b, fresh, FPSCR.FX))
    told = b.or_(new, b.or_(flag(b, fi, FPSCR.FI), flag(b, fr, FPSCR.FR)))
    if fprf is not None:
        told = b.or_(b.and_(told, ~FPSCR.FPRF), fprf)
    return b.or_(summarized(b, b.select(forbidden, new, told)), flag(b, forbidden, NO_RESULT))


def summarized(b: B, fpscr: Value) -> Value:
    """VX and FEX, clear so far, set as the other bits say."""
    fpscr = b.or_(fpscr, flag(b, b.ne(b.and_(fpscr, FPSCR.INVALID), 0), FPSCR.VX))
    enabled = b.and_(b.and_(b.lshr(fpscr, FPSCR.ENABLE_SHIFT), fpscr), FPSCR.ENABLES)
    return b.or_(fpscr, flag(b, b.ne(enabled, 0), FPSCR.FEX))


def finished(b: B, fpscr: Value, r: Outcome) -> Value:
    """pack(FPSCR, bits)."""
    return b.pack(settled(b, fpscr, r.exceptions, r.fi, r.fr, r.fprf), r.bits)


def special(b: B, r: Outcome, condition: Value, bits: Value | int, exceptions: Value | int = 0) -> Outcome:
    """The outcome, or one that needs no rounding if the i1 is 1."""
    bits = b.const(bits) if isinstance(bits, int) else bits
    exceptions = b.const(exceptions) if isinstance(exceptions, int) else exceptions
    other = not_(b, condition)
    return Outcome(b.select(condition, bits, r.bits), b.select(condition, exceptions, r.exceptions),
                   b.and_(r.fi, other), b.and_(r.fr, other), b.select(condition, class_of(b, bits), r.fprf))


def with_nans(b: B, fmt: Format, r: Outcome, operands: list[Operand], exceptions: Value | int = 0) -> Outcome:
    """The outcome, or the first NaN operand made quiet; of its payload, what a single has room for."""
    is_nan, signals = b.const(0, I1), b.const(0, I1)
    bits = b.const(0)
    for x in reversed(operands):
        bits = b.select(x.is_nan, x.bits, bits)
        is_nan, signals = b.or_(is_nan, x.is_nan), b.or_(signals, x.is_signalling)
    exceptions = b.const(exceptions) if isinstance(exceptions, int) else exceptions
    bits = b.and_(bits, -1 << 29) if fmt is SINGLE else bits
    return special(b, r, is_nan, b.or_(bits, QUIET), b.or_(exceptions, flag(b, signals, FPSCR.VXSNAN)))


# --- exact results before rounding -------------------------------------------------------------------------

def normalized(b: B, negative: Value, m: Value, e: Value) -> Number:
    """A 128-bit significand whose bit 126 has exponent e, as a 64-bit one with a sticky last bit."""
    zeros = b.ctlz(m)
    m = b.shl(m, zeros)
    return Number(negative, b.or_(b.hi(m), b.zext(b.ne(b.lo(m), 0))), b.sub(b.add(e, 1), b.lo(zeros)))


def product(b: B, x: Operand, y: Operand) -> Number:
    """x * y, 128 bits wide and exact."""
    m = b.mul(b.zext(x.m, 128), b.zext(y.m, 128))
    is_long = b.slt(b.hi(m), 0)
    e = b.add(b.add(x.e, y.e), b.zext(is_long))
    is_zero = b.or_(x.is_zero, y.is_zero)
    return Number(b.xor(x.negative, y.negative), b.select(is_long, b.lshr(m, 1), m),
                  b.select(is_zero, b.const(FAR_DOWN), e))


def widened(b: B, x: Operand) -> Number:
    """An operand, 128 bits wide."""
    return Number(x.negative, b.shl(b.zext(x.m, 128), 63), x.e)


def total(b: B, x: Number, y: Number) -> tuple[Number, Value]:
    """x + y of 128-bit numbers, and an i1: the sum is exactly zero (its sign is then not decided)."""
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
    r = special(b, r, p.is_infinite, b.select(clash, b.const(DOUBLE.default_nan), x), flag(b, clash, FPSCR.VXISI))
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
        flips = b.select(b.eq(b.and_(r.bits, SIGN - 1), 0), b.const(FPSCR.C), b.const(FPSCR.FL | FPSCR.FG))
        r = Outcome(b.xor(r.bits, SIGN), r.exceptions, r.fi, r.fr, b.xor(r.fprf, flips))
    r = special(b, r, bad_sum, DOUBLE.default_nan, FPSCR.VXISI)
    r = special(b, r, bad_product, DOUBLE.default_nan, FPSCR.VXIMZ)
    return finished(b, fpscr, with_nans(b, fmt, r, [p, q, c], flag(b, bad_product, FPSCR.VXIMZ)))


def corrected(b: B, negative: Value, root: Value, remainder: Value, e: Value) -> Number:
    """The exact result from the nearest double in [1/2, 2) and the sign of what it is short of: three low-order bits
    tell below from above, which is all that rounding needs (it is never half-way)."""
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


def divide(b: B, fmt: Format, x: Value, y: Value, fpscr: Value, mode: Value | None = None) -> Outcome:
    """x / y."""
    p, q = operand(b, x), operand(b, y)
    exact = quotient(b, p, q)
    r = rounded(b, fmt, exact, fpscr, mode)
    r = special(b, r, b.or_(p.is_zero, q.is_infinite), with_sign(b, 0, exact.negative))
    r = special(b, r, b.or_(q.is_zero, p.is_infinite), with_sign(b, INFINITY, exact.negative),
                flag(b, b.and_(q.is_zero, not_(b, p.is_infinite)), FPSCR.ZX))
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
    exponent = flag(b, b.or_(p.is_nan, p.is_infinite), fmt.infinity)
    cut = b.or_(b.or_(b.lshr(b.and_(r.bits, FRACTION), lost), exponent), flag(b, p.negative, fmt.sign_bit))
    return finished(b, fpscr, Outcome(b.select(plain, cut, r.bits), r.exceptions, r.fi, r.fr, r.fprf))


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
