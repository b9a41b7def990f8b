"""Moves between general and vector-scalar registers. Ref: Book I 7.6.3, 7.6.1.4."""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.builder import Builder

from .fp_registers import require_for, set_scalar

REF = "Book I 7.6.3"


@insn("X", "011111 S RA ///// 0000110011 SX", "RA,XS", since="2.07", ref=REF, static=("SX",))
def mfvsrd(b: Builder, i: Fields) -> None:
    """RA <- VSR[XS].dword[0]."""
    require_for(b, i.SX, "FP")
    b.set_gpr(i.RA, b.get("vsr_high", i.XS))


@insn("X", "011111 S RA ///// 0100110011 SX", "RA,XS", since="3.0", ref=REF, static=("SX",))
def mfvsrld(b: Builder, i: Fields) -> None:
    """RA <- VSR[XS].dword[1]."""
    require_for(b, i.SX, "VSX")
    b.set_gpr(i.RA, b.get("vsr_low", i.XS))


@insn("X", "011111 S RA ///// 0001110011 SX", "RA,XS", since="2.07", ref=REF, static=("SX",))
def mfvsrwz(b: Builder, i: Fields) -> None:
    """RA <- EXTZ(VSR[XS].word[1])."""
    require_for(b, i.SX, "FP")
    b.set_gpr(i.RA, b.and_(b.get("vsr_high", i.XS), 0xFFFFFFFF))


@insn("X", "011111 T RA ///// 0010110011 TX", "XT,RA", since="2.07", ref=REF, static=("TX",))
def mtvsrd(b: Builder, i: Fields) -> None:
    """VSR[XT].dword[0] <- (RA)."""
    require_for(b, i.TX, "FP")
    set_scalar(b, i.XT, b.gpr(i.RA))


@insn("X", "011111 T RA ///// 0011010011 TX", "XT,RA", since="2.07", ref=REF, static=("TX",))
def mtvsrwa(b: Builder, i: Fields) -> None:
    """VSR[XT].dword[0] <- EXTS((RA)[32:63])."""
    require_for(b, i.TX, "FP")
    set_scalar(b, i.XT, b.sext(b.trunc(b.gpr(i.RA), 32)))


@insn("X", "011111 T RA ///// 0011110011 TX", "XT,RA", since="2.07", ref=REF, static=("TX",))
def mtvsrwz(b: Builder, i: Fields) -> None:
    """VSR[XT].dword[0] <- EXTZ((RA)[32:63])."""
    require_for(b, i.TX, "FP")
    set_scalar(b, i.XT, b.and_(b.gpr(i.RA), 0xFFFFFFFF))


@insn("X", "011111 T RA RB 0110110011 TX", "XT,RA,RB", since="3.0", ref=REF, static=("TX",))
def mtvsrdd(b: Builder, i: Fields) -> None:
    """VSR[XT] <- (RA|0) || (RB)."""
    require_for(b, i.TX, "VSX")
    b.set("vsr", i.XT, b.pack(b.gpr_or_zero(i.RA), b.gpr(i.RB)))


@insn("X", "011111 T RA ///// 0110010011 TX", "XT,RA", since="3.0", ref=REF, static=("TX",))
def mtvsrws(b: Builder, i: Fields) -> None:
    """VSR[XT].word[0:3] <- (RA)[32:63]."""
    require_for(b, i.TX, "VSX")
    b.set("vsr", i.XT, b.vsplat(32, b.gpr(i.RA)))
