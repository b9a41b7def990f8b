"""Vector products, sums of products, and sums across elements. Ref: Book I 6.9.1.3."""

from __future__ import annotations

from collections.abc import Callable

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

from .vmx_lanes import (
    Members,
    binary,
    each,
    even_signed,
    even_unsigned,
    odd_signed,
    odd_unsigned,
    read,
    saturating,
    set_saturated,
    ternary,
    write,
)

PRODUCT, SUM_OF_PRODUCTS, SUM = "Book I 6.9.1.3", "Book I 6.9.1.3", "Book I 6.9.1.4"

_PRODUCTS: tuple[tuple[str, Callable[..., Value], Members], ...] = (
    ("Products of the even unsigned elements.", even_unsigned,
     [("vmuleub", 520, 8), ("vmuleuh", 584, 16), ("vmuleuw", 648, 32, "2.07")]),
    ("Products of the even signed elements.", even_signed,
     [("vmulesb", 776, 8), ("vmulesh", 840, 16), ("vmulesw", 904, 32, "2.07")]),
    ("Products of the odd unsigned elements.", odd_unsigned,
     [("vmuloub", 8, 8), ("vmulouh", 72, 16), ("vmulouw", 136, 32, "2.07")]),
    ("Products of the odd signed elements.", odd_signed,
     [("vmulosb", 264, 8), ("vmulosh", 328, 16), ("vmulosw", 392, 32, "2.07")]))
for _says, _part, _members in _PRODUCTS:
    binary(_says, _members, lambda b, n, x, y, part=_part: b.vmul(2 * n, part(b, n, x), part(b, n, y)), ref=PRODUCT)

binary("Products of words, modulo 2**32.", [("vmuluwm", 137, 32)], lambda b, n, x, y: b.vmul(n, x, y), since="2.07",
       ref=PRODUCT)
ternary("Products of halfwords plus VRC's, modulo 2**16.", [("vmladduhm", 34, 16)],
        lambda b, n, x, y, z: b.vadd(n, b.vmul(n, x, y), z), ref=PRODUCT)


def high_products(b: Builder, i: Fields, rounding: int) -> None:
    """Signed products of halfwords plus `rounding`, over 2**15, plus VRC's halfwords, saturated."""
    vra, vrb, vrc = read(b, i.VRA, i.VRB, i.VRC)
    exact, near = [], []
    for part in (even_signed, odd_signed):
        product = b.vmul(32, part(b, 16, vra), part(b, 16, vrb))
        shifted = b.vashr(32, b.vadd(32, product, each(32, rounding)), each(32, 15))
        exact.append(b.vadd(32, shifted, part(b, 16, vrc)))
        near.append(b.vmaxs(32, b.vmins(32, exact[-1], each(32, 0x7FFF)), each(32, -0x8000)))
    changed = b.or_(b.xor(exact[0], near[0]), b.xor(exact[1], near[1]))
    set_saturated(b, b.ne(changed, 0))
    write(b, i, b.or_(b.vshl(32, near[0], each(32, 16)), odd_unsigned(b, 16, near[1])))


@insn("VA", "000100 VRT VRA VRB VRC 100000", "VRT,VRA,VRB,VRC", since="2.03", ref=PRODUCT)
def vmhaddshs(b: Builder, i: Fields) -> None:
    """High parts of signed halfword products, plus VRC's halfwords, saturated."""
    high_products(b, i, 0)


@insn("VA", "000100 VRT VRA VRB VRC 100001", "VRT,VRA,VRB,VRC", since="2.03", ref=PRODUCT)
def vmhraddshs(b: Builder, i: Fields) -> None:
    """Rounded high parts of signed halfword products, plus VRC's halfwords, saturated."""
    high_products(b, i, 0x4000)


# --- sums of the products in each word, plus VRC's word
def byte_products(b: Builder, x: Value, y: Value, x_signed: bool) -> Value:
    """The sums of four products of bytes: of x's, signed or not, with y's, unsigned."""
    even, odd, wide_even, wide_odd = ((even_signed, odd_signed, even_signed, odd_signed) if x_signed
                                      else (even_unsigned, odd_unsigned, even_unsigned, odd_unsigned))
    products = (b.vmul(16, even(b, 8, x), even_unsigned(b, 8, y)), b.vmul(16, odd(b, 8, x), odd_unsigned(b, 8, y)))
    sums = [b.vadd(32, wide_even(b, 16, p), wide_odd(b, 16, p)) for p in products]
    return b.vadd(32, *sums)


def halfword_products(b: Builder, x: Value, y: Value, signed: bool) -> tuple[Value, Value]:
    """The products of the even and of the odd halfwords."""
    even, odd = (even_signed, odd_signed) if signed else (even_unsigned, odd_unsigned)
    return b.vmul(32, even(b, 16, x), even(b, 16, y)), b.vmul(32, odd(b, 16, x), odd(b, 16, y))


ternary("Sums of four products of unsigned bytes and VRC's words, modulo 2**32.", [("vmsumubm", 36, 8)],
        lambda b, n, x, y, z: b.vadd(32, byte_products(b, x, y, x_signed=False), z), ref=SUM_OF_PRODUCTS)
ternary("Sums of four products of VRA's signed and VRB's unsigned bytes and VRC's words, modulo 2**32.",
        [("vmsummbm", 37, 8)], lambda b, n, x, y, z: b.vadd(32, byte_products(b, x, y, x_signed=True), z),
        ref=SUM_OF_PRODUCTS)
ternary("Sums of two products of unsigned halfwords and VRC's words, modulo 2**32.", [("vmsumuhm", 38, 16)],
        lambda b, n, x, y, z: b.vadd(32, b.vadd(32, *halfword_products(b, x, y, signed=False)), z), ref=SUM_OF_PRODUCTS)
ternary("Sums of two products of signed halfwords and VRC's words, modulo 2**32.", [("vmsumshm", 40, 16)],
        lambda b, n, x, y, z: b.vadd(32, b.vadd(32, *halfword_products(b, x, y, signed=True)), z), ref=SUM_OF_PRODUCTS)


@insn("VA", "000100 VRT VRA VRB VRC 100111", "VRT,VRA,VRB,VRC", since="2.03", ref=SUM_OF_PRODUCTS)
def vmsumuhs(b: Builder, i: Fields) -> None:
    """Sums of two products of unsigned halfwords and VRC's words, saturated."""
    vra, vrb, vrc = read(b, i.VRA, i.VRB, i.VRC)
    even, odd = halfword_products(b, vra, vrb, signed=False)
    both = b.vaddsu(32, even, odd)
    result = b.vaddsu(32, both, vrc)
    changed = b.or_(b.xor(both, b.vadd(32, even, odd)), b.xor(result, b.vadd(32, both, vrc)))
    set_saturated(b, b.ne(changed, 0))
    write(b, i, result)


@insn("VA", "000100 VRT VRA VRB VRC 101001", "VRT,VRA,VRB,VRC", since="2.03", ref=SUM_OF_PRODUCTS)
def vmsumshs(b: Builder, i: Fields) -> None:
    """Sums of two products of signed halfwords and VRC's words, saturated."""
    vra, vrb, vrc = read(b, i.VRA, i.VRB, i.VRC)
    both = b.vadd(32, *halfword_products(b, vra, vrb, signed=True))
    # only 2 * (-2**15)**2 overflows, to -2**31, which no other sum is: move 1 of it to the other addend
    overflowed = b.vcmpeq(32, both, each(32, 1 << 31))
    both, addend = b.vadd(32, both, overflowed), b.vsubss(32, vrc, overflowed)
    result = b.vaddss(32, both, addend)
    set_saturated(b, b.ne(result, b.vadd(32, both, addend)))
    write(b, i, result)


@insn("VA", "000100 VRT VRA VRB VRC 100011", "VRT,VRA,VRB,VRC", since="3.0", ref=SUM_OF_PRODUCTS)
def vmsumudm(b: Builder, i: Fields) -> None:
    """The sum of the products of unsigned doublewords and VRC, modulo 2**128."""
    vra, vrb, vrc = read(b, i.VRA, i.VRB, i.VRC)
    left = b.mul(b.zext128(b.hi(vra)), b.zext128(b.hi(vrb)))
    right = b.mul(b.zext128(b.lo(vra)), b.zext128(b.lo(vrb)))
    write(b, i, b.add(b.add(left, right), vrc))


# --- sums across elements
def sum_bytes(b: Builder, x: Value, signed: bool) -> Value:
    """The sum of the four bytes of each word."""
    even, odd = (even_signed, odd_signed) if signed else (even_unsigned, odd_unsigned)
    halfwords = b.vadd(16, even(b, 8, x), odd(b, 8, x))
    return sum_halfwords(b, halfwords, signed)


def sum_halfwords(b: Builder, x: Value, signed: bool) -> Value:
    """The sum of the two halfwords of each word."""
    even, odd = (even_signed, odd_signed) if signed else (even_unsigned, odd_unsigned)
    return b.vadd(32, even(b, 16, x), odd(b, 16, x))


def plus(b: Builder, x: Value, y: Value, signed: bool) -> tuple[Value, Value]:
    """Saturated sums of words, and whether any was."""
    result = b.vaddss(32, x, y) if signed else b.vaddsu(32, x, y)
    return result, b.ne(result, b.vadd(32, x, y))


saturating("VRB's words plus the four unsigned bytes of VRA's words, saturated.", [("vsum4ubs", 1544, 8)],
           lambda b, n, x, y: plus(b, sum_bytes(b, x, signed=False), y, signed=False), ref=SUM)
saturating("VRB's words plus the four signed bytes of VRA's words, saturated.", [("vsum4sbs", 1800, 8)],
           lambda b, n, x, y: plus(b, sum_bytes(b, x, signed=True), y, signed=True), ref=SUM)
saturating("VRB's words plus the two signed halfwords of VRA's words, saturated.", [("vsum4shs", 1608, 16)],
           lambda b, n, x, y: plus(b, sum_halfwords(b, x, signed=True), y, signed=True), ref=SUM)


def clamp_to_word(b: Builder, x: Value) -> tuple[Value, Value]:
    """Signed doublewords clamped to signed words, zero-extended; whether that changed any."""
    near = b.vmaxs(64, b.vmins(64, x, each(64, (1 << 31) - 1)), each(64, -(1 << 31)))
    return odd_unsigned(b, 32, near), b.ne(near, x)


def sum_two_words(b: Builder, lane: int, x: Value, y: Value) -> tuple[Value, Value]:
    """In each doubleword y's odd word plus both of x's, saturated, in the odd word."""
    pairs = b.vadd(64, even_signed(b, lane, x), odd_signed(b, lane, x))
    return clamp_to_word(b, b.vadd(64, pairs, odd_signed(b, lane, y)))


def sum_four_words(b: Builder, lane: int, x: Value, y: Value) -> tuple[Value, Value]:
    """The last word of y plus all four of x's, saturated, in the last word."""
    pairs = b.vadd(64, even_signed(b, lane, x), odd_signed(b, lane, x))
    total = b.add(b.add(b.hi(pairs), b.lo(pairs)), b.sext(b.trunc(b.lo(y), 32)))
    return clamp_to_word(b, b.pack(0, total))


saturating("Odd words of VRB plus both words of VRA's doublewords, saturated.", [("vsum2sws", 1672, 32)], sum_two_words,
           ref=SUM)
saturating("The last word of VRB plus the words of VRA, saturated.", [("vsumsws", 1928, 32)], sum_four_words, ref=SUM)
