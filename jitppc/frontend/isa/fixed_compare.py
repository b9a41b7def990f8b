"""Fixed-point compare, select and set. Ref: Book I 3.3.10, 3.3.12, 3.3.17."""

from __future__ import annotations

from jitppc.frontend import rtl
from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

REF = "Book I 3.3.10"


def _signed(b: Builder, i: Fields, y: Value) -> None:
    x = b.gpr(i.RA)
    if not i.L:
        x, y = rtl.EXTS(b, x, 32), rtl.EXTS(b, y, 32)
    b.set_crf(i.BF, b.comparison(b.slt(x, y), b.slt(y, x)))


def _unsigned(b: Builder, i: Fields, y: Value) -> None:
    x = b.gpr(i.RA)
    if not i.L:
        x, y = b.and_(x, 0xFFFFFFFF), b.and_(y, 0xFFFFFFFF)
    b.set_crf(i.BF, b.comparison(b.ult(x, y), b.ult(y, x)))


@insn("X", "011111 BF / L RA RB 0000000000 /", "BF,L,RA,RB", ref=REF, static=("L",))
def cmp(b: Builder, i: Fields) -> None:
    """CR field BF <- (RA) compared with (RB), signed, as words when L is 0."""
    _signed(b, i, b.gpr(i.RB))


@insn("D", "001011 BF / L RA SI", "BF,L,RA,SI", ref=REF, static=("L",))
def cmpi(b: Builder, i: Fields) -> None:
    """CR field BF <- (RA) compared with EXTS(SI), signed, as words when L is 0."""
    _signed(b, i, i.SI)


@insn("X", "011111 BF / L RA RB 0000100000 /", "BF,L,RA,RB", ref=REF, static=("L",))
def cmpl(b: Builder, i: Fields) -> None:
    """CR field BF <- (RA) compared with (RB), unsigned, as words when L is 0."""
    _unsigned(b, i, b.gpr(i.RB))


@insn("D", "001010 BF / L RA UI", "BF,L,RA,UI", ref=REF, static=("L",))
def cmpli(b: Builder, i: Fields) -> None:
    """CR field BF <- (RA) compared with UI, unsigned, as words when L is 0."""
    _unsigned(b, i, i.UI)


@insn("X", "011111 BF / L RA RB 0011000000 /", "BF,L,RA,RB", since="3.0", ref=REF, static=("L",))
def cmprb(b: Builder, i: Fields) -> None:
    """GT of CR field BF <- the low byte of (RA) lies in the last (or, if L, last two) ranges of (RB)."""
    rb = b.gpr(i.RB)
    byte = b.and_(b.gpr(i.RA), 0xFF)

    def within(low_bit: int) -> Value:
        low, high = (b.and_(b.lshr(rb, n), 0xFF) for n in (low_bit, low_bit + 8))
        return b.and_(b.ule(low, byte), b.ule(byte, high))

    found = b.or_(within(0), within(16)) if i.L else within(0)
    b.set_crf(i.BF, b.shl(b.zext(found, 8), 2))


@insn("X", "011111 BF // RA RB 0011100000 /", "BF,RA,RB", since="3.0", ref=REF)
def cmpeqb(b: Builder, i: Fields) -> None:
    """GT of CR field BF <- some byte of (RB) equals the low byte of (RA)."""
    rb = b.gpr(i.RB)
    byte = b.vsplat(8, b.gpr(i.RA))
    equal = b.lo(b.vcmpeq(8, b.pack(rb, rb), byte))
    b.set_crf(i.BF, b.shl(b.zext(b.ne(equal, 0), 8), 2))


@insn("X", "011111 RT BFA // ///// 0010000000 /", "RT,BFA", since="3.0", ref="Book I 3.3.17")
def setb(b: Builder, i: Fields) -> None:
    """RT <- -1, 1 or 0 as CR field BFA says LT, GT or neither."""
    field = b.crf(i.BFA)
    greater = b.zext(b.and_(b.lshr(field, 2), 1))
    b.set_gpr(i.RT, b.select(b.ne(b.and_(field, 8), 0), b.const(-1), greater))


@insn("A", "011111 RT RA RB BCf:3 BCb:2 01111 /", "RT,RA,RB,BC", since="2.03", ref="Book I 3.3.12",
      static=("BCb",))
def isel(b: Builder, i: Fields) -> None:
    """RT <- (RA|0) if CR bit BC is 1, else (RB)."""
    ra, rb = b.gpr_or_zero(i.RA), b.gpr(i.RB)
    bit = b.ne(b.and_(b.crf(i.BCf), 8 >> i.BCb), 0)
    b.set_gpr(i.RT, b.select(bit, ra, rb))
