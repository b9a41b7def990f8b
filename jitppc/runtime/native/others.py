"""What instructions do to other vCPUs: dropping translations, doorbells."""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir.layout import COUNTER, SHOOTS, offset

from . import bells
from .contexts import forget_all, forget_pid, forget_range
from .exclusive import begin, end, is_alone, vcpu
from .host import I, U, exchange, shared_of
from .interrupts import _ILLEGAL as ILLEGAL
from .interrupts import raise_kind
from .slices import check_soon

TLBIE, SHOOTDOWNS = COUNTER["tlbie"], COUNTER["shootdowns"]
EVERYWHERE = U(8)
#: in place of the log2 of a size: all of a PID; everything
WHOLE_PID, EVERYTHING = U(64), U(65)
DOORBELL = U(offset("doorbell"))
PRIVILEGED_DOORBELL = U(5)


@njit
def tlbie(cpu: Any) -> None:
    """scratch = RB, RS, RIC | PRS << 2 | 8 for all processors: process-scoped invalidation of a
    page, a PID, or all. Here it is done at once, elsewhere by `tlbsync`.
    """
    rb, rs, form = cpu.scratch[0], cpu.scratch[1], cpu.scratch[2]
    cpu.counters[TLBIE] += U(1)
    ric, selector = form & U(3), (rb >> U(10)) & U(3)
    if ric == U(3) or (selector == U(0) and ric != U(0)):
        raise_kind(cpu, U(ILLEGAL), U(0))
        return
    if ric == U(1):
        return                                       # page walk cache: there is none
    pid, ea, size = rs >> U(32), rb & ~U(0xFFF), EVERYTHING
    if cpu.hash_mode == U(0) and selector == U(0):
        size = _page_size(rb)
        if size == U(0):
            raise_kind(cpu, U(ILLEGAL), U(0))
            return
    elif cpu.hash_mode == U(0) and selector == U(1):
        size = WHOLE_PID
    _forget(cpu, pid, ea, size)
    if form & EVERYWHERE != U(0) and not is_alone(cpu):
        if cpu.shoots < U(SHOOTS):
            at = I(cpu.shoots)
            cpu.shoot[at, 0], cpu.shoot[at, 1], cpu.shoot[at, 2] = pid, ea, size
        cpu.shoots += U(1)


@njit
def _forget(cpu: Any, pid: Any, ea: Any, size: Any) -> None:
    if size == EVERYTHING:
        forget_all(cpu)
    elif size == WHOLE_PID:
        forget_pid(cpu, pid)
    else:
        forget_range(cpu, pid, ea, size)


@njit
def _page_size(rb: Any) -> Any:
    code = (rb >> U(5)) & U(7)
    if code == U(0):
        return U(12)
    if code == U(5):
        return U(16)
    if code == U(1):
        return U(21)
    return U(30) if code == U(2) else U(0)


@njit
def tlbsync(cpu: Any) -> None:
    """What earlier tlbie dropped here is dropped on all vCPUs. Ref: Book III 6.9.3.3."""
    if cpu.shoots == U(0):
        return
    cpu.counters[SHOOTDOWNS] += U(1)
    begin(cpu)
    for n in range(I(shared_of(cpu).count)):
        other = vcpu(cpu, n)
        if other.here == cpu.here:
            continue
        if cpu.shoots > U(SHOOTS):
            forget_all(other)
        else:
            for at in range(I(cpu.shoots)):
                _forget(other, cpu.shoot[at, 0], cpu.shoot[at, 1], cpu.shoot[at, 2])
    end(cpu)
    cpu.shoots = U(0)


@njit
def msgsndp(cpu: Any) -> None:
    """scratch[0] = RB: a directed privileged doorbell to a thread of this core.

    Ref: Book III 11.4.
    """
    thread = cpu.scratch[0] & U(0x7F)
    if (cpu.scratch[0] >> U(27)) & U(0x1F) != PRIVILEGED_DOORBELL or thread >= cpu.threads:
        return
    if thread == cpu.thread:
        cpu.doorbell = U(1)
        check_soon(cpu)
        return
    target = shared_of(cpu).cpus[I(cpu.vcpu_id - cpu.thread + thread)]
    exchange(target + DOORBELL, U(1))
    bells.wake(target)


@njit
def msgclrp(cpu: Any) -> None:
    """scratch[0] = RB: withdraw this thread's doorbell."""
    if (cpu.scratch[0] >> U(27)) & U(0x1F) == PRIVILEGED_DOORBELL:
        cpu.doorbell = U(0)
