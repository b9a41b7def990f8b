"""The performance monitor: instructions and cycles. Ref: Book III 10.4.

PMC5 counts instructions completed and PMC6 cycles; PMC1 to PMC4 count either when MMCR1 selects it,
else nothing. Nothing counts as it happens: `account` adds what has passed since the last time when
somebody looks, when MSR changes who is counted, and behind each slice. So a counter that becomes
negative, and a transition of the Time Base, is noticed up to a slice late, and by a processor that
has ceded when it goes on. Time in hypercalls is the hypervisor's and not counted.

Differs: no instruction is ever sampled, so events that need one (thresholds, marked events) count
nothing, and the branch history buffer records nothing.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir.layout import MSR

from .clock import timebase
from .host import U, pointer_of

PR, PMM = U(MSR.PR), U(MSR.PMM)
PMC1, CTRL, MMCR2, MMCR0, SIAR, SDAR, MMCR1 = 787, 152, 785, 795, 796, 797, 798
#: MMCR0: counters are frozen always, in privileged or problem state, by MSR[PMM] = 1 or 0
FC, FCS, FCP, FCM1, FCM0 = (U(1 << (63 - bit)) for bit in (32, 33, 34, 35, 36))
#: alerts may happen, freeze the counters, are event-based; what makes them: PMC1, the others, TB
PMAE, FCECE, EBE, PMC1CE, PMCJCE, TBEE = (U(1 << (63 - bit)) for bit in (37, 38, 43, 48, 49, 41))
#: PMC2 to PMC6 wait for PMC1 or an event
TRIGGER = U(1 << (63 - 50))
#: PMC5 and PMC6 need no run latch; an alert has happened; frozen are PMC1 to 4, PMC5 and 6, and
#: PMC1 to 4 without the run latch
CC56RUN, PMAO, FC14, FC56, FCWAIT = U(0x100), U(0x80), U(0x20), U(0x10), U(2)
WORD, NEGATIVE = U(0xFFFF_FFFF), U(1 << 31)
#: cycles in 64 ticks: 1 GHz (clock-frequency of the tree) by 512 MHz
CYCLES = U(125)
NOTHING, INSNS, CYCLE = 0, 1, 2


@njit
def _counts_what(cpu: Any, n: Any) -> Any:
    """What counter n (0 is PMC1) counts."""
    if n >= 4:
        return INSNS if n == 4 else CYCLE
    chosen = (cpu.spr[MMCR1] >> U(24 - 8 * n)) & U(0xFF)
    unit = (cpu.spr[MMCR1] >> U(60 - 4 * n)) & U(15)
    if unit != U(0):
        return NOTHING
    if (chosen == U(0x02) or (chosen == U(0xFE) and n == 0) or (chosen == U(0xFA) and n == 3)):
        return INSNS
    if (chosen == U(0x1E) or (chosen == U(0xF0) and n == 0) or (chosen == U(0xF4) and n == 1)):
        return CYCLE
    return NOTHING


@njit
def _runs(cpu: Any, n: Any) -> Any:
    """Counter n is not frozen in the present state."""
    control, own = cpu.spr[MMCR0], cpu.spr[MMCR2] >> U(62 - 9 * n)
    in_problem = cpu.msr & PR != U(0)
    if control & FC != U(0) or control & (FCP if in_problem else FCS) != U(0):
        return False
    if own & (U(1) if in_problem else U(2)) != U(0):
        return False
    if control & (FCM1 if cpu.msr & PMM != U(0) else FCM0) != U(0):
        return False
    if n > 0 and control & TRIGGER != U(0) and cpu.spr[PMC1] & NEGATIVE == U(0):
        return False
    if n < 4:
        waits = control & FCWAIT != U(0) and cpu.spr[CTRL] & U(1) == U(0)
        return control & FC14 == U(0) and not waits
    latch = cpu.spr[CTRL] & U(1) != U(0) or control & CC56RUN != U(0)
    return latch and control & FC56 == U(0)


@njit
def resume(cpu: Any) -> None:
    """Counting begins here."""
    cpu.pmu_insns = cpu.retired + U(cpu.slice - cpu.icount)
    cpu.pmu_ticks = timebase(cpu, pointer_of(cpu.here))


@njit
def _has_risen(cpu: Any, before: Any, now: Any) -> Any:
    """The bit of the Time Base that TBSEL chooses (63, 55, 51 or 47) has changed from 0 to 1."""
    chosen = (cpu.spr[MMCR0] >> U(23)) & U(3)
    bit = U(0) if chosen == U(0) else U(4) + U(4) * chosen
    half = U(1) << bit
    return ((now + half) >> (bit + U(1))) != ((before + half) >> (bit + U(1)))


@njit
def account(cpu: Any) -> None:
    """The counters are what they are now; alerts that are due have happened."""
    insns, ticks = cpu.pmu_insns, cpu.pmu_ticks
    resume(cpu)
    is_new = cpu.spr[MMCR0] & TBEE != U(0) and _has_risen(cpu, ticks, cpu.pmu_ticks)
    is_there = is_new
    insns = cpu.pmu_insns - insns
    cycles = ((cpu.pmu_ticks * CYCLES) >> U(6)) - ((ticks * CYCLES) >> U(6))
    for n in range(6):
        before, what = cpu.spr[PMC1 + n], _counts_what(cpu, n)
        value = before
        if what != NOTHING and _runs(cpu, n):
            value = (value + (insns if what == INSNS else cycles)) & WORD
            cpu.spr[PMC1 + n] = value
        if value & NEGATIVE != U(0):
            enabled = cpu.spr[MMCR0] & (PMC1CE if n == 0 else PMCJCE) != U(0)
            is_there = is_there or enabled
            is_new = is_new or (enabled and before & NEGATIVE == U(0))
    if is_new or (is_there and cpu.spr[MMCR0] & PMAE != U(0)):
        _event(cpu)
    elif cpu.spr[MMCR0] & TRIGGER != U(0) and cpu.spr[PMC1] & NEGATIVE != U(0):
        cpu.spr[MMCR0] &= ~TRIGGER


@njit
def _event(cpu: Any) -> None:
    """An enabled condition or event occurs: it freezes the counters or ends what TRIGGER holds up,
    and is an alert if alerts may happen. Ref: Book III 10.4.4 (MMCR0).
    """
    control = cpu.spr[MMCR0]
    if control & TRIGGER != U(0):
        control &= ~TRIGGER
    elif control & FCECE != U(0):
        control |= FC
    if control & PMAE != U(0):
        control = (control & ~PMAE) | PMAO
        cpu.spr[SIAR] = cpu.nia
    cpu.spr[MMCR0] = control
    cpu.pmu_on = _watches(control)


@njit
def _watches(control: Any) -> Any:
    """1 if time or instructions may change something."""
    ticks = control & (TBEE | PMAE) == TBEE | PMAE
    return U(1) if control & FC == U(0) or ticks else U(0)


@njit
def is_due(cpu: Any) -> Any:
    """The performance monitor interrupt waits for MSR[EE]."""
    return cpu.spr[MMCR0] & (PMAO | EBE) == PMAO


@njit
def is_event_based(cpu: Any) -> Any:
    """An alert waits to become an event-based exception."""
    return cpu.spr[MMCR0] & (PMAO | EBE) == PMAO | EBE


@njit
def write(cpu: Any, number: Any, value: Any, mask: Any) -> None:
    """mtspr to a register of the monitor, of the bits in `mask`."""
    if cpu.pmu_on != U(0):
        account(cpu)
    cpu.spr[number] = (cpu.spr[number] & ~mask) | (value & mask)
    cpu.pmu_on = _watches(cpu.spr[MMCR0])
    resume(cpu)
    account(cpu)
