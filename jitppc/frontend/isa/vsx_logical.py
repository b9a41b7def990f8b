"""VSX logical and select instructions. Ref: Book I 7.6.1.5."""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

REF = "Book I 7.6.3"


def operands(b: Builder, i: Fields) -> tuple[Value, Value]:
    """VSR[XA] and VSR[XB]."""
    b.require("VSX")
    return b.get("vsr", i.XA), b.get("vsr", i.XB)


@insn("XX3", "111100 T A B 10000010 AX BX TX", "XT,XA,XB", since="2.06", ref=REF)
def xxland(b: Builder, i: Fields) -> None:
    """VSR[XT] <- VSR[XA] & VSR[XB]."""
    xa, xb = operands(b, i)
    b.set("vsr", i.XT, b.and_(xa, xb))


@insn("XX3", "111100 T A B 10001010 AX BX TX", "XT,XA,XB", since="2.06", ref=REF)
def xxlandc(b: Builder, i: Fields) -> None:
    """VSR[XT] <- VSR[XA] & ¬VSR[XB]."""
    xa, xb = operands(b, i)
    b.set("vsr", i.XT, b.and_(xa, b.not_(xb)))


@insn("XX3", "111100 T A B 10010010 AX BX TX", "XT,XA,XB", since="2.06", ref=REF)
def xxlor(b: Builder, i: Fields) -> None:
    """VSR[XT] <- VSR[XA] | VSR[XB]."""
    xa, xb = operands(b, i)
    b.set("vsr", i.XT, b.or_(xa, xb))


@insn("XX3", "111100 T A B 10011010 AX BX TX", "XT,XA,XB", since="2.06", ref=REF)
def xxlxor(b: Builder, i: Fields) -> None:
    """VSR[XT] <- VSR[XA] ^ VSR[XB]."""
    xa, xb = operands(b, i)
    b.set("vsr", i.XT, b.xor(xa, xb))


@insn("XX3", "111100 T A B 10100010 AX BX TX", "XT,XA,XB", since="2.06", ref=REF)
def xxlnor(b: Builder, i: Fields) -> None:
    """VSR[XT] <- ¬(VSR[XA] | VSR[XB])."""
    xa, xb = operands(b, i)
    b.set("vsr", i.XT, b.not_(b.or_(xa, xb)))


@insn("XX3", "111100 T A B 10101010 AX BX TX", "XT,XA,XB", since="2.07", ref=REF)
def xxlorc(b: Builder, i: Fields) -> None:
    """VSR[XT] <- VSR[XA] | ¬VSR[XB]."""
    xa, xb = operands(b, i)
    b.set("vsr", i.XT, b.or_(xa, b.not_(xb)))


@insn("XX3", "111100 T A B 10110010 AX BX TX", "XT,XA,XB", since="2.07", ref=REF)
def xxlnand(b: Builder, i: Fields) -> None:
    """VSR[XT] <- ¬(VSR[XA] & VSR[XB])."""
    xa, xb = operands(b, i)
    b.set("vsr", i.XT, b.not_(b.and_(xa, xb)))


@insn("XX3", "111100 T A B 10111010 AX BX TX", "XT,XA,XB", since="2.07", ref=REF)
def xxleqv(b: Builder, i: Fields) -> None:
    """VSR[XT] <- ¬(VSR[XA] ^ VSR[XB])."""
    xa, xb = operands(b, i)
    b.set("vsr", i.XT, b.not_(b.xor(xa, xb)))


@insn("XX4", "111100 T A B C 11 CX AX BX TX", "XT,XA,XB,XC", since="2.06", ref=REF)
def xxsel(b: Builder, i: Fields) -> None:
    """Each bit is that of VSR[XB] where VSR[XC] has a 1, else that of VSR[XA]."""
    xa, xb = operands(b, i)
    mask = b.get("vsr", i.XC)
    b.set("vsr", i.XT, b.or_(b.and_(xa, b.not_(mask)), b.and_(xb, mask)))
