"""What system instructions do beyond registers: MSR changes, returns, hypercalls, TLB invalidation,
timers.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir.layout import LPCR, MSR, NO_TAG, TRANSACTIONAL, ExitReason

from . import pmu
from .clock import timebase
from .contexts import forget_all, forget_user_code, set_msr, switch_context
from .host import I, U
from .hypercalls import hypercall
from .interrupts import _ILLEGAL as ILLEGAL
from .interrupts import _PRIVILEGED as PRIVILEGED
from .interrupts import _SC as SC
from .interrupts import CTR, FSCR, LR, SRR0, SRR1, raise_kind
from .radix import AMR, IAMR, PIDR
from .slices import check_soon, end_slice
from .status import PRIVILEGE

PR, EE, IR, DR, ME, RI = (U(b) for b in (MSR.PR, MSR.EE, MSR.IR, MSR.DR, MSR.ME, MSR.RI))
#: bits a guest can set (no HV, S, TM)
IMPLEMENTED = U(
    MSR.SF | MSR.VEC | MSR.VSX | MSR.EE | MSR.PR | MSR.FP | MSR.ME | MSR.FE0 | 1 << 10 | 1 << 9
    | MSR.FE1 | MSR.IR | MSR.DR | MSR.PMM | MSR.RI | MSR.LE
)
TRANSACTING, TM = U(TRANSACTIONAL), U(MSR.TM)
#: Ref: Book II 7.2 (BESCR)
EBBHR, EBBRR, BESCR = 804, 805, 806
GE, PME = U(1 << 63), U(1 << 32)
EXTERNAL_OCCURRED, PMEO, EBB = U(2), U(1), U(1 << 7)
TRACING = U(1 << 10 | 1 << 9)                        # MSR[SE], MSR[BE]
UNKNOWN_WORD = U(ExitReason.UNKNOWN_WORD)
LARGE_DECREMENTER = U(LPCR.LD)


@njit
def _install(cpu: Any, wanted: Any) -> None:
    """An MSR value from software: problem state implies EE, IR and DR; ME stays.

    Ref: Book III 4.4.1.
    """
    msr = wanted & IMPLEMENTED & ~ME
    if cpu.models & TRANSACTING != U(0):
        msr |= wanted & TM
    if msr & PR != U(0):
        msr |= EE | IR | DR
    set_msr(cpu, msr | (cpu.msr & ME))
    if msr & TRACING != U(0):
        end_slice(cpu)
    check_soon(cpu)
    event_branch(cpu)


@njit
def event_branch(cpu: Any) -> None:
    """An event-based branch, if an exception is there and branches are enabled.

    An alert becomes an exception, which takes its enable bit away. Ref: Book II 7.2.
    """
    bescr = cpu.spr[BESCR]
    if bescr & PME != U(0) and pmu.is_event_based(cpu):
        bescr = (bescr & ~PME) | PMEO
        cpu.spr[BESCR] = bescr
    if bescr & GE == U(0) or cpu.msr & PR == U(0) or cpu.spr[FSCR] & EBB == U(0):
        return
    if bescr & (PMEO | EXTERNAL_OCCURRED) != U(0):
        cpu.spr[BESCR] = bescr & ~GE
        cpu.spr[EBBRR] = cpu.nia & cpu.ea_mask
        cpu.nia = cpu.spr[EBBHR] & ~U(3) & cpu.ea_mask
        cpu.reserve_ea = U(NO_TAG)


@njit
def mtbescr(cpu: Any) -> None:
    """scratch[0] = what BESCR becomes: an event may be due then."""
    cpu.spr[BESCR] = cpu.scratch[0]
    event_branch(cpu)


@njit
def rfebb(cpu: Any) -> None:
    """scratch[0] = S, which becomes BESCR[GE]: return from an event-based branch."""
    cpu.spr[BESCR] = (cpu.spr[BESCR] & ~GE) | (cpu.scratch[0] << U(63))
    cpu.nia = cpu.spr[EBBRR] & ~U(3) & cpu.ea_mask
    event_branch(cpu)


@njit
def mtpmu(cpu: Any) -> None:
    """scratch = number, value, which bits: a register of the performance monitor is written."""
    pmu.write(cpu, I(cpu.scratch[0]), cpu.scratch[1], cpu.scratch[2])
    check_soon(cpu)
    event_branch(cpu)


@njit
def mfpmu(cpu: Any) -> None:
    """scratch = RT, number, which bits: a register of the performance monitor as it is now."""
    if cpu.pmu_on != U(0):
        pmu.account(cpu)
    cpu.gpr[I(cpu.scratch[0])] = cpu.spr[I(cpu.scratch[1])] & cpu.scratch[2]
    check_soon(cpu)
    event_branch(cpu)


@njit
def rfid(cpu: Any) -> None:
    """Return from interrupt doubleword."""
    cpu.nia = cpu.spr[SRR0] & ~U(3)
    _install(cpu, cpu.spr[SRR1])
    cpu.nia &= cpu.ea_mask


@njit
def rfscv(cpu: Any) -> None:
    """Return from system call vectored."""
    cpu.nia = cpu.spr[LR] & ~U(3)
    _install(cpu, cpu.spr[CTR])
    cpu.nia &= cpu.ea_mask


@njit
def mtmsrd(cpu: Any) -> None:
    """scratch[0] = RS, scratch[1] = L: with L only EE and RI change; LE never does."""
    new = cpu.scratch[0]
    if cpu.scratch[1] != U(0):
        set_msr(cpu, (cpu.msr & ~(EE | RI)) | (new & (EE | RI)))
        check_soon(cpu)
    else:
        _install(cpu, (new & ~U(1)) | (cpu.msr & U(1)))


@njit
def mtmsr(cpu: Any) -> None:
    """As mtmsrd for the low word."""
    cpu.scratch[0] = (cpu.msr & U(0xFFFF_FFFF_0000_0000)) | (cpu.scratch[0] & U(0xFFFF_FFFF))
    mtmsrd(cpu)


@njit
def sc(cpu: Any) -> None:
    """scratch[0] = LEV: 0 is the system call interrupt, 1 a hypercall, not for problem state."""
    if cpu.scratch[0] & U(1) == U(0):
        raise_kind(cpu, U(SC), U(0))
    elif cpu.msr & PR != U(0):
        cpu.gpr[3] = PRIVILEGE
    else:
        hypercall(cpu)


@njit
def mtpid(cpu: Any) -> None:
    """PIDR: 32 bits. Nothing is flushed: contexts carry the PID."""
    cpu.spr[PIDR] = cpu.scratch[0] & U(0xFFFF_FFFF)
    forget_user_code(cpu)
    switch_context(cpu)


@njit
def mtamr(cpu: Any) -> None:
    """AMR chooses the data context; scratch[1] is the mask of bits that may change."""
    mask = cpu.scratch[1]
    old = cpu.spr[AMR]
    cpu.spr[AMR] = (old & ~mask) | (cpu.scratch[0] & mask)
    if cpu.hash_mode != U(0) and cpu.spr[AMR] != old:
        forget_all(cpu)
    switch_context(cpu)


@njit
def mtiamr(cpu: Any) -> None:
    """IAMR key 0 bars the kernel from user pages: what the old key let be fetched is forgotten."""
    if cpu.spr[IAMR] != cpu.scratch[0]:
        cpu.spr[IAMR] = cpu.scratch[0]
        forget_all(cpu)


@njit
def mtdec(cpu: Any, pointer: Any) -> None:
    """Decrementer: 56 bits with LPCR[LD], else 32."""
    value = cpu.scratch[0]
    bits = U(56) if cpu.lpcr & LARGE_DECREMENTER != U(0) else U(32)
    signed = I(value << (U(64) - bits)) >> I(U(64) - bits)
    cpu.dec_deadline = I(timebase(cpu, pointer)) + signed
    cpu.dec_pending = U(1) if signed < I(0) else U(0)
    check_soon(cpu)


@njit
def spr_other(cpu: Any) -> None:
    """scratch[0] = number of an SPR that is not there: refused or without effect.

    Ref: Book III 5.4.4; 808 to 811 are reserved as no-operations.
    """
    number = cpu.scratch[0]
    if number >= U(808) and number <= U(811):
        return
    if cpu.msr & PR != U(0):
        raise_kind(cpu, U(PRIVILEGED) if number & U(0x10) != U(0) else U(ILLEGAL), U(0))
    elif number == U(0) or (number >= U(4) and number <= U(6)):
        raise_kind(cpu, U(ILLEGAL), U(0))


@njit
def unknown(cpu: Any) -> None:
    """scratch[0] = a word without a row: illegal-instruction interrupt, reported the first time."""
    word = cpu.scratch[0]
    cpu.unknown_count += U(1)
    is_new = cpu.unknown_known < U(64)
    for n in range(I(cpu.unknown_known)):
        if cpu.unknown_words[n] == word:
            is_new = False
    if is_new:
        cpu.unknown_words[I(cpu.unknown_known)] = word
        cpu.unknown_known += U(1)
        cpu.exit_reason = UNKNOWN_WORD
        cpu.exit_detail = cpu.cia
    raise_kind(cpu, U(ILLEGAL), U(0))


