"""Floating-point loads and stores. Singles are kept in double format. Ref: Book I 4.6.2, 4.6.3.

The words of the book are DOUBLE and SINGLE: exact conversions that raise no exception (ops `double_of_single`,
`single_of_double`).
"""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

from .fp_registers import set_fpr

LOADS, STORES = "Book I 4.6.2", "Book I 4.6.3"


def d_form(b: Builder, i: Fields) -> Value:
    """(RA|0) + EXTS(D)."""
    return b.ea(b.gpr_or_zero(i.RA), i.D)


def x_form(b: Builder, i: Fields) -> Value:
    """(RA|0) + (RB)."""
    return b.ea(b.gpr_or_zero(i.RA), b.gpr(i.RB))


def d_form_update(b: Builder, i: Fields) -> Value:
    """(RA) + EXTS(D), refused when RA is 0."""
    b.invalid_form_if(b.eq(i.RA, 0))
    return b.ea(b.gpr(i.RA), i.D)


def x_form_update(b: Builder, i: Fields) -> Value:
    """(RA) + (RB), refused when RA is 0."""
    b.invalid_form_if(b.eq(i.RA, 0))
    return b.ea(b.gpr(i.RA), b.gpr(i.RB))


def load(b: Builder, i: Fields, ea: Value, bits: int, update: bool = False) -> None:
    """FRT <- MEM(ea), made double when single; RA <- ea with `update`."""
    loaded = b.load(bits, ea)
    set_fpr(b, i.FRT, loaded if bits == 64 else b.double_of_single(loaded))
    if update:
        b.set_gpr(i.RA, ea)


def store(b: Builder, i: Fields, ea: Value, bits: int, update: bool = False) -> None:
    """MEM(ea) <- (FRS), made single when `bits` is 32; RA <- ea with `update`."""
    value = b.get("fpr", i.FRS)
    b.store(bits, ea, value if bits == 64 else b.single_of_double(value))
    if update:
        b.set_gpr(i.RA, ea)


@insn("D", "110000 FRT RA D", "FRT,D(RA)", ref=LOADS)
def lfs(b: Builder, i: Fields) -> None:
    """FRT <- DOUBLE(MEM((RA|0) + EXTS(D), 4))."""
    b.require("FP")
    load(b, i, d_form(b, i), 32)


@insn("D", "110001 FRT RA D", "FRT,D(RA)", ref=LOADS)
def lfsu(b: Builder, i: Fields) -> None:
    """EA <- (RA) + EXTS(D); FRT <- DOUBLE(MEM(EA, 4)); RA <- EA."""
    b.require("FP")
    load(b, i, d_form_update(b, i), 32, update=True)


@insn("X", "011111 FRT RA RB 1000010111 /", "FRT,RA,RB", ref=LOADS)
def lfsx(b: Builder, i: Fields) -> None:
    """FRT <- DOUBLE(MEM((RA|0) + (RB), 4))."""
    b.require("FP")
    load(b, i, x_form(b, i), 32)


@insn("X", "011111 FRT RA RB 1000110111 /", "FRT,RA,RB", ref=LOADS)
def lfsux(b: Builder, i: Fields) -> None:
    """EA <- (RA) + (RB); FRT <- DOUBLE(MEM(EA, 4)); RA <- EA."""
    b.require("FP")
    load(b, i, x_form_update(b, i), 32, update=True)


@insn("D", "110010 FRT RA D", "FRT,D(RA)", ref=LOADS)
def lfd(b: Builder, i: Fields) -> None:
    """FRT <- MEM((RA|0) + EXTS(D), 8)."""
    b.require("FP")
    load(b, i, d_form(b, i), 64)


@insn("D", "110011 FRT RA D", "FRT,D(RA)", ref=LOADS)
def lfdu(b: Builder, i: Fields) -> None:
    """EA <- (RA) + EXTS(D); FRT <- MEM(EA, 8); RA <- EA."""
    b.require("FP")
    load(b, i, d_form_update(b, i), 64, update=True)


@insn("X", "011111 FRT RA RB 1001010111 /", "FRT,RA,RB", ref=LOADS)
def lfdx(b: Builder, i: Fields) -> None:
    """FRT <- MEM((RA|0) + (RB), 8)."""
    b.require("FP")
    load(b, i, x_form(b, i), 64)


@insn("X", "011111 FRT RA RB 1001110111 /", "FRT,RA,RB", ref=LOADS)
def lfdux(b: Builder, i: Fields) -> None:
    """EA <- (RA) + (RB); FRT <- MEM(EA, 8); RA <- EA."""
    b.require("FP")
    load(b, i, x_form_update(b, i), 64, update=True)


@insn("X", "011111 FRT RA RB 1101010111 /", "FRT,RA,RB", since="2.05", ref=LOADS)
def lfiwax(b: Builder, i: Fields) -> None:
    """FRT <- EXTS(MEM((RA|0) + (RB), 4))."""
    b.require("FP")
    set_fpr(b, i.FRT, b.sext(b.load(32, x_form(b, i))))


@insn("X", "011111 FRT RA RB 1101110111 /", "FRT,RA,RB", since="2.06", ref=LOADS)
def lfiwzx(b: Builder, i: Fields) -> None:
    """FRT <- EXTZ(MEM((RA|0) + (RB), 4))."""
    b.require("FP")
    set_fpr(b, i.FRT, b.zext(b.load(32, x_form(b, i))))


@insn("D", "110100 FRS RA D", "FRS,D(RA)", ref=STORES)
def stfs(b: Builder, i: Fields) -> None:
    """MEM((RA|0) + EXTS(D), 4) <- SINGLE((FRS))."""
    b.require("FP")
    store(b, i, d_form(b, i), 32)


@insn("D", "110101 FRS RA D", "FRS,D(RA)", ref=STORES)
def stfsu(b: Builder, i: Fields) -> None:
    """EA <- (RA) + EXTS(D); MEM(EA, 4) <- SINGLE((FRS)); RA <- EA."""
    b.require("FP")
    store(b, i, d_form_update(b, i), 32, update=True)


@insn("X", "011111 FRS RA RB 1010010111 /", "FRS,RA,RB", ref=STORES)
def stfsx(b: Builder, i: Fields) -> None:
    """MEM((RA|0) + (RB), 4) <- SINGLE((FRS))."""
    b.require("FP")
    store(b, i, x_form(b, i), 32)


@insn("X", "011111 FRS RA RB 1010110111 /", "FRS,RA,RB", ref=STORES)
def stfsux(b: Builder, i: Fields) -> None:
    """EA <- (RA) + (RB); MEM(EA, 4) <- SINGLE((FRS)); RA <- EA."""
    b.require("FP")
    store(b, i, x_form_update(b, i), 32, update=True)


@insn("D", "110110 FRS RA D", "FRS,D(RA)", ref=STORES)
def stfd(b: Builder, i: Fields) -> None:
    """MEM((RA|0) + EXTS(D), 8) <- (FRS)."""
    b.require("FP")
    store(b, i, d_form(b, i), 64)


@insn("D", "110111 FRS RA D", "FRS,D(RA)", ref=STORES)
def stfdu(b: Builder, i: Fields) -> None:
    """EA <- (RA) + EXTS(D); MEM(EA, 8) <- (FRS); RA <- EA."""
    b.require("FP")
    store(b, i, d_form_update(b, i), 64, update=True)


@insn("X", "011111 FRS RA RB 1011010111 /", "FRS,RA,RB", ref=STORES)
def stfdx(b: Builder, i: Fields) -> None:
    """MEM((RA|0) + (RB), 8) <- (FRS)."""
    b.require("FP")
    store(b, i, x_form(b, i), 64)


@insn("X", "011111 FRS RA RB 1011110111 /", "FRS,RA,RB", ref=STORES)
def stfdux(b: Builder, i: Fields) -> None:
    """EA <- (RA) + (RB); MEM(EA, 8) <- (FRS); RA <- EA."""
    b.require("FP")
    store(b, i, x_form_update(b, i), 64, update=True)


@insn("X", "011111 FRS RA RB 1111010111 /", "FRS,RA,RB", ref=STORES)
def stfiwx(b: Builder, i: Fields) -> None:
    """MEM((RA|0) + (RB), 4) <- (FRS)[32:63]."""
    b.require("FP")
    b.store(32, x_form(b, i), b.get("fpr", i.FRS))
