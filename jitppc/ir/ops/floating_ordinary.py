"""The `o_` ops: results of floating-point operations in the ordinary case, for code that says what happened later.

An `o_` op is the number of the `f_` op of that name. Native code leaves there unless the case is ordinary: RN is
nearest, the result is a normal number, zero or (where the host's flags are watched) infinity, and what the operation
does to the FPSCR is at most FR, FI, FPRF and sticky bits that are set already, or will be as the host's flags say. The
first three follow from the last operation alone, so they wait as a *pending record* in the registers fp_kind, fp_x,
fp_y, fp_z and fp_class until somebody looks: `settled` says what the FPSCR is then. Everything but native code always
finds a settled FPSCR.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from jitppc.ir import ieee
from jitppc.ir.fpscr import FPSCR, Pending
from jitppc.ir.ieee import DOUBLE, SINGLE, Rounding
from jitppc.ir.types import I1, I64, I128, NOTHING, signed

from .row import Effect, Op

NAMES = ("f_add", "f_sub", "f_mul", "f_div", "f_sqrt", "f_fma", "f_narrow", "f_from_int", "f_to_int", "f_to_integral",
         "f_compare", "f_extremum")


def _number_of(evaluate: Callable[..., int]) -> Callable[..., int]:
    return lambda t, attr, *operands: evaluate(t, attr, *operands) & I64.mask


def rows_from(rows: tuple[Op, ...]) -> tuple[Op, ...]:
    """The rows of the o_ ops, from those of the f_ ops."""
    made = []
    for row in rows:
        if row.name in NAMES and row.evaluate is not None and row.result is I128:
            says = f"The number of {row.name}, where that is an ordinary case."
            made.append(replace(row, name="o" + row.name[1:], result=I64, says=says,
                                evaluate=_number_of(row.evaluate)))
    return tuple(made)


LEAVE_IF = Op("leave_if", (I1,), NOTHING, "Native code starts the instruction afresh on the slow path if 1. Only "
              "regions hold it.", effects=Effect.MAY_INTERRUPT)


# --- what is pending

INFINITY = 0x7FF << 52


def _fr_fi(kind: int, x: int, y: int, z: int, fpscr: int) -> int:
    """FR and FI after the operation of a record."""
    how = Rounding(SINGLE if kind in Pending.SINGLES else DOUBLE, fpscr)
    if kind == Pending.EXACT:
        return 0
    if kind in (Pending.INTEGER, Pending.WHOLE):
        rounded = ieee.from_integer(DOUBLE, signed(y, 64), Rounding(DOUBLE)).bits if kind == Pending.INTEGER else y
        magnitude = rounded & DOUBLE.sign_bit - 1
        inexact = ieee.compare(DOUBLE, x, rounded) != 2
        return (FPSCR.FI if inexact else 0) | (FPSCR.FR if magnitude > x & DOUBLE.sign_bit - 1 else 0)
    name, attr = Pending.OPERATIONS[kind]
    if name == "f_fma":
        r = ieee.multiply_add(DOUBLE, x, y, z, how, subtract=attr[0] == "msub")
    elif name == "f_sqrt":
        r = ieee.square_root(DOUBLE, x, how)
    elif name in ("f_add", "f_sub"):
        r = ieee.add(DOUBLE, x, y, how, subtract=name == "f_sub")
    else:
        r = {"f_mul": ieee.multiply, "f_div": ieee.divide}[name](DOUBLE, x, y, how)
    return (FPSCR.FI if r.fi else 0) | (FPSCR.FR if r.fr else 0)


def _class(bits: int) -> int:
    """FPRF of a normal number, infinity or zero."""
    negative = bits >> 63
    if magnitude := bits & DOUBLE.sign_bit - 1:
        infinite = FPSCR.FU if magnitude == INFINITY else 0
        return infinite | (FPSCR.FL if negative else FPSCR.FG)
    return FPSCR.FE | (FPSCR.C if negative else 0)


def settled(fpscr: int, kind: int, x: int, y: int, z: int, class_: int) -> int:
    """The FPSCR, from what stands in its place and the pending record."""
    if kind & Pending.OPERATION:
        fpscr = fpscr & ~(FPSCR.FR | FPSCR.FI) | _fr_fi(kind & Pending.OPERATION, x, y, z, fpscr)
    if kind & Pending.CLASS:
        fpscr = fpscr & ~FPSCR.FPRF | _class(class_)
    if kind & Pending.CODE:
        fpscr = fpscr & ~FPSCR.FPCC | (kind >> Pending.CODE_SHIFT & 15) << 12
    return fpscr

