"""Vector quadword shifts, rotates, compares and extensions of ISA 3.1. Ref: Book I 6.9."""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.types import I128

from .vmx_lanes import binary, comparison, extended, read, write

SHIFT, COMPARE = "Book I 6.9.5", "Book I 6.9.3"


def amount(b: Builder, y: Value) -> Value:
    """VRB[57:63]: a number of bits."""
    return b.zext128(b.and_(b.hi(y), 127))


binary("VRT <- (VRA) rotated left by VRB[57:63].", [("vrlq", 5, 128)], lambda b, n, x, y: b.rotl(x, amount(b, y)),
       since="3.1", ref=SHIFT)
binary("VRT <- (VRA) shifted left by VRB[57:63].", [("vslq", 261, 128)], lambda b, n, x, y: b.shl(x, amount(b, y)),
       since="3.1", ref=SHIFT)
binary("VRT <- (VRA) shifted right by VRB[57:63].", [("vsrq", 517, 128)], lambda b, n, x, y: b.lshr(x, amount(b, y)),
       since="3.1", ref=SHIFT)
binary("VRT <- (VRA) shifted right by VRB[57:63], with copies of the sign.", [("vsraq", 773, 128)],
       lambda b, n, x, y: b.ashr(x, amount(b, y)), since="3.1", ref=SHIFT)


def rotated_and_mask(b: Builder, x: Value, control: Value) -> tuple[Value, Value]:
    """x rotated left, and MASK(mb, me): mb, me and the amount are VRB[41:47], [49:55] and [57:63]."""
    high = b.hi(control)
    mb, me = b.and_(b.lshr(high, 16), 127), b.and_(b.lshr(high, 8), 127)
    ones = b.const(-1, I128)
    head, tail = b.lshr(ones, b.zext128(mb)), b.shl(ones, b.zext128(b.sub(127, me)))
    mask = b.select(b.ule(mb, me), b.and_(head, tail), b.or_(head, tail))
    return b.rotl(x, amount(b, control)), mask


binary("VRT <- (VRA) rotated left and masked, as VRB says.", [("vrlqnm", 325, 128)],
       lambda b, n, x, y: b.and_(*rotated_and_mask(b, x, y)), since="3.1", ref=SHIFT)


@insn("VX", "000100 VRT VRA VRB 00001000101", "VRT,VRA,VRB", since="3.1", ref=SHIFT)
def vrlqmi(b: Builder, i: Fields) -> None:
    """VRT <- under the mask (VRA) rotated left, else (VRT)."""
    vra, vrb, vrt = read(b, i.VRA, i.VRB, i.VRT)
    rotated, mask = rotated_and_mask(b, vra, vrb)
    write(b, i, b.vselect(mask, rotated, vrt))


def all_ones(b: Builder, condition: Value) -> Value:
    """128 copies of an i1."""
    return b.select(condition, b.const(-1, I128), b.const(0, I128))


comparison("Ones where the quadwords are equal.", [("vcmpequq", 455, 128)],
           lambda b, n, x, y: all_ones(b, b.eq(x, y)), since="3.1", ref=COMPARE)
comparison("Ones where VRA is greater, signed.", [("vcmpgtsq", 903, 128)],
           lambda b, n, x, y: all_ones(b, b.slt(y, x)), since="3.1", ref=COMPARE)
comparison("Ones where VRA is greater, unsigned.", [("vcmpgtuq", 647, 128)],
           lambda b, n, x, y: all_ones(b, b.ult(y, x)), since="3.1", ref=COMPARE)


def set_order(b: Builder, i: Fields, less: Value, greater: Value) -> None:
    """CR field BF <- LT, GT or EQ; SO is 0."""
    order = b.select(less, b.const(8), b.select(greater, b.const(4), b.const(2)))
    b.set_crf(i.BF, b.trunc(order, 8))


@insn("VX", "000100 BF // VRA VRB 00101000001", "BF,VRA,VRB", since="3.1", ref=COMPARE)
def vcmpsq(b: Builder, i: Fields) -> None:
    """CR field BF <- (VRA) compared with (VRB), signed."""
    vra, vrb = read(b, i.VRA, i.VRB)
    set_order(b, i, b.slt(vra, vrb), b.slt(vrb, vra))


@insn("VX", "000100 BF // VRA VRB 00100000001", "BF,VRA,VRB", since="3.1", ref=COMPARE)
def vcmpuq(b: Builder, i: Fields) -> None:
    """CR field BF <- (VRA) compared with (VRB), unsigned."""
    vra, vrb = read(b, i.VRA, i.VRB)
    set_order(b, i, b.ult(vra, vrb), b.ult(vrb, vra))


extended("VRT <- EXTS((VRB).dword[1]).", [("vextsd2q", 27, 128)], lambda b, n, x: b.sext(b.lo(x), 128), since="3.1",
         ref="Book I 6.9.1.5")
