"""Rearrangements of a VSR that several instructions share; elements are numbered from the left as in the book."""

from __future__ import annotations

from collections.abc import Iterable

from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

BYTES_LOW = 0x00FF00FF00FF00FF


def bytes_in_halfwords_swapped(b: Builder, x: Value) -> Value:
    """A doubleword with the two bytes of each halfword exchanged."""
    return b.or_(b.shl(b.and_(x, BYTES_LOW), 8), b.and_(b.lshr(x, 8), BYTES_LOW))


def bytes_in_words_swapped(b: Builder, x: Value) -> Value:
    """A doubleword with the four bytes of each word reversed."""
    return b.rotl(b.bswap(x), 32)


def shuffled(b: Builder, lane: int, numbers: Iterable[int], x: Value, y: Value) -> Value:
    """The elements of `lane` bits of x || y with these numbers."""
    size = lane // 8
    return b.vshuffle(tuple(n * size + k for n in numbers for k in range(size)), x, y)


def reversed_elements(b: Builder, value: Value, lane: int) -> Value:
    """The elements of `lane` bits in reverse order."""
    return shuffled(b, lane, reversed(range(128 // lane)), value, value)


def words(b: Builder, value: Value) -> list[Value]:
    """The four words as zero-extended doublewords."""
    high, low = b.hi(value), b.lo(value)
    return [b.lshr(high, 32), b.and_(high, 0xFFFFFFFF), b.lshr(low, 32), b.and_(low, 0xFFFFFFFF)]


def of_words(b: Builder, w: list[Value]) -> Value:
    """The inverse of `words`; each is a doubleword below 2**32."""
    return b.pack(b.or_(b.shl(w[0], 32), w[1]), b.or_(b.shl(w[2], 32), w[3]))
