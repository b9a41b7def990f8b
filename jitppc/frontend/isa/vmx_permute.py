"""Vector permutes: selects, splats, merges, shifts of the whole register, inserts and extracts. Ref: Book I 6.8."""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

from .vmx_lanes import (
    OWN_BYTES,
    binary,
    bytes_of,
    each,
    numbers_from,
    read,
    splat_low_byte,
    ternary,
    write,
    zero,
)

REF, SHIFT, ELEMENT = "Book I 6.8.5", "Book I 6.8.7", "Book I 6.8.8"

ternary("Each byte is the byte of VRA || VRB that VRC.byte[k][3:7] numbers.", [("vperm", 43, 8)],
        lambda b, n, x, y, z: b.vperm(x, y, z), ref=REF)
ternary("Each byte is the byte of VRA || VRB that VRC.byte[k][3:7] numbers from the right.", [("vpermr", 59, 8)],
        lambda b, n, x, y, z: b.vperm(x, y, b.not_(z)), since="3.0", ref=REF)
ternary("Bits of VRB where VRC has 1, else of VRA.", [("vsel", 42, 128)],
        lambda b, n, x, y, z: b.vselect(z, y, x), ref="Book I 6.8.6")
ternary("Each byte is the byte of VRA that VRC.byte[k][0:3] numbers xor that of VRB that VRC.byte[k][4:7] numbers.",
        [("vpermxor", 45, 8)],
        lambda b, n, x, y, z: b.xor(b.vperm(x, x, b.vlshr(8, z, each(8, 4))), b.vperm(y, y, b.and_(z, each(8, 15)))),
        since="2.07", ref="Book I 6.11.4")

# --- merges
HIGH = {lane: bytes_of(lane, [k + other for k in range(64 // lane) for other in (0, 128 // lane)])
        for lane in (8, 16, 32)}
LOW = {lane: tuple(number + 8 for number in numbers) for lane, numbers in HIGH.items()}

binary("The left halves' elements, interleaved.", [("vmrghb", 12, 8), ("vmrghh", 76, 16), ("vmrghw", 140, 32)],
       lambda b, n, x, y: b.vshuffle(HIGH[n], x, y), ref="Book I 6.8.3")
binary("The right halves' elements, interleaved.", [("vmrglb", 268, 8), ("vmrglh", 332, 16), ("vmrglw", 396, 32)],
       lambda b, n, x, y: b.vshuffle(LOW[n], x, y), ref="Book I 6.8.3")
binary("The words 0 and 2 of both, interleaved.", [("vmrgew", 1932, 32)],
       lambda b, n, x, y: b.vshuffle(bytes_of(32, (0, 4, 2, 6)), x, y), since="2.07", ref="Book I 6.8.3")
binary("The words 1 and 3 of both, interleaved.", [("vmrgow", 1676, 32)],
       lambda b, n, x, y: b.vshuffle(bytes_of(32, (1, 5, 3, 7)), x, y), since="2.07", ref="Book I 6.8.3")


# --- splats
@insn("VX", "000100 VRT / UIM4 VRB 01000001100", "VRT,VRB,UIM4", since="2.03", ref="Book I 6.8.4")
def vspltb(b: Builder, i: Fields) -> None:
    """Byte UIM of VRB in every byte."""
    [vrb] = read(b, i.VRB)
    write(b, i, b.vperm(vrb, vrb, b.vsplat(8, i.UIM4)))


@insn("VX", "000100 VRT // UIM3 VRB 01001001100", "VRT,VRB,UIM3", since="2.03", ref="Book I 6.8.4")
def vsplth(b: Builder, i: Fields) -> None:
    """Halfword UIM of VRB in every halfword."""
    [vrb] = read(b, i.VRB)
    write(b, i, b.vperm(vrb, vrb, b.vsplat(16, b.add(b.mul(i.UIM3, 0x0202), 0x0001))))


@insn("VX", "000100 VRT /// UIM2 VRB 01010001100", "VRT,VRB,UIM2", since="2.03", ref="Book I 6.8.4")
def vspltw(b: Builder, i: Fields) -> None:
    """Word UIM of VRB in every word."""
    [vrb] = read(b, i.VRB)
    write(b, i, b.vperm(vrb, vrb, b.vsplat(32, b.add(b.mul(i.UIM2, 0x04040404), 0x00010203))))


def splat_immediate(b: Builder, i: Fields, lane: int) -> None:
    """EXTS(SIM) in every element."""
    b.require("VECTOR")
    write(b, i, b.vsplat(lane, i.SIM))


@insn("VX", "000100 VRT SIM ///// 01100001100", "VRT,SIM", since="2.03", ref="Book I 6.8.4")
def vspltisb(b: Builder, i: Fields) -> None:
    """EXTS(SIM) in every byte."""
    splat_immediate(b, i, 8)


@insn("VX", "000100 VRT SIM ///// 01101001100", "VRT,SIM", since="2.03", ref="Book I 6.8.4")
def vspltish(b: Builder, i: Fields) -> None:
    """EXTS(SIM) in every halfword."""
    splat_immediate(b, i, 16)


@insn("VX", "000100 VRT SIM ///// 01110001100", "VRT,SIM", since="2.03", ref="Book I 6.8.4")
def vspltisw(b: Builder, i: Fields) -> None:
    """EXTS(SIM) in every word."""
    splat_immediate(b, i, 32)


# --- shifts of the whole register
@insn("VA", "000100 VRT VRA VRB / SHB:4 101100", "VRT,VRA,VRB,SHB", since="2.03", ref=SHIFT)
def vsldoi(b: Builder, i: Fields) -> None:
    """VRT <- bytes SHB to SHB + 15 of VRA || VRB."""
    vra, vrb = read(b, i.VRA, i.VRB)
    write(b, i, b.vperm(vra, vrb, numbers_from(b, i.SHB)))


def octets(b: Builder, vrb: Value) -> Value:
    """VRB[121:124] in every byte."""
    return b.and_(b.vlshr(8, splat_low_byte(b, vrb), each(8, 3)), each(8, 15))


binary("VRT <- (VRA) shifted left by VRB[121:124] bytes.", [("vslo", 1036, 8)],
       lambda b, n, x, y: b.vperm(x, zero(b), b.vadd(8, octets(b, y), OWN_BYTES)), ref=SHIFT)
binary("VRT <- (VRA) shifted right by VRB[121:124] bytes.", [("vsro", 1100, 8)],
       lambda b, n, x, y: b.vperm(x, zero(b), b.vsub(8, OWN_BYTES, octets(b, y))), ref=SHIFT)
binary("VRT <- (VRA) shifted left by VRB[125:127] bits.", [("vsl", 452, 128)],
       lambda b, n, x, y: b.shl(x, b.and_(y, 7)), ref=SHIFT)
binary("VRT <- (VRA) shifted right by VRB[125:127] bits.", [("vsr", 708, 128)],
       lambda b, n, x, y: b.lshr(x, b.and_(y, 7)), ref=SHIFT)


def shift_left_variable(b: Builder, lane: int, x: Value, y: Value) -> Value:
    """Each byte shifted left by its own amount, bits of the byte at its right coming in."""
    right = b.vshuffle((*range(1, 16), 16), x, zero(b))
    entering = b.vlshr(lane, b.vlshr(lane, right, each(8, 1)), b.not_(y))    # right >> (8 - amount)
    return b.or_(b.vshl(lane, x, y), entering)


def shift_right_variable(b: Builder, lane: int, x: Value, y: Value) -> Value:
    """Each byte shifted right by its own amount, bits of the byte at its left coming in."""
    left = b.vshuffle((16, *range(15)), x, zero(b))
    entering = b.vshl(lane, b.vshl(lane, left, each(8, 1)), b.not_(y))
    return b.or_(b.vlshr(lane, x, y), entering)


binary("Each byte of VRA || 0x00 shifted left by VRB.byte[k][5:7], bits coming in.", [("vslv", 1860, 8)],
       shift_left_variable, since="3.0", ref=SHIFT)
binary("Each byte of 0x00 || VRA shifted right by VRB.byte[k][5:7], bits coming in.", [("vsrv", 1796, 8)],
       shift_right_variable, since="3.0", ref=SHIFT)


# --- extracts and inserts of elements
def element_at(b: Builder, size: int, x: Value, first: Value) -> Value:
    """The bytes from `first` on at the right of the left doubleword; zeros elsewhere."""
    wanted = range(8 - size, 8)
    base = int.from_bytes(bytes(k - wanted.start if k in wanted else 16 for k in range(16)), "big")
    moves = int.from_bytes(bytes(255 if k in wanted else 0 for k in range(16)), "big")
    return b.vperm(x, zero(b), b.vadd(8, base, b.and_(b.vsplat(8, first), moves)))


def insert_at(b: Builder, size: int, x: Value, element: Value, first: Value) -> Value:
    """The value x with the bytes from `first` on replaced by those at the right of the element's left doubleword."""
    distance = b.vsub(8, OWN_BYTES, b.vsplat(8, first))
    inside = b.vcmpgtu(8, each(8, size), distance)
    return b.vperm(x, element, b.vselect(inside, b.vadd(8, distance, each(8, 24 - size)), OWN_BYTES))


def extract(b: Builder, i: Fields, size: int) -> None:
    """VRT <- `size` bytes of VRB from byte UIM on, zero-extended in the left doubleword."""
    [vrb] = read(b, i.VRB)
    write(b, i, element_at(b, size, vrb, i.UIM4))


def insert(b: Builder, i: Fields, size: int) -> None:
    """VRT from byte UIM on <- the rightmost `size` bytes of VRB's left doubleword."""
    vrb, vrt = read(b, i.VRB, i.VRT)
    write(b, i, insert_at(b, size, vrt, vrb, i.UIM4))


for _size, _name, _extract, _insert in (
        (1, "ub", 525, 781), (2, "uh", 589, 845), (4, "uw", 653, 909), (8, "d", 717, 973)):
    def _extract_body(b: Builder, i: Fields, size: int = _size) -> None:
        """VRT <- the bytes of VRB from byte UIM on, zero-extended in the left doubleword."""
        extract(b, i, size)

    def _insert_body(b: Builder, i: Fields, size: int = _size) -> None:
        """VRT's bytes from byte UIM on <- the rightmost bytes of VRB's left doubleword."""
        insert(b, i, size)

    def _fits(word: int, size: int = _size) -> bool:
        """The bytes lie inside the register."""
        return (word >> 16 & 15) + size <= 16

    insn("VX", f"000100 VRT / UIM4 VRB {_extract:011b}", "VRT,VRB,UIM4", name=f"vextract{_name}", since="3.0",
         ref=ELEMENT, accept=_fits)(_extract_body)
    insn("VX", f"000100 VRT / UIM4 VRB {_insert:011b}", "VRT,VRB,UIM4", name=f"vinsert{_name[-1]}", since="3.0",
         ref=ELEMENT, accept=_fits)(_insert_body)

for _size, _name, _left, _right in ((1, "ub", 1549, 1805), (2, "uh", 1613, 1869), (4, "uw", 1677, 1933)):
    def _left_body(b: Builder, i: Fields, size: int = _size) -> None:
        """RT <- the bytes of VRB from byte RA[60:63] on, zero-extended."""
        [vrb] = read(b, i.VRB)
        b.set_gpr(i.RT, b.hi(element_at(b, size, vrb, b.and_(b.gpr(i.RA), 15))))

    def _right_body(b: Builder, i: Fields, size: int = _size) -> None:
        """RT <- the bytes of VRB up to byte RA[60:63] from the right, zero-extended."""
        [vrb] = read(b, i.VRB)
        first = b.sub(16 - size, b.and_(b.gpr(i.RA), 15))
        b.set_gpr(i.RT, b.hi(element_at(b, size, vrb, first)))

    for _side, _xo, _body in (("l", _left, _left_body), ("r", _right, _right_body)):
        insn("VX", f"000100 RT RA VRB {_xo:011b}", "RT,RA,VRB", name=f"vext{_name}{_side}x", since="3.0",
             ref=ELEMENT)(_body)
