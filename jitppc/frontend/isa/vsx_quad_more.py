"""Quad-precision instructions of ISA 3.1: comparisons to masks, extrema, 128-bit integers. Ref: Book I 7.6.3."""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.builder import Builder
from jitppc.ir.fpscr import FPSCR, NO_RESULT
from jitppc.ir.types import I128

from .fp_registers import set_fpscr
from .vsx_compare import RELATIONS
from .vsx_families import REF
from .vsx_quad import BINARY, UNARY, deliver, read


def mask_row(name: str, xo: int, relation: str) -> None:
    """VRT <- ones if the relation holds, else zeros; FPCC stays."""
    wanted, ordered = RELATIONS[relation]

    @insn("X", BINARY.format(xo, "/"), "VRT,VRA,VRB", since="3.1", ref=REF, name=name)
    def _compare(b: Builder, i: Fields) -> None:
        """VRT <- ones if (VRA) relates to (VRB) so, else zeros."""
        vra, vrb = read(b, i.VRA, i.VRB)
        fpscr = b.get("fpscr")
        code = b.q_compare(ordered, vra, vrb, fpscr)
        status = b.q_compare_status(ordered, vra, vrb, fpscr)
        result = b.select(b.ne(b.and_(code, wanted), 0), b.const(-1, I128), b.const(0, I128))
        b.set("vr", i.VRT, b.select(b.slt(status, 0), b.get("vr", i.VRT), result))
        kept = b.or_(b.and_(status, ~(NO_RESULT | FPSCR.FPCC)), b.and_(fpscr, FPSCR.FPCC))
        set_fpscr(b, kept)


for _relation, _xo in (("eq", 68), ("ge", 196), ("gt", 228)):
    mask_row(f"xscmp{_relation}qp", _xo, _relation)


@insn("X", BINARY.format(676, "/"), "VRT,VRA,VRB", since="3.1", ref=REF)
def xsmaxcqp(b: Builder, i: Fields) -> None:
    """VRT <- (VRA) > (VRB) ? (VRA) : (VRB)."""
    deliver(b, i, "q_extremum", "maxc", *read(b, i.VRA, i.VRB))


@insn("X", BINARY.format(740, "/"), "VRT,VRA,VRB", since="3.1", ref=REF)
def xsmincqp(b: Builder, i: Fields) -> None:
    """VRT <- (VRA) < (VRB) ? (VRA) : (VRB)."""
    deliver(b, i, "q_extremum", "minc", *read(b, i.VRA, i.VRB))


@insn("X", UNARY.format(8, 836, "/"), "VRT,VRB", since="3.1", ref=REF)
def xscvqpsqz(b: Builder, i: Fields) -> None:
    """VRT <- (VRB) as a signed quadword, toward zero."""
    deliver(b, i, "q_to_int128", True, *read(b, i.VRB))


@insn("X", UNARY.format(0, 836, "/"), "VRT,VRB", since="3.1", ref=REF)
def xscvqpuqz(b: Builder, i: Fields) -> None:
    """VRT <- (VRB) as an unsigned quadword, toward zero."""
    deliver(b, i, "q_to_int128", False, *read(b, i.VRB))


@insn("X", UNARY.format(11, 836, "/"), "VRT,VRB", since="3.1", ref=REF)
def xscvsqqp(b: Builder, i: Fields) -> None:
    """VRT <- the signed quadword (VRB) as a number."""
    deliver(b, i, "q_of_int128", True, *read(b, i.VRB))


@insn("X", UNARY.format(3, 836, "/"), "VRT,VRB", since="3.1", ref=REF)
def xscvuqqp(b: Builder, i: Fields) -> None:
    """VRT <- the unsigned quadword (VRB) as a number."""
    deliver(b, i, "q_of_int128", False, *read(b, i.VRB))
