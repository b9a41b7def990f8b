"""Conversions between BCD and densely packed decimal in GPRs. Ref: Book I 3.3.15 (BCD assist).

Each word of a doubleword holds two groups: a declet of ten bits p q r s t u v w x y, or three digits
a b c d, e f g h, i j k m. The four groups are spread over lanes of twelve bits, each letter becomes a value that
has that bit of all four lanes (in the lane's lowest bit), and the book's equations run on all lanes at once.
"""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

REF = "Book I 3.3.15"
LANES = 0x0000100100001001            # the lowest bit of each lane: bits 0, 12, 32, 44 from the right


def bit_planes(b: Builder, x: Value, letters: str) -> dict[str, Value]:
    """Each letter's bit in all lanes; the last letter is a lane's lowest bit."""
    top = len(letters) - 1
    return {letter: b.and_(b.lshr(x, top - n), LANES) for n, letter in enumerate(letters)}


def joined(b: Builder, planes: list[Value]) -> Value:
    """The inverse of `bit_planes`."""
    x = b.const(0)
    for plane in planes:
        x = b.or_(b.shl(x, 1), plane)
    return x


def any_of(b: Builder, *terms: Value) -> Value:
    """The or of all terms."""
    x = terms[0]
    for term in terms[1:]:
        x = b.or_(x, term)
    return x


def all_of(b: Builder, *terms: Value) -> Value:
    """The and of all terms."""
    x = terms[0]
    for term in terms[1:]:
        x = b.and_(x, term)
    return x


def DPD_TO_BCD(b: Builder, declets: Value) -> Value:
    """Three digits for the declet in each lane. Ref: Book I Appendix B."""
    p, q, r, s, t, u, v, w, x, y = bit_planes(b, declets, "pqrstuvwxy").values()
    no_s, no_t, no_v, no_w, no_x = (b.xor(bit, LANES) for bit in (s, t, v, w, x))
    all_large = all_of(b, v, w, x)                       # two or three digits are 8 or 9; s and t say which
    a = all_of(b, v, w, any_of(b, no_x, no_s, t))
    e = all_of(b, v, x, any_of(b, no_w, no_t, s))
    i = b.and_(v, b.or_(b.and_(no_w, no_x), b.and_(all_large, b.or_(s, t))))
    small_a, small_e, small_i = (b.xor(bit, LANES) for bit in (a, e, i))
    f_is_p = all_of(b, all_large, no_s, t)
    j_is_s = all_of(b, v, no_w, x)
    j_is_p = all_of(b, v, w, small_i)
    b_, c = b.and_(small_a, p), b.and_(small_a, q)
    f, g = (b.and_(small_e, b.or_(b.and_(f_is_p, high), b.and_(b.xor(f_is_p, LANES), low)))
            for high, low in ((p, s), (q, t)))
    j, k = (b.and_(small_i, any_of(b, b.and_(no_v, plain), b.and_(j_is_s, middle), b.and_(j_is_p, high)))
            for plain, middle, high in ((w, s, p), (x, t, q)))
    return joined(b, [a, b_, c, r, e, f, g, u, i, j, k, y])


def BCD_TO_DPD(b: Builder, digits: Value) -> Value:
    """The declet for three digits in each lane. Ref: Book I Appendix B."""
    a, b_, c, d, e, f, g, h, i, j, k, m = bit_planes(b, digits, "abcdefghijkm").values()
    no_a, no_e, no_i = (b.xor(bit, LANES) for bit in (a, e, i))
    only_e = all_of(b, no_a, e, no_i)
    f_stays = b.and_(no_e, b.xor(b.and_(a, i), LANES))

    def first(own: Value, middle: Value, last: Value) -> Value:
        return any_of(b, b.and_(no_a, own), all_of(b, a, no_i, last), all_of(b, a, no_e, i, middle))

    p, q = first(b_, f, j), first(c, g, k)
    s = any_of(b, b.and_(f_stays, f), b.and_(only_e, j), b.and_(e, i))
    t = any_of(b, b.and_(f_stays, g), b.and_(only_e, k), b.and_(a, i))
    v = any_of(b, a, e, i)
    w = any_of(b, a, b.and_(e, i), all_of(b, no_e, no_i, j))
    x = any_of(b, e, b.and_(a, i), all_of(b, no_a, no_i, k))
    return joined(b, [p, q, d, s, t, h, v, w, x, m])


@insn("X", "011111 RS RA ///// 0100011010 /", "RA,RS", since="2.06", ref=REF)
def cdtbcd(b: Builder, i: Fields) -> None:
    """RA <- six BCD digits for the two declets in each word of (RS)."""
    rs = b.gpr(i.RS)
    low = 0x000003FF000003FF
    lanes = b.or_(b.and_(rs, low), b.shl(b.and_(b.lshr(rs, 10), low), 12))
    b.set_gpr(i.RA, DPD_TO_BCD(b, lanes))


@insn("X", "011111 RS RA ///// 0100111010 /", "RA,RS", since="2.06", ref=REF)
def cbcdtd(b: Builder, i: Fields) -> None:
    """RA <- two declets for the six BCD digits in each word of (RS)."""
    lanes = BCD_TO_DPD(b, b.gpr(i.RS))
    low = 0x000003FF000003FF
    b.set_gpr(i.RA, b.or_(b.and_(lanes, low), b.shl(b.and_(b.lshr(lanes, 12), low), 10)))
