"""Fixed-point rotate and shift. Ref: Book I 3.3.14."""

from __future__ import annotations

from jitppc.frontend import rtl
from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

from .fixed_logical import finish

REF = "Book I 3.3.14.1"
REF_SHIFT = "Book I 3.3.14.2"


# --- rotate word -------------------------------------------------------------------------------------------
def word_mask(b: Builder, i: Fields) -> Value:
    """MASK(MB + 32, ME + 32)."""
    return rtl.MASK(b, b.add(i.MB, 32), b.add(i.ME, 32))


@insn("M", "010101 RS RA SH MB ME Rc", "RA,RS,SH,MB,ME", ref=REF)
def rlwinm(b: Builder, i: Fields) -> None:
    """RA <- ROTL32((RS)[32:63], SH) & MASK(MB + 32, ME + 32)."""
    finish(b, i, b.and_(rtl.ROTL32(b, b.gpr(i.RS), i.SH), word_mask(b, i)))


@insn("M", "010111 RS RA RB MB ME Rc", "RA,RS,RB,MB,ME", ref=REF)
def rlwnm(b: Builder, i: Fields) -> None:
    """RA <- ROTL32((RS)[32:63], (RB)[59:63]) & MASK(MB + 32, ME + 32)."""
    n = b.and_(b.gpr(i.RB), 31)
    finish(b, i, b.and_(rtl.ROTL32(b, b.gpr(i.RS), n), word_mask(b, i)))


@insn("M", "010100 RS RA SH MB ME Rc", "RA,RS,SH,MB,ME", ref=REF)
def rlwimi(b: Builder, i: Fields) -> None:
    """RA <- ROTL32((RS)[32:63], SH) where the mask is 1, (RA) elsewhere."""
    finish(b, i, inserted(b, i, rtl.ROTL32(b, b.gpr(i.RS), i.SH), word_mask(b, i)))


def inserted(b: Builder, i: Fields, rotated: Value, mask: Value) -> Value:
    """`rotated` where the mask is 1, (RA) elsewhere; uses the mask once, as handlers hold one wide value."""
    ra = b.gpr(i.RA)
    return b.xor(ra, b.and_(b.xor(ra, rotated), mask))


# --- rotate doubleword ---------------------------------------------------------------------------------------
@insn("MD", "011110 RS RA sh04 mb04 mb5 000 sh5 Rc", "RA,RS,sh,mb", ref=REF)
def rldicl(b: Builder, i: Fields) -> None:
    """RA <- ROTL64((RS), sh) & MASK(mb, 63)."""
    finish(b, i, b.and_(b.rotl(b.gpr(i.RS), i.sh), b.lshr(b.const(-1), i.mb)))


@insn("MD", "011110 RS RA sh04 mb04 mb5 001 sh5 Rc", "RA,RS,sh,mb", ref=REF)
def rldicr(b: Builder, i: Fields) -> None:
    """RA <- ROTL64((RS), sh) & MASK(0, me); me is printed from the field mb."""
    finish(b, i, b.and_(b.rotl(b.gpr(i.RS), i.sh), b.shl(b.const(-1), b.sub(63, i.mb))))


@insn("MD", "011110 RS RA sh04 mb04 mb5 010 sh5 Rc", "RA,RS,sh,mb", ref=REF)
def rldic(b: Builder, i: Fields) -> None:
    """RA <- ROTL64((RS), sh) & MASK(mb, 63 - sh)."""
    mask = rtl.MASK(b, i.mb, b.sub(63, i.sh))
    finish(b, i, b.and_(b.rotl(b.gpr(i.RS), i.sh), mask))


@insn("MD", "011110 RS RA sh04 mb04 mb5 011 sh5 Rc", "RA,RS,sh,mb", ref=REF)
def rldimi(b: Builder, i: Fields) -> None:
    """RA <- ROTL64((RS), sh) where MASK(mb, 63 - sh) is 1, (RA) elsewhere."""
    mask = rtl.MASK(b, i.mb, b.sub(63, i.sh))
    finish(b, i, inserted(b, i, b.rotl(b.gpr(i.RS), i.sh), mask))


@insn("MDS", "011110 RS RA RB mb04 mb5 1000 Rc", "RA,RS,RB,mb", ref=REF)
def rldcl(b: Builder, i: Fields) -> None:
    """RA <- ROTL64((RS), (RB)[58:63]) & MASK(mb, 63)."""
    rotated = b.rotl(b.gpr(i.RS), b.and_(b.gpr(i.RB), 63))
    finish(b, i, b.and_(rotated, b.lshr(b.const(-1), i.mb)))


@insn("MDS", "011110 RS RA RB mb04 mb5 1001 Rc", "RA,RS,RB,mb", ref=REF)
def rldcr(b: Builder, i: Fields) -> None:
    """RA <- ROTL64((RS), (RB)[58:63]) & MASK(0, me); me is printed from the field mb."""
    rotated = b.rotl(b.gpr(i.RS), b.and_(b.gpr(i.RB), 63))
    finish(b, i, b.and_(rotated, b.shl(b.const(-1), b.sub(63, i.mb))))


# --- shifts ----------------------------------------------------------------------------------------------------
@insn("X", "011111 RS RA RB 0000011000 Rc", "RA,RS,RB", ref=REF_SHIFT)
def slw(b: Builder, i: Fields) -> None:
    """RA <- (RS)[32:63] shifted left by (RB)[58:63]; 0 from 32 on."""
    n = b.and_(b.gpr(i.RB), 63)
    finish(b, i, b.and_(b.shl(b.gpr(i.RS), n), 0xFFFFFFFF))


@insn("X", "011111 RS RA RB 1000011000 Rc", "RA,RS,RB", ref=REF_SHIFT)
def srw(b: Builder, i: Fields) -> None:
    """RA <- (RS)[32:63] shifted right by (RB)[58:63]; 0 from 32 on."""
    n = b.and_(b.gpr(i.RB), 63)
    finish(b, i, b.lshr(b.and_(b.gpr(i.RS), 0xFFFFFFFF), n))


@insn("X", "011111 RS RA RB 0000011011 Rc", "RA,RS,RB", ref=REF_SHIFT)
def sld(b: Builder, i: Fields) -> None:
    """RA <- (RS) shifted left by (RB)[57:63]; 0 from 64 on."""
    finish(b, i, b.shl(b.gpr(i.RS), b.and_(b.gpr(i.RB), 127)))


@insn("X", "011111 RS RA RB 1000011011 Rc", "RA,RS,RB", ref=REF_SHIFT)
def srd(b: Builder, i: Fields) -> None:
    """RA <- (RS) shifted right by (RB)[57:63]; 0 from 64 on."""
    finish(b, i, b.lshr(b.gpr(i.RS), b.and_(b.gpr(i.RB), 127)))


def algebraic(b: Builder, i: Fields, x: Value, n: Value, lost: Value) -> None:
    """RA <- x >> n with its sign; CA and CA32 if x is negative and ones were lost."""
    ca = b.and_(b.slt(x, 0), b.ne(lost, 0))
    b.set_carry(ca, ca)
    finish(b, i, b.ashr(x, n))


def _by_register(b: Builder, i: Fields, x: Value, n: Value) -> None:
    lost = b.xor(b.shl(b.ashr(x, n), n), x)
    algebraic(b, i, x, n, lost)


def _by_immediate(b: Builder, i: Fields, x: Value, n: Value) -> None:
    lost = b.and_(x, b.sub(b.shl(b.const(1), n), 1))
    algebraic(b, i, x, n, lost)


@insn("X", "011111 RS RA RB 1100011000 Rc", "RA,RS,RB", ref=REF_SHIFT)
def sraw(b: Builder, i: Fields) -> None:
    """RA <- EXTS((RS)[32:63]) >> (RB)[58:63], CA."""
    _by_register(b, i, rtl.EXTS(b, b.gpr(i.RS), 32), b.and_(b.gpr(i.RB), 63))


@insn("X", "011111 RS RA RB 1100011010 Rc", "RA,RS,RB", ref=REF_SHIFT)
def srad(b: Builder, i: Fields) -> None:
    """RA <- (RS) >> (RB)[57:63], with its sign, CA."""
    _by_register(b, i, b.gpr(i.RS), b.and_(b.gpr(i.RB), 127))


@insn("X", "011111 RS RA SH 1100111000 Rc", "RA,RS,SH", ref=REF_SHIFT)
def srawi(b: Builder, i: Fields) -> None:
    """RA <- EXTS((RS)[32:63]) >> SH, CA."""
    _by_immediate(b, i, rtl.EXTS(b, b.gpr(i.RS), 32), i.SH)


@insn("XS", "011111 RS RA sh04 110011101 sh5 Rc", "RA,RS,sh", ref=REF_SHIFT)
def sradi(b: Builder, i: Fields) -> None:
    """RA <- (RS) >> sh, with its sign, CA."""
    _by_immediate(b, i, b.gpr(i.RS), i.sh)


@insn("XS", "011111 RS RA sh04 110111101 sh5 Rc", "RA,RS,sh", since="3.0", ref=REF_SHIFT)
def extswsli(b: Builder, i: Fields) -> None:
    """RA <- EXTS((RS)[32:63]) << sh."""
    finish(b, i, b.shl(rtl.EXTS(b, b.gpr(i.RS), 32), i.sh))
