"""Vector elements moved by index: double extracts and inserts of ISA 3.1. Ref: Book I 6.8.8.

Indexes are bytes: those of the l forms count from the left end, those of the r forms from the right. Elements that
would lie outside are undefined in the book; here nothing is inserted, and 0 extracted, as QEMU does.
"""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

from .vmx_lanes import read, write
from .vmx_permute import insert_at

REF = "Book I 6.8.8"
SIZES = (("b", "ub", 1), ("h", "uh", 2), ("w", "uw", 4), ("d", "d", 8))


def wide_element(b: Builder, size: int, x: Value, y: Value, first: Value) -> Value:
    """The bytes of x || y from `first` on, at the right of the left doubleword; zeros elsewhere."""
    numbers = int.from_bytes(bytes((k - (8 - size)) & 31 for k in range(8)) + bytes(8), "big")
    found = b.hi(b.vperm(x, y, b.vadd(8, numbers, b.vsplat(8, first))))
    kept = found if size == 8 else b.and_(found, (1 << 8 * size) - 1)
    return b.pack(b.select(b.ule(first, 32 - size), kept, b.const(0)), 0)


def extract_rows(number: int, name: str, size: int) -> None:
    """vextd.vlx and its mirror: VRT.dword[0] <- the element of VRA || VRB at byte (RC)."""
    def fits(b: Builder, i: Fields) -> Value:
        return b.and_(b.gpr(i.RC), 31)

    @insn("VA", f"000100 VRT VRA VRB RC 011{number:02b}0", "VRT,VRA,VRB,RC", since="3.1", ref=REF,
          name=f"vext{'d' + name}vlx")
    def _left(b: Builder, i: Fields) -> None:
        """VRT.dword[0] <- the element of VRA || VRB from byte (RC)[59:63] on, zero-extended; the rest 0."""
        vra, vrb = read(b, i.VRA, i.VRB)
        write(b, i, wide_element(b, size, vra, vrb, fits(b, i)))

    @insn("VA", f"000100 VRT VRA VRB RC 011{number:02b}1", "VRT,VRA,VRB,RC", since="3.1", ref=REF,
          name=f"vext{'d' + name}vrx")
    def _right(b: Builder, i: Fields) -> None:
        """VRT.dword[0] <- the element of VRA || VRB that ends (RC)[59:63] bytes from the right; the rest 0."""
        vra, vrb = read(b, i.VRA, i.VRB)
        write(b, i, wide_element(b, size, vra, vrb, b.sub(32 - size, fits(b, i))))


def place(b: Builder, i: Fields, size: int, element: Value, first: Value) -> None:
    """VRT from byte `first` on <- the low bytes of a doubleword."""
    [vrt] = read(b, i.VRT)
    changed = insert_at(b, size, vrt, b.pack(element, 0), first)
    write(b, i, b.select(b.ule(first, 16 - size), changed, vrt))


def index_of(b: Builder, i: Fields, size: int, right: int) -> Value:
    """(RA)[60:63] from the left, or the same place from the right."""
    left = b.and_(b.gpr(i.RA), 15)
    return b.sub(16 - size, left) if right else left


def insert_rows(number: int, letter: str, size: int) -> None:
    """vinsert of a GPR's (vins.lx) or of VRB's (vins.vlx) low bytes at byte (RA), and their mirrors."""
    for right in (0, 1):
        side = "lr"[right]

        def from_gpr(b: Builder, i: Fields, right: int = right) -> None:
            """VRT from byte (RA)[60:63] on <- the low bytes of (RB)."""
            b.require("VECTOR")
            place(b, i, size, b.gpr(i.RB), index_of(b, i, size, right))

        def from_vr(b: Builder, i: Fields, right: int = right) -> None:
            """VRT from byte (RA)[60:63] on <- the low bytes of VRB.dword[0]."""
            [vrb] = read(b, i.VRB)
            place(b, i, size, b.hi(vrb), index_of(b, i, size, right))

        insn("VX", f"000100 VRT RA RB 01{right}{number:02b}001111", "VRT,RA,RB", since="3.1", ref=REF,
             name=f"vins{letter}{side}x")(from_gpr)
        if letter != "d":
            insn("VX", f"000100 VRT RA VRB 00{right}{number:02b}001111", "VRT,RA,VRB", since="3.1", ref=REF,
                 name=f"vins{letter}v{side}x")(from_vr)


for _number, (_letter, _name, _size) in enumerate(SIZES):
    extract_rows(_number, _name, _size)
    insert_rows(_number, _letter, _size)


@insn("VX", "000100 VRT / UIM4 RB 00011001111", "VRT,RB,UIM4", since="3.1", ref=REF,
      accept=lambda word: word >> 16 & 15 <= 12)
def vinsw(b: Builder, i: Fields) -> None:
    """VRT from byte UIM on <- (RB)[32:63]."""
    b.require("VECTOR")
    place(b, i, 4, b.gpr(i.RB), i.UIM4)


@insn("VX", "000100 VRT / UIM4 RB 00111001111", "VRT,RB,UIM4", since="3.1", ref=REF,
      accept=lambda word: word >> 16 & 15 <= 8)
def vinsd(b: Builder, i: Fields) -> None:
    """VRT from byte UIM on <- (RB)."""
    b.require("VECTOR")
    place(b, i, 8, b.gpr(i.RB), i.UIM4)
