"""Holding all other vCPUs out of native code: how one of them, or a thread of Python, changes what
the others rely on.

A vCPU is `running` from before its first slice until it goes back to Python. Between two slices,
where none of its regions, units or look-ups is under way, it lets who wants to be exclusive go
first. Who is exclusive may do anything to the tables of the others. See docs/smp.md.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir.layout import COUNTER, SHARED_STATE, offset

from . import spin
from .host import (
    I,
    U,
    cpu_at,
    exchange,
    load_acquire,
    machine_of,
    pointer_of,
    shared_of,
    store_release,
)

RUNNING = U(offset("running"))
EXCLUSIVE = U(offset("exclusive", SHARED_STATE))
TIMES = COUNTER["exclusive"]


@njit
def is_wanted(cpu: Any) -> Any:
    """True if somebody is, or wants to be, exclusive."""
    return load_acquire(machine_of(cpu).shared + EXCLUSIVE) != U(0)


@njit
def enter(cpu: Any) -> None:
    """Native code of this vCPU may run: nobody is exclusive until `leave`."""
    looks = 0
    while True:
        exchange(cpu.here + RUNNING, U(1))
        if not is_wanted(cpu):
            return
        store_release(cpu.here + RUNNING, U(0))
        while is_wanted(cpu):
            looks = spin.pause(looks)


@njit
def leave(cpu: Any) -> None:
    """Others may be exclusive."""
    store_release(cpu.here + RUNNING, U(0))


@njit
def give_way(cpu: Any) -> None:
    """Between two slices: who wants to be exclusive goes first."""
    if is_wanted(cpu):
        leave(cpu)
        enter(cpu)


@njit
def close(cpu: Any) -> None:
    """The caller, who is not in native code of any vCPU, is exclusive: none is running."""
    spin.take(machine_of(cpu).shared + EXCLUSIVE)
    shared = shared_of(cpu)
    for n in range(I(shared.count)):
        other, looks = shared.cpus[n] + RUNNING, 0
        while load_acquire(other) != U(0):
            looks = spin.pause(looks)


@njit
def reopen(cpu: Any) -> None:
    """The caller of `close` is exclusive no longer."""
    spin.give(machine_of(cpu).shared + EXCLUSIVE)


@njit
def begin(cpu: Any) -> None:
    """This vCPU, in a native routine, is exclusive.

    Others may have been before: whatever it had looked up is stale.
    """
    leave(cpu)
    close(cpu)
    cpu.waits += U(1)
    cpu.counters[TIMES] += U(1)


@njit
def end(cpu: Any) -> None:
    """It is exclusive no longer, and goes on."""
    exchange(cpu.here + RUNNING, U(1))
    reopen(cpu)


@njit
def is_alone(cpu: Any) -> Any:
    """True on a machine of one vCPU."""
    return shared_of(cpu).count <= U(1)


@njit
def vcpu(cpu: Any, number: Any) -> Any:
    """The record of a vCPU of the same machine."""
    return cpu_at(pointer_of(shared_of(cpu).cpus[number]))
