"""Fixed-point logical: the bitwise operations, sign extension, counts, bytes, bit permute. Ref: Book I 3.3.13."""

from __future__ import annotations

from collections.abc import Callable

from jitppc.frontend import rtl
from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

REF = "Book I 3.3.13"
REF64 = "Book I 3.3.13.1"


def finish(b: Builder, i: Fields, ra: Value) -> None:
    """Write RA and, with Rc, CR0."""
    b.set_gpr(i.RA, ra)
    if i.Rc:
        b.record_cr0(ra)


# --- immediate forms -------------------------------------------------------------------------------------
@insn("D", "011000 RS RA UI", "RA,RS,UI", ref=REF)
def ori(b: Builder, i: Fields) -> None:
    """RA <- (RS) | UI."""
    b.set_gpr(i.RA, b.or_(b.gpr(i.RS), i.UI))


@insn("D", "011000 00000 00000 0000000000000000", ref=REF)
def nop(b: Builder, i: Fields) -> None:
    """Nothing: ori 0,0,0 is the preferred no-op, and has a handler of its own."""


@insn("D", "011001 RS RA UI", "RA,RS,UI", ref=REF)
def oris(b: Builder, i: Fields) -> None:
    """RA <- (RS) | (UI || 0x0000)."""
    b.set_gpr(i.RA, b.or_(b.gpr(i.RS), b.shl(i.UI, 16)))


@insn("D", "011010 RS RA UI", "RA,RS,UI", ref=REF)
def xori(b: Builder, i: Fields) -> None:
    """RA <- (RS) ^ UI."""
    b.set_gpr(i.RA, b.xor(b.gpr(i.RS), i.UI))


@insn("D", "011011 RS RA UI", "RA,RS,UI", ref=REF)
def xoris(b: Builder, i: Fields) -> None:
    """RA <- (RS) ^ (UI || 0x0000)."""
    b.set_gpr(i.RA, b.xor(b.gpr(i.RS), b.shl(i.UI, 16)))


@insn("D", "011100 RS RA UI", "RA,RS,UI", ref=REF, name="andi.")
def andi_dot(b: Builder, i: Fields) -> None:
    """RA <- (RS) & UI, CR0."""
    ra = b.and_(b.gpr(i.RS), i.UI)
    b.set_gpr(i.RA, ra)
    b.record_cr0(ra)


@insn("D", "011101 RS RA UI", "RA,RS,UI", ref=REF, name="andis.")
def andis_dot(b: Builder, i: Fields) -> None:
    """RA <- (RS) & (UI || 0x0000), CR0."""
    ra = b.and_(b.gpr(i.RS), b.shl(i.UI, 16))
    b.set_gpr(i.RA, ra)
    b.record_cr0(ra)


# --- two operands, one operand ---------------------------------------------------------------------------
Two = Callable[[Builder, Value, Value], Value]
One = Callable[[Builder, Value], Value]


def two_operands(name: str, xo: str, says: str, function: Two) -> None:
    """A row of X form: RA <- function((RS), (RB))."""
    def body(b: Builder, i: Fields) -> None:
        finish(b, i, function(b, b.gpr(i.RS), b.gpr(i.RB)))

    body.__doc__ = f"RA <- {says}."
    insn("X", f"011111 RS RA RB {xo} Rc", "RA,RS,RB", ref=REF, name=name)(body)


two_operands("and", "0000011100", "(RS) & (RB)", lambda b, x, y: b.and_(x, y))
two_operands("or", "0110111100", "(RS) | (RB)", lambda b, x, y: b.or_(x, y))
two_operands("xor", "0100111100", "(RS) ^ (RB)", lambda b, x, y: b.xor(x, y))
two_operands("nand", "0111011100", "¬((RS) & (RB))", lambda b, x, y: b.not_(b.and_(x, y)))
two_operands("nor", "0001111100", "¬((RS) | (RB))", lambda b, x, y: b.not_(b.or_(x, y)))
two_operands("eqv", "0100011100", "¬((RS) ^ (RB))", lambda b, x, y: b.not_(b.xor(x, y)))
two_operands("andc", "0000111100", "(RS) & ¬(RB)", lambda b, x, y: b.and_(x, b.not_(y)))
two_operands("orc", "0110011100", "(RS) | ¬(RB)", lambda b, x, y: b.or_(x, b.not_(y)))


def one_operand(name: str, xo: str, says: str, function: One, since: str = "PPC") -> None:
    """A row of X form: RA <- function((RS)), with a dot form."""
    def body(b: Builder, i: Fields) -> None:
        finish(b, i, function(b, b.gpr(i.RS)))

    body.__doc__ = f"RA <- {says}."
    insn("X", f"011111 RS RA ///// {xo} Rc", "RA,RS", since=since, ref=REF, name=name)(body)


one_operand("extsb", "1110111010", "EXTS of the low byte", lambda b, x: rtl.EXTS(b, x, 8))
one_operand("extsh", "1110011010", "EXTS of the low halfword", lambda b, x: rtl.EXTS(b, x, 16))
one_operand("extsw", "1111011010", "EXTS of the low word", lambda b, x: rtl.EXTS(b, x, 32))
one_operand("cntlzw", "0000011010", "leading zeros of the low word",
            lambda b, x: b.zext(b.ctlz(b.trunc(x, 32))))
one_operand("cntlzd", "0000111010", "leading zeros", lambda b, x: b.ctlz(x))
one_operand("cnttzw", "1000011010", "trailing zeros of the low word",
            lambda b, x: b.zext(b.cttz(b.trunc(x, 32))), since="3.0")
one_operand("cnttzd", "1000111010", "trailing zeros", lambda b, x: b.cttz(x), since="3.0")


# --- populations, parities, bytes --------------------------------------------------------------------------
def by_words(b: Builder, x: Value, function: One) -> Value:
    """Both words of a doubleword under a function from i32 to i32."""
    high, low = b.trunc(b.lshr(x, 32), 32), b.trunc(x, 32)
    return b.or_(b.shl(b.zext(function(b, high)), 32), b.zext(function(b, low)))


@insn("X", "011111 RS RA ///// 0001111010 /", "RA,RS", since="2.02", ref=REF)
def popcntb(b: Builder, i: Fields) -> None:
    """RA <- the number of ones in each byte."""
    x = b.gpr(i.RS)
    pairs = b.sub(x, b.and_(b.lshr(x, 1), 0x5555555555555555))
    twos = 0x3333333333333333
    nibbles = b.add(b.and_(pairs, twos), b.and_(b.lshr(pairs, 2), twos))
    b.set_gpr(i.RA, b.and_(b.add(nibbles, b.lshr(nibbles, 4)), 0x0F0F0F0F0F0F0F0F))


@insn("X", "011111 RS RA ///// 0101111010 /", "RA,RS", since="2.06", ref=REF)
def popcntw(b: Builder, i: Fields) -> None:
    """RA <- the number of ones in each word."""
    b.set_gpr(i.RA, by_words(b, b.gpr(i.RS), lambda b, w: b.popcnt(w)))


@insn("X", "011111 RS RA ///// 0111111010 /", "RA,RS", since="2.06", ref=REF64)
def popcntd(b: Builder, i: Fields) -> None:
    """RA <- the number of ones."""
    b.set_gpr(i.RA, b.popcnt(b.gpr(i.RS)))


@insn("X", "011111 RS RA ///// 0010011010 /", "RA,RS", since="2.05", ref=REF)
def prtyw(b: Builder, i: Fields) -> None:
    """RA <- in each word, the parity of its bytes' low bits."""
    low_bits = b.and_(b.gpr(i.RS), 0x0101010101010101)
    b.set_gpr(i.RA, by_words(b, low_bits, lambda b, w: b.and_(b.popcnt(w), 1)))


@insn("X", "011111 RS RA ///// 0010111010 /", "RA,RS", since="2.05", ref=REF64)
def prtyd(b: Builder, i: Fields) -> None:
    """RA <- the parity of the bytes' low bits."""
    b.set_gpr(i.RA, b.and_(b.popcnt(b.and_(b.gpr(i.RS), 0x0101010101010101)), 1))


@insn("X", "011111 RS RA RB 0111111100 /", "RA,RS,RB", since="2.05", ref=REF)
def cmpb(b: Builder, i: Fields) -> None:
    """RA <- 0xFF in each byte where (RS) and (RB) agree, else 0x00."""
    x, y = b.zext128(b.gpr(i.RS)), b.zext128(b.gpr(i.RB))
    b.set_gpr(i.RA, b.lo(b.vcmpeq(8, x, y)))


@insn("X", "011111 RS RA RB 0011111100 /", "RA,RS,RB", since="2.06", ref=REF64)
def bpermd(b: Builder, i: Fields) -> None:
    """RA <- eight bits: bit k is the bit of (RB) that byte k of (RS) names, 0 if it names none."""
    rs, rb = b.gpr(i.RS), b.gpr(i.RB)
    ra = b.const(0)
    for k in range(8):
        number = b.and_(b.lshr(rs, 56 - 8 * k), 0xFF)
        ra = b.or_(ra, b.shl(b.lshr(b.shl(rb, number), 63), 7 - k))
    b.set_gpr(i.RA, ra)
