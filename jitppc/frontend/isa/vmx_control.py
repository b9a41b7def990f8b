"""Vector Status and Control Register: only NJ and SAT are implemented. Ref: Book I 6.3.2, 6.18."""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.builder import Builder

from .vmx_lanes import read, write

REF = "Book I 6.18"
NJ, SAT = 1 << 16, 1


@insn("VX", "000100 VRT ///// ///// 11000000100", "VRT", since="2.03", ref=REF)
def mfvscr(b: Builder, i: Fields) -> None:
    """VRT <- (VSCR), in the rightmost word."""
    b.require("VECTOR")
    write(b, i, b.zext(b.get("vscr"), 128))


@insn("VX", "000100 ///// ///// VRB 11001000100", "VRB", since="2.03", ref=REF)
def mtvscr(b: Builder, i: Fields) -> None:
    """VSCR <- (VRB).word[3]."""
    [vrb] = read(b, i.VRB)
    b.set("vscr", b.and_(b.lo(vrb), NJ | SAT))
