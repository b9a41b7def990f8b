"""Fixed-point trap. Ref: Book I 3.3.11."""

from __future__ import annotations

from jitppc.frontend import rtl
from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

REF = "Book I 3.3.11"


def trap(b: Builder, i: Fields, x: Value, y: Value) -> None:
    """A trap type program interrupt if TO asks for a relation that holds between the doublewords."""
    relations = (b.slt(x, y), b.slt(y, x), b.eq(x, y), b.ult(x, y), b.ult(y, x))
    holds = b.const(0)
    for number, relation in enumerate(relations):
        holds = b.or_(holds, b.shl(b.zext(relation), 4 - number))
    b.interrupt_if(b.ne(b.and_(holds, i.TO), 0), "PROGRAM_TRAP")


@insn("X", "011111 TO RA RB 0000000100 /", "TO,RA,RB", ref=REF)
def tw(b: Builder, i: Fields) -> None:
    """Trap on the words of (RA) and (RB)."""
    trap(b, i, rtl.EXTS(b, b.gpr(i.RA), 32), rtl.EXTS(b, b.gpr(i.RB), 32))


@insn("X", "011111 TO RA RB 0001000100 /", "TO,RA,RB", ref=REF)
def td(b: Builder, i: Fields) -> None:
    """Trap on (RA) and (RB)."""
    trap(b, i, b.gpr(i.RA), b.gpr(i.RB))


@insn("D", "000011 TO RA SI", "TO,RA,SI", ref=REF)
def twi(b: Builder, i: Fields) -> None:
    """Trap on the word of (RA) and EXTS(SI)."""
    trap(b, i, rtl.EXTS(b, b.gpr(i.RA), 32), i.SI)


@insn("D", "000010 TO RA SI", "TO,RA,SI", ref=REF)
def tdi(b: Builder, i: Fields) -> None:
    """Trap on (RA) and EXTS(SI)."""
    trap(b, i, b.gpr(i.RA), i.SI)


@insn("D", "000010 11000 RA SI", "24,RA,SI", ref=REF, name="tdi", key="tdi.ne")
def tdnei(b: Builder, i: Fields) -> None:
    """Trap if (RA) is not EXTS(SI): what compilers emit for an assertion, so it has a short handler."""
    b.interrupt_if(b.ne(b.gpr(i.RA), i.SI), "PROGRAM_TRAP")
