"""Decimal quantum adjustment: numbers with another exponent or fewer digits. Ref: Book I 5.6.4.

RMC, with R where there is one, names the rounding mode; without R, 3 means DRN.
"""

from __future__ import annotations

from jitppc.frontend.rows import Fields
from jitppc.ir.builder import Builder

from .dfp_registers import Body, both, deliver, number

REF = "Book I 5.6.4"


def quantize_immediate(size: int) -> Body:
    def body(b: Builder, i: Fields) -> None:
        control = b.or_(b.shl(i.TE, 2), i.RMC)
        deliver(b, i, "quantize_to", size, 0, number(b, i, size, "FRB"), control)
    return body


def quantize(size: int) -> Body:
    def body(b: Builder, i: Fields) -> None:
        deliver(b, i, "quantize", size, number(b, i, size, "FRA"), number(b, i, size, "FRB"), i.RMC)
    return body


def reround(size: int) -> Body:
    def body(b: Builder, i: Fields) -> None:
        digits = b.and_(b.get("fpr", i.FRA), 63)
        deliver(b, i, "reround", size, 0, number(b, i, size, "FRB"), b.or_(b.shl(digits, 2), i.RMC))
    return body


both("Z23", "dquai", "FRT* TE FRB* RMC 01000011 Rc", "TE,FRT*,FRB*,RMC", "FRT* <- (FRB*) with the exponent TE.",
     quantize_immediate, REF)
both("Z23", "dqua", "FRT* FRA* FRB* RMC 00000011 Rc", "FRT*,FRA*,FRB*,RMC",
     "FRT* <- (FRB*) with the exponent of (FRA*).", quantize, REF)
both("Z23", "drrnd", "FRT* FRA FRB* RMC 00100011 Rc", "FRT*,FRA,FRB*,RMC",
     "FRT* <- (FRB*) rounded to (FRA)[58:63] digits; to any number of them when that is 0.", reround, REF)


def integer(name: str, xo: str, tells: bool) -> None:
    """FRT* <- (FRB*) rounded to an integer; `tells` when that was inexact."""
    def sized(size: int) -> Body:
        def body(b: Builder, i: Fields) -> None:
            control = b.or_(b.or_(b.shl(i.R, 2), i.RMC), 8 if tells else 0)
            deliver(b, i, "integral", size, 0, number(b, i, size, "FRB"), control)
        return body
    both("Z23", name, f"FRT* //// R FRB* RMC {xo} Rc", "R,FRT*,FRB*,RMC",
         "FRT* <- (FRB*) rounded to an integer, with" + ("" if tells else "out") + " inexact exception.", sized, REF)


integer("drintx", "01100011", True)
integer("drintn", "11100011", False)
