"""VSX permutes, merges, splats, byte reversals, and inserts of elements. Ref: Book I 7.6.3."""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

from .vsx_lanes import shuffled
from .vsx_logical import operands

REF = "Book I 7.6.3"


def within_register(word: int) -> bool:
    """UIM4 names a word that lies in the register; the book leaves other numbers undefined."""
    return word >> 16 & 15 <= 12


def source(b: Builder, i: Fields) -> Value:
    """VSR[XB]."""
    b.require("VSX")
    return b.get("vsr", i.XB)


@insn("XX3", "111100 T A B 0 DM 01010 AX BX TX", "XT,XA,XB,DM", since="2.06", ref=REF, static=("DM",))
def xxpermdi(b: Builder, i: Fields) -> None:
    """VSR[XT] <- VSR[XA].dword[DM.0] || VSR[XB].dword[DM.1]."""
    xa, xb = operands(b, i)
    b.set("vsr", i.XT, shuffled(b, 64, (i.DM >> 1, 2 + (i.DM & 1)), xa, xb))


@insn("XX3", "111100 T A B 0 SHW 00010 AX BX TX", "XT,XA,XB,SHW", since="2.06", ref=REF, static=("SHW",))
def xxsldwi(b: Builder, i: Fields) -> None:
    """VSR[XT] <- words SHW to SHW + 3 of VSR[XA] || VSR[XB]."""
    xa, xb = operands(b, i)
    b.set("vsr", i.XT, shuffled(b, 32, range(i.SHW, i.SHW + 4), xa, xb))


@insn("XX3", "111100 T A B 00010010 AX BX TX", "XT,XA,XB", since="2.06", ref=REF)
def xxmrghw(b: Builder, i: Fields) -> None:
    """Words 0 and 1 of VSR[XA] and VSR[XB], interleaved."""
    xa, xb = operands(b, i)
    b.set("vsr", i.XT, shuffled(b, 32, (0, 4, 1, 5), xa, xb))


@insn("XX3", "111100 T A B 00110010 AX BX TX", "XT,XA,XB", since="2.06", ref=REF)
def xxmrglw(b: Builder, i: Fields) -> None:
    """Words 2 and 3 of VSR[XA] and VSR[XB], interleaved."""
    xa, xb = operands(b, i)
    b.set("vsr", i.XT, shuffled(b, 32, (2, 6, 3, 7), xa, xb))


@insn("XX3", "111100 T A B 00011010 AX BX TX", "XT,XA,XB", since="3.0", ref=REF)
def xxperm(b: Builder, i: Fields) -> None:
    """Each byte is the byte of VSR[XA] || VSR[XT] that the byte of VSR[XB] numbers."""
    xa, xb = operands(b, i)
    b.set("vsr", i.XT, b.vperm(xa, b.get("vsr", i.XT), xb))


@insn("XX3", "111100 T A B 00111010 AX BX TX", "XT,XA,XB", since="3.0", ref=REF)
def xxpermr(b: Builder, i: Fields) -> None:
    """As xxperm, with bytes numbered from the right."""
    xa, xb = operands(b, i)
    b.set("vsr", i.XT, b.vperm(xa, b.get("vsr", i.XT), b.not_(xb)))


@insn("XX2", "111100 T /// UIM:2 B 010100100 BX TX", "XT,XB,UIM", since="2.06", ref=REF)
def xxspltw(b: Builder, i: Fields) -> None:
    """Word UIM of VSR[XB], four times."""
    b.set("vsr", i.XT, b.vsplat(32, b.vextract(32, source(b, i), i.UIM)))


@insn("X", "111100 T 00 IMM8 0101101000 TX", "XT,IMM8", since="3.0", ref=REF, static=("TX",))
def xxspltib(b: Builder, i: Fields) -> None:
    """IMM8, sixteen times."""
    b.require("VECTOR" if i.TX else "VSX")
    b.set("vsr", i.XT, b.vsplat(8, i.IMM8))


@insn("XX2", "111100 T / UIM4 B 010100101 BX TX", "XT,XB,UIM4", since="3.0", ref=REF,
      accept=within_register)
def xxextractuw(b: Builder, i: Fields) -> None:
    """VSR[XT].dword[0] <- the word at bytes UIM4 to UIM4 + 3 of VSR[XB], zero-extended; the rest 0."""
    wanted = b.shl(b.and_(i.UIM4, 15), 3)
    moved = b.lshr(b.rotl(source(b, i), b.zext(wanted, 128)), 96)
    b.set("vsr", i.XT, b.pack(b.lo(moved), 0))


@insn("XX2", "111100 T / UIM4 B 010110101 BX TX", "XT,XB,UIM4", since="3.0", ref=REF,
      accept=within_register)
def xxinsertw(b: Builder, i: Fields) -> None:
    """Bytes UIM4 to UIM4 + 3 of VSR[XT] <- VSR[XB].word[1]."""
    word = b.zext(b.and_(b.hi(source(b, i)), 0xFFFFFFFF), 128)
    right = b.zext(b.shl(b.and_(b.sub(12, i.UIM4), 15), 3), 128)
    kept = b.and_(b.get("vsr", i.XT), b.not_(b.rotl(b.const(0xFFFFFFFF, word.type), right)))
    b.set("vsr", i.XT, b.or_(kept, b.rotl(word, right)))


def bytes_reversed(b: Builder, size: int, x: Value) -> Value:
    """The bytes of each element of `size` bytes in reverse order."""
    return shuffled(b, 8, (k ^ size - 1 for k in range(16)), x, x)


@insn("XX2", "111100 T 00111 B 111011011 BX TX", "XT,XB", since="3.0", ref=REF)
def xxbrh(b: Builder, i: Fields) -> None:
    """The bytes of each halfword reversed."""
    b.set("vsr", i.XT, bytes_reversed(b, 2, source(b, i)))


@insn("XX2", "111100 T 01111 B 111011011 BX TX", "XT,XB", since="3.0", ref=REF)
def xxbrw(b: Builder, i: Fields) -> None:
    """The bytes of each word reversed."""
    b.set("vsr", i.XT, bytes_reversed(b, 4, source(b, i)))


@insn("XX2", "111100 T 10111 B 111011011 BX TX", "XT,XB", since="3.0", ref=REF)
def xxbrd(b: Builder, i: Fields) -> None:
    """The bytes of each doubleword reversed."""
    b.set("vsr", i.XT, bytes_reversed(b, 8, source(b, i)))


@insn("XX2", "111100 T 11111 B 111011011 BX TX", "XT,XB", since="3.0", ref=REF)
def xxbrq(b: Builder, i: Fields) -> None:
    """All bytes reversed."""
    b.set("vsr", i.XT, b.bswap(source(b, i)))
