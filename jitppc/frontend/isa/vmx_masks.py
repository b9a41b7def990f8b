"""Vector masks of ISA 3.1: from bits to elements of ones, and back. Ref: Book I 6.16."""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.types import I128

from .vmx_lanes import each, read, write

REF = "Book I 6.16"
LANES = ((0, "b", 8), (1, "h", 16), (2, "w", 32), (3, "d", 64), (4, "q", 128))
PICTURE = "000100 {} {:05b} {} 11001000010"


def signs_of(b: Builder, lane: int, x: Value) -> Value:
    """Every element filled with its leftmost bit."""
    if lane == 128:
        return b.select(b.slt(b.hi(x), 0), b.const(-1, I128), 0)
    return b.vashr(lane, x, each(lane, lane - 1))


def masks_of(b: Builder, lane: int, bits: Value) -> Value:
    """Ones in the elements whose bits are 1: the rightmost bit is the rightmost element's."""
    count = 128 // lane
    if count == 1:
        return b.select(b.eq(b.and_(bits, 1), 0), b.const(0, I128), -1)
    own = sum(1 << count - 1 - k << 128 - lane * (k + 1) for k in range(count) if count - 1 - k < lane)
    if lane >= count:
        return b.not_(b.vcmpeq(lane, b.and_(b.vsplat(lane, bits), own), 0))
    # bytes: the left eight are told by the second byte of the bits
    own = int.from_bytes(bytes(1 << 7 - k % 8 for k in range(16)), "big")
    left, right = b.vsplat(8, b.lshr(bits, 8)), b.vsplat(8, bits)
    return b.not_(b.vcmpeq(8, b.and_(b.pack(b.hi(left), b.lo(right)), own), 0))


def rows_of(number: int, letter: str, lane: int) -> None:
    """The rows for elements of one width."""
    @insn("VX", PICTURE.format("VRT", 16 + number, "RB"), "VRT,RB", since="3.1", ref=REF, name=f"mtvsr{letter}m")
    def _to(b: Builder, i: Fields) -> None:
        """VRT's elements <- ones or zeros, as the rightmost bits of (RB) say."""
        b.require("VECTOR")
        write(b, i, masks_of(b, lane, b.gpr(i.RB)))

    @insn("VX", PICTURE.format("VRT", number, "VRB"), "VRT,VRB", since="3.1", ref=REF, name=f"vexpand{letter}m")
    def _expand(b: Builder, i: Fields) -> None:
        """VRT's elements <- ones or zeros, as the leftmost bits of VRB's say."""
        [vrb] = read(b, i.VRB)
        write(b, i, signs_of(b, lane, vrb))

    @insn("VX", PICTURE.format("RT", 8 + number, "VRB"), "RT,VRB", since="3.1", ref=REF, name=f"vextract{letter}m")
    def _extract(b: Builder, i: Fields) -> None:
        """RT <- the leftmost bits of VRB's elements."""
        [vrb] = read(b, i.VRB)
        b.set_gpr(i.RT, b.lshr(b.hi(vrb), 63) if lane == 128 else b.vsigns(lane, vrb))


for _number, _letter, _lane in LANES:
    rows_of(_number, _letter, _lane)


def count_row(number: int, letter: str, lane: int) -> None:
    """How much of VRB has elements whose leftmost bit is MP."""
    @insn("VX", f"000100 RT 11{number:02b} MP VRB 11001000010", "RT,VRB,MP", since="3.1", ref=REF,
          name=f"vcntmb{letter}")
    def _count(b: Builder, i: Fields) -> None:
        """RT[0:7] <- the bytes that those elements of VRB have whose leftmost bit is MP; the rest 0."""
        [vrb] = read(b, i.VRB)
        ones = b.popcnt(b.vsigns(lane, vrb))
        wanted = b.select(b.eq(i.MP, 0), b.sub(128 // lane, ones), ones)
        b.set_gpr(i.RT, b.shl(wanted, 56 + number))


for _number, _letter, _lane in LANES[:4]:
    count_row(_number, _letter, _lane)


@insn("DX", "000100 VRT d1 d0 01010 d2", "VRT,BMI", since="3.1", ref=REF)
def mtvsrbmi(b: Builder, i: Fields) -> None:
    """VRT's bytes <- ones or zeros, as the bits of BMI say."""
    b.require("VECTOR")
    write(b, i, masks_of(b, 8, i.BMI))
