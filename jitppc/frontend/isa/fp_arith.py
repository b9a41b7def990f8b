"""Floating-point arithmetic: add, subtract, multiply, divide, square root, estimates, multiply-add.

The f_ ops compute result and FPSCR together; the fields come with the names of the book. Ref: Book I 4.6.6.
"""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

from .fp_registers import deliver

REF, FMA = "Book I 4.6.6.1", "Book I 4.6.6.2"


def fra_frb(b: Builder, i: Fields) -> tuple[Value, Value, Value]:
    """(FRA), (FRB), FPSCR."""
    b.require("FP")
    return b.get("fpr", i.FRA), b.get("fpr", i.FRB), b.get("fpscr")


def fra_frc(b: Builder, i: Fields) -> tuple[Value, Value, Value]:
    """(FRA), (FRC), FPSCR."""
    b.require("FP")
    return b.get("fpr", i.FRA), b.get("fpr", i.FRC), b.get("fpscr")


def frb(b: Builder, i: Fields) -> tuple[Value, Value]:
    """(FRB), FPSCR."""
    b.require("FP")
    return b.get("fpr", i.FRB), b.get("fpscr")


@insn("A", "111111 FRT FRA FRB ///// 10101 Rc", "FRT,FRA,FRB", ref=REF)
def fadd(b: Builder, i: Fields) -> None:
    """FRT <- (FRA) + (FRB)."""
    deliver(b, i.FRT, b.f_add(64, *fra_frb(b, i)), i.Rc)


@insn("A", "111011 FRT FRA FRB ///// 10101 Rc", "FRT,FRA,FRB", ref=REF)
def fadds(b: Builder, i: Fields) -> None:
    """FRT <- (FRA) + (FRB), single."""
    deliver(b, i.FRT, b.f_add(32, *fra_frb(b, i)), i.Rc)


@insn("A", "111111 FRT FRA FRB ///// 10100 Rc", "FRT,FRA,FRB", ref=REF)
def fsub(b: Builder, i: Fields) -> None:
    """FRT <- (FRA) - (FRB)."""
    deliver(b, i.FRT, b.f_sub(64, *fra_frb(b, i)), i.Rc)


@insn("A", "111011 FRT FRA FRB ///// 10100 Rc", "FRT,FRA,FRB", ref=REF)
def fsubs(b: Builder, i: Fields) -> None:
    """FRT <- (FRA) - (FRB), single."""
    deliver(b, i.FRT, b.f_sub(32, *fra_frb(b, i)), i.Rc)


@insn("A", "111111 FRT FRA ///// FRC 11001 Rc", "FRT,FRA,FRC", ref=REF)
def fmul(b: Builder, i: Fields) -> None:
    """FRT <- (FRA) × (FRC)."""
    deliver(b, i.FRT, b.f_mul(64, *fra_frc(b, i)), i.Rc)


@insn("A", "111011 FRT FRA ///// FRC 11001 Rc", "FRT,FRA,FRC", ref=REF)
def fmuls(b: Builder, i: Fields) -> None:
    """FRT <- (FRA) × (FRC), single."""
    deliver(b, i.FRT, b.f_mul(32, *fra_frc(b, i)), i.Rc)


@insn("A", "111111 FRT FRA FRB ///// 10010 Rc", "FRT,FRA,FRB", ref=REF)
def fdiv(b: Builder, i: Fields) -> None:
    """FRT <- (FRA) / (FRB)."""
    deliver(b, i.FRT, b.f_div(64, *fra_frb(b, i)), i.Rc)


@insn("A", "111011 FRT FRA FRB ///// 10010 Rc", "FRT,FRA,FRB", ref=REF)
def fdivs(b: Builder, i: Fields) -> None:
    """FRT <- (FRA) / (FRB), single."""
    deliver(b, i.FRT, b.f_div(32, *fra_frb(b, i)), i.Rc)


@insn("A", "111111 FRT ///// FRB ///// 10110 Rc", "FRT,FRB", since="P2", ref=REF)
def fsqrt(b: Builder, i: Fields) -> None:
    """FRT <- the square root of (FRB)."""
    deliver(b, i.FRT, b.f_sqrt(64, *frb(b, i)), i.Rc)


@insn("A", "111011 FRT ///// FRB ///// 10110 Rc", "FRT,FRB", ref=REF)
def fsqrts(b: Builder, i: Fields) -> None:
    """FRT <- the square root of (FRB), single."""
    deliver(b, i.FRT, b.f_sqrt(32, *frb(b, i)), i.Rc)


@insn("A", "111111 FRT ///// FRB ///// 11000 Rc", "FRT,FRB", since="2.02", ref=REF)
def fre(b: Builder, i: Fields) -> None:
    """FRT <- estimate of 1 / (FRB). Differs: POWER9 looks it up in a table; here it is the nearest number."""
    deliver(b, i.FRT, b.f_reciprocal(64, *frb(b, i)), i.Rc)


@insn("A", "111011 FRT ///// FRB ///// 11000 Rc", "FRT,FRB", ref=REF)
def fres(b: Builder, i: Fields) -> None:
    """FRT <- estimate of 1 / (FRB), single. Differs: as fre."""
    deliver(b, i.FRT, b.f_reciprocal(32, *frb(b, i)), i.Rc)


@insn("A", "111111 FRT ///// FRB ///// 11010 Rc", "FRT,FRB", ref=REF)
def frsqrte(b: Builder, i: Fields) -> None:
    """FRT <- estimate of 1 / the root of (FRB). Differs: as fre."""
    deliver(b, i.FRT, b.f_reciprocal_root(64, *frb(b, i)), i.Rc)


@insn("A", "111011 FRT ///// FRB ///// 11010 Rc", "FRT,FRB", since="2.02", ref=REF)
def frsqrtes(b: Builder, i: Fields) -> None:
    """FRT <- estimate of 1 / the root of (FRB), single. Differs: as fre."""
    deliver(b, i.FRT, b.f_reciprocal_root(32, *frb(b, i)), i.Rc)


# --- multiply-add ---------------------------------------------------------------------------------------

def fused(b: Builder, i: Fields, kind: str, precision: int) -> None:
    """FRT <- ±((FRA) × (FRC) ± (FRB)), rounded once and then negated."""
    b.require("FP")
    fra, frc, addend = b.get("fpr", i.FRA), b.get("fpr", i.FRC), b.get("fpr", i.FRB)
    deliver(b, i.FRT, b.f_fma((kind, precision), fra, frc, addend, b.get("fpscr")), i.Rc)


@insn("A", "111111 FRT FRA FRB FRC 11101 Rc", "FRT,FRA,FRC,FRB", ref=FMA)
def fmadd(b: Builder, i: Fields) -> None:
    """FRT <- (FRA) × (FRC) + (FRB)."""
    fused(b, i, "madd", 64)


@insn("A", "111011 FRT FRA FRB FRC 11101 Rc", "FRT,FRA,FRC,FRB", ref=FMA)
def fmadds(b: Builder, i: Fields) -> None:
    """FRT <- (FRA) × (FRC) + (FRB), single."""
    fused(b, i, "madd", 32)


@insn("A", "111111 FRT FRA FRB FRC 11100 Rc", "FRT,FRA,FRC,FRB", ref=FMA)
def fmsub(b: Builder, i: Fields) -> None:
    """FRT <- (FRA) × (FRC) - (FRB)."""
    fused(b, i, "msub", 64)


@insn("A", "111011 FRT FRA FRB FRC 11100 Rc", "FRT,FRA,FRC,FRB", ref=FMA)
def fmsubs(b: Builder, i: Fields) -> None:
    """FRT <- (FRA) × (FRC) - (FRB), single."""
    fused(b, i, "msub", 32)


@insn("A", "111111 FRT FRA FRB FRC 11111 Rc", "FRT,FRA,FRC,FRB", ref=FMA)
def fnmadd(b: Builder, i: Fields) -> None:
    """FRT <- -((FRA) × (FRC) + (FRB))."""
    fused(b, i, "nmadd", 64)


@insn("A", "111011 FRT FRA FRB FRC 11111 Rc", "FRT,FRA,FRC,FRB", ref=FMA)
def fnmadds(b: Builder, i: Fields) -> None:
    """FRT <- -((FRA) × (FRC) + (FRB)), single."""
    fused(b, i, "nmadd", 32)


@insn("A", "111111 FRT FRA FRB FRC 11110 Rc", "FRT,FRA,FRC,FRB", ref=FMA)
def fnmsub(b: Builder, i: Fields) -> None:
    """FRT <- -((FRA) × (FRC) - (FRB))."""
    fused(b, i, "nmsub", 64)


@insn("A", "111011 FRT FRA FRB FRC 11110 Rc", "FRT,FRA,FRC,FRB", ref=FMA)
def fnmsubs(b: Builder, i: Fields) -> None:
    """FRT <- -((FRA) × (FRC) - (FRB)), single."""
    fused(b, i, "nmsub", 32)
