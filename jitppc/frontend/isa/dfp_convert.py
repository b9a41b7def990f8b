"""Decimal conversions between formats, to and from integers and packed digits, and moves of fields.

Ref: Book I 5.6.5, 5.6.6.
"""

from __future__ import annotations

from jitppc.frontend.rows import Fields
from jitppc.ir.builder import Builder

from .dfp_registers import LONG, QUAD, Body, both, deliver, deliver_move, fpr, number, row

FORMAT, TYPE, FIELD = "Book I 5.6.5.1", "Book I 5.6.5.2", "Book I 5.6.6"
SHORT = 32
WIDEN, NARROW, TO_FIXED, FROM_FIXED = "0100000010", "1100000010", "0100100010", "1100100010"


def converted(target: int, source: int) -> Body:
    """FRT <- (FRB) in another format. Of a short number an FPR has the bits at its right."""
    def body(b: Builder, i: Fields) -> None:
        y = number(b, i, source, "FRB") if source == QUAD else fpr(b, i, "FRB")
        deliver(b, i, "convert", target, 0, y, source, target=QUAD if QUAD in (target, source) else LONG)
    return body


row(LONG, "X", "dctdp", f"FRT ///// FRB {WIDEN} Rc", "FRT,FRB",
    "FRT <- the short number (FRB)[32:63] as a long one.", converted(LONG, SHORT), FORMAT)
row(QUAD, "X", "dctqpq", f"FRTp ///// FRB {WIDEN} Rc", "FRTp,FRB",
    "FRTp <- the long number (FRB) as a quad.", converted(QUAD, LONG), FORMAT)
row(LONG, "X", "drsp", f"FRT ///// FRB {NARROW} Rc", "FRT,FRB",
    "FRT[32:63] <- (FRB) rounded to short, FRT[0:31] <- 0; with a wrapped exponent it is a long number.",
    converted(SHORT, LONG), FORMAT)
row(QUAD, "X", "drdpq", f"FRTp ///// FRBp {NARROW} Rc", "FRTp,FRBp",
    "FRTp <- (FRBp) rounded to long || 0; with a wrapped exponent it is a quad.", converted(LONG, QUAD), FORMAT)


def from_fixed(size: int) -> Body:
    def body(b: Builder, i: Fields) -> None:
        deliver(b, i, "from_integer", size, 0, b.sext(b.get("fpr", i.FRB), 128))
    return body


def to_fixed(size: int) -> Body:
    def body(b: Builder, i: Fields) -> None:
        deliver(b, i, "to_integer", size, 0, number(b, i, size, "FRB"), 64, target=LONG)
    return body


row(LONG, "X", "dcffix", f"FRT ///// FRB {FROM_FIXED} Rc", "FRT,FRB", "FRT <- the signed doubleword (FRB).",
    from_fixed(LONG), TYPE, since="2.06")
row(QUAD, "X", "dcffixq", f"FRTp ///// FRB {FROM_FIXED} Rc", "FRTp,FRB", "FRTp <- the signed doubleword (FRB).",
    from_fixed(QUAD), TYPE)
both("X", "dctfix", f"FRT ///// FRB* {TO_FIXED} Rc", "FRT,FRB*",
     "FRT <- (FRB*) as a signed doubleword. FPRF, which the book leaves open, stays.", to_fixed, TYPE)


def to_bcd(size: int) -> Body:
    def body(b: Builder, i: Fields) -> None:
        deliver_move(b, i, "to_bcd", size, 0, number(b, i, size, "FRB"), i.SP)
    return body


def from_bcd(size: int) -> Body:
    def body(b: Builder, i: Fields) -> None:
        deliver(b, i, "from_bcd", size, 0, number(b, i, size, "FRB"), i.S)
    return body


both("X", "ddedpd", "FRT* SP /// FRB* 0101000010 Rc", "SP,FRT*,FRB*",
     "FRT* <- the last digits of (FRB*), packed; SP: 2 with a sign, + is 0xC; 3 likewise, + is 0xF.", to_bcd, FIELD)
both("X", "denbcd", "FRT* S:1 //// FRB* 1101000010 Rc", "S,FRT*,FRB*",
     "FRT* <- the number with the packed digits (FRB*), of which the last is a sign if S.", from_bcd, FIELD)


def extract(size: int) -> Body:
    def body(b: Builder, i: Fields) -> None:
        deliver_move(b, i, "extract", size, 0, number(b, i, size, "FRB"), target=LONG)
    return body


def insert(size: int) -> Body:
    def body(b: Builder, i: Fields) -> None:
        deliver_move(b, i, "insert", size, 0, number(b, i, size, "FRB"), b.get("fpr", i.FRA))
    return body


both("X", "dxex", "FRT ///// FRB* 0101100010 Rc", "FRT,FRB*",
     "FRT <- the biased exponent of (FRB*); -1 of infinities, -2 of quiet, -3 of signalling NaNs.", extract, FIELD)
both("X", "diex", "FRT* FRA FRB* 1101100010 Rc", "FRT*,FRA,FRB*",
     "FRT* <- (FRB*) with the biased exponent (FRA), which may be one of those that dxex gives.", insert, FIELD)


def shift(name: str, xo: str, operation: str) -> None:
    """FRT* <- (FRA*) with its digits shifted; the exponent stays."""
    def sized(size: int) -> Body:
        def body(b: Builder, i: Fields) -> None:
            deliver_move(b, i, operation, size, number(b, i, size, "FRA"), 0, i.SH)
        return body
    where = operation.removeprefix("shift_")
    both("Z22", name, f"FRT* FRA* SH:6 {xo} Rc", "FRT*,FRA*,SH", f"FRT* <- (FRA*), its digits shifted {where} by SH.",
         sized, FIELD)


shift("dscli", "001000010", "shift_left")
shift("dscri", "001100010", "shift_right")
