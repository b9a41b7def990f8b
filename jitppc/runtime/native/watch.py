"""Data address watchpoints: DAWR0 and DAWR1. Ref: Book III 11.3 (DAWR), 7.5.3 (DSISR bit 41).

An access that TLB entries serve is not looked at, so the granules around a watched range get none
(`access._fill`) while a watchpoint is armed; what is not armed costs nothing.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir.layout import GRANULE_LOG2, MSR

from .host import U
from .interrupts import data_interrupt
from .radix import WRITE

PR, DR = U(MSR.PR), U(MSR.DR)
GRANULE = U(1 << GRANULE_LOG2)
#: the first of two registers
DAWR, DAWRX = 180, 188
#: DAWRX: in problem and in privileged state, whatever MSR[DR] is, or only as WT is; loads, stores
IN_PROBLEM, IN_PRIVILEGED, WTI, WT, LOADS, STORES = (U(b) for b in (1, 2, 8, 0x10, 0x20, 0x40))
MATCH = U(1 << (63 - 41))


@njit
def _last(cpu: Any, n: int) -> Any:
    """The last byte that watchpoint n covers: one to 64 doublewords (MRD)."""
    more = (cpu.spr[DAWRX + n] >> U(10)) & U(63)
    return (cpu.spr[DAWR + n] | U(7)) + more * U(8)


@njit
def is_near(cpu: Any, ea: Any) -> Any:
    """The granule of `ea` holds watched bytes."""
    first = ea & ~(GRANULE - U(1))
    for n in range(2):
        armed = cpu.spr[DAWRX + n] & (IN_PROBLEM | IN_PRIVILEGED) != U(0)
        begins = cpu.spr[DAWR + n] & ~U(7)
        if armed and begins < first + GRANULE and _last(cpu, n) >= first:
            return True
    return False


@njit
def is_armed(cpu: Any) -> Any:
    """Some access may be watched."""
    return (cpu.spr[DAWRX] | cpu.spr[DAWRX + 1]) & (IN_PROBLEM | IN_PRIVILEGED) != U(0)


@njit
def is_watched(cpu: Any, ea: Any, size: Any, access: Any) -> Any:
    """An access to a watched byte: True, and the data storage interrupt is delivered."""
    if not is_armed(cpu):
        return False
    state = IN_PROBLEM if cpu.msr & PR != U(0) else IN_PRIVILEGED
    way = STORES if access == WRITE else LOADS
    for n in range(2):
        control, begins = cpu.spr[DAWRX + n], cpu.spr[DAWR + n] & ~U(7)
        if control & state == U(0) or control & way == U(0):
            continue
        if control & WTI == U(0) and (control & WT != U(0)) != (cpu.msr & DR != U(0)):
            continue
        if ea <= _last(cpu, n) and ea + U(size) > begins:
            data_interrupt(cpu, MATCH, max(ea, begins), access)
            return True
    return False
