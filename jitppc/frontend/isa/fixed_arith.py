"""Fixed-point arithmetic: add, subtract, negate. Ref: Book I 3.3.9."""

from __future__ import annotations

from jitppc.frontend import rtl
from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

REF = "Book I 3.3.9"


def finish(b: Builder, i: Fields, rt: Value) -> None:
    """Write RT and, with Rc, CR0 (after OE: CR0[SO] copies the new XER[SO])."""
    b.set_gpr(i.RT, rt)
    if i.Rc:
        b.record_cr0(rt)


def sum_of(b: Builder, i: Fields, x: Value, y: Value, carry_in: Value | int | None, carries: bool) -> None:
    """RT <- x + y + carry_in, with CA and CA32 when `carries`, OV and OV32 when OE."""
    partial = b.add(x, y)
    rt = partial if carry_in is None else b.add(partial, carry_in)
    if carries:
        out = b.ult(partial, x)
        if carry_in is not None:
            out = b.or_(out, b.ult(rt, partial))
        b.set_carry(out, rtl.carry_out32(b, x, y, rt))
    if i.OE:
        b.set_overflow(rtl.add_overflow(b, x, y, rt), rtl.add_overflow(b, x, y, rt, 31))
    finish(b, i, rt)


def carry(b: Builder) -> Value:
    """XER[CA] as a doubleword."""
    return b.zext(b.get("ca"))


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


@insn("XO", "011111 RT RA RB OE 100001010 Rc", "RT,RA,RB", ref=REF)
def add(b: Builder, i: Fields) -> None:
    """RT <- (RA) + (RB)."""
    sum_of(b, i, b.gpr(i.RA), b.gpr(i.RB), None, carries=False)


@insn("XO", "011111 RT RA RB OE 000101000 Rc", "RT,RA,RB", ref=REF)
def subf(b: Builder, i: Fields) -> None:
    """RT <- ¬(RA) + (RB) + 1."""
    sum_of(b, i, b.not_(b.gpr(i.RA)), b.gpr(i.RB), 1, carries=False)


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


@insn("XO", "011111 RT RA RB OE 010001010 Rc", "RT,RA,RB", ref=REF)
def adde(b: Builder, i: Fields) -> None:
    """RT <- (RA) + (RB) + CA."""
    sum_of(b, i, b.gpr(i.RA), b.gpr(i.RB), carry(b), carries=True)
