"""Arithmetic on the elements of a VSR. Each operation is two ops, as in floating_quad.py: `fv_x` gives the vector and
`fv_x_status` the FPSCR, with NO_RESULT when any element has an enabled exception (then the vector is open).

FR, FI and FPRF stay. The attribute ends in the precision of the elements, 64 or 32. Ref: Book I 7.4, 7.6.3.
"""

from __future__ import annotations

from collections.abc import Callable

from jitppc.ir import ieee
from jitppc.ir.fpscr import FPSCR, NO_RESULT, with_summaries
from jitppc.ir.ieee import DOUBLE, SINGLE, Result, Rounding
from jitppc.ir.types import I64, I128, Type

from .row import Op
from .vector_lanes import join, split

FORMATS = {64: DOUBLE, 32: SINGLE}


def _binary(attr: tuple[str, int], x: int, y: int, how: Rounding) -> Result:
    kind, precision = attr
    fmt = FORMATS[precision]
    if kind in ("add", "sub"):
        return ieee.add(fmt, x, y, how, subtract=kind == "sub")
    return (ieee.multiply if kind == "mul" else ieee.divide)(fmt, x, y, how)


def _multiply_add(attr: tuple[str, int], x: int, z: int, y: int, how: Rounding) -> Result:
    kind, precision = attr
    return ieee.multiply_add(FORMATS[precision], x, z, y, how, subtract=kind.endswith("msub"),
                             negate=kind.startswith("n"))


def _sqrt(precision: int, x: int, how: Rounding) -> Result:
    return ieee.square_root(FORMATS[precision], x, how)


def vector_status(fpscr: int, exceptions: int) -> int:
    """The FPSCR after exceptions of any elements, with NO_RESULT."""
    causes = exceptions | (FPSCR.VX if exceptions & FPSCR.INVALID else 0)
    forbidden = causes >> FPSCR.ENABLE_SHIFT & fpscr & FPSCR.ENABLES
    new = fpscr | exceptions | (FPSCR.FX if exceptions & ~fpscr else 0)
    return with_summaries(new) | (NO_RESULT if forbidden else 0)


def _pair(name: str, count: int, says: str, function: Callable[..., Result], attr: str) -> tuple[Op, Op]:
    """The two ops of an operation with `count` vectors."""
    def results(attribute: tuple[str, int] | int, operands: tuple[int, ...]) -> tuple[int, list[Result]]:
        *vectors, fpscr = operands
        lane = attribute if isinstance(attribute, int) else attribute[1]
        how = Rounding(FORMATS[lane], fpscr)
        columns = zip(*(split(x, lane) for x in vectors), strict=True)
        return lane, [function(attribute, *column, how) for column in columns]

    def vector(_t: Type, attribute: tuple[str, int] | int, *operands: int) -> int:
        lane, elements = results(attribute, operands)
        return join([r.bits for r in elements], lane)

    def status(_t: Type, attribute: tuple[str, int] | int, *operands: int) -> int:
        exceptions = 0
        for r in results(attribute, operands)[1]:
            exceptions |= r.exceptions
        return vector_status(operands[-1], exceptions)
    args = (I128,) * count + (I64,)
    return (Op(name, args, I128, says, vector, attr=attr),
            Op(f"{name}_status", args, I64, says + " The FPSCR.", status, attr=attr))


ROWS = (
    *_pair("fv_binary", 2, "Sums, differences, products or quotients; the attribute is (add, sub, mul or div, "
           "precision).", _binary, "kind"),
    *_pair("fv_fma", 3, "x * z + y, rounded once; the attribute is (madd, msub, nmadd or nmsub, precision).",
           _multiply_add, "kind"),
    *_pair("fv_sqrt", 1, "Square roots; the attribute is the precision.", _sqrt, "precision"),
)
