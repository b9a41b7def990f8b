"""Guarded granules: where every store of every vCPU is seen by who holds a reservation.

A store to a granule of 64 KiB that some vCPU guards takes the slow path and counts the version of
its line while it is done, as a store conditional does. Who guards a granule is exclusive when it
begins to. See docs/smp.md, "Load and reserve".
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir.layout import COUNTER, GRANULE_LOG2, GUARDED, GUARDS, NO_TAG, RESERVE_STRIPES

from .code import protect
from .exclusive import begin, end, vcpu
from .host import (
    I,
    U,
    compare_and_swap,
    fetch_and,
    fetch_or,
    load_acquire,
    machine_of,
    shared_of,
    store_release,
)
from .interrupts import lose_pair
from .spin import pause

#: slices without a guarded reservation until stores to the granules are fast again
PATIENCE = U(100)
#: plain pairs interrupted one after the other, before their load guards
DOUBTS = U(8)
LINE = U(127)
TIMES = COUNTER["guards"]


@njit
def version_of(shared: Any, host: Any) -> Any:
    """Host address of the version of the line at a host address."""
    return shared.versions + ((host >> U(7)) & U(RESERVE_STRIPES - 1)) * U(64)


@njit
def _word(cpu: Any, host: Any) -> Any:
    """Host address of the set of vCPUs that guard the granule of a host address."""
    granule = (host - machine_of(cpu).ram) >> U(GRANULE_LOG2)
    return shared_of(cpu).guards + granule * U(8)


@njit
def is_guarded(cpu: Any, host: Any) -> Any:
    """Stores to the granule count versions. Nothing may wait between this and the store."""
    return load_acquire(_word(cpu, host)) != U(0)


@njit
def guards(cpu: Any, host: Any) -> Any:
    """This vCPU guards the granule."""
    return load_acquire(_word(cpu, host)) & machine_of(cpu).bit != U(0)


@njit
def guard(cpu: Any, host: Any) -> None:
    """This vCPU guards the granule from now on; what it had looked up before is stale."""
    begin(cpu)
    fetch_or(_word(cpu, host), machine_of(cpu).bit)
    for n in range(I(shared_of(cpu).count)):
        protect(vcpu(cpu, n), host - machine_of(cpu).ram)
    end(cpu)
    slot = I(cpu.guard_next % U(GUARDS))
    _give_up(cpu, cpu.guards[slot])
    cpu.guards[slot] = U(1) + ((host - machine_of(cpu).ram) >> U(GRANULE_LOG2))
    cpu.guard_next += U(1)
    cpu.counters[TIMES] += U(1)


@njit
def _give_up(cpu: Any, granule: Any) -> None:
    """Granule + 1, or 0 for none: a reservation there is lost too."""
    if granule == U(0):
        return
    if cpu.reserve_count == I(GUARDED):
        cpu.reserve_ea = U(NO_TAG)
    fetch_and(shared_of(cpu).guards + (granule - U(1)) * U(8), ~machine_of(cpu).bit)


@njit
def give_up(cpu: Any) -> None:
    """This vCPU guards nothing."""
    for n in range(GUARDS):
        _give_up(cpu, cpu.guards[n])
        cpu.guards[n] = U(0)
        cpu.guard_sites[n] = U(0)
    cpu.guarding = U(0)


@njit
def between_slices(cpu: Any) -> None:
    """No plain pair goes on over the end of a slice, and guards that nobody needs are given up."""
    lose_pair(cpu)
    if cpu.guarding != U(0):
        cpu.guard_age += U(1)
        if cpu.guard_age > PATIENCE:
            give_up(cpu)


@njit
def note_site(cpu: Any, cia: Any) -> None:
    """The reserving load at this address guards from now on."""
    cpu.guarding, cpu.guard_age, cpu.pair_doubts = U(1), U(0), U(0)
    if not is_site(cpu, cia):
        cpu.guard_sites[I(cpu.guard_site % U(GUARDS))] = cia | U(1)
        cpu.guard_site += U(1)


@njit
def is_site(cpu: Any, cia: Any) -> Any:
    """The reserving load at this address guards."""
    found = False
    for n in range(GUARDS):
        found = found or cpu.guard_sites[n] == cia | U(1)
    return found


@njit
def lock(version: Any) -> Any:
    """The caller stores to the line: what its version was."""
    looks = 0
    while True:
        known = load_acquire(version)
        if known & U(1) == U(0) and compare_and_swap(version, known, known + U(1)) != U(0):
            return known
        looks = pause(looks)


@njit
def unlock(version: Any, known: Any, stored: Any) -> None:
    """The store is done, or came to nothing."""
    store_release(version, known + (U(2) if stored else U(0)))


@njit
def unlock_own(cpu: Any, version: Any, known: Any) -> None:
    """The same of an ordinary store, which leaves the vCPU's own reservation alone."""
    own = version_of(shared_of(cpu), cpu.reserve_line)
    if own == version and cpu.reserve_version == known:
        cpu.reserve_version = known + U(2)
    unlock(version, known, True)


@njit
def count_stores(shared: Any, ram: Any, host: Any, count: Any) -> None:
    """These bytes were stored by somebody else than a vCPU's instruction."""
    line, last = host & ~LINE, host + count - U(1)
    while line <= last:
        granule = (line - ram) >> U(GRANULE_LOG2)
        if load_acquire(shared.guards + granule * U(8)) != U(0):
            version = version_of(shared, line)
            unlock(version, lock(version), True)
            line += U(128)
        else:
            line = ram + ((granule + U(1)) << U(GRANULE_LOG2))
