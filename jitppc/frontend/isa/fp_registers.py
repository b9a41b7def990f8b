"""How bodies reach floating-point state: FPR n is doubleword 0 of VSR n; results carry the FPSCR with them.

Ref: Book I 4.2.1, 4.2.2, 4.4, 7.2.1, 7.4.
"""

from __future__ import annotations

from jitppc.ir.block import Value
from jitppc.ir.builder import Builder, Operand
from jitppc.ir.fpscr import FPSCR, NO_RESULT
from jitppc.ir.layout import MSR


def set_fpr(b: Builder, index: Operand, bits: Value) -> None:
    """Write an FPR. The other doubleword is undefined in the book; POWER9 clears it."""
    b.set("vsr", index, b.pack(bits, 0))


def scalar(b: Builder, index: Operand) -> Value:
    """Doubleword 0 of a VSR."""
    return b.get("vsr_high", index)


def set_scalar(b: Builder, index: Operand, bits: Value) -> None:
    """Write doubleword 0 of a VSR; doubleword 1 is undefined in the book; POWER9 clears it."""
    b.set("vsr", index, b.pack(bits, 0))


def require_for(b: Builder, upper: int, lower: str) -> None:
    """The facility of an instruction that names any of 64 registers: Vector for the upper 32 (TX or SX is 1)."""
    b.require("VECTOR" if upper else lower)


# --- the FPSCR ----------------------------------------------------------------------------------------

def flag(b: Builder, condition: Value, mask: int) -> Value:
    """The mask if the i1 is 1, else 0."""
    return b.select(condition, b.const(mask), b.const(0))


def summarized(b: Builder, fpscr: Value) -> Value:
    """The FPSCR with VX and FEX as the other bits say."""
    plain = b.and_(fpscr, FPSCR.IMPLEMENTED & ~(FPSCR.VX | FPSCR.FEX))
    told = b.or_(plain, flag(b, b.ne(b.and_(plain, FPSCR.INVALID), 0), FPSCR.VX))
    enabled = b.and_(b.and_(b.lshr(told, FPSCR.ENABLE_SHIFT), told), FPSCR.ENABLES)
    return b.or_(told, flag(b, b.ne(enabled, 0), FPSCR.FEX))


def record_cr1(b: Builder, fpscr: Value) -> None:
    """CR1 <- FPSCR[FX FEX VX OX]."""
    b.set_crf(1, b.trunc(b.and_(b.lshr(fpscr, 28), 15), 8))


def set_fpscr(b: Builder, fpscr: Value) -> None:
    """Write the FPSCR. An enabled exception, if MSR[FE0 FE1] is not 0, is an interrupt. All else must be written by
    now: the instruction counts as done but for its address in SRR0. Ref: Book III 7.5.9.
    """
    b.set("fpscr", fpscr)
    wanted = b.ne(b.and_(b.get("msr"), MSR.FE0 | MSR.FE1), 0)
    b.interrupt_if(b.and_(b.ne(b.and_(fpscr, FPSCR.FEX), 0), wanted), "PROGRAM_FP_ENABLED")


def deliver(b: Builder, target: Operand, packed: Value, record: int = 0, bits: Value | None = None) -> None:
    """Write what an f_ op returned: doubleword 0 of VSR `target` (`bits` if they are not the op's own), unless an
    enabled exception forbids it; CR1 with `record`; the FPSCR.
    """
    word = b.hi(packed)
    forbidden = b.slt(word, 0)
    result = b.pack(b.lo(packed) if bits is None else bits, 0)
    b.set("vsr", target, b.select(forbidden, b.get("vsr", target), result))
    fpscr = b.and_(word, ~NO_RESULT)
    if record:
        record_cr1(b, fpscr)
    set_fpscr(b, fpscr)


def deliver_pair(b: Builder, file: str, target: Operand, op: str, attr: object, *operands: Value) -> None:
    """Write what a pair of ops computes (see ir/ops/floating_quad.py): a register of `file` (vr or vsr), unless an
    enabled exception forbids it, and the FPSCR.
    """
    fpscr = b.get("fpscr")
    result = b.emit(op, *operands, fpscr, attr=attr)
    status = b.emit(f"{op}_status", *operands, fpscr, attr=attr)
    b.set(file, target, b.select(b.slt(status, 0), b.get(file, target), result))
    set_fpscr(b, b.and_(status, ~NO_RESULT))
