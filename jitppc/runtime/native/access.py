"""Data accesses that missed the TLB: fill it and do them.

Also those that cross pages or hit pages of code, and those to devices, which are never in the TLB.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir.layout import COUNTER, GRANULE_LOG2, INTERRUPT_NUMBER, MSR, NO_TAG

from . import doorbells, xive
from .code import note_store, takes_slow_stores
from .contexts import KERNEL, entry_offset, evicted, log_data_fill, log_user_fill
from .exclusive import enter, is_alone, leave
from .guards import LINE, count_stores, is_guarded, lock, unlock_own, version_of
from .host import (
    I,
    U,
    call_device,
    fence,
    load8,
    load16,
    load32,
    load64,
    load128,
    machine_of,
    shared_of,
    store8,
    store16,
    store32,
    store64,
    store128,
    tlb_entry,
)
from .interrupts import data_interrupt, raise_kind
from .linear_map import open_window, wants_window
from .radix import NOT_RAM, READ, REAL_MASK, WRITE
from .walk import translate
from .watch import is_armed, is_near, is_watched

NONE = U(NO_TAG)
DR = U(MSR.DR)
GRANULE = U(1 << GRANULE_LOG2)
MISSES, XIVE_ACCESSES = COUNTER["dtlb_misses"], COUNTER["xive_accesses"]
ALIGNMENT = INTERRUPT_NUMBER["ALIGNMENT"]


#: what `place` answers for a device; its real address is in scratch[DEVICE_GRA]
DEVICE = U(1)
DEVICE_GRA = 15
DEVICE_STORE = U(256)


@njit
def host_address(cpu: Any, ea: Any, access: Any) -> Any:
    """Translate one address for data; fills the TLB; 0 after delivering an interrupt.

    For dcbz and strings, which caching-inhibited storage refuses. Ref: Book III 7.5.8.
    """
    host = place(cpu, ea, access)
    if host == DEVICE:
        raise_kind(cpu, U(ALIGNMENT), ea)
        return U(0)
    return host


@njit
def place(cpu: Any, ea: Any, access: Any) -> Any:
    """As `host_address`, or DEVICE."""
    cpu.counters[MISSES] += U(1)
    machine = machine_of(cpu)
    real, shift, flags = ea & REAL_MASK, U(GRANULE_LOG2), U(3)
    waits = cpu.waits - U(1)
    while cpu.waits != waits:                        # ... others may have changed the translation
        waits = cpu.waits
        if cpu.msr & DR != U(0):
            cause, real, shift, flags = translate(cpu, ea, access)
            if cause != U(0):
                data_interrupt(cpu, cause, ea, access)
                return U(0)
        if real >= machine.ram_size:
            if _is_device(machine, real):
                cpu.scratch[DEVICE_GRA] = real
                return DEVICE
            data_interrupt(cpu, NOT_RAM, ea, access)
            return U(0)
        if access == WRITE:
            note_store(cpu, real)
    if wants_window(cpu, ea) and not is_armed(cpu):
        open_window(cpu)
    # the guarded kernel's table is shared by all PIDs: it holds nothing of quadrant 0
    if shift >= U(GRANULE_LOG2) and (
        cpu.context_key != KERNEL or cpu.hash_mode != U(0) or ea >> U(62) != U(0)
    ) and not is_near(cpu, ea):
        _fill(cpu, machine, ea, real, flags)
    return machine.ram + real


@njit
def _is_device(machine: Any, real: Any) -> Any:
    return (machine.mmio_start[0] <= real < machine.mmio_end[0]
            or machine.mmio_start[1] <= real < machine.mmio_end[1])


@njit
def _fill(cpu: Any, machine: Any, ea: Any, real: Any, flags: Any) -> None:
    address, tag = cpu.dtlb + entry_offset(ea, cpu.dtlb_mask), ea & ~(GRANULE - U(1))
    before = tlb_entry(address).read_tag
    if before not in (NONE, tag):
        evicted(cpu)
        address = cpu.dtlb + entry_offset(ea, cpu.dtlb_mask)
    entry = tlb_entry(address)
    log_data_fill(cpu, address)
    if cpu.hash_mode != U(0) and cpu.context_key == KERNEL and ea >> U(62) != U(3):
        log_user_fill(cpu, address)
    entry.host = machine.ram + (real & ~(GRANULE - U(1)))
    entry.addend = entry.host - tag
    entry.read_tag = tag if flags & U(1) != U(0) else NONE
    entry.write_tag = NONE
    if flags & U(2) != U(0) and takes_slow_stores(cpu, real) == U(0):
        slots = machine.write_slots + (real >> U(GRANULE_LOG2)) * U(16)
        first, second = load64(slots), load64(slots + U(8))
        if first == U(0):
            store64(slots, address)
        elif first != address and first != NONE and second != address:
            if second == U(0):
                store64(slots + U(8), address)
            elif not _still_writes(first, entry.host):
                store64(slots, address)
            elif not _still_writes(second, entry.host):
                store64(slots + U(8), address)
            else:
                store64(slots, NONE)
        if not is_alone(cpu):
            fence()                                  # who makes code here meanwhile sees the slot
            if takes_slow_stores(cpu, real) != U(0):
                return
        entry.write_tag = tag


@njit
def stored(cpu: Any, host: Any) -> None:
    """A store is done. Another vCPU that decoded what was there before forgets it."""
    if not is_alone(cpu):
        fence()
        note_store(cpu, host - machine_of(cpu).ram)


@njit
def stored_by_device(cpu: Any, host: Any, count: Any) -> None:
    """The same of some bytes of a page that no instruction of the guest has stored."""
    count_stores(shared_of(cpu), machine_of(cpu).ram, host, count)
    stored(cpu, host)


@njit
def _still_writes(address: Any, host: Any) -> Any:
    entry = tlb_entry(address)
    return entry.host == host and entry.write_tag != NONE


@njit
def _ask_device(cpu: Any, kind: Any, value: Any) -> Any:
    kind |= cpu.vcpu_id << U(32)
    machine, real = machine_of(cpu), cpu.scratch[DEVICE_GRA]
    if xive.answers(machine.xive, real):
        cpu.counters[XIVE_ACCESSES] += U(1)
        answer, hit = xive.ask(machine.xive, xive.TOUCH, real, kind, value)
        if hit != U(0):
            stored_by_device(cpu, machine.ram + hit - U(1), U(4))
        return answer
    if kind & DEVICE_STORE != U(0) and doorbells.rings(cpu, real):
        return U(0)
    leave(cpu)
    answer = call_device(machine.mmio_call, real, kind, value)
    enter(cpu)
    cpu.waits += U(1)
    return answer


@njit
def load_at(host: Any, size: Any) -> Any:
    """A little-endian number of 1, 2, 4 or 8 bytes at a host address."""
    if size == I(8):
        return load64(host)
    if size == I(4):
        return load32(host)
    if size == I(2):
        return load16(host)
    return load8(host)


@njit
def store_at(host: Any, size: Any, value: Any) -> None:
    """Write a little-endian number of 1, 2, 4 or 8 bytes at a host address."""
    if size == I(8):
        store64(host, value)
    elif size == I(4):
        store32(host, value)
    elif size == I(2):
        store16(host, value)
    else:
        store8(host, value)


@njit
def put(cpu: Any, host: Any, size: Any, low: Any, high: Any) -> None:
    """A guest's store of 1 to 16 bytes of a page; aligned, it is one access of the host."""
    if not is_guarded(cpu, host):
        _put(host, size, low, high)
    elif (host & LINE) + U(size) <= LINE + U(1):
        version = version_of(shared_of(cpu), host)
        known = lock(version)
        _put(host, size, low, high)
        unlock_own(cpu, version, known)
    else:                                            # of two lines, so not aligned: byte by byte
        for n in range(size):
            version = version_of(shared_of(cpu), host + U(n))
            known = lock(version)
            store8(host + U(n), byte_of(low, high, n))
            unlock_own(cpu, version, known)


@njit
def _put(host: Any, size: Any, low: Any, high: Any) -> None:
    if size < I(16):
        store_at(host, size, low)
    elif host & U(15) == U(0):
        store128(host, low, high)
    else:
        store64(host, low)
        store64(host + U(8), high)


@njit
def byte_of(low: Any, high: Any, n: Any) -> Any:
    """Byte n of a number of 16 bytes."""
    return ((low >> U(8 * n)) if n < 8 else (high >> U(8 * n - 64))) & U(255)


@njit
def crosses(ea: Any, size: Any) -> Any:
    """True when the access touches two 4 KiB pages: the least unit of translation and of code."""
    return (ea & U(4095)) + U(size) > U(4096)


@njit
def load(cpu: Any, ea: Any, bits: Any) -> Any:
    """Load 8..64 bits; on an interrupt cpu.fault is set.

    Of 128 bits the high half goes to scratch[0].
    """
    size = bits >> I(3)
    if size == I(16):
        if ea & U(15) == U(0):
            return _load_quadword(cpu, ea)
        low = load(cpu, ea, I(64))
        if cpu.fault != U(0):
            return U(0)
        cpu.scratch[0] = load(cpu, (ea + U(8)) & cpu.ea_mask, I(64))
        return low
    if is_watched(cpu, ea, size, READ):
        return U(0)
    if not crosses(ea, size):
        return _load_inside(cpu, ea, size)
    value = U(0)
    for n in range(size):
        byte = _load_inside(cpu, (ea + U(n)) & cpu.ea_mask, I(1))
        if cpu.fault != U(0):
            return U(0)
        value |= byte << U(8 * n)
    return value


@njit
def _load_quadword(cpu: Any, ea: Any) -> Any:
    """Load 16 aligned bytes at once."""
    host = place(cpu, ea, READ)
    if host == U(0):
        return U(0)
    if host == DEVICE:
        low = _ask_device(cpu, U(8), U(0))
        cpu.scratch[DEVICE_GRA] += U(8)
        cpu.scratch[0] = _ask_device(cpu, U(8), U(0))
        return low
    low, high = load128(host)
    cpu.scratch[0] = high
    return low


@njit
def _load_inside(cpu: Any, ea: Any, size: Any) -> Any:
    """Load up to 8 bytes of one page."""
    host = place(cpu, ea, READ)
    if host == U(0):
        return U(0)
    return _ask_device(cpu, U(size), U(0)) if host == DEVICE else load_at(host, size)


@njit
def store(cpu: Any, ea: Any, bits: Any, low: Any, high: Any) -> None:
    """Store 8..128 bits; nothing is written when any byte's page refuses."""
    size = bits >> I(3)
    if is_watched(cpu, ea, size, WRITE):
        return
    if not crosses(ea, size):
        if size == I(16):
            _store_pair(cpu, ea, low, high)
        else:
            _store_inside(cpu, ea, size, low)
        return
    last = (ea + U(size) - U(1)) & cpu.ea_mask
    if place(cpu, ea, WRITE) == U(0) or place(cpu, last, WRITE) == U(0):
        return
    for n in range(size):
        _store_inside(cpu, (ea + U(n)) & cpu.ea_mask, I(1), byte_of(low, high, n))


@njit
def _store_inside(cpu: Any, ea: Any, size: Any, value: Any) -> None:
    """Store up to 8 bytes of one page."""
    host = place(cpu, ea, WRITE)
    if host == DEVICE:
        _ask_device(cpu, U(size) | DEVICE_STORE, value)
    elif host != U(0):
        put(cpu, host, size, value, U(0))
        stored(cpu, host)


@njit
def _store_pair(cpu: Any, ea: Any, low: Any, high: Any) -> None:
    """Store 16 bytes of one page."""
    host = place(cpu, ea, WRITE)
    if host == DEVICE:
        _ask_device(cpu, U(8) | DEVICE_STORE, low)
        cpu.scratch[DEVICE_GRA] += U(8)
        _ask_device(cpu, U(8) | DEVICE_STORE, high)
    elif host != U(0):
        put(cpu, host, I(16), low, high)
        stored(cpu, host)


@njit
def zero_block(cpu: Any, ea: Any) -> None:
    """Zero the 128-byte block that holds `ea`."""
    if is_watched(cpu, ea & ~U(127), I(128), WRITE):
        return
    host = host_address(cpu, ea & ~U(127), WRITE)
    if host != U(0):
        for n in range(8):
            put(cpu, host + U(16 * n), I(16), U(0), U(0))
        stored(cpu, host)


@njit
def touch(cpu: Any, ea: Any, bits: Any) -> None:
    """Raise what a store would raise."""
    size = bits >> I(3)
    if is_watched(cpu, ea, size, WRITE):
        return
    if host_address(cpu, ea, WRITE) != U(0) and crosses(ea, size):
        host_address(cpu, (ea + U(size) - U(1)) & cpu.ea_mask, WRITE)
