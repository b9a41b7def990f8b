"""Floating-point moves and select: they look at no bit but the sign, and alter no status. Ref: Book I 4.6.5, 4.6.9."""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

from .fp_registers import record_cr1, set_fpr

REF = "Book I 4.6.5"
SIGN, MAGNITUDE, WORD = 1 << 63, (1 << 63) - 1, 0xFFFFFFFF


def finish(b: Builder, i: Fields, bits: Value) -> None:
    """Write FRT and, with Rc, CR1."""
    fpscr = b.get("fpscr") if i.Rc else None
    set_fpr(b, i.FRT, bits)
    if fpscr is not None:
        record_cr1(b, fpscr)


@insn("X", "111111 FRT ///// FRB 0001001000 Rc", "FRT,FRB", ref=REF)
def fmr(b: Builder, i: Fields) -> None:
    """FRT <- (FRB)."""
    b.require("FP")
    finish(b, i, b.get("fpr", i.FRB))


@insn("X", "111111 FRT ///// FRB 0000101000 Rc", "FRT,FRB", ref=REF)
def fneg(b: Builder, i: Fields) -> None:
    """FRT <- ¬(FRB)[0] || (FRB)[1:63]."""
    b.require("FP")
    finish(b, i, b.xor(b.get("fpr", i.FRB), SIGN))


@insn("X", "111111 FRT ///// FRB 0100001000 Rc", "FRT,FRB", ref=REF)
def fabs(b: Builder, i: Fields) -> None:
    """FRT <- 0 || (FRB)[1:63]."""
    b.require("FP")
    finish(b, i, b.and_(b.get("fpr", i.FRB), MAGNITUDE))


@insn("X", "111111 FRT ///// FRB 0010001000 Rc", "FRT,FRB", ref=REF)
def fnabs(b: Builder, i: Fields) -> None:
    """FRT <- 1 || (FRB)[1:63]."""
    b.require("FP")
    finish(b, i, b.or_(b.get("fpr", i.FRB), SIGN))


@insn("X", "111111 FRT FRA FRB 0000001000 Rc", "FRT,FRA,FRB", since="2.05", ref=REF)
def fcpsgn(b: Builder, i: Fields) -> None:
    """FRT <- (FRA)[0] || (FRB)[1:63]."""
    b.require("FP")
    sign = b.and_(b.get("fpr", i.FRA), SIGN)
    finish(b, i, b.or_(sign, b.and_(b.get("fpr", i.FRB), MAGNITUDE)))


@insn("X", "111111 FRT FRA FRB 1111000110 /", "FRT,FRA,FRB", since="2.07", ref=REF)
def fmrgew(b: Builder, i: Fields) -> None:
    """FRT <- (FRA)[0:31] || (FRB)[0:31]."""
    b.require("FP")
    fra, frb = b.get("fpr", i.FRA), b.get("fpr", i.FRB)
    set_fpr(b, i.FRT, b.or_(b.and_(fra, WORD << 32), b.lshr(frb, 32)))


@insn("X", "111111 FRT FRA FRB 1101000110 /", "FRT,FRA,FRB", since="2.07", ref=REF)
def fmrgow(b: Builder, i: Fields) -> None:
    """FRT <- (FRA)[32:63] || (FRB)[32:63]."""
    b.require("FP")
    fra, frb = b.get("fpr", i.FRA), b.get("fpr", i.FRB)
    set_fpr(b, i.FRT, b.or_(b.shl(fra, 32), b.and_(frb, WORD)))


@insn("A", "111111 FRT FRA FRB FRC 10111 Rc", "FRT,FRA,FRC,FRB", ref="Book I 4.6.9")
def fsel(b: Builder, i: Fields) -> None:
    """FRT <- (FRC) if (FRA) >= 0.0, else (FRB); a NaN counts as less."""
    b.require("FP")
    fra = b.get("fpr", i.FRA)
    magnitude = b.and_(fra, MAGNITUDE)
    positive = b.ule(fra, 0x7FF << 52)
    at_least_zero = b.or_(positive, b.eq(magnitude, 0))
    finish(b, i, b.select(at_least_zero, b.get("fpr", i.FRC), b.get("fpr", i.FRB)))
