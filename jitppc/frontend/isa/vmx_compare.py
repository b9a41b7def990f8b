"""Vector integer compares. Ref: Book I 6.9.3."""

from __future__ import annotations

from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

from .vmx_lanes import comparison

REF = "Book I 6.9.3"

comparison("Ones where elements are equal.",
           [("vcmpequb", 6, 8), ("vcmpequh", 70, 16), ("vcmpequw", 134, 32), ("vcmpequd", 199, 64, "2.07")],
           lambda b, n, x, y: b.vcmpeq(n, x, y), ref=REF)
comparison("Ones where VRA's unsigned element is greater.",
           [("vcmpgtub", 518, 8), ("vcmpgtuh", 582, 16), ("vcmpgtuw", 646, 32), ("vcmpgtud", 711, 64, "2.07")],
           lambda b, n, x, y: b.vcmpgtu(n, x, y), ref=REF)
comparison("Ones where VRA's signed element is greater.",
           [("vcmpgtsb", 774, 8), ("vcmpgtsh", 838, 16), ("vcmpgtsw", 902, 32), ("vcmpgtsd", 967, 64, "2.07")],
           lambda b, n, x, y: b.vcmpgts(n, x, y), ref=REF)
comparison("Ones where elements differ.", [("vcmpneb", 7, 8), ("vcmpneh", 71, 16), ("vcmpnew", 135, 32)],
           lambda b, n, x, y: b.not_(b.vcmpeq(n, x, y)), since="3.0", ref=REF)


def differ_or_zero(b: Builder, lane: int, x: Value, y: Value) -> Value:
    """Ones where elements differ or either is 0; equal elements are 0 together."""
    return b.or_(b.not_(b.vcmpeq(lane, x, y)), b.vcmpeq(lane, x, 0))


comparison("Ones where elements differ or either is 0.",
           [("vcmpnezb", 263, 8), ("vcmpnezh", 327, 16), ("vcmpnezw", 391, 32)],
           differ_or_zero, since="3.0", ref=REF)
