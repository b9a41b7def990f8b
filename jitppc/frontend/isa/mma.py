"""Matrix-multiply assist: accumulators, and outer products of integers. Ref: Book I 7.2.1.3, 7.6.3.

Accumulator AT is VSRs 4 AT to 4 AT + 3, its rows, at all times; so moving one to or from its VSRs does nothing. (The
book leaves the VSRs of a primed accumulator undefined.) The prefixed forms mask rows (X), columns (Y) and products (P);
masked elements become 0.
"""

from __future__ import annotations

from collections.abc import Callable

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.types import I128

from .prefix import prefixed
from .vmx_lanes import each, even_signed, odd_signed, set_saturated
from .vmx_multiply import byte_products, halfword_products, sum_halfwords

REF = "Book I 7.6.3"
PREFIX = "000001 11 1001 //// {} X:4 Y:4"
SUFFIX = "111011 AT // A B {} AX BX /"


# --- accumulators
@insn("X", "011111 AT // 00000 ///// 0010110001 /", "AT", since="3.1", ref=REF)
def xxmfacc(b: Builder, i: Fields) -> None:
    """VSR[4 AT] to VSR[4 AT + 3] <- ACC[AT]: they are the same."""
    b.require("VSX")


@insn("X", "011111 AT // 00001 ///// 0010110001 /", "AT", since="3.1", ref=REF)
def xxmtacc(b: Builder, i: Fields) -> None:
    """ACC[AT] <- VSR[4 AT] to VSR[4 AT + 3]: they are the same."""
    b.require("VSX")


@insn("X", "011111 AT // 00011 ///// 0010110001 /", "AT", since="3.1", ref=REF)
def xxsetaccz(b: Builder, i: Fields) -> None:
    """ACC[AT] <- zeros."""
    b.require("VSX")
    for row in range(4):
        b.set("vsr", row_of(b, i, row), b.const(0, I128))


def row_of(b: Builder, i: Fields, row: int) -> Value:
    """The number of the VSR that is a row of ACC[AT]."""
    return b.or_(b.shl(i.AT, 2), row)


# --- masks of the prefixed forms
def is_on(b: Builder, mask: Value, width: int, number: int) -> Value:
    """i1: the bit of a mask, from the left."""
    return b.trunc(b.lshr(mask, width - 1 - number), 1)


def columns(b: Builder, mask: Value, lane: int) -> Value:
    """Ones in the elements of `lane` bits whose bits of the mask are 1."""
    count = 128 // lane
    pieces = [b.select(is_on(b, mask, count, n), b.const((1 << min(lane, 64)) - 1), b.const(0)) for n in range(count)]
    if lane == 64:
        return b.pack(*pieces)
    return b.pack(b.or_(b.shl(pieces[0], 32), pieces[1]), b.or_(b.shl(pieces[2], 32), pieces[3]))


def products(b: Builder, mask: Value, count: int) -> Value:
    """Ones, in every word, in those of its `count` parts whose bits of the mask are 1."""
    bits, word = 32 // count, b.const(0)
    for number in range(count):
        ones = ((1 << bits) - 1) << 32 - bits * (number + 1)
        word = b.or_(word, b.select(is_on(b, mask, count, number), b.const(ones), b.const(0)))
    return b.vsplat(32, word)


# --- integers: of each row, the sums of products in words; with the value it is added to
def nibble_sums(b: Builder, x: Value, y: Value) -> Value:
    """Sums of eight products of signed nibbles."""
    def halves(v: Value) -> tuple[Value, Value]:
        return b.vashr(8, v, each(8, 4)), b.vashr(8, b.vshl(8, v, each(8, 4)), each(8, 4))
    total = b.const(0, I128)
    for p, q in zip(halves(x), halves(y), strict=True):
        for part in (even_signed, odd_signed):
            total = b.vadd(16, total, b.vmul(16, part(b, 8, p), part(b, 8, q)))
    return sum_halfwords(b, total, signed=True)


def byte_sums(b: Builder, x: Value, y: Value) -> Value:
    """Sums of four products of signed and unsigned bytes."""
    return byte_products(b, x, y, x_signed=True)


def halfword_sums(b: Builder, x: Value, y: Value) -> Value:
    """Sums of two products of signed halfwords, modulo 2**32: only 2**31 does not fit."""
    return b.vadd(32, *halfword_products(b, x, y, signed=True))


Joined = tuple[Value, Value | None]


def replacing(_b: Builder, _addend: Value, total: Value) -> Joined:
    """The sum itself."""
    return total, None


def adding(b: Builder, addend: Value, total: Value) -> Joined:
    """addend + total, modulo 2**32."""
    return b.vadd(32, addend, total), None


def saturating(b: Builder, addend: Value, total: Value) -> Joined:
    """addend + total, saturated, and where that is another than the sum."""
    result = b.vaddss(32, addend, total)
    return result, b.xor(result, b.vadd(32, addend, total))


def saturating_halfwords(b: Builder, addend: Value, total: Value) -> Joined:
    """The same where -2**31 stands for 2**31: 1 of it moves to the other addend."""
    overflowed = b.vcmpeq(32, total, each(32, 1 << 31))
    less, more = b.vadd(32, total, overflowed), b.vsubss(32, addend, overflowed)
    result = b.vaddss(32, more, less)
    # what is too large by exactly that 1 must count as saturated too
    lost = b.and_(overflowed, b.vcmpeq(32, more, addend))
    return result, b.or_(lost, b.xor(result, b.vadd(32, more, less)))


Sums = Callable[[Builder, Value, Value], Value]
Join = Callable[[Builder, Value, Value], Joined]
#: name, XO, number of products, sums, how a sum joins the addend, whether the addend is the accumulator
INTEGERS: tuple[tuple[str, str, int, Sums, Join, bool], ...] = (
    ("xvi4ger8", "00100011", 8, nibble_sums, replacing, False),
    ("xvi4ger8pp", "00100010", 8, nibble_sums, adding, True),
    ("xvi8ger4", "00000011", 4, byte_sums, replacing, False),
    ("xvi8ger4pp", "00000010", 4, byte_sums, adding, True),
    ("xvi8ger4spp", "01100011", 4, byte_sums, saturating, True),
    ("xvi16ger2", "01001011", 2, halfword_sums, replacing, False),
    ("xvi16ger2pp", "01101011", 2, halfword_sums, adding, True),
    ("xvi16ger2s", "00101011", 2, halfword_sums, saturating_halfwords, False),
    ("xvi16ger2spp", "00101010", 2, halfword_sums, saturating_halfwords, True),
)


def overlaps(word: int) -> bool:
    """A or B is one of the accumulator's own VSRs: an invalid form."""
    first = word >> 23 & 7
    a, c = word >> 16 & 31 | word << 3 & 32, word >> 11 & 31 | word << 4 & 32
    return first in (a >> 2, c >> 2)


def is_valid(word: int) -> bool:
    """Neither A nor B is one of the accumulator's VSRs."""
    return not overlaps(word)


def integer_rows(name: str, xo: str, count: int, sums: Sums, join: Join, accumulates: bool) -> None:
    """The plain and the prefixed row of an outer product."""
    def rows_of(b: Builder, i: Fields, masked: bool) -> None:
        b.require("VSX")
        xa, xb = b.get("vsr", i.XA), b.get("vsr", i.XB)
        if masked:
            xa = b.and_(xa, products(b, i.P, count))
            allowed = columns(b, i.Y, 32)
        results, saturated = [], b.const(0, I128)
        for row in range(4):
            total = sums(b, b.vsplat(32, b.vextract(32, xa, row)), xb)
            addend = b.get("vsr", row_of(b, i, row)) if accumulates else b.const(0, I128)
            result, changed = join(b, addend, total)
            if masked:
                inside = b.select(is_on(b, i.X, 4, row), allowed, b.const(0, I128))
                result = b.and_(result, inside)
                changed = None if changed is None else b.and_(changed, inside)
            results.append(result)
            if changed is not None:
                saturated = b.or_(saturated, changed)
        for row, result in enumerate(results):
            b.set("vsr", row_of(b, i, row), result)
        if saturated.constant != 0:
            set_saturated(b, b.ne(saturated, 0))

    @insn("XX3", SUFFIX.format(xo), "AT,XA,XB", since="3.1", ref=REF, name=name, accept=is_valid)
    def _plain(b: Builder, i: Fields) -> None:
        """ACC[AT] <- for each word of XA and of XB the sum of the products of their parts, added up."""
        rows_of(b, i, masked=False)

    mask = f"P:{count} {'/' * (8 - count)}"
    @prefixed("MMIRR:XX3", f"{PREFIX.format(mask)} {SUFFIX.format(xo)}", "AT,XA,XB,X,Y,P", ref=REF,
          name=f"pm{name}", accept=is_valid)
    def _masked(b: Builder, i: Fields) -> None:
        """The same, for the rows, columns and products that the masks allow; zeros elsewhere."""
        rows_of(b, i, masked=True)


for _row in INTEGERS:
    integer_rows(*_row)
