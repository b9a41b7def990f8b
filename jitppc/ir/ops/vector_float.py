"""Single-precision ops on the four words of a vector, with the rules of VMX: round to nearest even, no status,
and a NaN result is the first NaN operand (in the order VRA, VRB, VRC) made quiet, else 0x7FC00000.

A double holds every sum, product or quotient of singles closely enough that rounding it to single is right
(53 >= 2 * 24 + 2), so Python's floats are the arithmetic here. Denormals are kept; `vfflush` is VSCR[NJ].
Ref: Book I 6.6.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

from jitppc.ir.types import I1, I64, I128, Type, signed

from .row import Op
from .vector_lanes import join, split

SIGN, INFINITY, QUIET, DEFAULT_NAN, SMALLEST_NORMAL = 1 << 31, 0x7F800000, 1 << 22, 0x7FC00000, 1 << 23


def is_nan(bits: int) -> bool:
    """True for a NaN of single precision."""
    return bits & ~SIGN > INFINITY


def to_float(bits: int) -> float:
    """The number a single stands for (not for NaNs)."""
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def from_float(x: float) -> int:
    """A double rounded to the nearest single; a NaN becomes the default NaN."""
    if math.isnan(x):
        return DEFAULT_NAN
    try:
        return struct.unpack("<I", struct.pack("<f", x))[0]
    except OverflowError:
        return INFINITY | (SIGN if x < 0 else 0)


def flush(bits: int) -> int:
    """A denormal becomes zero of its sign."""
    return bits if bits & INFINITY else bits & SIGN


def _lanewise(function: Callable[..., int]) -> Callable[..., int]:
    """An `evaluate` from function(attribute, *singles), which need not care for NaN operands."""
    def evaluate(_t: Type, attr: object, *values: int) -> int:
        return join([_one(function, attr, *column) for column in zip(*(split(v, 32) for v in values), strict=True)],
                    32)
    return evaluate


def _one(function: Callable[..., int], attr: object, *operands: int) -> int:
    for operand in operands:
        if is_nan(operand):
            return operand | QUIET
    return function(attr, *operands)


def _add(_a: object, x: int, y: int) -> int:
    return from_float(to_float(x) + to_float(y))


def _sub(_a: object, x: int, y: int) -> int:
    return from_float(to_float(x) - to_float(y))


def _sum_to_odd(x: float, y: float) -> float:
    """The sum, its last bit sticky, so that rounding it again is rounding the exact sum."""
    total = x + y
    part = total - x
    error = (x - (total - part)) + (y - part)
    bits = struct.unpack("<q", struct.pack("<d", total))[0]
    if math.isfinite(total) and error and not bits & 1:
        bits += 1 if (error > 0) == (total > 0) else -1
    return struct.unpack("<d", struct.pack("<q", bits))[0]


def _multiply_add(_t: Type, negated: bool, x: int, z: int, y: int, flushes: int) -> int:
    """Lanes of x * y + z, or of -(x * y - z)."""
    def one(_a: object, a: int, c: int, b: int) -> int:
        product, addend = to_float(a) * to_float(b), to_float(c)
        exact = _sum_to_odd(product, -addend if negated else addend)
        if math.isnan(exact):
            return DEFAULT_NAN
        result = from_float(exact)
        if flushes and abs(exact) < to_float(SMALLEST_NORMAL):
            result &= SIGN
        return result ^ SIGN if negated else result
    return join([_one(one, None, *column) for column in zip(*(split(v, 32) for v in (x, z, y)), strict=True)], 32)


def _order(bits: int) -> int:
    """A number that orders singles as their values are ordered, -0 below +0."""
    return ~(bits ^ SIGN) if bits & SIGN else bits


def _maximum(_a: object, x: int, y: int) -> int:
    return max(x, y, key=_order)


def _minimum(_a: object, x: int, y: int) -> int:
    return min(x, y, key=_order)


_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "eq": lambda x, y: x == y, "ge": lambda x, y: x >= y, "gt": lambda x, y: x > y}


def _compare(_t: Type, relation: str, x: int, y: int) -> int:
    holds = _COMPARISONS[relation]
    return join([-(not is_nan(a) and not is_nan(b) and holds(to_float(a), to_float(b)))
                 for a, b in zip(split(x, 32), split(y, 32), strict=True)], 32)


_ROUNDINGS: dict[str, Callable[[float], float]] = {
    "nearest": round, "zero": math.trunc, "up": math.ceil, "down": math.floor}


def _round(how: str, x: int) -> int:
    if x & INFINITY >= 150 << 23:      # 2**23 or more: an integer, or infinity
        return x
    return from_float(_ROUNDINGS[how](to_float(x))) | x & SIGN


def _from_integer(_t: Type, is_signed: bool, x: int, scale: int) -> int:
    return join([from_float((signed(e, 32) if is_signed else e) * 2.0 ** -(scale & 31)) for e in split(x, 32)], 32)


def _limits(is_signed: bool) -> tuple[int, int]:
    return (-(1 << 31), (1 << 31) - 1) if is_signed else (0, (1 << 32) - 1)


def _to_integer(_t: Type, is_signed: bool, x: int, scale: int) -> int:
    low, high = _limits(is_signed)
    return join([0 if is_nan(e) else int(max(low, min(high, to_float(e) * 2.0 ** (scale & 31))))
                 for e in split(x, 32)], 32)


def _saturates(_t: Type, is_signed: bool, x: int, scale: int) -> int:
    low, high = _limits(is_signed)
    scaled = [to_float(e) * 2.0 ** (scale & 31) for e in split(x, 32) if not is_nan(e)]
    return int(any(not low - 1 < e < high + 1 for e in scaled))


def _reciprocal(x: int) -> int:
    return x & SIGN | INFINITY if not x & ~SIGN else from_float(1.0 / to_float(x))


def _reciprocal_root(x: int) -> int:
    if not x & ~SIGN:
        return x & SIGN | INFINITY
    return DEFAULT_NAN if x & SIGN else from_float(1.0 / math.sqrt(to_float(x)))


def horner(coefficients: tuple[float, ...], x: float) -> float:
    """The polynomial's value, highest power first, one multiplication and one addition after another."""
    total = coefficients[0]
    for c in coefficients[1:]:
        total = total * x + c
    return total


#: 2**f for |f| <= 1/2, and log2((1 + s) / (1 - s)) / s in s*s for |s| < 0.172: far better than the 2**-4 and 2**-5 the
#: book asks for, and exact at 0
EXP2 = tuple(math.log(2) ** k / math.factorial(k) for k in range(10, -1, -1))
LOG2 = tuple(2 / math.log(2) / (2 * k + 1) for k in range(8, -1, -1))
ROOT_HALF = math.sqrt(0.5)


def _exp2(x: int) -> int:
    value = max(-200.0, min(200.0, to_float(x)))
    whole = round(value)
    return from_float(horner(EXP2, value - whole) * 2.0 ** whole)


def _log2(x: int) -> int:
    if not x & ~SIGN:
        return SIGN | INFINITY
    if x & SIGN:
        return DEFAULT_NAN
    if x == INFINITY:
        return x
    fraction, exponent = math.frexp(to_float(x))
    if fraction < ROOT_HALF:
        fraction, exponent = fraction * 2, exponent - 1
    s = (fraction - 1) / (fraction + 1)
    return from_float(exponent + s * horner(LOG2, s * s))


_ESTIMATES = {"reciprocal": _reciprocal, "reciprocal root": _reciprocal_root, "exp2": _exp2, "log2": _log2}


def _flush(_t: Type, _a: object, x: int, flushes: int) -> int:
    return join([flush(e) for e in split(x, 32)], 32) if flushes else x


V1, V2 = (I128,), (I128, I128)

ROWS = (
    Op("vfadd", V2, I128, "Sum.", _lanewise(_add)),
    Op("vfsub", V2, I128, "Difference.", _lanewise(_sub)),
    Op("vfmadd", (I128, I128, I128, I1), I128, "Operands x, z, y: x * y + z, or with the attribute True "
       "-(x * y - z), rounded once (but the sign of a NaN stays); denormal results become 0 if the last operand is 1.",
       _multiply_add, attr="negated"),
    Op("vfmax", V2, I128, "Maximum; +0 is above -0.", _lanewise(_maximum)),
    Op("vfmin", V2, I128, "Minimum; -0 is below +0.", _lanewise(_minimum)),
    Op("vfcmp", V2, I128, "Lanes of ones where the relation eq, ge or gt holds; never with a NaN.", _compare,
       attr="relation"),
    Op("vfround", V1, I128, "The integral value nearest (ties to even), or next towards zero, up or down.",
       _lanewise(_round), attr="rounding"),
    Op("vffromint", (I128, I64), I128, "Words, signed if the attribute is True, over 2 to the power of the second "
       "operand (0 to 31).", _from_integer, attr="signed"),
    Op("vftoint", (I128, I64), I128, "Words, signed if the attribute is True: the operand times 2 to the power of the "
       "second (0 to 31), truncated and saturated; 0 for a NaN.", _to_integer, attr="signed"),
    Op("vfsaturates", (I128, I64), I1, "1 if `vftoint` saturates in any lane.", _saturates, attr="signed"),
    Op("vfestimate", V1, I128, "The reciprocal, reciprocal root, exp2 or log2, as the attribute says.",
       _lanewise(lambda how, x: _ESTIMATES[how](x)), attr="function"),
    Op("vfflush", (I128, I1), I128, "If the second operand is 1, denormals become zeros of their sign.", _flush),
)
