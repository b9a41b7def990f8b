"""Vector ops on 128-bit values. Lanes are numbered as in the Power ISA: element 0 is the most significant.
The attribute is the lane width in bits (8, 16, 32 or 64) unless the sentence says otherwise."""

from __future__ import annotations

from collections.abc import Callable

from ..types import I64, I128, Type, signed
from .row import Op


def split(value: int, lane: int) -> list[int]:
    """The lanes of a 128-bit value, element 0 first."""
    mask = (1 << lane) - 1
    return [value >> shift & mask for shift in range(128 - lane, -1, -lane)]


def join(lanes: list[int], lane: int) -> int:
    """The inverse of `split`; each lane is taken modulo its width."""
    value, mask = 0, (1 << lane) - 1
    for element in lanes:
        value = value << lane | element & mask
    return value


def _lanewise(function: Callable[..., int]) -> Callable[..., int]:
    """An `evaluate` that applies function(lane width, *elements) to each lane."""
    def evaluate(_t: Type, lane: int, *values: int) -> int:
        columns = zip(*(split(v, lane) for v in values), strict=True)
        return join([function(lane, *column) for column in columns], lane)
    return evaluate


V2 = (I128, I128)

ROWS = (
    Op("vadd", V2, I128, "Lanewise sum.", _lanewise(lambda n, x, y: x + y), attr="lane", commutative=True),
    Op("vsub", V2, I128, "Lanewise difference.", _lanewise(lambda n, x, y: x - y), attr="lane"),
    Op("vmul", V2, I128, "Lanewise product, low half.", _lanewise(lambda n, x, y: x * y), attr="lane",
       commutative=True),
    Op("vshl", V2, I128, "Lanewise shift left by the amount modulo the lane width.",
       _lanewise(lambda n, x, y: x << y % n), attr="lane"),
    Op("vlshr", V2, I128, "Lanewise logical shift right by the amount modulo the lane width.",
       _lanewise(lambda n, x, y: x >> y % n), attr="lane"),
    Op("vashr", V2, I128, "Lanewise arithmetic shift right by the amount modulo the lane width.",
       _lanewise(lambda n, x, y: signed(x, n) >> y % n), attr="lane"),
    Op("vrotl", V2, I128, "Lanewise rotate left.",
       _lanewise(lambda n, x, y: x << y % n | x >> (n - y % n)), attr="lane"),
    Op("vcmpeq", V2, I128, "Lanes of ones where equal.", _lanewise(lambda n, x, y: -(x == y)), attr="lane",
       commutative=True),
    Op("vcmpgtu", V2, I128, "Lanes of ones where greater, unsigned.", _lanewise(lambda n, x, y: -(x > y)),
       attr="lane"),
    Op("vcmpgts", V2, I128, "Lanes of ones where greater, signed.",
       _lanewise(lambda n, x, y: -(signed(x, n) > signed(y, n))), attr="lane"),
    Op("vsplat", (I64,), I128, "The low bits of a doubleword in every lane.",
       lambda t, lane, x: join([x] * (128 // lane), lane), attr="lane"),
    Op("vextract", (I128, I64), I64, "The element whose number is the second operand (modulo the number of "
       "lanes), zero-extended.", lambda t, lane, x, n: split(x, lane)[n % (128 // lane)], attr="lane"),
    Op("vperm", (I128, I128, I128), I128, "Each byte is the byte of the first two operands, concatenated, whose "
       "number is the low five bits of the third operand's byte.",
       lambda t, a, x, y, c: join([(split(x, 8) + split(y, 8))[k & 31] for k in split(c, 8)], 8)),
)
