"""Vector integer sums, differences, carries, averages and extremes. Ref: Book I 6.9.1, 6.9.2."""

from __future__ import annotations

from collections.abc import Callable

from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

from .vmx_lanes import Members, binary, each, extended, saturating, ternary

ADD, SUB, AVERAGE, EXTREME = "Book I 6.9.1.1", "Book I 6.9.1.2", "Book I 6.9.1.6", "Book I 6.9.1.8"

binary("Sums of elements.",
       [("vaddubm", 0, 8), ("vadduhm", 64, 16), ("vadduwm", 128, 32), ("vaddudm", 192, 64, "2.07")],
       lambda b, n, x, y: b.vadd(n, x, y), ref=ADD)
binary("Differences of elements.",
       [("vsububm", 1024, 8), ("vsubuhm", 1088, 16), ("vsubuwm", 1152, 32), ("vsubudm", 1216, 64, "2.07")],
       lambda b, n, x, y: b.vsub(n, x, y), ref=SUB)
binary("Carries out of the sums of words.", [("vaddcuw", 384, 32)],
       lambda b, n, x, y: b.vlshr(n, b.vcmpgtu(n, x, b.vadd(n, x, y)), each(32, 31)), ref=ADD)
binary("1 in each word where VRA's is not less than VRB's: the complement of the borrow.", [("vsubcuw", 1408, 32)],
       lambda b, n, x, y: b.vlshr(n, b.not_(b.vcmpgtu(n, y, x)), each(32, 31)), ref=SUB)

Operation = Callable[[int, Value, Value], Value]


def saturated(choose: Callable[[Builder], tuple[Operation, Operation]]) -> Callable[..., tuple[Value, Value]]:
    """A meaning: the result of the first, saturating operation, and whether the second, wrapping one differs."""
    def meaning(b: Builder, lane: int, x: Value, y: Value) -> tuple[Value, Value]:
        saturating_one, wrapping_one = choose(b)
        result = saturating_one(lane, x, y)
        return result, b.ne(result, wrapping_one(lane, x, y))
    return meaning


saturating("Sums of unsigned elements, saturated.", [("vaddubs", 512, 8), ("vadduhs", 576, 16), ("vadduws", 640, 32)],
           saturated(lambda b: (b.vaddsu, b.vadd)), ref=ADD)
saturating("Sums of signed elements, saturated.", [("vaddsbs", 768, 8), ("vaddshs", 832, 16), ("vaddsws", 896, 32)],
           saturated(lambda b: (b.vaddss, b.vadd)), ref=ADD)
saturating("Differences of unsigned elements, saturated.",
           [("vsububs", 1536, 8), ("vsubuhs", 1600, 16), ("vsubuws", 1664, 32)],
           saturated(lambda b: (b.vsubsu, b.vsub)), ref=SUB)
saturating("Differences of signed elements, saturated.",
           [("vsubsbs", 1792, 8), ("vsubshs", 1856, 16), ("vsubsws", 1920, 32)],
           saturated(lambda b: (b.vsubss, b.vsub)), ref=SUB)


# --- quadwords
def sum_of(b: Builder, x: Value, y: Value, carry_in: Value | int) -> tuple[Value, Value]:
    """The sum x + y + carry_in modulo 2**128, and the carry out (both i128)."""
    partial = b.add(x, y)
    total = b.add(partial, carry_in)
    carry = b.ult(partial, x)
    if carry_in != 0:
        carry = b.or_(carry, b.ult(total, partial))
    return total, b.zext(carry, 128)


def last_bit(b: Builder, x: Value) -> Value:
    """Bit 127: the carry in of the extended forms."""
    return b.and_(x, 1)


binary("VRT <- (VRA) + (VRB).", [("vadduqm", 256, 128)],
       lambda b, n, x, y: sum_of(b, x, y, 0)[0], since="2.07", ref=ADD)
binary("VRT <- the carry out of (VRA) + (VRB).", [("vaddcuq", 320, 128)],
       lambda b, n, x, y: sum_of(b, x, y, 0)[1], since="2.07", ref=ADD)
ternary("VRT <- (VRA) + (VRB) + VRC[127].", [("vaddeuqm", 60, 128)],
        lambda b, n, x, y, z: sum_of(b, x, y, last_bit(b, z))[0], since="2.07", ref=ADD)
ternary("VRT <- the carry out of (VRA) + (VRB) + VRC[127].", [("vaddecuq", 61, 128)],
        lambda b, n, x, y, z: sum_of(b, x, y, last_bit(b, z))[1], since="2.07", ref=ADD)
binary("VRT <- (VRA) + ¬(VRB) + 1.", [("vsubuqm", 1280, 128)],
       lambda b, n, x, y: b.sub(x, y), since="2.07", ref=SUB)
binary("VRT <- the carry out of (VRA) + ¬(VRB) + 1.", [("vsubcuq", 1344, 128)],
       lambda b, n, x, y: b.zext(b.ule(y, x), 128), since="2.07", ref=SUB)
ternary("VRT <- (VRA) + ¬(VRB) + VRC[127].", [("vsubeuqm", 62, 128)],
        lambda b, n, x, y, z: sum_of(b, x, b.not_(y), last_bit(b, z))[0], since="2.07", ref=SUB)
ternary("VRT <- the carry out of (VRA) + ¬(VRB) + VRC[127].", [("vsubecuq", 63, 128)],
        lambda b, n, x, y, z: sum_of(b, x, b.not_(y), last_bit(b, z))[1], since="2.07", ref=SUB)


# --- averages, absolute differences, extremes
def average_unsigned(b: Builder, lane: int, x: Value, y: Value) -> Value:
    """(x + y + 1) >> 1 without the bit that the sum would need."""
    return b.vsub(lane, b.or_(x, y), b.vlshr(lane, b.xor(x, y), each(lane, 1)))


def average_signed(b: Builder, lane: int, x: Value, y: Value) -> Value:
    """The same for signed elements."""
    return b.vsub(lane, b.or_(x, y), b.vashr(lane, b.xor(x, y), each(lane, 1)))


binary("Averages of unsigned elements, rounded up.", [("vavgub", 1026, 8), ("vavguh", 1090, 16), ("vavguw", 1154, 32)],
       average_unsigned, ref=AVERAGE)
binary("Averages of signed elements, rounded up.", [("vavgsb", 1282, 8), ("vavgsh", 1346, 16), ("vavgsw", 1410, 32)],
       average_signed, ref=AVERAGE)
binary("Absolute differences of unsigned elements.",
       [("vabsdub", 1027, 8), ("vabsduh", 1091, 16), ("vabsduw", 1155, 32)],
       lambda b, n, x, y: b.vsub(n, b.vmaxu(n, x, y), b.vminu(n, x, y)), since="3.0", ref="Book I 6.9.1.7")

_EXTREMES: tuple[tuple[str, str, Members], ...] = (
    ("Greater of unsigned elements.", "vmaxu",
     [("vmaxub", 2, 8), ("vmaxuh", 66, 16), ("vmaxuw", 130, 32), ("vmaxud", 194, 64, "2.07")]),
    ("Greater of signed elements.", "vmaxs",
     [("vmaxsb", 258, 8), ("vmaxsh", 322, 16), ("vmaxsw", 386, 32), ("vmaxsd", 450, 64, "2.07")]),
    ("Lesser of unsigned elements.", "vminu",
     [("vminub", 514, 8), ("vminuh", 578, 16), ("vminuw", 642, 32), ("vminud", 706, 64, "2.07")]),
    ("Lesser of signed elements.", "vmins",
     [("vminsb", 770, 8), ("vminsh", 834, 16), ("vminsw", 898, 32), ("vminsd", 962, 64, "2.07")]))
for _says, _op, _members in _EXTREMES:
    binary(_says, _members, lambda b, lane, x, y, op=_op: b.emit(op, x, y, attr=lane), ref=EXTREME)

extended("Elements negated.", [("vnegw", 6, 32), ("vnegd", 7, 64)],
         lambda b, n, x: b.vsub(n, 0, x), since="3.0", ref="Book I 6.9.1.4")


def extend_sign(narrow: int) -> Callable[[Builder, int, Value], Value]:
    """A meaning: the low `narrow` bits of each element, sign-extended."""
    def meaning(b: Builder, lane: int, x: Value) -> Value:
        return b.vashr(lane, b.vshl(lane, x, each(lane, lane - narrow)), each(lane, lane - narrow))
    return meaning


extended("Elements' rightmost bytes, sign-extended.", [("vextsb2w", 16, 32), ("vextsb2d", 24, 64)], extend_sign(8),
         since="3.0", ref="Book I 6.9.1.5")
extended("Elements' rightmost halfwords, sign-extended.", [("vextsh2w", 17, 32), ("vextsh2d", 25, 64)], extend_sign(16),
         since="3.0", ref="Book I 6.9.1.5")
extended("Elements' rightmost words, sign-extended.", [("vextsw2d", 26, 64)], extend_sign(32),
         since="3.0", ref="Book I 6.9.1.5")
