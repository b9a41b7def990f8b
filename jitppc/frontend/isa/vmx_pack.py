"""Vector packs and unpacks. Ref: Book I 6.8.1, 6.8.2."""

from __future__ import annotations

from collections.abc import Callable

from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

from .vmx_lanes import binary, each, saturating, unary
from .vmx_permute import HIGH, LOW

PACK, UNPACK = "Book I 6.8.1", "Book I 6.8.2"

#: the right halves of all elements of two registers, by the elements' width
RIGHT_HALVES = {lane: tuple(k for k in range(32) if k % (lane // 8) >= lane // 16) for lane in (16, 32, 64)}


def pack(b: Builder, lane: int, x: Value, y: Value) -> Value:
    """The right halves of the elements of x and y."""
    return b.vshuffle(RIGHT_HALVES[lane], x, y)


Clamp = Callable[[Builder, int, Value], Value]


def to_signed(b: Builder, lane: int, x: Value) -> Value:
    """Signed elements clamped to what half their width holds, signed."""
    top = (1 << lane // 2 - 1) - 1
    return b.vmaxs(lane, b.vmins(lane, x, each(lane, top)), each(lane, ~top))


def signed_to_unsigned(b: Builder, lane: int, x: Value) -> Value:
    """Signed elements clamped to what half their width holds, unsigned."""
    return b.vmaxs(lane, b.vmins(lane, x, each(lane, (1 << lane // 2) - 1)), 0)


def to_unsigned(b: Builder, lane: int, x: Value) -> Value:
    """Unsigned elements clamped to what half their width holds."""
    return b.vminu(lane, x, each(lane, (1 << lane // 2) - 1))


def pack_saturated(clamp: Clamp) -> Callable[[Builder, int, Value, Value], tuple[Value, Value]]:
    """A meaning: both operands clamped and packed, and whether that changed any element."""
    def meaning(b: Builder, lane: int, x: Value, y: Value) -> tuple[Value, Value]:
        near_x, near_y = clamp(b, lane, x), clamp(b, lane, y)
        changed = b.or_(b.xor(x, near_x), b.xor(y, near_y))
        return pack(b, lane, near_x, near_y), b.ne(changed, 0)
    return meaning


binary("Elements' right halves.", [("vpkuhum", 14, 16), ("vpkuwum", 78, 32), ("vpkudum", 1102, 64, "2.07")], pack,
       ref=PACK)
saturating("Unsigned elements packed to half their width, saturated.",
           [("vpkuhus", 142, 16), ("vpkuwus", 206, 32), ("vpkudus", 1230, 64, "2.07")],
           pack_saturated(to_unsigned), ref=PACK)
saturating("Signed elements packed to half their width, unsigned, saturated.",
           [("vpkshus", 270, 16), ("vpkswus", 334, 32), ("vpksdus", 1358, 64, "2.07")],
           pack_saturated(signed_to_unsigned), ref=PACK)
saturating("Signed elements packed to half their width, saturated.",
           [("vpkshss", 398, 16), ("vpkswss", 462, 32), ("vpksdss", 1486, 64, "2.07")],
           pack_saturated(to_signed), ref=PACK)


def pack_pixel(b: Builder, lane: int, x: Value, y: Value) -> Value:
    """Words to halfwords of 1, 5, 5 and 5 bits: the last of the first byte, the first five of each other byte."""
    def halfwords(w: Value) -> Value:
        high = b.and_(b.vlshr(32, w, each(32, 9)), each(32, 0xFC00))
        middle = b.and_(b.vlshr(32, w, each(32, 6)), each(32, 0x03E0))
        low = b.and_(b.vlshr(32, w, each(32, 3)), each(32, 0x001F))
        return b.or_(b.or_(high, middle), low)
    return pack(b, lane, halfwords(x), halfwords(y))


def unpack_signed(numbers: dict[int, tuple[int, ...]]) -> Callable[[Builder, int, Value], Value]:
    """A meaning: half the elements (of half the width `lane`), sign-extended."""
    def meaning(b: Builder, lane: int, x: Value) -> Value:
        doubled = b.vshuffle(numbers[lane // 2], x, x)
        return b.vashr(lane, doubled, each(lane, lane // 2))
    return meaning


def unpack_pixel(numbers: dict[int, tuple[int, ...]]) -> Callable[[Builder, int, Value], Value]:
    """A meaning: half the halfwords, of 1, 5, 5 and 5 bits, to bytes; the first is sign-extended."""
    def meaning(b: Builder, lane: int, x: Value) -> Value:
        w = unpack_signed(numbers)(b, lane, x)
        fields = (b.and_(w, each(32, 0xFF00001F)),
                  b.and_(b.vshl(32, w, each(32, 6)), each(32, 0x001F0000)),
                  b.and_(b.vshl(32, w, each(32, 3)), each(32, 0x00001F00)))
        return b.or_(b.or_(*fields[:2]), fields[2])
    return meaning


binary("Words' pixels of 1, 5, 5 and 5 bits, packed.", [("vpkpx", 782, 32)], pack_pixel, ref=PACK)
unary("The left pixels of 1, 5, 5 and 5 bits, a byte each.", [("vupkhpx", 846, 32)], unpack_pixel(HIGH), ref=UNPACK)
unary("The right pixels of 1, 5, 5 and 5 bits, a byte each.", [("vupklpx", 974, 32)], unpack_pixel(LOW), ref=UNPACK)
unary("The left half's elements, sign-extended.",
      [("vupkhsb", 526, 16), ("vupkhsh", 590, 32), ("vupkhsw", 1614, 64, "2.07")], unpack_signed(HIGH), ref=UNPACK)
unary("The right half's elements, sign-extended.",
      [("vupklsb", 654, 16), ("vupklsh", 718, 32), ("vupklsw", 1742, 64, "2.07")], unpack_signed(LOW), ref=UNPACK)
