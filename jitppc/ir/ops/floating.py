"""Floating-point ops on the bits of IEEE 754 values.

An `f_` op is one operation of the book, with everything it does to the FPSCR: it takes the FPSCR as last operand and
returns pack(new FPSCR, result). In a returned FPSCR bit 0 (`NO_RESULT`) says that an enabled exception forbids writing
the result. Numbers are in double format; the attribute `precision` (64 or 32) is what results are rounded to.

Native code may leave at an `f_` op, to start the instruction afresh where the case is not an ordinary one: hence its
effect. A `d_` op is what the host does to doubles with one instruction: nearest even, no status; which NaN it makes is
open. The `f_` ops are built from them (backend/lower/floating*.py). The meaning of both is jitppc/ir/ieee.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from jitppc.ir import ieee
from jitppc.ir.fpscr import FPSCR
from jitppc.ir.ieee import BFLOAT, DOUBLE, HALF, SINGLE, Result, Rounding
from jitppc.ir.types import I1, I32, I64, I128, Type, signed

from . import floating_ordinary, floating_outer, floating_quad, floating_vector
from .floating_status import limits, settled, signalling, unrounded
from .row import Effect, Op

PRECISION = {64: DOUBLE, 32: SINGLE}
MODES = {"nearest": ieee.NEAREST, "zero": ieee.TO_ZERO, "up": ieee.UP, "down": ieee.DOWN, "away": ieee.NEAR_AWAY}


def _packed(fpscr: int, r: Result) -> int:
    return settled(fpscr, r) << 64 | r.bits


def _of_precision(precision: int, r: Result) -> Result:
    """A NaN of a single-precision operation keeps only the payload a single has room for."""
    if precision == 32 and DOUBLE.is_nan(r.bits):
        return Result(r.bits >> 29 << 29, r.fprf, r.exceptions)
    return r


def _arithmetic(function: Callable[..., Result], **options: bool) -> Callable[..., int]:
    """An `evaluate` from function(DOUBLE, *operands, rounding)."""
    def evaluate(_t: Type, precision: int, *operands: int) -> int:
        *numbers, fpscr = operands
        how = Rounding(PRECISION[precision], fpscr)
        return _packed(fpscr, _of_precision(precision, function(DOUBLE, *numbers, how, **options)))
    return evaluate


def _multiply_add(_t: Type, attr: tuple[str, int], x: int, z: int, y: int, fpscr: int) -> int:
    kind, precision = attr
    how = Rounding(PRECISION[precision], fpscr)
    r = ieee.multiply_add(DOUBLE, x, z, y, how, subtract=kind.endswith("msub"), negate=kind.startswith("n"))
    return _packed(fpscr, _of_precision(precision, r))


def _narrow(_t: Type, bits: int | str, x: int, fpscr: int) -> int:
    if bits == 32:
        return _packed(fpscr, ieee.rounded_to(DOUBLE, x, Rounding(SINGLE, fpscr)))
    to = BFLOAT if bits == "bfloat" else HALF
    r = ieee.narrowed(DOUBLE, to, x, fpscr & ~(FPSCR.OE | FPSCR.UE))
    if fpscr & FPSCR.UE and ieee.is_tiny(DOUBLE, to, x):  # an underflow though it may be exact
        r = replace(r, exceptions=r.exceptions | FPSCR.UX)
    return _packed(fpscr, r)


def _from_integer(_t: Type, attr: tuple[bool, int], x: int, fpscr: int) -> int:
    is_signed, precision = attr
    value = signed(x, 64) if is_signed else x
    return _packed(fpscr, ieee.from_integer(DOUBLE, value, Rounding(PRECISION[precision], fpscr)))


def _to_integer(_t: Type, attr: tuple[bool, int, bool], x: int, fpscr: int) -> int:
    is_signed, bits, truncates = attr
    mode = ieee.TO_ZERO if truncates else fpscr & FPSCR.RN
    return _packed(fpscr, ieee.to_integer(DOUBLE, x, *limits(is_signed, bits), mode))


def _to_integral(_t: Type, mode: str, x: int, fpscr: int) -> int:
    """`mode` "current" is the one that says when it is inexact."""
    if mode == "current":
        return _packed(fpscr, ieee.to_integral(DOUBLE, x, fpscr & FPSCR.RN, exact=True))
    return _packed(fpscr, ieee.to_integral(DOUBLE, x, MODES[mode]))


def _compare(_t: Type, ordered: bool, x: int, y: int, fpscr: int) -> int:
    code = ieee.compare(DOUBLE, x, y)
    exceptions = signalling(DOUBLE, (x, y))
    if ordered and code == 1 and not (exceptions and fpscr & FPSCR.VE):
        exceptions |= FPSCR.VXVC
    return unrounded(fpscr & ~FPSCR.FPCC | code << 12, exceptions) << 64 | code


def _extremum(_t: Type, kind: str, x: int, y: int, fpscr: int) -> int:
    """`kind` is max or min, with a c (as C's ?: does it) or a j (as Java does it) behind."""
    exceptions = signalling(DOUBLE, (x, y))
    nan_x, nan_y = DOUBLE.is_nan(x), DOUBLE.is_nan(y)
    sign = -1 if kind.startswith("min") else 1
    a, c = sign * ieee.order(DOUBLE, x), sign * ieee.order(DOUBLE, y)
    if kind.endswith("c"):
        bits = x if not (nan_x or nan_y) and a > c else y
    elif kind.endswith("j") and (nan_x or nan_y):
        bits = x if nan_x else y
    elif nan_x or nan_y:
        quiet = DOUBLE.quiet
        if DOUBLE.is_signalling(x):
            bits = x | quiet
        elif nan_x:
            bits = y | quiet if DOUBLE.is_signalling(y) else x if nan_y else y
        else:
            bits = y | quiet if DOUBLE.is_signalling(y) else x
    elif a == c:                       # equal, or zeros: +0 is the larger
        bits = x | y if sign < 0 else x & y
    else:
        bits = x if a > c else y
    return unrounded(fpscr, exceptions) << 64 | bits


ONE = 0x3FF << 52


def _reciprocal(_t: Type, precision: int, x: int, fpscr: int) -> int:
    how = Rounding(PRECISION[precision], fpscr, ieee.NEAREST)
    return _packed(fpscr, _of_precision(precision, _estimate(ieee.divide(DOUBLE, ONE, x, how))))


def _reciprocal_root(_t: Type, precision: int, x: int, fpscr: int) -> int:
    how = Rounding(PRECISION[precision], fpscr, ieee.NEAREST)
    root = ieee.square_root(DOUBLE, x, Rounding(DOUBLE, 0))
    if root.exceptions & FPSCR.INVALID or DOUBLE.is_nan(root.bits):
        return _packed(fpscr, _of_precision(precision, root))
    return _packed(fpscr, _estimate(ieee.divide(DOUBLE, ONE, root.bits, how)))


def _estimate(r: Result) -> Result:
    """Estimates raise no inexact exception; FR and FI are undefined and 0 here."""
    return Result(r.bits, r.fprf, r.exceptions & ~FPSCR.XX)


def _single_of_double(_t: Type, _a: object, x: int) -> int:
    return ieee.stored_single(x)


def _host(function: Callable[..., Result]) -> Callable[..., int]:
    """An `evaluate` of a d_ op."""
    def evaluate(_t: Type, _a: object, *operands: int) -> int:
        return function(DOUBLE, *operands, Rounding(DOUBLE)).bits
    return evaluate


def _d_single(_t: Type, _a: object, x: int) -> int:
    return ieee.rounded_to(DOUBLE, x, Rounding(SINGLE)).bits


def _d_to_int(_t: Type, _a: object, x: int) -> int:
    return ieee.to_integer(DOUBLE, x, *limits(True, 64), ieee.TO_ZERO).bits


ONE_OPERAND, TWO_OPERANDS, THREE_OPERANDS = (I64, I64), (I64, I64, I64), (I64, I64, I64, I64)


def leaving(row: Op) -> Op:
    """The row of an op at which native code may leave."""
    return replace(row, effects=Effect.MAY_INTERRUPT)


_F_ROWS = (
    Op("f_add", TWO_OPERANDS, I128, "Sum.", _arithmetic(ieee.add), attr="precision"),
    Op("f_sub", TWO_OPERANDS, I128, "Difference.", _arithmetic(ieee.add, subtract=True), attr="precision"),
    Op("f_mul", TWO_OPERANDS, I128, "Product.", _arithmetic(ieee.multiply), attr="precision"),
    Op("f_div", TWO_OPERANDS, I128, "Quotient.", _arithmetic(ieee.divide), attr="precision"),
    Op("f_sqrt", ONE_OPERAND, I128, "Square root.", _arithmetic(ieee.square_root), attr="precision"),
    Op("f_fma", THREE_OPERANDS, I128, "x * z + y, rounded once; the attribute is (madd, msub, nmadd or nmsub, "
       "precision).", _multiply_add, attr="kind"),
    Op("f_narrow", ONE_OPERAND, I128, "Rounded to single (attribute 32, kept as double), to half precision (16, as "
       "the 16 bits of a half) or to bfloat (the same).", _narrow, attr="format"),
    Op("f_from_int", ONE_OPERAND, I128, "A 64-bit integer as a number; the attribute is (signed, precision).",
       _from_integer, attr="kind"),
    Op("f_to_int", ONE_OPERAND, I128, "An integer, sign- or zero-extended to 64 bits; the attribute is (signed, bits, "
       "toward zero instead of RN). FPRF stays.", _to_integer, attr="kind"),
    Op("f_to_integral", ONE_OPERAND, I128, "Rounded to an integer, kept as double; the attribute is a mode: nearest, "
       "away, zero, up, down, or current (RN; the only one that can be inexact).", _to_integral, attr="mode"),
    Op("f_compare", TWO_OPERANDS, I128, "FPCC, as a CR field; the attribute is 1 when QNaNs are invalid. C, FR and FI "
       "stay.", _compare, attr="ordered"),
    Op("f_extremum", TWO_OPERANDS, I128, "Maximum or minimum; the attribute is max, min, maxc, minc, maxj or minj. "
       "FPRF, FR and FI stay.", _extremum, attr="kind"),
    Op("f_reciprocal", ONE_OPERAND, I128, "Estimate of 1 / x: here the nearest number.", _reciprocal, attr="precision"),
    Op("f_reciprocal_root", ONE_OPERAND, I128, "Estimate of 1 / sqrt(x): here both operations, each to nearest.",
       _reciprocal_root, attr="precision"),
)

ROWS: tuple[Op, ...] = (
    *map(leaving, (*_F_ROWS, *floating_ordinary.rows_from(_F_ROWS), *floating_quad.ROWS, *floating_vector.ROWS,
                   *floating_outer.ROWS)),
    floating_ordinary.LEAVE_IF,
    Op("double_of_single", (I32,), I64, "A single's bits in double format, signalling NaNs as they are.",
       lambda t, a, x: ieee.widened(SINGLE, DOUBLE, x)),
    Op("single_of_double", (I64,), I32, "A double's bits in single format, as stores convert: never rounded, "
       "denormalized when small, 0 when too small (undefined in the book).", _single_of_double),
    Op("double_of_half", (I64,), I64, "The low halfword, a half-precision number, in double format.",
       lambda t, a, x: ieee.widened(HALF, DOUBLE, x & 0xFFFF)),
    Op("d_add", (I64, I64), I64, "x + y.", _host(ieee.add)),
    Op("d_sub", (I64, I64), I64, "x - y.", _host(lambda f, x, y, how: ieee.add(f, x, y, how, subtract=True))),
    Op("d_mul", (I64, I64), I64, "x * y.", _host(ieee.multiply)),
    Op("d_div", (I64, I64), I64, "x / y.", _host(ieee.divide)),
    Op("d_sqrt", (I64,), I64, "The square root.", _host(ieee.square_root)),
    Op("d_fma", (I64, I64, I64), I64, "x * y + z, rounded once.", _host(ieee.multiply_add)),
    Op("d_single", (I64,), I64, "Rounded to single, kept as double.", _d_single),
    Op("d_of_int", (I64,), I64, "A signed integer as a double.",
       lambda t, a, x: ieee.from_integer(DOUBLE, signed(x, 64), Rounding(DOUBLE)).bits),
    Op("d_to_int", (I64,), I64, "Truncated to a signed integer; open unless |x| < 2**63.", _d_to_int),
    Op("d_lg", (I64, I64), I1, "x < y or x > y; 0 with a NaN.",
       lambda t, a, x, y: int(ieee.compare(DOUBLE, x, y) in (8, 4))),
    Op("d_uno", (I64, I64), I1, "A NaN is among x and y.",
       lambda t, a, x, y: int(ieee.compare(DOUBLE, x, y) == 1)),
    Op("d_lt", (I64, I64), I1, "x < y; 0 with a NaN.", lambda t, a, x, y: int(ieee.compare(DOUBLE, x, y) == 8)),
)
