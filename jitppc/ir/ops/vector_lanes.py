"""The elements of a vector, in the book's order."""

from __future__ import annotations


def split(value: int, lane: int) -> list[int]:
    """The lanes of a 128-bit value, element 0 (the most significant) first."""
    mask = (1 << lane) - 1
    return [value >> shift & mask for shift in range(128 - lane, -1, -lane)]


def join(lanes: list[int], lane: int) -> int:
    """The inverse of `split`; each lane is taken modulo its width."""
    value, mask = 0, (1 << lane) - 1
    for element in lanes:
        value = value << lane | element & mask
    return value
