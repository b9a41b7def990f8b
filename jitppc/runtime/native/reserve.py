"""Load and reserve, store conditional: what their handlers leave to a native routine.

A store conditional compares what the reserving load saw, and on a machine of several vCPUs also the
version of the line, which every store conditional counts up (see docs/smp.md). An odd version: one
is under way.
Ref: Book II 1.7.2.1 (reservations), 4.6.2.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir.layout import INTERRUPT_NUMBER, NO_TAG, RESERVE_STRIPES

from .access import DEVICE, load_at, place, store_at, stored
from .host import (
    I,
    U,
    compare_and_swap,
    load128,
    load_acquire,
    store128,
    store_release,
    swap8,
    swap16,
    swap32,
    swap64,
    swap128,
)
from .interrupts import data_interrupt, raise_kind
from .radix import READ, WRITE
from .watch import is_watched

ALIGNMENT = INTERRUPT_NUMBER["ALIGNMENT"]
NONE = U(NO_TAG)


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
def _version(cpu: Any, host: Any) -> Any:
    """Host address of the version of the line at a host address."""
    return cpu.reserve_table + ((host >> U(7)) & U(RESERVE_STRIPES - 1)) * U(64)


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
    if cpu.reserve_table != U(0):
        cpu.reserve_version = load_acquire(_version(cpu, host)) & ~U(1)
    if bits == I(128):
        low, cpu.scratch[0] = load128(host)
    else:
        low, cpu.scratch[0] = load_at(host, bits >> I(3)), U(0)
    cpu.reserve_ea, cpu.reserve_bits = ea, U(bits)
    cpu.reserve_low, cpu.reserve_high = low, cpu.scratch[0]
    return low


@njit
def store_conditional(cpu: Any, ea: Any, bits: Any, low: Any, high: Any) -> Any:
    """The uncommon store conditional: no reservation, another address or size in the granule, a TLB
    miss.
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
    if cpu.reserve_table == U(0):
        return _store_if(cpu, host, bits, compares, low, high)
    version, known = _version(cpu, host), cpu.reserve_version
    if compare_and_swap(version, known, known + U(1)) == U(0):
        return U(0)
    done = _store_if(cpu, host, bits, compares, low, high)
    store_release(version, known + (U(2) if done != U(0) else U(0)))
    stored(cpu, host)
    return done


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
