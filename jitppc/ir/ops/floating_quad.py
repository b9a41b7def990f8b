"""Quad-precision operations. Each is two ops, because a result and an FPSCR do not fit into one value: `q_x` gives the
number and `q_x_status` the FPSCR, with NO_RESULT as the f_ ops have it (then the number is open).

The attribute ends in whether the result is rounded to odd. Ref: Book I 7.6.3, the qp instructions.
"""

from __future__ import annotations

from collections.abc import Callable

from jitppc.ir import ieee
from jitppc.ir.fpscr import FPSCR
from jitppc.ir.ieee import DOUBLE, QUAD, Format, Result, Rounding
from jitppc.ir.types import I64, I128, Type, signed

from .floating_status import limits, settled, signalling, unrounded
from .row import Op

#: double-extended precision: quad's exponents, a significand of 64 bits
EXTENDED = Format(15, 63, 24576)


def _rounding(fpscr: int, odd: bool, to: Format = QUAD) -> Rounding:
    return Rounding(to, fpscr, ieee.TO_ODD if odd else None)


def _binary(attr: tuple[str, bool], x: int, y: int, fpscr: int) -> Result:
    kind, odd = attr
    how = _rounding(fpscr, odd)
    if kind in ("add", "sub"):
        return ieee.add(QUAD, x, y, how, subtract=kind == "sub")
    return (ieee.multiply if kind == "mul" else ieee.divide)(QUAD, x, y, how)


def _multiply_add(attr: tuple[str, bool], x: int, z: int, y: int, fpscr: int) -> Result:
    kind, odd = attr
    return ieee.multiply_add(QUAD, x, z, y, _rounding(fpscr, odd), subtract=kind.endswith("msub"),
                             negate=kind.startswith("n"))


def _sqrt(odd: bool, x: int, fpscr: int) -> Result:
    return ieee.square_root(QUAD, x, _rounding(fpscr, odd))


def _integral(exact: bool, x: int, mode: int, _fpscr: int) -> Result:
    return ieee.to_integral(QUAD, x, mode, exact=exact)


def _extended(_a: object, x: int, mode: int, fpscr: int) -> Result:
    from_nan = ieee.nan_result(QUAD, (x,))
    if from_nan is not None:
        return from_nan
    if QUAD.is_zero(x) or QUAD.is_infinite(x):
        return ieee.exactly(QUAD, x)
    how = Rounding(EXTENDED, fpscr, mode)
    return how(QUAD, bool(x & QUAD.sign_bit), *QUAD.parts(x))


def _to_double(odd: bool, x: int, fpscr: int) -> Result:
    r = ieee.narrowed(QUAD, DOUBLE, x, fpscr, ieee.TO_ODD if odd else None)
    return Result(r.bits << 64, r.fprf, r.exceptions, r.fi, r.fr)


def _of_double(_a: object, x: int, _fpscr: int) -> Result:
    wide = ieee.widened(DOUBLE, QUAD, x)
    return ieee.nan_result(QUAD, (wide,)) or ieee.exactly(QUAD, wide)


def _of_int(is_signed: bool, x: int, _fpscr: int) -> Result:
    return ieee.from_integer(QUAD, signed(x, 64) if is_signed else x, Rounding(QUAD))


def _to_int(attr: tuple[bool, int], x: int, _fpscr: int) -> Result:
    r = ieee.to_integer(QUAD, x, *limits(*attr), ieee.TO_ZERO)
    return Result(r.bits << 64, r.fprf, r.exceptions, r.fi, r.fr)


def _of_int128(is_signed: bool, x: int, fpscr: int) -> Result:
    return ieee.from_integer(QUAD, signed(x, 128) if is_signed else x, Rounding(QUAD, fpscr))


def _to_int128(is_signed: bool, x: int, _fpscr: int) -> Result:
    return ieee.to_integer(QUAD, x, *limits(is_signed, 128), ieee.TO_ZERO, 128)


def _extremum(kind: str, x: int, y: int, _fpscr: int) -> Result:
    code = ieee.compare(QUAD, x, y)
    return Result(x if code == (4 if kind == "maxc" else 8) else y, None, signalling(QUAD, (x, y)))


def _compare(_t: Type, ordered: bool, x: int, y: int, fpscr: int) -> int:
    code = ieee.compare(QUAD, x, y)
    exceptions = signalling(QUAD, (x, y))
    if ordered and code == 1 and not (exceptions and fpscr & FPSCR.VE):
        exceptions |= FPSCR.VXVC
    return unrounded(fpscr & ~FPSCR.FPCC | code << 12, exceptions)


def _pair(name: str, args: tuple[Type, ...], says: str, function: Callable[..., Result],
          attr: str | None) -> tuple[Op, Op]:
    """The two ops of an operation."""
    def number(_t: Type, attribute: object, *operands: int) -> int:
        return function(attribute, *operands).bits

    def status(_t: Type, attribute: object, *operands: int) -> int:
        return settled(operands[-1], function(attribute, *operands))
    return (Op(name, (*args, I64), I128, says, number, attr=attr),
            Op(f"{name}_status", (*args, I64), I64, says + " The FPSCR.", status, attr=attr))


ROWS = (
    *_pair("q_binary", (I128, I128), "Sum, difference, product or quotient; the attribute is (add, sub, mul or div, "
           "odd).", _binary, "kind"),
    *_pair("q_fma", (I128, I128, I128), "x * z + y, rounded once; the attribute is (madd, msub, nmadd or nmsub, odd).",
           _multiply_add, "kind"),
    *_pair("q_sqrt", (I128,), "Square root; the attribute is odd.", _sqrt, "odd"),
    *_pair("q_integral", (I128, I64), "Rounded to an integer by the mode; inexactness counts with the attribute.",
           _integral, "exact"),
    *_pair("q_extended", (I128, I64), "Rounded to 64 bits of significand by the mode.", _extended, None),
    *_pair("q_to_double", (I128,), "Rounded to double, as high doubleword; the attribute is odd.", _to_double, "odd"),
    *_pair("q_of_double", (I64,), "A double as a quad.", _of_double, None),
    *_pair("q_of_int", (I64,), "An integer as a quad; the attribute is signed.", _of_int, "signed"),
    *_pair("q_to_int", (I128,), "An integer, toward zero, extended to 64 bits, as high doubleword; the attribute is "
           "(signed, bits).", _to_int, "kind"),
    *_pair("q_of_int128", (I128,), "A 128-bit integer as a quad, rounded; the attribute is signed.", _of_int128,
           "signed"),
    *_pair("q_to_int128", (I128,), "A 128-bit integer, toward zero; the attribute is signed.", _to_int128, "signed"),
    Op("q_extremum", (I128, I128, I64), I128, "The first if it is the larger (attribute maxc) or the smaller (minc), "
       "else the second.", lambda t, a, x, y, fpscr: _extremum(a, x, y, fpscr).bits, attr="kind"),
    Op("q_extremum_status", (I128, I128, I64), I64, "The FPSCR of q_extremum: FPRF, FR and FI stay.",
       lambda t, a, x, y, fpscr: unrounded(fpscr, signalling(QUAD, (x, y))), attr="kind"),
    Op("q_compare", (I128, I128, I64), I64, "FPCC, as a CR field.",
       lambda t, a, x, y, fpscr: ieee.compare(QUAD, x, y), attr="ordered"),
    Op("q_compare_status", (I128, I128, I64), I64, "The FPSCR with FPCC; the attribute is 1 when QNaNs are invalid.",
       _compare, attr="ordered"),
)
