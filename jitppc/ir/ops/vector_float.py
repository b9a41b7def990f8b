"""Single-precision ops on the four words of a vector, with the rules of VMX: round to nearest even, no status,
and a NaN result is the first NaN operand (in the order VRA, VRB, VRC) made quiet, else 0x7FC00000.

Denormals are kept; `vfflush` is VSCR[NJ]. Where no rounding rule is at stake Python's floats do: a double rounded
to single is the rounded quotient, or root, of singles.
Ref: Book I 6.6.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

from jitppc.ir import ieee
from jitppc.ir.fpscr import FPSCR
from jitppc.ir.ieee import SINGLE
from jitppc.ir.types import I1, I64, I128, Type, signed

from .row import Op
from .vector_lanes import join, split

SIGN, INFINITY, QUIET, DEFAULT_NAN = SINGLE.sign_bit, SINGLE.infinity, SINGLE.quiet, SINGLE.default_nan


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
    """An `evaluate` from function(attribute, *singles)."""
    def evaluate(_t: Type, attr: object, *values: int) -> int:
        return join([function(attr, *column) for column in zip(*(split(v, 32) for v in values), strict=True)], 32)
    return evaluate


def _unless_nan(function: Callable[..., int]) -> Callable[..., int]:
    """The function for operands that are no NaNs, with the rule for those."""
    def one(attr: object, *operands: int) -> int:
        from_nan = ieee.nan_result(SINGLE, operands)
        return function(attr, *operands) if from_nan is None else from_nan.bits
    return one


NEAREST = ieee.Rounding(SINGLE, mode=ieee.NEAREST)


def _add(_a: object, x: int, y: int) -> int:
    return ieee.add(SINGLE, x, y, NEAREST).bits


def _sub(_a: object, x: int, y: int) -> int:
    return ieee.add(SINGLE, x, y, NEAREST, subtract=True).bits


def _multiply_add(_t: Type, negated: bool, x: int, z: int, y: int, flushes: int) -> int:
    """Lanes of x * y + z, or of -(x * y - z)."""
    def one(a: int, c: int, b: int) -> int:
        result = ieee.multiply_add(SINGLE, a, b, c, NEAREST, subtract=negated, negate=negated)
        return result.bits & SIGN if flushes and result.exceptions & FPSCR.UX else result.bits
    lanes = join([one(*column) for column in zip(*(split(v, 32) for v in (x, z, y)), strict=True)], 32)
    return _flush(I128, None, lanes, flushes)


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
    return join([-(not SINGLE.is_nan(a) and not SINGLE.is_nan(b) and holds(to_float(a), to_float(b)))
                 for a, b in zip(split(x, 32), split(y, 32), strict=True)], 32)


_ROUNDINGS = {"nearest": ieee.NEAREST, "zero": ieee.TO_ZERO, "up": ieee.UP, "down": ieee.DOWN}


def _round(how: str, x: int) -> int:
    return ieee.to_integral(SINGLE, x, _ROUNDINGS[how]).bits


def _from_integer(_t: Type, is_signed: bool, x: int, scale: int) -> int:
    return join([from_float((signed(e, 32) if is_signed else e) * 2.0 ** -(scale & 31)) for e in split(x, 32)], 32)


def _limits(is_signed: bool) -> tuple[int, int]:
    return (-(1 << 31), (1 << 31) - 1) if is_signed else (0, (1 << 32) - 1)


def _to_integer(_t: Type, is_signed: bool, x: int, scale: int) -> int:
    low, high = _limits(is_signed)
    return join([0 if SINGLE.is_nan(e) else int(max(low, min(high, to_float(e) * 2.0 ** (scale & 31))))
                 for e in split(x, 32)], 32)


def _saturates(_t: Type, is_signed: bool, x: int, scale: int) -> int:
    low, high = _limits(is_signed)
    scaled = [to_float(e) * 2.0 ** (scale & 31) for e in split(x, 32) if not SINGLE.is_nan(e)]
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
    Op("vfmax", V2, I128, "Maximum; +0 is above -0.", _lanewise(_unless_nan(_maximum))),
    Op("vfmin", V2, I128, "Minimum; -0 is below +0.", _lanewise(_unless_nan(_minimum))),
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
       _lanewise(_unless_nan(lambda how, x: _ESTIMATES[how](x))), attr="function"),
    Op("vfflush", (I128, I1), I128, "If the second operand is 1, denormals become zeros of their sign.", _flush),
)
