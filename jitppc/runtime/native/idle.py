"""H_CEDE, H_CONFER and H_PROD: a vCPU with nothing to do waits in the host's kernel, or lets others
go first, without Python.

Ref: LoPAR 14.11.4.1 (H_CEDE) to 14.11.4.3 (H_PROD), 14.11.3.4 (the dispatch counter).
"""

from __future__ import annotations

from typing import Any

from numba import njit, types

from jitppc.ir.hcalls import Hcall
from jitppc.ir.layout import COUNTER, MSR, offset

from . import bells
from .access import stored_by_device
from .clock import timebase
from .code import note_store
from .exclusive import enter, leave, vcpu
from .guards import give_up
from .host import (
    I,
    U,
    bswap64,
    exchange,
    load_acquire,
    machine_of,
    pointer_of,
    shared_of,
    store32,
    store_release,
)
from .spin import yield_processor
from .status import PARAMETER, SUCCESS

_ppoll = types.ExternalFunction(
    "ppoll", types.int32(types.voidptr, types.uint64, types.voidptr, types.voidptr))
CEDE, CONFER, PROD = U(Hcall.H_CEDE), U(Hcall.H_CONFER), U(Hcall.H_PROD)
TO_ALL = U((1 << 64) - 1)
EE = U(MSR.EE)
CEDES, IDLE = COUNTER["cedes"], COUNTER["idle_ns"]
DISPATCH_COUNTER = U(0x100)
POLLFD, NAP, WAITED_FOR = (U(offset(name)) for name in ("pollfd", "nap", "waited_for"))
EXTERNAL, STOP, RESET, DOORBELL, PRODDED, WAITS_FOR_PROD = (
    U(offset(name)) for name in (
        "external", "stop_request", "system_reset", "doorbell", "prodded", "waits_for_prod"))
POLLIN = U(1 << 32)
#: ticks of the Time Base: nobody sleeps longer at once
HOUR = I(3600 * 512_000_000)
SECOND_NS = I(1_000_000_000)


@njit
def idle_call(cpu: Any) -> Any:
    """Answer the hypercall in r3 if it is one of ours; 1 if it was.

    Python does when there is more to it: for H_CEDE time that follows instructions, a stop.
    """
    call = cpu.gpr[3]
    if call == CEDE:
        return _cede(cpu)
    if call == CONFER:
        return _confer(cpu)
    return _prod(cpu) if call == PROD else U(0)


@njit
def _cede(cpu: Any) -> Any:
    """The caller waits with interrupts enabled."""
    if cpu.clock_is_insns | cpu.stop_request | cpu.pmu_on != U(0):
        return U(0)
    cpu.counters[CEDES] += U(1)
    cpu.msr |= EE
    if load_acquire(cpu.here + PRODDED) == U(0):
        _count_dispatch(cpu, U(1))
        _wait(cpu)
        _count_dispatch(cpu, U(0))
    cpu.prodded = U(0)
    cpu.gpr[3] = SUCCESS
    return U(1)


@njit
def _confer(cpu: Any) -> Any:
    """Others of the host's threads go first, unless the target has run since the caller looked.

    To itself it waits for H_PROD, in Python.
    """
    target, seen = cpu.gpr[4], cpu.gpr[5]
    is_due = True
    if target != TO_ALL:
        if target == cpu.vcpu_id:
            return U(0)
        if target >= shared_of(cpu).count:
            cpu.gpr[3] = PARAMETER
            return U(1)
        other = vcpu(cpu, target)
        is_same = other.dispatches == seen & U(0xFFFF_FFFF)
        is_due = seen & U(1) != U(0) and other.vpa != U(0) and is_same
    if is_due:
        leave(cpu)
        yield_processor()
        enter(cpu)
        cpu.waits += U(1)
    cpu.gpr[3] = SUCCESS
    return U(1)


@njit
def _prod(cpu: Any) -> Any:
    """The target leaves H_CEDE, or does not wait in the next one."""
    if cpu.gpr[4] >= shared_of(cpu).count:
        cpu.gpr[3] = PARAMETER
        return U(1)
    other = shared_of(cpu).cpus[cpu.gpr[4]]
    exchange(other + PRODDED, U(1))
    if load_acquire(other + WAITS_FOR_PROD) != U(0):
        return U(0)
    bells.wake(other)
    cpu.gpr[3] = SUCCESS
    return U(1)


@njit
def _count_dispatch(cpu: Any, is_idle: Any) -> None:
    """The dispatch counter of the VPA is even while running and odd while not."""
    if cpu.dispatches & U(1) != is_idle:
        cpu.dispatches = (cpu.dispatches + U(1)) & U(0xFFFF_FFFF)
    if cpu.vpa == U(0):
        return
    real = cpu.vpa + DISPATCH_COUNTER
    host = machine_of(cpu).ram + real
    note_store(cpu, real)
    store32(host, bswap64(cpu.dispatches) >> U(32))
    stored_by_device(cpu, host, U(4))


@njit
def _has_reason_to_run(cpu: Any) -> Any:
    """What other threads may set."""
    found = load_acquire(cpu.here + EXTERNAL) | load_acquire(cpu.here + STOP)
    found |= load_acquire(cpu.here + PRODDED)
    return (found | load_acquire(cpu.here + RESET) | load_acquire(cpu.here + DOORBELL)) != U(0)


@njit
def _wait(cpu: Any) -> None:
    """Until there is a reason to run, or the decrementer is negative."""
    if cpu.guarding != U(0):
        give_up(cpu)
    leave(cpu)
    began = timebase(cpu, pointer_of(cpu.here))
    exchange(cpu.here + WAITED_FOR, U(1))            # a full barrier: who rings sees it, or we look
    while not _has_reason_to_run(cpu):
        left = cpu.dec_deadline - I(timebase(cpu, pointer_of(cpu.here)))
        if left < I(0):
            break
        _sleep(cpu, min(left, HOUR) * I(125) // I(64) + I(1000))
    store_release(cpu.here + WAITED_FOR, U(0))
    passed = timebase(cpu, pointer_of(cpu.here)) - began
    cpu.counters[IDLE] += passed * U(125) // U(64)
    enter(cpu)
    cpu.waits += U(1)


@njit
def _sleep(cpu: Any, nanoseconds: Any) -> None:
    """Until somebody rings the alarm, or so long."""
    cpu.nap[0], cpu.nap[1] = nanoseconds // SECOND_NS, nanoseconds % SECOND_NS
    cpu.pollfd = cpu.alarm | POLLIN
    rung = _ppoll(pointer_of(cpu.here + POLLFD), U(1), pointer_of(cpu.here + NAP), pointer_of(U(0)))
    if rung > 0:
        bells.hush(cpu.alarm, pointer_of(cpu.here + POLLFD))
