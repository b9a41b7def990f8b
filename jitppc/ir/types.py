"""Types of IR values: integers of six widths.

Floating-point and vector values are carried as their bits.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Type:
    """An integer type; `bits` is its width in bits. There is one object for each width."""

    bits: int

    @property
    def mask(self) -> int:
        """All ones of this width."""
        return (1 << self.bits) - 1

    @property
    def sign_bit(self) -> int:
        """The most significant bit of this width."""
        return 1 << (self.bits - 1)

    def __str__(self) -> str:
        return f"i{self.bits}"

    __repr__ = __str__


I1, I8, I16, I32, I64, I128 = (Type(n) for n in (1, 8, 16, 32, 64, 128))
#: the type of ops without a result
NOTHING = Type(0)

BY_NAME = {str(t): t for t in (I1, I8, I16, I32, I64, I128)}
#: never the type of a guest's value: room for products inside lowered functions
I256 = Type(256)
BY_BITS = {t.bits: t for t in (*BY_NAME.values(), I256)}


def signed(value: int, bits: int) -> int:
    """`value`, taken modulo 2**bits, read as a two's complement number."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value
