"""What a logical LAN adapter reaches of guest memory: its window, page by page of 4 KiB.

Ref: LoPAR 17.2.1.2 (RTCE tables); reference §2.5.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir import tce_layout
from jitppc.ir.layout import SHARED_STATE, offset

from .code import forget_page_everywhere
from .exclusive import close, reopen
from .host import U, cpu_at, fence, load64, pointer_of

TCE_READ, TCE_WRITE = U(tce_layout.TCE_READ), U(tce_layout.TCE_WRITE)
REAL, PAGE_SIZE, IN_PAGE = U((1 << 60) - 1 & ~0xFFF), U(0x1000), U(0xFFF)
OWNERS = U(offset("owners", SHARED_STATE))
CPUS = U(offset("cpus", SHARED_STATE))


@njit
def place(lan: Any, address: Any, right: Any) -> Any:
    """The host address of a device address whose page allows this, or 0."""
    page = address >> U(12)
    if page >= lan.tce_count:
        return U(0)
    tce = load64(lan.tces + page * U(8))
    real = (tce & REAL) + (address & IN_PAGE)
    if tce & right == U(0) or real >= lan.ram_size:
        return U(0)
    return lan.ram + real


@njit
def is_mapped(lan: Any, address: Any, count: Any, right: Any) -> Any:
    """Every page of these bytes, at least one, allows this (both, with both rights)."""
    last = address + count - U(1)
    at = address & ~IN_PAGE
    while at <= last:
        if place(lan, at, right & TCE_READ) == U(0) and right & TCE_READ != U(0):
            return False
        if place(lan, at, right & TCE_WRITE) == U(0) and right & TCE_WRITE != U(0):
            return False
        at += PAGE_SIZE
    return True


@njit
def changed(lan: Any, host: Any, count: Any) -> None:
    """These bytes of a page of guest memory were written: nothing decoded from them is left."""
    fence()
    real = host - lan.ram
    owners = load64(lan.shared + OWNERS) + (real >> U(12)) * U(8)
    last = load64(lan.shared + OWNERS) + ((real + count - U(1)) >> U(12)) * U(8)
    while owners <= last:
        if load64(owners) != U(0):
            cpu = cpu_at(pointer_of(load64(lan.shared + CPUS)))
            close(cpu)
            forget_page_everywhere(cpu, real)
            reopen(cpu)
        owners += U(8)
        real += PAGE_SIZE
