"""The performance monitor: instructions and cycles. Ref: Book III 10.4.

PMC5 counts instructions completed and PMC6 cycles; PMC1 to PMC4 count either when MMCR1 selects it,
else nothing. Nothing counts as it happens: `account` adds what has passed since the last time when
somebody looks, when MSR changes who is counted, and behind each slice. So a counter that becomes
negative is noticed up to a slice late. Time in hypercalls is the hypervisor's and not counted.

Differs: no Time Base transition events, no TRIGGER, no thresholds, no branch history.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir.layout import MSR

from .clock import timebase
from .host import U, pointer_of

PR, PMM = U(MSR.PR), U(MSR.PMM)
PMC1, PMC6, CTRL, MMCR2, MMCR0, SIAR, MMCR1, BESCR = 787, 792, 152, 785, 795, 796, 798, 806
#: MMCR0: counters are frozen always, in privileged or problem state, by MSR[PMM] = 1 or 0
FC, FCS, FCP, FCM1, FCM0 = (U(1 << (63 - bit)) for bit in (32, 33, 34, 35, 36))
#: alerts may happen, freeze the counters, are event-based; PMC1 and the others make them
PMAE, FCECE, EBE, PMC1CE, PMCJCE = (U(1 << (63 - bit)) for bit in (37, 38, 43, 48, 49))
#: PMC5 and PMC6 need no run latch; an alert has happened; they are frozen
CC56RUN, PMAO, FC56 = U(0x100), U(0x80), U(0x10)
PMEO = U(1)
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
    if n < 4:
        return True
    latch = cpu.spr[CTRL] & U(1) != U(0) or control & CC56RUN != U(0)
    return latch and control & FC56 == U(0)


@njit
def _cycles(cpu: Any) -> Any:
    return (timebase(cpu, pointer_of(cpu.here)) * CYCLES) >> U(6)


@njit
def resume(cpu: Any) -> None:
    """Counting begins here."""
    cpu.pmu_insns = cpu.retired + U(cpu.slice - cpu.icount)
    cpu.pmu_cycles = _cycles(cpu)


@njit
def account(cpu: Any) -> None:
    """The counters are what they are now; alerts that are due have happened."""
    insns, cycles = cpu.pmu_insns, cpu.pmu_cycles
    resume(cpu)
    insns, cycles = cpu.pmu_insns - insns, cpu.pmu_cycles - cycles
    alerts = False
    for n in range(6):
        value, what = cpu.spr[PMC1 + n], _counts_what(cpu, n)
        if what != NOTHING and _runs(cpu, n):
            value = (value + (insns if what == INSNS else cycles)) & WORD
            cpu.spr[PMC1 + n] = value
        if value & NEGATIVE != U(0):
            alerts |= cpu.spr[MMCR0] & (PMC1CE if n == 0 else PMCJCE) != U(0)
    if alerts and cpu.spr[MMCR0] & PMAE != U(0):
        _alert(cpu)


@njit
def _alert(cpu: Any) -> None:
    """Performance monitor alert: an interrupt, or an event-based branch, becomes due."""
    control = (cpu.spr[MMCR0] & ~PMAE) | PMAO
    if control & FCECE != U(0):
        control |= FC
        cpu.pmu_on = U(0)
    cpu.spr[MMCR0] = control
    cpu.spr[SIAR] = cpu.nia
    if control & EBE != U(0):
        cpu.spr[BESCR] |= PMEO


@njit
def is_due(cpu: Any) -> Any:
    """The performance monitor interrupt waits for MSR[EE]."""
    return cpu.spr[MMCR0] & (PMAO | EBE) == PMAO


@njit
def write(cpu: Any, number: Any, value: Any) -> None:
    """mtspr to a register of the monitor."""
    if cpu.pmu_on != U(0):
        account(cpu)
    cpu.spr[number] = value
    cpu.pmu_on = U(0) if cpu.spr[MMCR0] & FC != U(0) else U(1)
    resume(cpu)
    account(cpu)
