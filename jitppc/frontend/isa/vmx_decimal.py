"""Vector decimal integers: packed numbers of 31 digits and a sign, conversions, shifts, and multiplication by 10.

A packed number has a digit in each nibble but the last, which is the sign: B and D are minus, A, C, E and F plus.
CR6 is 0b0001 when an operand is no valid number, and the result is then undefined (here whatever comes out).
Ref: Book I 6.17.
"""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.types import I1, I8, I128

from .vmx_lanes import binary, each, read, write

ADD, CONVERT, SIGN, SHIFT, TIMES_TEN = (f"Book I 6.17.{n}" for n in range(1, 6))

EIGHTS = each(8, 0x88)
SIXES = int("6" * 31, 16)
CARRIES = int("1" * 31, 16) << 4      # where the carry out of each of the 31 digits of a magnitude shows
PLUS, MINUS = 0xC, 0xD
DECIMAL_SIGNS = 0x2B, 0x2D            # plus and minus of national digits, which are UTF-16


# --- numbers: a magnitude is the 31 digits alone
def nibbles_above_nine(b: Builder, x: Value) -> Value:
    """Bit 0 of each nibble that is no digit."""
    return b.and_(b.and_(x, b.or_(b.shl(x, 1), b.shl(x, 2))), EIGHTS)


def is_invalid(b: Builder, x: Value) -> Value:
    """i1: x is no packed number: only its sign must be above 9."""
    return b.ne(nibbles_above_nine(b, x), 8)


def magnitude(b: Builder, x: Value) -> Value:
    """The digits of a packed number."""
    return b.lshr(x, 4)


def minus_among(b: Builder, nibble: Value) -> Value:
    """i1: a sign's code is one for minus."""
    return b.or_(b.eq(nibble, 0xB), b.eq(nibble, 0xD))


def is_minus(b: Builder, x: Value) -> Value:
    """i1: a packed number's sign is minus."""
    return minus_among(b, b.and_(b.lo(x), 15))


def packed(b: Builder, digits: Value, minus: Value, plus: Value) -> Value:
    """A packed number with the preferred sign."""
    return b.or_(b.shl(digits, 4), b.zext128(b.select(minus, b.const(MINUS), plus)))


def plus_code(b: Builder, i: Fields) -> Value:
    """The preferred plus: 0xC, or 0xF if PS asks for it."""
    return b.select(b.ne(i.PS, 0), b.const(0xF), PLUS)


def record(b: Builder, digits: Value, minus: Value, invalid: Value | int, overflow: Value | int = 0) -> None:
    """CR6 from the digits and sign of a number: LT, GT or EQ, and SO for overflow; SO alone when invalid."""
    signed = b.select(minus, b.const(8, I8), 4)
    relation = b.select(b.eq(digits, 0), b.const(2, I8), signed)
    if isinstance(overflow, Value):
        relation = b.or_(relation, b.zext(overflow, 8))
    b.set_crf(6, b.select(invalid, b.const(1, I8), relation) if isinstance(invalid, Value) else relation)


# --- sums: nibbles are biased by 6 so that decimal carries are binary ones, and the bias taken back where none was
def sum_of(b: Builder, x: Value, y: Value) -> Value:
    """The sum of two magnitudes; the carry is digit 32."""
    biased = b.add(x, SIXES)
    total = b.add(biased, y)
    carried = b.xor(b.xor(biased, y), total)
    without = b.and_(b.not_(carried), CARRIES)
    return b.sub(total, b.or_(b.lshr(without, 2), b.lshr(without, 3)))


def difference(b: Builder, x: Value, y: Value) -> Value:
    """The difference of two magnitudes, x not below y."""
    total = b.sub(x, y)
    borrowed = b.and_(b.xor(b.xor(x, y), total), CARRIES)
    return b.sub(total, b.or_(b.lshr(borrowed, 2), b.lshr(borrowed, 3)))


def add(b: Builder, i: Fields, subtract: bool) -> None:
    """VRT, CR6 <- (VRA) + (VRB), or - (VRB). The flags are those of the unbounded result."""
    vra, vrb = read(b, i.VRA, i.VRB)
    x, y, x_minus, y_minus = magnitude(b, vra), magnitude(b, vrb), is_minus(b, vra), is_minus(b, vrb)
    if subtract:
        y_minus = b.not_(y_minus)
    y_above = b.ult(x, y)
    apart = difference(b, b.select(y_above, y, x), b.select(y_above, x, y))
    unlike = b.xor(x_minus, y_minus)
    digits = b.select(unlike, apart, sum_of(b, x, y))
    minus = b.and_(b.select(b.and_(unlike, y_above), y_minus, x_minus), b.ne(digits, 0))
    record(b, digits, minus, b.or_(is_invalid(b, vra), is_invalid(b, vrb)), b.ne(b.lshr(digits, 124), 0))
    write(b, i, packed(b, digits, minus, plus_code(b, i)))


@insn("VX", "000100 VRT VRA VRB 1 PS 000000001", "VRT,VRA,VRB,PS", since="2.07", ref=ADD, name="bcdadd.")
def bcdadd(b: Builder, i: Fields) -> None:
    """VRT, CR6 <- (VRA) + (VRB), packed decimal."""
    add(b, i, subtract=False)


@insn("VX", "000100 VRT VRA VRB 1 PS 001000001", "VRT,VRA,VRB,PS", since="2.07", ref=ADD, name="bcdsub.")
def bcdsub(b: Builder, i: Fields) -> None:
    """VRT, CR6 <- (VRA) - (VRB), packed decimal."""
    add(b, i, subtract=True)


# --- digits spread over wider fields and back, within a doubleword: halving the distance with each step
SPREAD = {16: ((24, 0x000000FF000000FF), (12, 0x000F000F000F000F)),
          8: ((16, 0x0000FFFF0000FFFF), (8, 0x00FF00FF00FF00FF), (4, 0x0F0F0F0F0F0F0F0F))}


def spread(b: Builder, digits: Value, lane: int) -> Value:
    """The low digits of a doubleword, each at the right of a lane."""
    for shift, mask in SPREAD[lane]:
        digits = b.and_(b.or_(digits, b.shl(digits, shift)), mask)
    return digits


def gathered(b: Builder, x: Value, lane: int) -> Value:
    """The inverse of `spread`: the nibbles at the right of a doubleword's lanes, side by side."""
    steps = SPREAD[lane]
    for shift, mask in reversed(steps):
        x = b.and_(x, mask)
        x = b.or_(x, b.lshr(x, shift))
    return b.and_(x, (1 << 256 // lane) - 1)


def gathered128(b: Builder, x: Value, lane: int) -> Value:
    """The same for both doublewords, as one doubleword."""
    return b.or_(b.shl(gathered(b, b.hi(x), lane), 256 // lane), gathered(b, b.lo(x), lane))


def spread128(b: Builder, digits: Value, lane: int) -> Value:
    """The low digits of a doubleword at the right of the lanes of a vector."""
    width = 256 // lane
    low = b.and_(digits, (1 << width) - 1)
    return b.pack(spread(b, b.and_(b.lshr(digits, width), (1 << width) - 1), lane), spread(b, low, lane))


@insn("VX", "000100 VRT 00111 VRB 1 PS 110000001", "VRT,VRB,PS", since="3.0", ref=CONVERT, name="bcdcfn.")
def bcdcfn(b: Builder, i: Fields) -> None:
    """VRT, CR6 <- the seven national digits and the sign of VRB, packed."""
    [vrb] = read(b, i.VRB)
    sign = b.and_(b.lo(vrb), 0xFFFF)
    plus, minus = (b.eq(sign, code) for code in DECIMAL_SIGNS)
    strange = b.lshr(b.vcmpgtu(16, b.vsub(16, vrb, each(16, 0x30)), each(16, 9)), 16)
    digits = b.zext128(b.lshr(gathered128(b, vrb, 16), 4))
    record(b, digits, minus, b.or_(b.not_(b.or_(plus, minus)), b.ne(strange, 0)))
    write(b, i, packed(b, digits, minus, plus_code(b, i)))


@insn("VX", "000100 VRT 00101 VRB 1 / 110000001", "VRT,VRB", since="3.0", ref=CONVERT, name="bcdctn.")
def bcdctn(b: Builder, i: Fields) -> None:
    """VRT, CR6 <- the low seven digits and the sign of VRB, national."""
    [vrb] = read(b, i.VRB)
    minus = is_minus(b, vrb)
    record(b, magnitude(b, vrb), minus, is_invalid(b, vrb), b.ne(b.lshr(vrb, 32), 0))
    digits = b.or_(spread128(b, b.and_(b.lo(vrb), 0xFFFFFFF0), 16), each(16, 0x30) - 0x30)
    plus_sign, minus_sign = DECIMAL_SIGNS
    write(b, i, b.or_(digits, b.zext128(b.select(minus, b.const(minus_sign), plus_sign))))


@insn("VX", "000100 VRT 00110 VRB 1 PS 110000001", "VRT,VRB,PS", since="3.0", ref=CONVERT, name="bcdcfz.",
      static=("PS",))
def bcdcfz(b: Builder, i: Fields) -> None:
    """VRT, CR6 <- the sixteen zoned digits of VRB and the sign in the last zone, packed."""
    [vrb] = read(b, i.VRB)
    zone = b.and_(b.lshr(b.lo(vrb), 4), 15)
    if i.PS:
        minus, bad_zone = minus_among(b, zone), b.ult(zone, 10)
    else:
        minus, bad_zone = b.ne(b.and_(zone, 4), 0), b.const(0, I1)
    strange = b.vcmpgtu(8, b.vsub(8, vrb, each(8, 0xF0 if i.PS else 0x30)), each(8, 9))
    bad_digit = b.ult(b.const(9), b.and_(b.lo(vrb), 15))
    digits = b.zext128(gathered128(b, vrb, 8))
    record(b, digits, minus, b.or_(b.ne(b.lshr(strange, 8), 0), b.or_(bad_zone, bad_digit)))
    write(b, i, packed(b, digits, minus, b.const(PLUS)))


@insn("VX", "000100 VRT 00100 VRB 1 PS 110000001", "VRT,VRB,PS", since="3.0", ref=CONVERT, name="bcdctz.",
      static=("PS",))
def bcdctz(b: Builder, i: Fields) -> None:
    """VRT, CR6 <- the low sixteen digits of VRB, zoned, and its sign in the last zone."""
    [vrb] = read(b, i.VRB)
    minus = is_minus(b, vrb)
    record(b, magnitude(b, vrb), minus, is_invalid(b, vrb), b.ne(b.lshr(vrb, 68), 0))
    plus_zone, minus_zone, zone = (0xC0, 0xD0, 0xF0) if i.PS else (0x30, 0x70, 0x30)
    digits = b.or_(spread128(b, b.lo(magnitude(b, vrb)), 8), each(8, zone) - zone)
    write(b, i, b.or_(digits, b.zext128(b.select(minus, b.const(minus_zone), plus_zone))))


@insn("VX", "000100 VRT 00010 VRB 1 PS 110000001", "VRT,VRB,PS", since="3.0", ref=CONVERT, name="bcdcfsq.")
def bcdcfsq(b: Builder, i: Fields) -> None:
    """VRT, CR6 <- the signed quadword VRB, packed."""
    [vrb] = read(b, i.VRB)
    minus = b.slt(vrb, b.const(0, I128))
    number = b.select(minus, b.neg(vrb), vrb)
    record(b, vrb, minus, 0, b.ult(b.const(10 ** 31 - 1, I128), number))
    write(b, i, packed(b, b.decimal_digits(number), minus, plus_code(b, i)))


@insn("VX", "000100 VRT 00000 VRB 1 / 110000001", "VRT,VRB", since="3.0", ref=CONVERT, name="bcdctsq.")
def bcdctsq(b: Builder, i: Fields) -> None:
    """VRT, CR6 <- the packed number VRB as a signed quadword."""
    [vrb] = read(b, i.VRB)
    digits, minus = magnitude(b, vrb), is_minus(b, vrb)
    record(b, digits, minus, is_invalid(b, vrb))
    # pairs of digits become a number less than 100 in the byte of both, and so on: 16 * h + l - 6 * h
    tens = b.and_(b.lshr(digits, 4), each(8, 15))
    number = b.sub(digits, b.add(b.shl(tens, 2), b.shl(tens, 1)))
    for lane, scale in ((16, 100), (32, 100 ** 2), (64, 100 ** 4)):
        upper = b.vlshr(lane, number, each(lane, lane // 2))
        number = b.vsub(lane, number, b.vmul(lane, upper, each(lane, (1 << lane // 2) - scale)))
    number = b.add(b.mul(b.zext128(b.hi(number)), 10 ** 16), b.zext128(b.lo(number)))
    write(b, i, b.select(minus, b.neg(number), number))


# --- signs
@insn("VX", "000100 VRT VRA VRB 01101000001", "VRT,VRA,VRB", since="3.0", ref=SIGN, name="bcdcpsgn.")
def bcdcpsgn(b: Builder, i: Fields) -> None:
    """VRT, CR6 <- the digits of VRA with the sign of VRB."""
    vra, vrb = read(b, i.VRA, i.VRB)
    record(b, magnitude(b, vra), is_minus(b, vrb), b.or_(is_invalid(b, vra), is_invalid(b, vrb)))
    write(b, i, b.or_(b.and_(vra, ~15), b.and_(vrb, 15)))


@insn("VX", "000100 VRT 11111 VRB 1 PS 110000001", "VRT,VRB,PS", since="3.0", ref=SIGN, name="bcdsetsgn.")
def bcdsetsgn(b: Builder, i: Fields) -> None:
    """VRT, CR6 <- VRB with its sign's preferred code."""
    [vrb] = read(b, i.VRB)
    digits, minus = magnitude(b, vrb), is_minus(b, vrb)
    record(b, digits, minus, is_invalid(b, vrb))
    write(b, i, packed(b, digits, minus, plus_code(b, i)))


# --- shifts and truncations
def shift_count(b: Builder, vra: Value, digits: int) -> tuple[Value, Value]:
    """The bits to shift left and right, at most all `digits`: VRA.byte[7] digits to the left, or if negative, right."""
    count = b.sext(b.trunc(b.hi(vra), 8))
    right = b.slt(count, 0)
    distance = b.select(right, b.neg(count), count)
    bits = b.shl(b.select(b.ult(distance, digits), distance, digits), 2)
    return b.select(right, 0, bits), b.select(right, bits, 0)


def shifted(b: Builder, vra: Value, number: Value, digits: int) -> tuple[Value, Value, Value]:
    """The number shifted by VRA's count, whether digits were lost at the left, and the digit last lost at the right."""
    left, right = shift_count(b, vra, digits)
    moved = b.shl(number, b.zext128(left))
    if digits < 32:
        moved = b.and_(moved, (1 << 4 * digits) - 1)
    back = b.lshr(moved, b.zext128(left))
    guard = b.and_(b.lo(b.lshr(b.shl(number, 4), b.zext128(right))), 15)
    return b.lshr(moved, b.zext128(right)), b.ne(back, number), guard


def shift_signed(b: Builder, i: Fields, rounded: bool) -> None:
    """VRT, CR6 <- VRB shifted left by VRA.byte[7] digits, or right if that is negative."""
    vra, vrb = read(b, i.VRA, i.VRB)
    digits, minus = magnitude(b, vrb), is_minus(b, vrb)
    result, overflow, guard = shifted(b, vra, digits, 31)
    record(b, digits, minus, is_invalid(b, vrb), overflow)
    if rounded:
        result = sum_of(b, result, b.zext(b.ult(b.const(4), guard), 128))
    write(b, i, packed(b, result, minus, plus_code(b, i)))


@insn("VX", "000100 VRT VRA VRB 1 PS 011000001", "VRT,VRA,VRB,PS", since="3.0", ref=SHIFT, name="bcds.")
def bcds(b: Builder, i: Fields) -> None:
    """VRT, CR6 <- VRB shifted by the digits VRA.byte[7] says."""
    shift_signed(b, i, rounded=False)


@insn("VX", "000100 VRT VRA VRB 1 PS 111000001", "VRT,VRA,VRB,PS", since="3.0", ref=SHIFT, name="bcdsr.")
def bcdsr(b: Builder, i: Fields) -> None:
    """VRT, CR6 <- VRB shifted by the digits VRA.byte[7] says, and rounded, a half away from 0."""
    shift_signed(b, i, rounded=True)


@insn("VX", "000100 VRT VRA VRB 1 / 010000001", "VRT,VRA,VRB", since="3.0", ref=SHIFT, name="bcdus.")
def bcdus(b: Builder, i: Fields) -> None:
    """VRT, CR6 <- the 32 digits of VRB shifted by the digits VRA.byte[7] says."""
    vra, vrb = read(b, i.VRA, i.VRB)
    result, overflow, _ = shifted(b, vra, vrb, 32)
    record(b, vrb, b.const(0, I1), b.ne(nibbles_above_nine(b, vrb), 0), overflow)
    write(b, i, result)


def truncated(b: Builder, vra: Value, number: Value, digits: int) -> tuple[Value, Value]:
    """As many digits of the number, at the right, as VRA.hword[3] says, and whether others were not 0."""
    length = b.and_(b.hi(vra), 0xFFFF)
    bits = b.shl(b.select(b.ult(length, digits), length, digits), 2)
    kept = b.and_(number, b.not_(b.shl(b.const(-1, I128), b.zext128(bits))))
    return kept, b.ne(kept, number)


@insn("VX", "000100 VRT VRA VRB 1 PS 100000001", "VRT,VRA,VRB,PS", since="3.0", ref=SHIFT, name="bcdtrunc.")
def bcdtrunc(b: Builder, i: Fields) -> None:
    """VRT, CR6 <- the rightmost VRA.hword[3] digits of VRB, with its sign."""
    vra, vrb = read(b, i.VRA, i.VRB)
    digits, minus = magnitude(b, vrb), is_minus(b, vrb)
    result, overflow = truncated(b, vra, digits, 31)
    record(b, digits, minus, is_invalid(b, vrb), overflow)
    write(b, i, packed(b, result, minus, plus_code(b, i)))


@insn("VX", "000100 VRT VRA VRB 1 / 101000001", "VRT,VRA,VRB", since="3.0", ref=SHIFT, name="bcdutrunc.")
def bcdutrunc(b: Builder, i: Fields) -> None:
    """VRT, CR6 <- the rightmost VRA.hword[3] of the 32 digits of VRB."""
    vra, vrb = read(b, i.VRA, i.VRB)
    result, overflow = truncated(b, vra, vrb, 32)
    record(b, vrb, b.const(0, I1), b.ne(nibbles_above_nine(b, vrb), 0), overflow)
    write(b, i, result)


# --- ten times a quadword
def times_ten(b: Builder, x: Value, digit: Value) -> tuple[Value, Value]:
    """10 * x + digit modulo 2**128, and the carry out."""
    low = b.add(b.mul(b.zext128(b.lo(x)), 10), digit)
    high = b.add(b.mul(b.zext128(b.hi(x)), 10), b.zext128(b.hi(low)))
    return b.pack(b.lo(high), b.lo(low)), b.zext128(b.hi(high))


def last_digit(b: Builder, x: Value) -> Value:
    """The rightmost nibble: a digit to come in."""
    return b.and_(x, 15)


@insn("VX", "000100 VRT VRA ///// 01000000001", "VRT,VRA", since="3.0", ref=TIMES_TEN)
def vmul10uq(b: Builder, i: Fields) -> None:
    """VRT <- (VRA) * 10."""
    [vra] = read(b, i.VRA)
    write(b, i, times_ten(b, vra, b.const(0, I128))[0])


@insn("VX", "000100 VRT VRA ///// 00000000001", "VRT,VRA", since="3.0", ref=TIMES_TEN)
def vmul10cuq(b: Builder, i: Fields) -> None:
    """VRT <- the carry out of (VRA) * 10."""
    [vra] = read(b, i.VRA)
    write(b, i, times_ten(b, vra, b.const(0, I128))[1])


binary("VRT <- (VRA) * 10 + VRB[124:127].", [("vmul10euq", 577, 128)],
       lambda b, n, x, y: times_ten(b, x, last_digit(b, y))[0], since="3.0", ref=TIMES_TEN)
binary("VRT <- the carry out of (VRA) * 10 + VRB[124:127].", [("vmul10ecuq", 65, 128)],
       lambda b, n, x, y: times_ten(b, x, last_digit(b, y))[1], since="3.0", ref=TIMES_TEN)
