"""How bodies reach floating-point registers: FPR n is doubleword 0 of VSR n. Ref: Book I 4.2.1, 7.2.1."""

from __future__ import annotations

from jitppc.frontend.rows import Fields
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder, Operand


def set_fpr(b: Builder, index: Operand, bits: Value) -> None:
    """Write an FPR. The other doubleword is undefined in the book; POWER9 clears it."""
    b.set("vsr", index, b.pack(bits, 0))


def record_cr1(b: Builder, i: Fields, fpscr: Value | None = None) -> None:
    """With Rc, CR1 <- FPSCR[FX FEX VX OX]."""
    if i.Rc:
        value = b.get("fpscr") if fpscr is None else fpscr
        b.set_crf(1, b.trunc(b.and_(b.lshr(value, 28), 15), 8))


def scalar(b: Builder, index: Operand) -> Value:
    """Doubleword 0 of a VSR."""
    return b.get("vsr_high", index)


def set_scalar(b: Builder, index: Operand, bits: Value) -> None:
    """Write doubleword 0 of a VSR; doubleword 1 is undefined in the book; POWER9 clears it."""
    b.set("vsr", index, b.pack(bits, 0))


def require_for(b: Builder, upper: int, lower: str) -> None:
    """The facility of an instruction that names any of 64 registers: Vector for the upper 32 (TX or SX is 1)."""
    b.require("VECTOR" if upper else lower)
