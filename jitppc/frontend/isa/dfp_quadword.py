"""Decimal conversions to and from integers of 128 bits. Ref: Book I 5.6.5.2."""

from __future__ import annotations

from jitppc.frontend.rows import Fields
from jitppc.ir.builder import Builder
from jitppc.ir.fpscr import NO_RESULT

from .dfp_registers import QUAD, compute, number, put_number, row
from .fp_registers import set_fpscr

REF = "Book I 5.6.5.2"


def dcffixqq(b: Builder, i: Fields) -> None:
    b.require("VECTOR")
    result, status = compute(b, "from_integer", QUAD, 0, b.get("vr", i.VRB), 0)
    put_number(b, i, QUAD, result)
    set_fpscr(b, b.and_(status, ~NO_RESULT))


def dctfixqq(b: Builder, i: Fields) -> None:
    b.require("VECTOR")
    result, status = compute(b, "to_integer", QUAD, 0, number(b, i, QUAD, "FRB"), 128)
    b.set("vr", i.VRT, b.select(b.slt(status, 0), b.get("vr", i.VRT), result))
    set_fpscr(b, b.and_(status, ~NO_RESULT))


row(QUAD, "X", "dcffixqq", "FRTp 00000 VRB 1111100010 /", "FRTp,VRB", "FRTp <- the signed quadword (VRB).", dcffixqq,
    REF, since="3.1")
row(QUAD, "X", "dctfixqq", "VRT 00001 FRBp 1111100010 /", "VRT,FRBp",
    "VRT <- (FRBp) as a signed quadword. FPRF, which the book leaves open, stays.", dctfixqq, REF, since="3.1")
