"""Floating-point operations on integers alone, for all operands, rounding modes and enabled
exceptions.

Written over the IR builder, so that the same text is lowered to LLVM and, given constants,
computes. Straight lines: every case is computed and the right one selected. `d_div` and `d_sqrt`
serve as approximations that an exact remainder corrects. Significands have their first bit at bit
63 (of 64) or 126 (of 128). Ref: Book I 4.3, 4.4.
"""

from __future__ import annotations

from dataclasses import dataclass

from jitppc.ir.block import Value
from jitppc.ir.builder import OpsMixin
from jitppc.ir.fpscr import FPSCR, NO_RESULT
from jitppc.ir.ieee import DOUBLE, NEAR_AWAY, SINGLE, Format
from jitppc.ir.types import I1

B = OpsMixin
SIGN, INFINITY, QUIET, HIDDEN, FRACTION = 1 << 63, 0x7FF << 52, 1 << 51, 1 << 52, (1 << 52) - 1
ONE = 0x3FF << 52
FAR_DOWN = -(1 << 20)  # an exponent below all others: zero's


@dataclass(frozen=True, slots=True)
class Operand:
    """A number taken apart. `m` is normalized, 0 for zero; `e` is the exponent of its first bit."""

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
    """What `ieee.Result` says, as values; fi and fr are i1."""

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
    return Operand(
        bits,
        b.slt(bits, 0),
        b.shl(significand, zeros),
        b.select(is_zero, b.const(FAR_DOWN), e),
        is_nan,
        b.and_(is_nan, b.eq(b.and_(bits, QUIET), 0)),
        b.eq(magnitude, INFINITY),
        is_zero,
    )


def class_of(b: B, bits: Value) -> Value:
    """FPRF of a double."""
    magnitude, negative = b.and_(bits, SIGN - 1), b.slt(bits, 0)
    relation = b.select(negative, b.const(FPSCR.FL), b.const(FPSCR.FG))
    denormal = flag(b, b.eq(b.lshr(magnitude, 52), 0), FPSCR.C)
    number = b.or_(relation, b.or_(denormal, flag(b, b.eq(magnitude, INFINITY), FPSCR.FU)))
    zero = b.or_(FPSCR.FE, flag(b, negative, FPSCR.C))
    kind = b.select(b.eq(magnitude, 0), zero, number)
    return b.select(b.ult(b.const(INFINITY), magnitude), b.const(FPSCR.C | FPSCR.FU), kind)


# --- rounding


def grows(b: B, mode: Value, negative: Value, kept: Value, rest: Value) -> Value:
    """i1: rounding takes the next number away from zero; the first bit of `rest` is worth a half of
    kept's last.
    """
    half = b.const(SIGN)
    is_odd = b.ne(b.and_(kept, 1), 0)
    above = b.ult(half, rest)
    to_nearest = b.or_(above, b.and_(b.eq(rest, half), b.or_(is_odd, b.eq(mode, NEAR_AWAY))))
    directed = b.and_(b.ne(rest, 0), b.eq(mode, b.select(negative, b.const(3), b.const(2))))
    is_nearest = b.or_(b.eq(mode, 0), b.eq(mode, NEAR_AWAY))
    return b.select(is_nearest, to_nearest, directed)


def shifted_apart(b: B, m: Value, n: Value) -> tuple[Value, Value]:
    """m >> n and the bits lost, left-justified; the last bit of the latter is sticky. n is 1 or
    more.
    """
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
    exceptions = b.or_(
        flag(b, ux, FPSCR.UX),
        b.or_(flag(b, overflow, FPSCR.OX), flag(b, b.or_(fi, lost), FPSCR.XX)),
    )
    relation = b.select(negative, b.const(FPSCR.FL), b.const(FPSCR.FG))
    kind = b.or_(
        relation,
        b.or_(
            flag(b, b.eq(b.lshr(kept, precision - 1), 0), FPSCR.C),
            flag(b, b.and_(lost, infinite), FPSCR.FU),
        ),
    )
    zero = b.or_(FPSCR.FE, flag(b, negative, FPSCR.C))
    return Outcome(
        bits,
        exceptions,
        b.or_(fi, lost),
        b.select(lost, infinite, fr),
        b.select(b.eq(kept, 0), zero, kind),
    )


def _packed(b: B, fmt: Format, kept: Value, e: Value) -> Value:
    """Adding the significand carries into the exponent: its hidden bit is the exponent's last."""
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


# --- the FPSCR


def settled(
    b: B, fpscr: Value, exceptions: Value, fi: Value, fr: Value, fprf: Value | None
) -> Value:
    """As `settled` of jitppc/ir/ops/floating.py. Ref: Book I 4.4."""
    is_invalid = b.ne(b.and_(exceptions, FPSCR.INVALID), 0)
    wanted = b.or_(
        flag(b, is_invalid, FPSCR.VE), b.and_(b.lshr(exceptions, FPSCR.ENABLE_SHIFT), FPSCR.ZE)
    )
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


def special(
    b: B, r: Outcome, condition: Value, bits: Value | int, exceptions: Value | int = 0
) -> Outcome:
    """The outcome, or one that needs no rounding if the i1 is 1."""
    bits = b.const(bits) if isinstance(bits, int) else bits
    exceptions = b.const(exceptions) if isinstance(exceptions, int) else exceptions
    other = not_(b, condition)
    return Outcome(
        b.select(condition, bits, r.bits),
        b.select(condition, exceptions, r.exceptions),
        b.and_(r.fi, other),
        b.and_(r.fr, other),
        b.select(condition, class_of(b, bits), r.fprf),
    )


def with_nans(
    b: B, fmt: Format, r: Outcome, operands: list[Operand], exceptions: Value | int = 0
) -> Outcome:
    """The outcome, or the first NaN operand made quiet (a single keeps less of its payload)."""
    is_nan, signals = b.const(0, I1), b.const(0, I1)
    bits = b.const(0)
    for x in reversed(operands):
        bits = b.select(x.is_nan, x.bits, bits)
        is_nan, signals = b.or_(is_nan, x.is_nan), b.or_(signals, x.is_signalling)
    exceptions = b.const(exceptions) if isinstance(exceptions, int) else exceptions
    bits = b.and_(bits, -1 << 29) if fmt is SINGLE else bits
    return special(
        b, r, is_nan, b.or_(bits, QUIET), b.or_(exceptions, flag(b, signals, FPSCR.VXSNAN))
    )
