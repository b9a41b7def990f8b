"""Condition Register: logical operations, moves between fields, moves to and from GPRs. Ref: Book I 2.5, 3.3.17."""

from __future__ import annotations

from collections.abc import Callable

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

REF = "Book I 2.5"
REF_MOVE = "Book I 3.3.17"


def logical(name: str, xo: str, says: str, function: Callable[[Builder, Value, Value], Value]) -> None:
    """A row of XL form: CR bit BT <- function(CR bit BA, CR bit BB).

    The three fields are put side by side in one value, so that one static mask finds all three bits: a handler
    then needs no more than the numbers of the fields and that mask.
    """
    def body(b: Builder, i: Fields) -> None:
        t, a, c = (b.lshr(field, 2) for field in (i.BT, i.BA, i.BB))
        fields = b.zext(b.crf(a))
        fields = b.or_(fields, b.shl(b.zext(b.crf(c)), 4))
        fields = b.or_(fields, b.shl(b.zext(b.crf(t)), 8))
        mask = b.const(0)
        for field, shift in ((i.BA, 0), (i.BB, 4), (i.BT, 8)):
            mask = b.or_(mask, b.shl(b.lshr(b.const(8), b.and_(field, 3)), shift))
        chosen = b.and_(fields, mask)
        x = b.ne(b.and_(chosen, 0xF), 0)
        y = b.ne(b.and_(chosen, 0xF0), 0)
        ones = b.or_(fields, mask)
        result = b.select(function(b, x, y), ones, b.xor(ones, mask))
        b.set_crf(t, b.trunc(b.lshr(result, 8), 8))

    body.__doc__ = f"CR[BT] <- {says}."
    insn("XL", f"010011 BT BA BB {xo} /", "BT,BA,BB", ref=REF, name=name)(body)


logical("crand", "0100000001", "CR[BA] & CR[BB]", lambda b, x, y: b.and_(x, y))
logical("crnand", "0011100001", "¬(CR[BA] & CR[BB])", lambda b, x, y: b.not_(b.and_(x, y)))
logical("cror", "0111000001", "CR[BA] | CR[BB]", lambda b, x, y: b.or_(x, y))
logical("crxor", "0011000001", "CR[BA] ^ CR[BB]", lambda b, x, y: b.xor(x, y))
logical("crnor", "0000100001", "¬(CR[BA] | CR[BB])", lambda b, x, y: b.not_(b.or_(x, y)))
logical("creqv", "0100100001", "CR[BA] ≡ CR[BB]", lambda b, x, y: b.eq(x, y))
logical("crandc", "0010000001", "CR[BA] & ¬CR[BB]", lambda b, x, y: b.and_(x, b.not_(y)))
logical("crorc", "0110100001", "CR[BA] | ¬CR[BB]", lambda b, x, y: b.or_(x, b.not_(y)))


@insn("XL", "010011 BF // BFA // ///// 0000000000 /", "BF,BFA", ref=REF)
def mcrf(b: Builder, i: Fields) -> None:
    """CR field BF <- CR field BFA."""
    b.set_crf(i.BF, b.crf(i.BFA))


@insn("X", "011111 BF // ///// ///// 1001000000 /", "BF", since="3.0", ref=REF_MOVE)
def mcrxrx(b: Builder, i: Fields) -> None:
    """CR field BF <- OV || OV32 || CA || CA32."""
    field = b.get("ca32")
    for place, name in enumerate(("ca", "ov32", "ov"), 1):
        field = b.or_(field, b.shl(b.get(name), place))
    b.set_crf(i.BF, field)


def selects_one(word: int) -> bool:
    """FXM has one bit set; with others the result is undefined (and here, POWER9's)."""
    return (word >> 12 & 0xFF).bit_count() == 1


# --- to and from GPRs ------------------------------------------------------------------------------------
def first_field(b: Builder, i: Fields) -> tuple[Value, Value]:
    """The number of the first field that FXM selects (7 if none), and how far left of bit 63 it ends."""
    selected = b.trunc(b.or_(i.FXM, 1), 8)
    number = b.zext(b.ctlz(selected))
    return number, b.sub(28, b.shl(number, 2))


@insn("XFX", "011111 RT 0 //////// / 0000010011 /", "RT", ref=REF_MOVE)
def mfcr(b: Builder, i: Fields) -> None:
    """RT <- the 32 bits of CR."""
    rt = b.const(0)
    for number in range(8):
        rt = b.or_(b.shl(rt, 4), b.zext(b.crf(number)))
    b.set_gpr(i.RT, rt)


@insn("XFX", "011111 RT 1 FXM / 0000010011 /", "RT,FXM", since="2.01", ref=REF_MOVE,
      accept=selects_one)
def mfocrf(b: Builder, i: Fields) -> None:
    """RT <- the first CR field of FXM (7 if none), in its place, and zeros."""
    number, place = first_field(b, i)
    b.set_gpr(i.RT, b.shl(b.zext(b.crf(number)), place))


@insn("XFX", "011111 RS 0 FXM / 0010010000 /", "FXM,RS", ref=REF_MOVE)
def mtcrf(b: Builder, i: Fields) -> None:
    """The CR fields of FXM <- the same fields of (RS)[32:63].

    All fields travel as eight bytes in one value (CR0 in the lowest), so that one static mask selects.
    """
    rs = b.gpr(i.RS)
    old, new, mask = b.const(0), b.const(0), b.const(0)
    for number in range(8):
        old = b.or_(old, b.shl(b.zext(b.crf(number)), 8 * number))
        new = b.or_(new, b.shl(b.and_(b.lshr(rs, 28 - 4 * number), 0xF), 8 * number))
        selected = b.and_(b.lshr(i.FXM, 7 - number), 1)
        mask = b.or_(mask, b.shl(b.mul(selected, 0xF), 8 * number))
    merged = b.xor(old, b.and_(b.xor(old, new), mask))
    for number in range(8):
        b.set_crf(number, b.trunc(b.lshr(merged, 8 * number), 8))


@insn("XFX", "011111 RS 1 FXM / 0010010000 /", "FXM,RS", since="2.01", ref=REF_MOVE,
      accept=selects_one)
def mtocrf(b: Builder, i: Fields) -> None:
    """The first CR field of FXM (7 if none) <- the same field of (RS)[32:63]."""
    number, place = first_field(b, i)
    b.set_crf(number, b.trunc(b.and_(b.lshr(b.gpr(i.RS), place), 0xF), 8))
