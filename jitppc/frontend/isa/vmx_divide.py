"""Vector products and quotients of ISA 3.1. Ref: Book I 6.9.1.3, 6.9.1.9.

Quotients that do not exist (by 0, or with no room) are undefined in the book: they are 0 here, as on POWER10 for the
extended forms, and so are the remainders.
"""

from __future__ import annotations

from collections.abc import Callable

from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

from .vmx_lanes import Members, binary, ternary
from .vsx_lanes import of_words, words

PRODUCT, QUOTIENT = "Book I 6.9.1.3", "Book I 6.9.1.9"
One = Callable[[Builder, Value, Value], Value]


def in_doublewords(meaning: One) -> Callable[..., Value]:
    """meaning(x, y) of each doubleword."""
    return lambda b, _lane, x, y: b.pack(meaning(b, b.hi(x), b.hi(y)), meaning(b, b.lo(x), b.lo(y)))


def in_words(meaning: One, signed: bool) -> Callable[..., Value]:
    """The low word of meaning(x, y) of each word, extended to a doubleword."""
    def vector(b: Builder, _lane: int, x: Value, y: Value) -> Value:
        def extended(v: Value) -> Value:
            return b.sext(b.trunc(v, 32)) if signed else v
        pairs = zip(words(b, x), words(b, y), strict=True)
        return of_words(b, [b.and_(meaning(b, extended(p), extended(q)), 0xFFFFFFFF) for p, q in pairs])
    return vector


# --- products
binary("High words of signed products.", [("vmulhsw", 905, 32)],
       in_words(lambda b, x, y: b.lshr(b.mul(x, y), 32), signed=True), since="3.1", ref=PRODUCT)
binary("High words of unsigned products.", [("vmulhuw", 649, 32)],
       in_words(lambda b, x, y: b.lshr(b.mul(x, y), 32), signed=False), since="3.1", ref=PRODUCT)
binary("High doublewords of signed products.", [("vmulhsd", 969, 64)], in_doublewords(lambda b, x, y: b.smulh(x, y)),
       since="3.1", ref=PRODUCT)
binary("High doublewords of unsigned products.", [("vmulhud", 713, 64)], in_doublewords(lambda b, x, y: b.umulh(x, y)),
       since="3.1", ref=PRODUCT)
binary("Low doublewords of products.", [("vmulld", 457, 64)], lambda b, n, x, y: b.vmul(64, x, y), since="3.1",
       ref=PRODUCT)


def whole_product(signed: bool, half: str) -> Callable[..., Value]:
    """The 128-bit product of one doubleword of each."""
    def vector(b: Builder, _lane: int, x: Value, y: Value) -> Value:
        p, q = (getattr(b, half)(v) for v in (x, y))
        return b.mul(b.sext(p, 128), b.sext(q, 128)) if signed else b.mul(b.zext(p, 128), b.zext(q, 128))
    return vector


for _name, _xo, _signed, _half in (("vmulesd", 968, True, "hi"), ("vmulosd", 456, True, "lo"),
                                   ("vmuleud", 712, False, "hi"), ("vmuloud", 200, False, "lo")):
    binary("The whole product of a doubleword of each.", [(_name, _xo, 64)], whole_product(_signed, _half), since="3.1",
           ref=PRODUCT)


def carry_of_products(b: Builder, _lane: int, x: Value, y: Value, z: Value) -> Value:
    """What the sum of both products and the addend carries out of 128 bits."""
    left = b.mul(b.zext128(b.hi(x)), b.zext128(b.hi(y)))
    right = b.mul(b.zext128(b.lo(x)), b.zext128(b.lo(y)))
    both = b.add(left, right)
    total = b.add(both, z)
    return b.add(b.zext(b.ult(both, left), 128), b.zext(b.ult(total, both), 128))


ternary("What the products of VRA's and VRB's doublewords and VRC carry out of 128 bits.", [("vmsumcud", 23, 64)],
        carry_of_products, since="3.1", ref=PRODUCT)


# --- quotients and remainders
def guarded(op: str) -> One:
    """A division whose impossible cases give 0: the most negative number by -1 has no quotient, and no remainder."""
    def meaning(b: Builder, x: Value, y: Value) -> Value:
        result: Value = b.emit(op, x, y)
        if op == "sdiv":
            least = b.const(1 << x.type.bits - 1, x.type)
            impossible = b.and_(b.eq(x, least), b.eq(y, -1))
            result = b.select(impossible, b.const(0, x.type), result)
        return result
    return meaning


def of_narrow_words(meaning: One) -> One:
    """The same on the low words of doublewords."""
    return lambda b, x, y: b.zext(meaning(b, b.trunc(x, 32), b.trunc(y, 32)))


_DIVISIONS: tuple[tuple[str, str, Members], ...] = (
    ("Signed quotients.", "sdiv", [("vdivsw", 395, 32), ("vdivsd", 459, 64)]),
    ("Unsigned quotients.", "udiv", [("vdivuw", 139, 32), ("vdivud", 203, 64)]),
    ("Signed remainders.", "srem", [("vmodsw", 1931, 32), ("vmodsd", 1995, 64)]),
    ("Unsigned remainders.", "urem", [("vmoduw", 1675, 32), ("vmodud", 1739, 64)]))
for _says, _op, _members in _DIVISIONS:
    (_narrow, _xo32, *_), (_broad, _xo64, *_) = _members
    binary(_says, [(_narrow, _xo32, 32)], in_words(of_narrow_words(guarded(_op)), signed=False), since="3.1",
           ref=QUOTIENT)
    binary(_says, [(_broad, _xo64, 64)], in_doublewords(guarded(_op)), since="3.1", ref=QUOTIENT)


def magnitude(b: Builder, x: Value) -> Value:
    """|x|, as an unsigned number."""
    return b.select(b.slt(x, 0), b.neg(x), x)


def sign_differs(b: Builder, x: Value, y: Value) -> Value:
    """i1: one of the two is negative."""
    return b.slt(b.xor(x, y), 0)


def signed_quotient(b: Builder, x: Value, y: Value, quotient: Value, exists: Value) -> Value:
    """The sign put to a quotient of magnitudes; 0 when there is none, or no room for it."""
    negative = sign_differs(b, x, y)
    result = b.select(negative, b.neg(quotient), quotient)
    fits = b.or_(b.eq(quotient, 0), b.eq(b.zext(b.slt(result, 0)), b.zext(negative)))
    return b.select(b.and_(exists, fits), result, b.const(0, x.type))


def extended_words(signed: bool) -> Callable[..., Value]:
    """(x || 32 zeros) / y of each word."""
    def meaning(b: Builder, x: Value, y: Value) -> Value:
        high = b.shl(x, 32)
        quotient = guarded("sdiv" if signed else "udiv")(b, high, y)
        back = b.sext(b.trunc(quotient, 32)) if signed else b.and_(quotient, 0xFFFFFFFF)
        return b.select(b.eq(back, quotient), quotient, b.const(0))
    return in_words(meaning, signed)


binary("Signed quotients of words with 32 zeros behind.", [("vdivesw", 907, 32)], extended_words(signed=True),
       since="3.1", ref=QUOTIENT)
binary("Unsigned quotients of words with 32 zeros behind.", [("vdiveuw", 651, 32)], extended_words(signed=False),
       since="3.1", ref=QUOTIENT)


def extended_doublewords(signed: bool) -> Callable[..., Value]:
    """(x || 64 zeros) / y of each doubleword."""
    def meaning(b: Builder, x: Value, y: Value) -> Value:
        p, q = (magnitude(b, x), magnitude(b, y)) if signed else (x, y)
        exists = b.ult(p, q)
        quotient = b.lo(b.quotient(0, b.shl(b.zext128(p), 64), b.zext128(q)))
        if signed:
            return signed_quotient(b, x, y, quotient, exists)
        return b.select(exists, quotient, b.const(0))
    return in_doublewords(meaning)


binary("Signed quotients of doublewords with 64 zeros behind.", [("vdivesd", 971, 64)],
       extended_doublewords(signed=True), since="3.1", ref=QUOTIENT)
binary("Unsigned quotients of doublewords with 64 zeros behind.", [("vdiveud", 715, 64)],
       extended_doublewords(signed=False), since="3.1", ref=QUOTIENT)


# --- quadwords
def quad_quotient(signed: bool, extended: bool) -> Callable[..., Value]:
    """x / y, or with 128 zeros behind x."""
    def vector(b: Builder, _lane: int, x: Value, y: Value) -> Value:
        p, q = (magnitude(b, x), magnitude(b, y)) if signed else (x, y)
        if extended:
            quotient, exists = b.quotient(p, 0, q), b.ult(p, q)
        else:
            quotient, exists = b.quotient(0, p, q), b.ne(q, 0)
        return signed_quotient(b, x, y, quotient, exists) if signed else quotient
    return vector


def quad_remainder(signed: bool) -> Callable[..., Value]:
    """The remainder of x / y, of x's sign."""
    def vector(b: Builder, _lane: int, x: Value, y: Value) -> Value:
        if not signed:
            return b.remainder(0, x, y)
        rest = b.remainder(0, magnitude(b, x), magnitude(b, y))
        return b.select(b.slt(x, 0), b.neg(rest), rest)
    return vector


for _name, _xo, _signed, _extended in (("vdivsq", 267, True, False), ("vdivuq", 11, False, False),
                                       ("vdivesq", 779, True, True), ("vdiveuq", 523, False, True)):
    binary("The quotient of quadwords.", [(_name, _xo, 128)], quad_quotient(_signed, _extended), since="3.1",
           ref=QUOTIENT)
binary("The signed remainder of quadwords.", [("vmodsq", 1803, 128)], quad_remainder(signed=True), since="3.1",
       ref=QUOTIENT)
binary("The unsigned remainder of quadwords.", [("vmoduq", 1547, 128)], quad_remainder(signed=False), since="3.1",
       ref=QUOTIENT)
