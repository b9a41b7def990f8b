"""Load and reserve, store conditional: what their handlers leave to a native routine.

A store conditional compares what the reserving load saw. On a machine of several vCPUs that is
enough for a plain pair (frontend/pairs.py). Any other needs a reservation that is guarded: then the
version of the line, which all stores count up, must be as the load saw it (see docs/smp.md). An odd
version: a store is under way.
Ref: Book II 1.7.2.1 (reservations), 4.6.2.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.frontend.pairs import pair_distance
from jitppc.ir.layout import (
    CELL_BYTES,
    CELLS_PER_PAGE,
    COUNTER,
    GUARDED,
    INTERRUPT_NUMBER,
    NO_TAG,
    NOT_PLAIN,
    PAGE_INFO_OFFSET,
    STRADDLES,
    PageMode,
)

from .access import DEVICE, load_at, place, store_at, stored
from .code_tables import first_place
from .exclusive import is_alone
from .guards import (
    DOUBTS,
    LINE,
    guard,
    guards,
    is_guarded,
    is_site,
    lock,
    note_site,
    unlock,
    version_of,
)
from .host import (
    I,
    U,
    code_entry,
    compare_and_swap,
    load128,
    load_acquire,
    page_info,
    shared_of,
    store128,
    swap8,
    swap16,
    swap32,
    swap64,
    swap128,
    words_at,
)
from .interrupts import data_interrupt, raise_kind
from .radix import READ, WRITE
from .watch import is_watched

ALIGNMENT = INTERRUPT_NUMBER["ALIGNMENT"]
NONE, BIG = U(NO_TAG), U(PageMode.BIG)
_pair_distance = njit(pair_distance)
FAILURES = COUNTER["pair_doubts"]


@njit
def _reservable(cpu: Any, ea: Any, access: Any) -> Any:
    """The host address, for load and reserve and its sibling; 0 after an interrupt.

    Ref: Book III 7.5.3 (DSISR 37).
    """
    host = place(cpu, ea, access)
    if host == DEVICE:
        data_interrupt(cpu, U(0x0400_0000), ea, access)
        return U(0)
    return host


@njit
def load_reserve(cpu: Any, ea: Any, bits: Any) -> Any:
    """Load and set the reservation; a misaligned address raises an alignment interrupt."""
    if ea & U((bits >> I(3)) - 1) != U(0):
        raise_kind(cpu, U(ALIGNMENT), ea)
        return U(0)
    if is_watched(cpu, ea, bits >> I(3), READ):
        return U(0)
    host = _reservable(cpu, ea, READ)
    if host == U(0):
        return U(0)
    cpu.reserve_cia, cpu.reserve_count = cpu.cia, cpu.icount
    if cpu.guarding != U(0) and is_site(cpu, cpu.cia):
        while not guards(cpu, host):
            guard(cpu, host)                         # others may have changed the translation
            host = _reservable(cpu, ea, READ)
            if host == U(0):
                return U(0)
        cpu.reserve_count = I(GUARDED)
        cpu.reserve_line = host & ~LINE
        cpu.reserve_version = load_acquire(version_of(shared_of(cpu), host)) & ~U(1)
    if bits == I(128):
        low, cpu.scratch[0] = load128(host)
    else:
        low, cpu.scratch[0] = load_at(host, bits >> I(3)), U(0)
    cpu.reserve_ea, cpu.reserve_bits = ea, U(bits)
    cpu.reserve_low, cpu.reserve_high = low, cpu.scratch[0]
    return low


@njit
def store_conditional(cpu: Any, ea: Any, bits: Any, low: Any, high: Any, far: Any) -> Any:
    """The uncommon store conditional: no reservation, another address or size in the line, a TLB
    miss, a granule that is guarded, no plain pair.
    """
    if ea & U((bits >> I(3)) - 1) != U(0):
        raise_kind(cpu, U(ALIGNMENT), ea)
        return U(0)
    held = cpu.reserve_ea
    if held >> U(7) != ea >> U(7):
        cpu.reserve_ea = NONE
        return U(0)
    if is_watched(cpu, ea, bits >> I(3), WRITE):
        return U(0)
    host = _reservable(cpu, ea, WRITE)
    if host == U(0):
        return U(0)
    cpu.reserve_ea = NONE
    compares = held == ea and cpu.reserve_bits == U(bits)
    if is_alone(cpu):
        return _store_if(cpu, host, bits, compares, low, high)
    version = version_of(shared_of(cpu), host)
    if cpu.reserve_count == I(GUARDED):
        cpu.guard_age, known = U(0), cpu.reserve_version
        is_same = cpu.reserve_line == host & ~LINE and guards(cpu, host)
        if not is_same or compare_and_swap(version, known, known + U(1)) == U(0):
            return U(0)
    elif not compares or not _is_plain(cpu, far):
        _doubt(cpu, compares and far != U(NOT_PLAIN) and far != U(STRADDLES))
        return U(0)
    elif is_guarded(cpu, host):
        known = lock(version)
    else:
        version = known = U(0)
    done = _store_if(cpu, host, bits, compares, low, high)
    if version != U(0):
        unlock(version, known, done != U(0))
    cpu.pair_doubts = U(0)
    stored(cpu, host)
    return done


@njit
def _is_plain(cpu: Any, far: Any) -> Any:
    """Since the reserving load, only what pairs.py found was executed."""
    if far == U(STRADDLES):
        far = _straddling(cpu)
    is_there = cpu.reserve_cia == cpu.cia - far
    return is_there and cpu.reserve_count == cpu.icount + I(far >> U(2))


@njit
def _straddling(cpu: Any) -> Any:
    """The distance of a load that is to be found in the page before; NOT_PLAIN if it is not."""
    ea = (cpu.cia & ~U(4095)) - U(4096)
    entry = code_entry(cpu.itlb + first_place(ea))
    if entry.tag != ea:
        return U(NOT_PLAIN)
    info = page_info(entry.cells + U(PAGE_INFO_OFFSET))
    words = words_at(info.host)
    return U(_pair_distance(words, 1024, I((cpu.cia & U(4095)) >> U(2)), _swaps(info)))


@njit
def _swaps(info: Any) -> Any:
    """The page is executed in big-endian mode."""
    return info.mode & BIG != U(0)


@njit
def distance_in_page(cell: Any, index: Any) -> Any:
    """What goes into the cell of a store conditional; one that is executed alone has no page."""
    if index >= U(CELLS_PER_PAGE):
        return U(NOT_PLAIN)
    info = page_info(cell - index * U(CELL_BYTES) + U(PAGE_INFO_OFFSET))
    return U(_pair_distance(words_at(info.host), I(index), 0, _swaps(info)))


@njit
def _doubt(cpu: Any, may_be_plain: Any) -> None:
    """The store failed, since nobody knows what came between. The next time its load guards, or if
    that may have been chance, when it has failed some times.
    """
    cpu.pair_doubts += U(1)
    cpu.counters[FAILURES] += U(1)
    if not may_be_plain or cpu.pair_doubts >= DOUBTS:
        note_site(cpu, cpu.reserve_cia)


@njit
def _store_if(cpu: Any, host: Any, bits: Any, compares: Any, low: Any, high: Any) -> Any:
    """1 if it was stored: always, or if the storage is as the reserving load saw it."""
    before, above = cpu.reserve_low, cpu.reserve_high
    if not compares:
        if bits == I(128):
            store128(host, low, high)
        else:
            store_at(host, bits >> I(3), low)
        return U(1)
    if bits == I(128):
        return swap128(host, before, above, low, high)
    if bits == I(64):
        return swap64(host, before, above, low, high)
    if bits == I(32):
        return swap32(host, before, above, low, high)
    if bits == I(16):
        return swap16(host, before, above, low, high)
    return swap8(host, before, above, low, high)
