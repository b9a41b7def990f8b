"""Vector strings of ISA 3.1: isolate, clear, shift double by bits. Ref: Book I 6.8.7, 6.17."""

from __future__ import annotations

from collections.abc import Callable

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.types import I128

from .fixed_bits import centrifuged, leading_zeros_under, trailing_zeros_under
from .vmx_lanes import OWN_BYTES, binary, read, write

REF, SHIFT, BITS = "Book I 6.17", "Book I 6.8.7", "Book I 6.12"


def up_to_zero(b: Builder, lane: int, x: Value, right: bool) -> Value:
    """The elements in front of the first zero, counted from one end; zeros behind it."""
    zeros = b.vcmpeq(lane, x, 0)
    if right:                                             # all below the lowest bit of the zeros
        kept = b.and_(b.not_(zeros), b.sub(zeros, 1))
        return b.and_(x, kept)
    distance = b.ctlz(zeros)                              # i128: bits in front; 128 when there is none
    return b.and_(x, b.not_(b.lshr(b.const(-1, I128), distance)))


for _number, _name, _lane, _right in ((0, "vstribl", 8, False), (1, "vstribr", 8, True), (2, "vstrihl", 16, False),
                                      (3, "vstrihr", 16, True)):
    @insn("VX", f"000100 VRT {_number:05b} VRB Rc 0000001101", "VRT,VRB", since="3.1", ref=REF, name=_name)
    def _isolate(b: Builder, i: Fields, lane: int = _lane, right: bool = _right) -> None:
        """VRT <- VRB's elements up to the first that is 0, zeros behind; CR6 <- 0b00 || there is one || 0."""
        [vrb] = read(b, i.VRB)
        if i.Rc:
            found = b.ne(b.vcmpeq(lane, vrb, 0), 0)
            b.set_crf(6, b.shl(b.zext(found, 8), 1))
        write(b, i, up_to_zero(b, lane, vrb, right))


@insn("VX", "000100 VRT VRA RB 00110001101", "VRT,VRA,RB", since="3.1", ref=REF)
def vclrlb(b: Builder, i: Fields) -> None:
    """VRT <- the rightmost (RB) bytes of VRA, zeros at their left."""
    [vra] = read(b, i.VRA)
    count = limited(b, b.gpr(i.RB))
    write(b, i, b.and_(vra, b.vcmpgtu(8, b.vsplat(8, count), int.from_bytes(bytes(range(15, -1, -1)), "big"))))


@insn("VX", "000100 VRT VRA RB 00111001101", "VRT,VRA,RB", since="3.1", ref=REF)
def vclrrb(b: Builder, i: Fields) -> None:
    """VRT <- the leftmost (RB) bytes of VRA, zeros at their right."""
    [vra] = read(b, i.VRA)
    count = limited(b, b.gpr(i.RB))
    write(b, i, b.and_(vra, b.vcmpgtu(8, b.vsplat(8, count), OWN_BYTES)))


def limited(b: Builder, count: Value) -> Value:
    """A number of bytes, more than 16 counting as 16."""
    return b.select(b.ult(count, 16), count, b.const(16))


@insn("VN", "000100 VRT VRA VRB 00 SH3:3 010110", "VRT,VRA,VRB,SH3", since="3.1", ref=SHIFT)
def vsldbi(b: Builder, i: Fields) -> None:
    """VRT <- bits SH to SH + 127 of VRA || VRB."""
    vra, vrb = read(b, i.VRA, i.VRB)
    amount = b.zext128(i.SH3)
    write(b, i, b.or_(b.shl(vra, amount), b.lshr(vrb, b.sub(128, amount))))


@insn("VN", "000100 VRT VRA VRB 01 SH3:3 010110", "VRT,VRA,VRB,SH3", since="3.1", ref=SHIFT)
def vsrdbi(b: Builder, i: Fields) -> None:
    """VRT <- the 128 bits of VRA || VRB that end SH bits from the right."""
    vra, vrb = read(b, i.VRA, i.VRB)
    amount = b.zext128(i.SH3)
    write(b, i, b.or_(b.lshr(vrb, amount), b.shl(vra, b.sub(128, amount))))


# --- bits of doublewords -----------------------------------------------------------------------------------
def in_doublewords(meaning: Callable[[Builder, Value, Value], Value]) -> Callable[..., Value]:
    """meaning(doubleword of VRA, doubleword of VRB), for both."""
    return lambda b, _lane, x, mask: b.pack(meaning(b, b.hi(x), b.hi(mask)), meaning(b, b.lo(x), b.lo(mask)))


binary("Doublewords of VRA: bits where VRB has 0, then those where it has 1.", [("vcfuged", 1357, 64)],
       in_doublewords(centrifuged), since="3.1", ref=BITS)
binary("Doublewords of VRA: the low bits, put where VRB has 1.", [("vpdepd", 1485, 64)],
       in_doublewords(lambda b, x, m: b.pdep(x, m)), since="3.1", ref=BITS)
binary("Doublewords of VRA: the bits where VRB has 1, at the right.", [("vpextd", 1421, 64)],
       in_doublewords(lambda b, x, m: b.pext(x, m)), since="3.1", ref=BITS)
binary("Leading zeros of the bits of VRA's doublewords where VRB has 1.", [("vclzdm", 1924, 64)],
       in_doublewords(leading_zeros_under), since="3.1", ref=BITS)
binary("Trailing zeros of the bits of VRA's doublewords where VRB has 1.", [("vctzdm", 1988, 64)],
       in_doublewords(trailing_zeros_under), since="3.1", ref=BITS)


@insn("VX", "000100 RT // N:3 VRB 10011001100", "RT,VRB,N", since="3.1", ref=BITS, static=("N",),
      accept=lambda word: word >> 16 & 7 >= 2)
def vgnb(b: Builder, i: Fields) -> None:
    """RT <- every Nth bit of VRB from the first on, at the left; the rest 0. N below 2 is undefined: 0 here."""
    [vrb] = read(b, i.VRB)
    if i.N < 2:
        b.set_gpr(i.RT, 0)
        return
    chosen = sum(1 << 127 - k for k in range(0, 128, i.N))
    high, low = chosen >> 64, chosen & (1 << 64) - 1
    first, second = b.pext(b.hi(vrb), high), b.pext(b.lo(vrb), low)
    count, more = high.bit_count(), low.bit_count()
    b.set_gpr(i.RT, b.or_(b.shl(first, 64 - count), b.shl(second, 64 - count - more)))

