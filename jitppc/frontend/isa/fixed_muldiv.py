"""Fixed-point multiply, divide and modulo. Ref: Book I 3.3.9, 3.3.9.1.

Where the book leaves a result undefined, POWER9's own stands: a quotient that does not exist is 0, word
quotients have zeros above them, mulhw and mulhwu write their word twice, modsw extends its sign.
"""

from __future__ import annotations

from jitppc.frontend import rtl
from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.types import I1, I32, I64, Type

from .fixed_arith import ABC, finish

REF = "Book I 3.3.9"
REF64 = "Book I 3.3.9.1"


def words(b: Builder, i: Fields) -> tuple[Value, Value]:
    """The low words of (RA) and (RB)."""
    return b.trunc(b.gpr(i.RA), 32), b.trunc(b.gpr(i.RB), 32)


# --- multiply ------------------------------------------------------------------------------------------
@insn("D", "000111 RT RA SI", "RT,RA,SI", ref=REF)
def mulli(b: Builder, i: Fields) -> None:
    """RT <- (RA) * EXTS(SI)."""
    b.set_gpr(i.RT, b.mul(b.gpr(i.RA), i.SI))


@insn("XO", "011111 RT RA RB OE 011101011 Rc", ABC, ref=REF)
def mullw(b: Builder, i: Fields) -> None:
    """RT <- (RA)[32:63] * (RB)[32:63], signed; overflow when 32 bits do not hold it."""
    x, y = words(b, i)
    rt = b.mul(b.sext(x), b.sext(y))
    if i.OE:
        ov = b.ne(rt, rtl.EXTS(b, rt, 32))
        b.set_overflow(ov, ov)
    finish(b, i, rt)


@insn("XO", "011111 RT RA RB / 001001011 Rc", ABC, ref=REF)
def mulhw(b: Builder, i: Fields) -> None:
    """RT <- the high word of the signed product, in both halves."""
    x, y = words(b, i)
    finish(b, i, _twice(b, b.mul(b.sext(x), b.sext(y))))


@insn("XO", "011111 RT RA RB / 000001011 Rc", ABC, ref=REF)
def mulhwu(b: Builder, i: Fields) -> None:
    """RT <- the high word of the unsigned product, in both halves."""
    x, y = words(b, i)
    finish(b, i, _twice(b, b.mul(b.zext(x), b.zext(y))))


def _twice(b: Builder, product: Value) -> Value:
    return b.or_(b.lshr(product, 32), b.and_(product, 0xFFFFFFFF00000000))


@insn("XO", "011111 RT RA RB OE 011101001 Rc", ABC, ref=REF64)
def mulld(b: Builder, i: Fields) -> None:
    """RT <- the low doubleword of the product; overflow when 64 bits do not hold it, signed."""
    ra, rb = b.gpr(i.RA), b.gpr(i.RB)
    rt = b.mul(ra, rb)
    if i.OE:
        ov = b.ne(b.smulh(ra, rb), b.ashr(rt, 63))
        b.set_overflow(ov, ov)
    finish(b, i, rt)


@insn("XO", "011111 RT RA RB / 001001001 Rc", ABC, ref=REF64)
def mulhd(b: Builder, i: Fields) -> None:
    """RT <- the high doubleword of the signed product."""
    finish(b, i, b.smulh(b.gpr(i.RA), b.gpr(i.RB)))


@insn("XO", "011111 RT RA RB / 000001001 Rc", ABC, ref=REF64)
def mulhdu(b: Builder, i: Fields) -> None:
    """RT <- the high doubleword of the unsigned product."""
    finish(b, i, b.umulh(b.gpr(i.RA), b.gpr(i.RB)))


@insn("VA", "000100 RT RA RB RC 110000", "RT,RA,RB,RC", since="3.0", ref=REF64)
def maddhd(b: Builder, i: Fields) -> None:
    """RT <- the high doubleword of (RA) * (RB) + (RC), signed."""
    ra, rb, rc = (b.sext(b.gpr(r), 128) for r in (i.RA, i.RB, i.RC))
    b.set_gpr(i.RT, b.hi(b.add(b.mul(ra, rb), rc)))


@insn("VA", "000100 RT RA RB RC 110001", "RT,RA,RB,RC", since="3.0", ref=REF64)
def maddhdu(b: Builder, i: Fields) -> None:
    """RT <- the high doubleword of (RA) * (RB) + (RC), unsigned."""
    ra, rb, rc = (b.zext(b.gpr(r), 128) for r in (i.RA, i.RB, i.RC))
    b.set_gpr(i.RT, b.hi(b.add(b.mul(ra, rb), rc)))


@insn("VA", "000100 RT RA RB RC 110011", "RT,RA,RB,RC", since="3.0", ref=REF64)
def maddld(b: Builder, i: Fields) -> None:
    """RT <- the low doubleword of (RA) * (RB) + (RC)."""
    b.set_gpr(i.RT, b.add(b.mul(b.gpr(i.RA), b.gpr(i.RB)), b.gpr(i.RC)))


# --- divide --------------------------------------------------------------------------------------------
def quotient(b: Builder, i: Fields, value: Value, exists: Value) -> None:
    """RT <- the quotient, extended with zeros, or 0 and overflow when it does not exist."""
    rt = b.select(exists, b.zext(value), b.const(0))
    if i.OE:
        ov = b.xor(exists, b.const(1, I1))
        b.set_overflow(ov, ov)
    finish(b, i, rt)


def _signed_quotient(b: Builder, i: Fields, x: Value, y: Value, kind: Type) -> None:
    lowest = b.const(kind.sign_bit, kind)
    wraps = b.and_(b.eq(x, lowest), b.eq(y, -1))
    quotient(b, i, b.sdiv(x, y), b.and_(b.ne(y, 0), b.eq(wraps, 0)))


@insn("XO", "011111 RT RA RB OE 111101011 Rc", ABC, ref=REF)
def divw(b: Builder, i: Fields) -> None:
    """RT <- (RA)[32:63] / (RB)[32:63], signed."""
    _signed_quotient(b, i, *words(b, i), I32)


@insn("XO", "011111 RT RA RB OE 111001011 Rc", ABC, ref=REF)
def divwu(b: Builder, i: Fields) -> None:
    """RT <- (RA)[32:63] / (RB)[32:63], unsigned."""
    x, y = words(b, i)
    quotient(b, i, b.udiv(x, y), b.ne(y, 0))


@insn("XO", "011111 RT RA RB OE 111101001 Rc", ABC, ref=REF64)
def divd(b: Builder, i: Fields) -> None:
    """RT <- (RA) / (RB), signed."""
    _signed_quotient(b, i, b.gpr(i.RA), b.gpr(i.RB), I64)


@insn("XO", "011111 RT RA RB OE 111001001 Rc", ABC, ref=REF64)
def divdu(b: Builder, i: Fields) -> None:
    """RT <- (RA) / (RB), unsigned."""
    ra, rb = b.gpr(i.RA), b.gpr(i.RB)
    quotient(b, i, b.udiv(ra, rb), b.ne(rb, 0))


@insn("XO", "011111 RT RA RB OE 110101011 Rc", ABC, since="2.06", ref=REF)
def divwe(b: Builder, i: Fields) -> None:
    """RT <- ((RA)[32:63] || 0) / (RB)[32:63], signed."""
    x, y = words(b, i)
    whole = b.sdiv(b.shl(b.zext(x), 32), b.sext(y))
    fits = b.eq(whole, rtl.EXTS(b, whole, 32))
    quotient(b, i, b.trunc(whole, 32), b.and_(b.ne(y, 0), fits))


@insn("XO", "011111 RT RA RB OE 110001011 Rc", ABC, since="2.06", ref=REF)
def divweu(b: Builder, i: Fields) -> None:
    """RT <- ((RA)[32:63] || 0) / (RB)[32:63], unsigned."""
    x, y = words(b, i)
    whole = b.udiv(b.shl(b.zext(x), 32), b.zext(y))
    quotient(b, i, b.trunc(whole, 32), b.ult(x, y))


@insn("XO", "011111 RT RA RB OE 110101001 Rc", ABC, since="2.06", ref=REF64)
def divde(b: Builder, i: Fields) -> None:
    """RT <- ((RA) || 0) / (RB), signed."""
    ra, rb = b.gpr(i.RA), b.gpr(i.RB)
    x, y = rtl.ABS(b, ra), rtl.ABS(b, rb)
    size = rtl.DIVIDE_EXTENDED(b, x, y)
    negative = b.slt(b.xor(ra, rb), 0)
    value = b.select(negative, b.neg(size), size)
    fits = b.or_(b.eq(size, 0), b.eq(b.slt(value, 0), negative))
    quotient(b, i, value, b.and_(b.ult(x, y), fits))


@insn("XO", "011111 RT RA RB OE 110001001 Rc", ABC, since="2.06", ref=REF64)
def divdeu(b: Builder, i: Fields) -> None:
    """RT <- ((RA) || 0) / (RB), unsigned."""
    ra, rb = b.gpr(i.RA), b.gpr(i.RB)
    quotient(b, i, rtl.DIVIDE_EXTENDED(b, ra, rb), b.ult(ra, rb))


# --- modulo: a remainder that does not exist is 0 ---------------------------------------------------------
@insn("X", "011111 RT RA RB 1100001011 /", ABC, since="3.0", ref=REF)
def modsw(b: Builder, i: Fields) -> None:
    """RT <- EXTS((RA)[32:63] % (RB)[32:63]), signed."""
    b.set_gpr(i.RT, b.sext(b.srem(*words(b, i))))


@insn("X", "011111 RT RA RB 0100001011 /", ABC, since="3.0", ref=REF)
def moduw(b: Builder, i: Fields) -> None:
    """RT <- (RA)[32:63] % (RB)[32:63], unsigned."""
    b.set_gpr(i.RT, b.zext(b.urem(*words(b, i))))


@insn("X", "011111 RT RA RB 1100001001 /", ABC, since="3.0", ref=REF64)
def modsd(b: Builder, i: Fields) -> None:
    """RT <- (RA) % (RB), signed."""
    b.set_gpr(i.RT, b.srem(b.gpr(i.RA), b.gpr(i.RB)))


@insn("X", "011111 RT RA RB 0100001001 /", ABC, since="3.0", ref=REF64)
def modud(b: Builder, i: Fields) -> None:
    """RT <- (RA) % (RB), unsigned."""
    b.set_gpr(i.RT, b.urem(b.gpr(i.RA), b.gpr(i.RB)))
