"""Vector ops on 128-bit values. Lanes are numbered as in the Power ISA: element 0 is the most significant.
The attribute is the lane width in bits (8, 16, 32 or 64) unless the sentence says otherwise.

What two or three of these make is no op of its own: averages, absolute differences, even and odd products, packs
and unpacks, element inserts are written out where they are needed (frontend/isa/vmx_lanes.py).
"""

from __future__ import annotations

from collections.abc import Callable

from jitppc.ir.types import I64, I128, Type, signed

from . import vector_crypto, vector_decimal, vector_float
from .row import Op
from .vector_lanes import join, split

__all__ = ["ROWS", "join", "split"]


def _lanewise(function: Callable[..., int]) -> Callable[..., int]:
    """An `evaluate` that applies function(lane width, *elements) to each lane."""
    def evaluate(_t: Type, lane: int, *values: int) -> int:
        columns = zip(*(split(v, lane) for v in values), strict=True)
        return join([function(lane, *column) for column in columns], lane)
    return evaluate


def _signed_lanewise(function: Callable[..., int]) -> Callable[..., int]:
    """The same for a function of the elements as signed numbers."""
    return _lanewise(lambda n, *elements: function(n, *(signed(e, n) for e in elements)))


def _clamp_signed(n: int, x: int) -> int:
    return max(-(1 << n - 1), min((1 << n - 1) - 1, x))


def _clamp_unsigned(n: int, x: int) -> int:
    return max(0, min((1 << n) - 1, x))


def _bytes_at(_t: Type, _a: object, x: int, y: int, numbers: int) -> int:
    table = split(x, 8) + split(y, 8)
    return join([table[k & 31] for k in split(numbers, 8)], 8)


def _shuffle(_t: Type, numbers: tuple[int, ...], x: int, y: int) -> int:
    return _bytes_at(I128, None, x, y, join(list(numbers), 8))


def _insert(_t: Type, lane: int, x: int, n: int, element: int) -> int:
    elements = split(x, lane)
    elements[n % len(elements)] = element
    return join(elements, lane)


def _signs(_t: Type, lane: int, x: int) -> int:
    number = 0
    for element in split(x, lane):
        number = number << 1 | element >> lane - 1
    return number


V1, V2 = (I128,), (I128, I128)

ROWS = (
    Op("vadd", V2, I128, "Lanewise sum.", _lanewise(lambda n, x, y: x + y), attr="lane", commutative=True),
    Op("vsub", V2, I128, "Lanewise difference.", _lanewise(lambda n, x, y: x - y), attr="lane"),
    Op("vmul", V2, I128, "Lanewise product, low half.", _lanewise(lambda n, x, y: x * y), attr="lane",
       commutative=True),
    Op("vaddsu", V2, I128, "Lanewise unsigned sum, saturated.",
       _lanewise(lambda n, x, y: _clamp_unsigned(n, x + y)), attr="lane", commutative=True),
    Op("vaddss", V2, I128, "Lanewise signed sum, saturated.",
       _signed_lanewise(lambda n, x, y: _clamp_signed(n, x + y)), attr="lane", commutative=True),
    Op("vsubsu", V2, I128, "Lanewise unsigned difference, saturated.",
       _lanewise(lambda n, x, y: _clamp_unsigned(n, x - y)), attr="lane"),
    Op("vsubss", V2, I128, "Lanewise signed difference, saturated.",
       _signed_lanewise(lambda n, x, y: _clamp_signed(n, x - y)), attr="lane"),
    Op("vmaxu", V2, I128, "Lanewise unsigned maximum.", _lanewise(lambda n, x, y: max(x, y)), attr="lane",
       commutative=True),
    Op("vmaxs", V2, I128, "Lanewise signed maximum.", _signed_lanewise(lambda n, x, y: max(x, y)), attr="lane",
       commutative=True),
    Op("vminu", V2, I128, "Lanewise unsigned minimum.", _lanewise(lambda n, x, y: min(x, y)), attr="lane",
       commutative=True),
    Op("vmins", V2, I128, "Lanewise signed minimum.", _signed_lanewise(lambda n, x, y: min(x, y)), attr="lane",
       commutative=True),
    Op("vshl", V2, I128, "Lanewise shift left by the amount modulo the lane width.",
       _lanewise(lambda n, x, y: x << y % n), attr="lane"),
    Op("vlshr", V2, I128, "Lanewise logical shift right by the amount modulo the lane width.",
       _lanewise(lambda n, x, y: x >> y % n), attr="lane"),
    Op("vashr", V2, I128, "Lanewise arithmetic shift right by the amount modulo the lane width.",
       _lanewise(lambda n, x, y: signed(x, n) >> y % n), attr="lane"),
    Op("vrotl", V2, I128, "Lanewise rotate left by the amount modulo the lane width.",
       _lanewise(lambda n, x, y: x << y % n | x >> (n - y % n)), attr="lane"),
    Op("vcmpeq", V2, I128, "Lanes of ones where equal.", _lanewise(lambda n, x, y: -(x == y)), attr="lane",
       commutative=True),
    Op("vcmpgtu", V2, I128, "Lanes of ones where greater, unsigned.", _lanewise(lambda n, x, y: -(x > y)),
       attr="lane"),
    Op("vcmpgts", V2, I128, "Lanes of ones where greater, signed.",
       _signed_lanewise(lambda n, x, y: -(x > y)), attr="lane"),
    Op("vctlz", V1, I128, "Lanewise count of leading zeros; the lane width for 0.",
       _lanewise(lambda n, x: n - x.bit_length()), attr="lane"),
    Op("vcttz", V1, I128, "Lanewise count of trailing zeros; the lane width for 0.",
       _lanewise(lambda n, x: (x & -x).bit_length() - 1 if x else n), attr="lane"),
    Op("vpopcnt", V1, I128, "Lanewise number of ones.", _lanewise(lambda n, x: x.bit_count()), attr="lane"),
    Op("vsigns", V1, I64, "The leading bits of the lanes, element 0's leftmost, right-justified.", _signs,
       attr="lane"),
    Op("vsplat", (I64,), I128, "The low bits of a doubleword in every lane.",
       lambda t, lane, x: join([x] * (128 // lane), lane), attr="lane"),
    Op("vextract", (I128, I64), I64, "The element whose number is the second operand (modulo the number of "
       "lanes), zero-extended.", lambda t, lane, x, n: split(x, lane)[n % (128 // lane)], attr="lane"),
    Op("vinsert", (I128, I64, I64), I128, "The first operand with the element whose number is the second operand "
       "(modulo the number of lanes) replaced by the low bits of the third.", _insert, attr="lane"),
    Op("vselect", (I128, I128, I128), I128, "Bits of the second operand where the first has 1, else of the third.",
       lambda t, a, mask, x, y: x & mask | y & ~mask),
    Op("vperm", (I128, I128, I128), I128, "Each byte is the byte of the first two operands, concatenated, whose "
       "number is the low five bits of the third operand's byte.", _bytes_at),
    Op("vshuffle", V2, I128, "The bytes of the two operands, concatenated, whose numbers are the attribute, a "
       "tuple of 16.", _shuffle, attr="bytes"),
    *vector_crypto.ROWS,
    *vector_decimal.ROWS,
    *vector_float.ROWS,
)
