"""Fixed-point arithmetic: add, subtract, negate. Ref: Book I 3.3.9."""

from __future__ import annotations

from jitppc.frontend import rtl
from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.types import I1

REF = "Book I 3.3.9"
ABC = "RT,RA,RB"


def finish(b: Builder, i: Fields, rt: Value) -> None:
    """Write RT and, with Rc, CR0 (after OE: CR0[SO] copies the new XER[SO])."""
    b.set_gpr(i.RT, rt)
    if i.Rc:
        b.record_cr0(rt)


def sum_of(b: Builder, i: Fields, x: Value, y: Value, *, carry_in: Value | int = 0,
           carries: bool = False) -> None:
    """RT <- x + y + carry_in (0, 1 or a doubleword), CA and CA32 if `carries`, OV and OV32 if OE."""
    partial = b.add(x, y)
    if carry_in == 0:
        rt, out = partial, b.ult(partial, x)
    elif carry_in == 1:                                   # ¬x' + y + 1 is y - x', no borrow if x' <= y
        rt, out = b.sub(y, b.not_(x)), b.ule(b.not_(x), y)
    else:
        rt = b.add(partial, carry_in)
        out = b.or_(b.ult(partial, x), b.ult(rt, partial))
    if carries:
        b.set_carry(out, rtl.carry_out32(b, x, y, rt))
    if i.OE:
        b.set_overflow(rtl.add_overflow(b, x, y, rt), rtl.add_overflow(b, x, y, rt, 31))
    finish(b, i, rt)


def carry(b: Builder) -> Value:
    """XER[CA] as a doubleword."""
    return b.zext(b.get("ca"))


# --- immediate forms ---------------------------------------------------------------------------------
@insn("D", "001110 RT RA SI", "RT,RA,SI", ref=REF)
def addi(b: Builder, i: Fields) -> None:
    """RT <- (RA|0) + EXTS(SI)."""
    b.set_gpr(i.RT, b.add(b.gpr_or_zero(i.RA), i.SI))


@insn("D", "001111 RT RA SI", "RT,RA,SI", ref=REF)
def addis(b: Builder, i: Fields) -> None:
    """RT <- (RA|0) + EXTS(SI || 0x0000)."""
    b.set_gpr(i.RT, b.add(b.gpr_or_zero(i.RA), b.shl(i.SI, 16)))


@insn("DX", "010011 RT d1 d0 00010 d2", "RT,DX", since="3.0", ref=REF)
def addpcis(b: Builder, i: Fields) -> None:
    """RT <- NIA + EXTS(D || 0x0000)."""
    b.set_gpr(i.RT, b.add(b.add(b.cia(), 4), b.shl(i.DX, 16)))


@insn("D", "001100 RT RA SI", "RT,RA,SI", ref=REF)
def addic(b: Builder, i: Fields) -> None:
    """RT <- (RA) + EXTS(SI), CA."""
    _addic(b, i)


@insn("D", "001101 RT RA SI", "RT,RA,SI", ref=REF, name="addic.")
def addic_dot(b: Builder, i: Fields) -> None:
    """RT <- (RA) + EXTS(SI), CA, CR0."""
    b.record_cr0(_addic(b, i))


def _addic(b: Builder, i: Fields) -> Value:
    ra = b.gpr(i.RA)
    rt = b.add(ra, i.SI)
    b.set_carry(b.ult(rt, ra), rtl.carry_out32(b, ra, i.SI, rt))
    b.set_gpr(i.RT, rt)
    return rt


@insn("D", "001000 RT RA SI", "RT,RA,SI", ref=REF)
def subfic(b: Builder, i: Fields) -> None:
    """RT <- ¬(RA) + EXTS(SI) + 1, CA."""
    ra = b.gpr(i.RA)
    rt = b.sub(i.SI, ra)
    b.set_carry(b.ule(ra, i.SI), rtl.carry_out32(b, b.not_(ra), i.SI, rt))
    b.set_gpr(i.RT, rt)


# --- register forms ----------------------------------------------------------------------------------
@insn("XO", "011111 RT RA RB OE 100001010 Rc", ABC, ref=REF)
def add(b: Builder, i: Fields) -> None:
    """RT <- (RA) + (RB)."""
    sum_of(b, i, b.gpr(i.RA), b.gpr(i.RB))


@insn("XO", "011111 RT RA RB OE 000101000 Rc", ABC, ref=REF)
def subf(b: Builder, i: Fields) -> None:
    """RT <- ¬(RA) + (RB) + 1."""
    sum_of(b, i, b.not_(b.gpr(i.RA)), b.gpr(i.RB), carry_in=1)


@insn("XO", "011111 RT RA RB OE 000001010 Rc", ABC, ref=REF)
def addc(b: Builder, i: Fields) -> None:
    """RT <- (RA) + (RB), CA."""
    sum_of(b, i, b.gpr(i.RA), b.gpr(i.RB), carries=True)


@insn("XO", "011111 RT RA RB OE 000001000 Rc", ABC, ref=REF)
def subfc(b: Builder, i: Fields) -> None:
    """RT <- ¬(RA) + (RB) + 1, CA."""
    sum_of(b, i, b.not_(b.gpr(i.RA)), b.gpr(i.RB), carry_in=1, carries=True)


@insn("XO", "011111 RT RA RB OE 010001010 Rc", ABC, ref=REF)
def adde(b: Builder, i: Fields) -> None:
    """RT <- (RA) + (RB) + CA, CA."""
    sum_of(b, i, b.gpr(i.RA), b.gpr(i.RB), carry_in=carry(b), carries=True)


@insn("XO", "011111 RT RA RB OE 010001000 Rc", ABC, ref=REF)
def subfe(b: Builder, i: Fields) -> None:
    """RT <- ¬(RA) + (RB) + CA, CA."""
    sum_of(b, i, b.not_(b.gpr(i.RA)), b.gpr(i.RB), carry_in=carry(b), carries=True)


@insn("XO", "011111 RT RA ///// OE 011101010 Rc", "RT,RA", ref=REF)
def addme(b: Builder, i: Fields) -> None:
    """RT <- (RA) + CA - 1, CA."""
    sum_of(b, i, b.gpr(i.RA), b.const(-1), carry_in=carry(b), carries=True)


@insn("XO", "011111 RT RA ///// OE 011101000 Rc", "RT,RA", ref=REF)
def subfme(b: Builder, i: Fields) -> None:
    """RT <- ¬(RA) + CA - 1, CA."""
    sum_of(b, i, b.not_(b.gpr(i.RA)), b.const(-1), carry_in=carry(b), carries=True)


@insn("XO", "011111 RT RA ///// OE 011001010 Rc", "RT,RA", ref=REF)
def addze(b: Builder, i: Fields) -> None:
    """RT <- (RA) + CA, CA."""
    sum_of(b, i, b.gpr(i.RA), b.const(0), carry_in=carry(b), carries=True)


@insn("XO", "011111 RT RA ///// OE 011001000 Rc", "RT,RA", ref=REF)
def subfze(b: Builder, i: Fields) -> None:
    """RT <- ¬(RA) + CA, CA."""
    sum_of(b, i, b.not_(b.gpr(i.RA)), b.const(0), carry_in=carry(b), carries=True)


@insn("XO", "011111 RT RA ///// OE 001101000 Rc", "RT,RA", ref=REF)
def neg(b: Builder, i: Fields) -> None:
    """RT <- ¬(RA) + 1."""
    sum_of(b, i, b.not_(b.gpr(i.RA)), b.const(0), carry_in=1)


@insn("Z23", "011111 RT RA RB CY:2 10101010 /", "RT,RA,RB,CY", since="3.0B", ref=REF,
      accept=lambda word: not word >> 9 & 3)
def addex(b: Builder, i: Fields) -> None:
    """RT <- (RA) + (RB) + OV; OV and OV32 are the carries out, SO stays.

    CY selects the carry; the values other than 0 are reserved, and ignored here.
    """
    ra, rb = b.gpr(i.RA), b.gpr(i.RB)
    partial = b.add(ra, rb)
    rt = b.add(partial, b.zext(b.get("ov")))
    ov = b.or_(b.ult(partial, ra), b.ult(rt, partial))
    ov32 = rtl.carry_out32(b, ra, rb, rt)
    b.set("ov", b.zext(in_mode(b, ov, ov32), 8))
    b.set("ov32", b.zext(ov32, 8))
    b.set_gpr(i.RT, rt)


def in_mode(b: Builder, wide: Value, narrow: Value) -> Value:
    """The i1 for 64-bit mode, or the one for 32-bit mode."""
    if b.mode.sixty_four is None:
        return b.select(b.ne(b.get("sixty_four"), 0), wide, narrow)
    return wide if b.mode.sixty_four else narrow


# --- random numbers and decimal corrections ------------------------------------------------------------
@insn("X", "011111 RT /// L:2 ///// 1011110011 /", "RT,L", since="3.0", ref=REF, static=("L",))
def darn(b: Builder, i: Fields) -> None:
    """RT <- a random number of 32 bits (L=0) or 64 bits (L=1, raw with L=2); all ones is an error."""
    if i.L == 3:
        b.set_gpr(i.RT, -1)
        return
    number = b.random()
    number = b.and_(number, 0xFFFFFFFF) if i.L == 0 else number
    reserved = b.eq(number, -1) if i.L else b.const(0, I1)
    b.set_gpr(i.RT, b.select(reserved, b.const(0), number))


@insn("XO", "011111 RT RA RB / 001001010 /", ABC, since="2.06", ref="Book I 3.3.15")
def addg6s(b: Builder, i: Fields) -> None:
    """RT <- 6 in each nibble whose sum (RA) + (RB) carries nothing out, else 0."""
    ra, rb = b.gpr(i.RA), b.gpr(i.RB)
    total = b.add(ra, rb)
    into = b.xor(b.xor(ra, rb), total)                    # the carry into each bit
    out_of = b.or_(b.lshr(into, 4), b.shl(b.zext(b.ult(total, ra)), 60))
    b.set_gpr(i.RT, b.mul(b.and_(b.not_(out_of), 0x1111111111111111), 6))
