"""Vector logical instructions, shifts and rotates of elements, counts. Ref: Book I 6.9, 6.13, 6.14."""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.types import I128

from .vmx_lanes import binary, each, extended, read, unary, write

LOGICAL, SHIFT, COUNT, GATHER = "Book I 6.9.4", "Book I 6.9.5", "Book I 6.13, 6.14", "Book I 6.12"

binary("VRT <- (VRA) & (VRB).", [("vand", 1028, 128)], lambda b, n, x, y: b.and_(x, y), ref=LOGICAL)
binary("VRT <- (VRA) & ¬(VRB).", [("vandc", 1092, 128)], lambda b, n, x, y: b.and_(x, b.not_(y)), ref=LOGICAL)
binary("VRT <- (VRA) | (VRB).", [("vor", 1156, 128)], lambda b, n, x, y: b.or_(x, y), ref=LOGICAL)
binary("VRT <- (VRA) xor (VRB).", [("vxor", 1220, 128)], lambda b, n, x, y: b.xor(x, y), ref=LOGICAL)
binary("VRT <- ¬((VRA) | (VRB)).", [("vnor", 1284, 128)], lambda b, n, x, y: b.not_(b.or_(x, y)), ref=LOGICAL)
binary("VRT <- (VRA) | ¬(VRB).", [("vorc", 1348, 128, "2.07")], lambda b, n, x, y: b.or_(x, b.not_(y)), ref=LOGICAL)
binary("VRT <- ¬((VRA) & (VRB)).", [("vnand", 1412, 128, "2.07")],
       lambda b, n, x, y: b.not_(b.and_(x, y)), ref=LOGICAL)
binary("VRT <- ¬((VRA) xor (VRB)).", [("veqv", 1668, 128, "2.07")],
       lambda b, n, x, y: b.not_(b.xor(x, y)), ref=LOGICAL)

# --- shifts and rotates: the amount is VRB's element modulo the width
binary("Elements of VRA rotated left.",
       [("vrlb", 4, 8), ("vrlh", 68, 16), ("vrlw", 132, 32), ("vrld", 196, 64, "2.07")],
       lambda b, n, x, y: b.vrotl(n, x, y), ref=SHIFT)
binary("Elements of VRA shifted left.",
       [("vslb", 260, 8), ("vslh", 324, 16), ("vslw", 388, 32), ("vsld", 1476, 64, "2.07")],
       lambda b, n, x, y: b.vshl(n, x, y), ref=SHIFT)
binary("Elements of VRA shifted right.",
       [("vsrb", 516, 8), ("vsrh", 580, 16), ("vsrw", 644, 32), ("vsrd", 1732, 64, "2.07")],
       lambda b, n, x, y: b.vlshr(n, x, y), ref=SHIFT)
binary("Elements of VRA shifted right, with copies of the sign.",
       [("vsrab", 772, 8), ("vsrah", 836, 16), ("vsraw", 900, 32), ("vsrad", 964, 64, "2.07")],
       lambda b, n, x, y: b.vashr(n, x, y), ref=SHIFT)


def rotated_under_mask(b: Builder, lane: int, x: Value, control: Value) -> tuple[Value, Value]:
    """Elements rotated left, and MASK(mb, me) for each: me, mb and the amount are in bytes 2, 1 and 3 from the
    right of the control's elements.
    """
    def number(shift: int) -> Value:
        return b.and_(b.vlshr(lane, control, each(lane, shift)), each(lane, lane - 1))
    mb, me = number(16), number(8)
    head = b.vlshr(lane, b.const(-1, I128), mb)
    tail = b.vshl(lane, b.const(-1, I128), b.not_(me))
    mask = b.vselect(b.vcmpgtu(lane, mb, me), b.or_(head, tail), b.and_(head, tail))
    return b.vrotl(lane, x, control), mask


def rotate_then_mask(b: Builder, lane: int, x: Value, control: Value) -> Value:
    """Elements rotated left, and under the mask."""
    rotated, mask = rotated_under_mask(b, lane, x, control)
    return b.and_(rotated, mask)


binary("Elements of VRA rotated left and masked, as the bytes of VRB's elements say.",
       [("vrlwnm", 389, 32), ("vrldnm", 453, 64)], rotate_then_mask, since="3.0", ref=SHIFT)


def rotate_then_insert(b: Builder, i: Fields, lane: int) -> None:
    """Elements of VRA rotated left and, under a mask, put into VRT."""
    vra, vrb, vrt = read(b, i.VRA, i.VRB, i.VRT)
    rotated, mask = rotated_under_mask(b, lane, vra, vrb)
    write(b, i, b.vselect(mask, rotated, vrt))


@insn("VX", "000100 VRT VRA VRB 00010000101", "VRT,VRA,VRB", since="3.0", ref=SHIFT)
def vrlwmi(b: Builder, i: Fields) -> None:
    """Words of VRA rotated left and, under a mask, put into VRT."""
    rotate_then_insert(b, i, 32)


@insn("VX", "000100 VRT VRA VRB 00011000101", "VRT,VRA,VRB", since="3.0", ref=SHIFT)
def vrldmi(b: Builder, i: Fields) -> None:
    """Doublewords of VRA rotated left and, under a mask, put into VRT."""
    rotate_then_insert(b, i, 64)


# --- counts
unary("Leading zeros of each element.",
      [("vclzb", 1794, 8), ("vclzh", 1858, 16), ("vclzw", 1922, 32), ("vclzd", 1986, 64)],
      lambda b, n, x: b.vctlz(n, x), since="2.07", ref=COUNT)
extended("Trailing zeros of each element.",
         [("vctzb", 28, 8), ("vctzh", 29, 16), ("vctzw", 30, 32), ("vctzd", 31, 64)],
         lambda b, n, x: b.vcttz(n, x), since="3.0", ref=COUNT)
unary("Number of ones in each element.",
      [("vpopcntb", 1795, 8), ("vpopcnth", 1859, 16), ("vpopcntw", 1923, 32), ("vpopcntd", 1987, 64)],
      lambda b, n, x: b.vpopcnt(n, x), since="2.07", ref=COUNT)


def byte_parity(b: Builder, lane: int, x: Value) -> Value:
    """The parity of the rightmost bits of each element's bytes."""
    if lane == 128:
        x = b.xor(x, b.vshuffle((*range(8, 16), *range(8)), x, x))
    shift = min(lane, 64) // 2
    while shift >= 8:
        x = b.xor(x, b.vlshr(min(lane, 64), x, each(min(lane, 64), shift)))
        shift //= 2
    return b.and_(x, 1 if lane == 128 else each(lane, 1))


extended("Parity of the rightmost bits of each element's bytes.",
         [("vprtybw", 8, 32), ("vprtybd", 9, 64), ("vprtybq", 10, 128)], byte_parity, since="3.0", ref="Book I 6.9.3")


@insn("VX", "000100 RT 00000 VRB 11000000010", "RT,VRB", since="3.0", ref=COUNT)
def vclzlsbb(b: Builder, i: Fields) -> None:
    """RT <- number of leading bytes of VRB whose rightmost bit is 0."""
    [vrb] = read(b, i.VRB)
    bits = b.vsigns(8, b.vshl(8, vrb, each(8, 7)))
    b.set_gpr(i.RT, b.sub(b.ctlz(bits), 48))


@insn("VX", "000100 RT 00001 VRB 11000000010", "RT,VRB", since="3.0", ref=COUNT)
def vctzlsbb(b: Builder, i: Fields) -> None:
    """RT <- number of trailing bytes of VRB whose rightmost bit is 0."""
    [vrb] = read(b, i.VRB)
    bits = b.vsigns(8, b.vshl(8, vrb, each(8, 7)))
    b.set_gpr(i.RT, b.cttz(b.or_(bits, 1 << 16)))


def gather_bits(b: Builder, lane: int, x: Value) -> Value:
    """Each doubleword as an 8 by 8 matrix of bits, transposed: three exchanges of ever larger squares."""
    for shift, squares in ((7, 0x00AA00AA00AA00AA), (14, 0x0000CCCC0000CCCC), (28, 0x00000000F0F0F0F0)):
        amount = each(64, shift)
        moving = b.and_(b.xor(x, b.vlshr(64, x, amount)), each(64, squares))
        x = b.xor(b.xor(x, moving), b.vshl(64, moving, amount))
    return x


unary("Each doubleword of VRB as an 8 by 8 matrix of bits, transposed.", [("vgbbd", 1292, 64)], gather_bits,
      since="2.07", ref=GATHER)


def numbered_bits(b: Builder, source: Value, numbers: Value) -> Value:
    """Sixteen bits, the leftmost for byte 0: the bit of `source`, from the left, that each byte numbers; it is 0
    for numbers of 128 and more.
    """
    found = b.vperm(source, source, b.vlshr(8, numbers, each(8, 3)))
    leftmost = b.vshl(8, found, numbers)       # an amount is taken modulo 8
    return b.vsigns(8, b.and_(leftmost, b.not_(numbers)))


@insn("VX", "000100 VRT VRA VRB 10101001100", "VRT,VRA,VRB", since="2.07", ref="Book I 6.15")
def vbpermq(b: Builder, i: Fields) -> None:
    """VRT[48:63] <- the bits of VRA whose numbers are the bytes of VRB; the rest 0."""
    vra, vrb = read(b, i.VRA, i.VRB)
    write(b, i, b.pack(numbered_bits(b, vra, vrb), 0))


@insn("VX", "000100 VRT VRA VRB 10111001100", "VRT,VRA,VRB", since="3.0", ref="Book I 6.15")
def vbpermd(b: Builder, i: Fields) -> None:
    """VRT.dword[k].byte[7] <- the bits of VRA.dword[k] whose numbers are the bytes of VRB.dword[k]."""
    vra, vrb = read(b, i.VRA, i.VRB)
    # numbers of 64 and more give 0: make them 128; the second doubleword's bits are 64 to 127
    outside = b.vcmpgtu(8, vrb, each(8, 63))
    numbers = b.or_(b.or_(vrb, 0x4040404040404040), b.and_(outside, each(8, 0x80)))
    bits = numbered_bits(b, vra, numbers)
    write(b, i, b.pack(b.lshr(bits, 8), b.and_(bits, 0xFF)))
