"""Interrupt delivery. Vectors and AIL are as Linux on PAPR sees them.

Ref: Book III 7.5 (what each interrupt sets).
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir.layout import (
    GUARDED,
    INTERRUPT_NUMBER,
    LOST,
    LPCR,
    MSR,
    SRR1_BOUNDARY,
    SRR1_PREFIXED,
    ExitReason,
)

from .contexts import set_msr
from .host import I, U
from .radix import KEY, NOT_RAM, SEGMENT, STORE, WRITE

SRR0, SRR1, DAR, DSISR, LR, CTR = 26, 27, 19, 18, 8, 9
FSCR = 153
#: SRR1 bits an interrupt sets or clears itself: 33:36 and 42:47
SRR1_OWN = U(0x783F_0000)
ILE, AIL3 = U(LPCR.ILE), U(LPCR.AIL)
KEPT = U(MSR.ME)
CHECKSTOP = U(ExitReason.CHECKSTOP)
SF, LE, IR, DR, EE, RI = (U(bit) for bit in (MSR.SF, MSR.LE, MSR.IR, MSR.DR, MSR.EE, MSR.RI))
VECTORED = U(0x17)
_TRAP, _ILLEGAL, _PRIVILEGED, _FP, _TM = (INTERRUPT_NUMBER["PROGRAM_" + n] for n in (
    "TRAP", "ILLEGAL", "PRIVILEGED", "FP_ENABLED", "TM_BAD"))
_ALIGNMENT, _CROSSING, _FPU, _VEC, _VSX, _FACILITY, _SC, _SCV = (INTERRUPT_NUMBER[n] for n in (
    "ALIGNMENT", "ALIGNMENT_PREFIX", "FP_UNAVAILABLE", "VECTOR_UNAVAILABLE", "VSX_UNAVAILABLE",
    "FACILITY_UNAVAILABLE", "SYSTEM_CALL", "SYSTEM_CALL_VECTORED"))
_AMO = INTERRUPT_NUMBER["AMO_FUNCTION"]
#: DSISR: the function code of an atomic memory operation is none. Ref: Book III 7.5.3
BAD_AMO = U(1 << (63 - 61))


@njit
def new_msr(cpu: Any, keep: Any) -> Any:
    """MSR after an interrupt; `keep` are bits of the old one that stay."""
    msr = SF | (cpu.msr & keep)
    if cpu.lpcr & ILE != U(0):
        msr |= LE
    return msr


@njit
def lose_pair(cpu: Any) -> None:
    """A plain pair of load and reserve and store conditional that is under way is interrupted."""
    if cpu.reserve_count != I(GUARDED):
        cpu.reserve_count = I(LOST)


@njit
def deliver(cpu: Any, vector: Any, srr0: Any, causes: Any) -> None:
    """Take an interrupt: SRR0, SRR1, MSR, nia.

    One unit of the slice goes with it, so that no storm hangs the host.
    """
    cpu.spr[SRR0] = srr0
    cpu.spr[SRR1] = (cpu.msr & ~SRR1_OWN) | causes | cpu.prefixed
    cpu.prefixed = U(0)
    relocated = (cpu.lpcr & AIL3 == AIL3) and cpu.msr & (IR | DR) == (IR | DR) and vector > U(0x200)
    msr = new_msr(cpu, KEPT)
    base = U(0)
    if relocated:
        msr |= IR | DR
        base = U(0xC000_0000_0000_4000)
    cpu.nia = base + vector
    cpu.interrupts[I(vector >> U(8)) & 31] += U(1)
    cpu.fault = U(1)
    cpu.deliveries += U(1)
    cpu.icount -= I(1)
    lose_pair(cpu)
    set_msr(cpu, msr)


@njit
def deliver_scv(cpu: Any, level: Any, return_address: Any) -> None:
    """System call vectored: LR and CTR instead of SRR0 and SRR1; EE and RI stay.

    Ref: Book III 7.5.27.
    """
    cpu.spr[LR] = return_address
    cpu.spr[CTR] = cpu.msr & ~SRR1_OWN
    relocated = (cpu.lpcr & AIL3 == AIL3) and cpu.msr & (IR | DR) == (IR | DR)
    msr = new_msr(cpu, KEPT | EE | RI)
    base = U(0x17000)
    if relocated:
        msr |= IR | DR
        base = U(0xC000_0000_0000_3000)
    cpu.nia = base + level * U(32)
    cpu.interrupts[I(VECTORED)] += U(1)
    cpu.fault = U(1)
    cpu.deliveries += U(1)
    cpu.icount -= I(1)
    lose_pair(cpu)
    set_msr(cpu, msr)


@njit
def machine_check(cpu: Any, srr0: Any, causes: Any) -> None:
    """A machine check; with MSR[ME] = 0 the processor stops instead. Ref: Book III 7.5.2."""
    if cpu.msr & KEPT == U(0):
        cpu.exit_reason = CHECKSTOP
        cpu.exit_detail = srr0
        cpu.nia = srr0
        cpu.fault = U(1)
    else:
        deliver(cpu, U(0x200), srr0, causes)


@njit
def data_interrupt(cpu: Any, cause: Any, ea: Any, access: Any) -> None:
    """A data access at cia failed: data storage, data segment, or machine check."""
    cpu.spr[DAR] = ea
    if cause == SEGMENT:
        deliver(cpu, U(0x380), cpu.cia, U(0))
    elif cause == NOT_RAM:
        cpu.spr[DSISR] = U(0x8000)                  # real address not valid
        machine_check(cpu, cpu.cia, U(1 << (63 - 42)))
    else:
        cpu.spr[DSISR] = cause | (STORE if access == WRITE else U(0))
        deliver(cpu, U(0x300), cpu.cia, U(0))


@njit
def fetch_interrupt(cpu: Any, cause: Any) -> None:
    """The fetch at nia failed: instruction storage, instruction segment, or machine check."""
    if cause == SEGMENT:
        deliver(cpu, U(0x480), cpu.nia, U(0))
    elif cause == NOT_RAM:
        machine_check(cpu, cpu.nia, U(1 << (63 - 45)))
    else:
        if cause == KEY:
            cause = U(0x1000_0000) | U(0x0020_0000)
        deliver(cpu, U(0x400), cpu.nia, cause)


@njit
def raise_kind(cpu: Any, kind: Any, value: Any) -> None:
    """Deliver the interrupt an instruction at cia asked for (numbers of layout.INTERRUPTS)."""
    number = I(kind)
    if number == _TRAP:
        deliver(cpu, U(0x700), cpu.cia, U(0x2_0000))
    elif number == _ILLEGAL:
        deliver(cpu, U(0x700), cpu.cia, U(0x8_0000))
    elif number == _PRIVILEGED:
        deliver(cpu, U(0x700), cpu.cia, U(0x4_0000))
    elif number == _FP:
        deliver(cpu, U(0x700), cpu.cia, U(0x10_0000))
    elif number == _TM:
        deliver(cpu, U(0x700), cpu.cia, U(0x20_0000))
    elif number == _ALIGNMENT:
        cpu.spr[DAR] = value
        cpu.spr[DSISR] = U(0)
        deliver(cpu, U(0x600), cpu.cia, U(0))
    elif number == _AMO:
        cpu.spr[DAR] = value
        cpu.spr[DSISR] = BAD_AMO
        deliver(cpu, U(0x300), cpu.cia, U(0))
    elif number == _CROSSING:
        deliver(cpu, U(0x600), cpu.cia, U(SRR1_PREFIXED | SRR1_BOUNDARY))
    elif number == _FPU:
        deliver(cpu, U(0x800), cpu.cia, U(0))
    elif number == _VEC:
        deliver(cpu, U(0xF20), cpu.cia, U(0))
    elif number == _VSX:
        deliver(cpu, U(0xF40), cpu.cia, U(0))
    elif number == _FACILITY:
        cpu.spr[FSCR] = (cpu.spr[FSCR] & U((1 << 56) - 1)) | (value << U(56))
        deliver(cpu, U(0xF60), cpu.cia, U(0))
    elif number == _SC:
        deliver(cpu, U(0xC00), cpu.cia + U(4), U(0))
    elif number == _SCV:
        deliver_scv(cpu, value, cpu.cia + U(4))


