"""The run loop: slices of native execution, and between them interrupts, finished regions, requests
to stop.
"""

from __future__ import annotations

from typing import Any

from numba import njit, types

from jitppc.ir.layout import COUNTER, FLOAT_MODE, HOT_THRESHOLD, INSTALL_RING, MSR, ExitReason

from . import pmu
from .clock import timebase
from .exclusive import enter, give_way, leave
from .guards import between_slices
from .host import I, U, cell_at, install_at, load64, machine_of, page_info
from .interrupts import deliver
from .system import event_branch
from .trace import CIABR, TRACING, WHEREVER, step

_enter = types.ExternalFunction("jit_enter", types.void(types.voidptr))
_settle = types.ExternalFunction("jit_settle", types.void(types.voidptr))
_float_mode = types.ExternalFunction("jit_float_mode", types.uint64(types.uint64))
EE = U(MSR.EE)
SLICE = I(20_000)
SLICES = COUNTER["slices"]
NOTHING, STOP_REQUESTED, BUDGET = (
    U(reason) for reason in (ExitReason.NONE, ExitReason.STOP_REQUESTED, ExitReason.BUDGET)
)


@njit
def take_interrupts(cpu: Any, pointer: Any) -> None:
    """Deliver the interrupt of highest priority that is pending and enabled. Ref: Book III 7.9."""
    if cpu.dec_deadline < I(timebase(cpu, pointer)):
        cpu.dec_pending = U(1)
    if cpu.system_reset != U(0):
        cpu.system_reset = U(0)
        deliver(cpu, U(0x100), cpu.nia, U(0))
    elif cpu.msr & EE != U(0):
        if cpu.external != U(0):
            deliver(cpu, U(0x500), cpu.nia, U(0))
        elif cpu.dec_pending != U(0):
            deliver(cpu, U(0x900), cpu.nia, U(0))
        elif cpu.doorbell != U(0):
            cpu.doorbell = U(0)
            deliver(cpu, U(0xA00), cpu.nia, U(0))
        elif pmu.is_due(cpu):
            deliver(cpu, U(0xF00), cpu.nia, U(0))


@njit
def install_regions(cpu: Any) -> None:
    """Put finished regions into their head cells, unless the page changed meanwhile; take out those
    that will be overwritten.
    """
    machine = machine_of(cpu)
    while machine.install_tail != machine.install_head:
        ready = install_at(machine.install_ring + (machine.install_tail % U(INSTALL_RING)) * U(32))
        if ready.page == U(0):
            evict(cpu, ready.cell, ready.entry)
        else:
            info = page_info(ready.page)
            if info.generation == ready.generation and info.active != U(0):
                cell_at(ready.cell).entry = ready.entry
        machine.install_tail += U(1)


@njit
def evict(cpu: Any, address: Any, entry: Any) -> None:
    """A cell that leads to a region leads to its tier-0 handler again, and may become hot."""
    cell = cell_at(address)
    if cell.entry == entry:
        cell.entry = load64(cpu.table + U(cell.handler) * U(8))
        cell.heat = HOT_THRESHOLD


@njit
def run(cpu: Any, pointer: Any) -> None:
    """Run until there is a reason for Python to look: cpu.exit_reason.

    The FPSCR is settled then.
    """
    before = _float_mode(U(FLOAT_MODE))
    enter(cpu)
    if cpu.pmu_on != U(0):
        pmu.resume(cpu)
    run_slices(cpu, pointer)
    leave(cpu)
    _settle(pointer)
    _float_mode(before)


@njit
def run_slices(cpu: Any, pointer: Any) -> None:
    """Slice after slice."""
    cpu.exit_reason = NOTHING
    while cpu.exit_reason == NOTHING:
        between_slices(cpu)
        give_way(cpu)
        if cpu.stop_request != U(0):
            cpu.stop_request = U(0)
            cpu.exit_reason = STOP_REQUESTED
            return
        if cpu.retired >= cpu.retired_limit:
            cpu.exit_reason = BUDGET
            return
        if cpu.quiet == U(0):
            take_interrupts(cpu, pointer)
        cpu.quiet = U(0)
        if cpu.msr & TRACING != U(0) or cpu.spr[CIABR] & WHEREVER != U(0):
            step(cpu, pointer)
            continue
        grant = SLICE
        if cpu.retired_limit - cpu.retired < U(SLICE):
            grant = I(cpu.retired_limit - cpu.retired)
        cpu.slice = grant
        cpu.icount = grant
        cpu.fault = U(0)
        _enter(pointer)
        cpu.retired += U(cpu.slice - cpu.icount)
        cpu.slice = I(0)
        cpu.icount = I(0)
        if cpu.pmu_on != U(0):
            pmu.account(cpu)
            event_branch(cpu)
        cpu.counters[SLICES] += U(1)
        install_regions(cpu)
