"""What a virtual I/O device reaches of guest memory: its window, page by page of 4 KiB.

A device's record has WINDOW_FIELDS (`ir/vio_layout.py`) and `pieces`.

Ref: LoPAR 17.2.1.2 (RTCE tables); reference §2.5.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir import tce_layout

from .code import forget_page_everywhere
from .exclusive import close, reopen
from .guards import count_stores
from .host import I, U, cpu_at, fence, load64, pointer_of, shared_at

TCE_READ, TCE_WRITE = U(tce_layout.TCE_READ), U(tce_layout.TCE_WRITE)
REAL, PAGE_SIZE, IN_PAGE = U((1 << 60) - 1 & ~0xFFF), U(0x1000), U(0xFFF)
#: in place of a number of pieces: a page does not allow it; there are too many
UNMAPPED, TOO_MANY = I(-1), I(-2)


@njit
def place(device: Any, address: Any, right: Any) -> Any:
    """The host address of a device address whose page allows this, or 0."""
    page = address >> U(12)
    if page >= device.tce_count:
        return U(0)
    tce = load64(device.tces + page * U(8))
    real = (tce & REAL) + (address & IN_PAGE)
    if tce & right == U(0) or real >= device.ram_size:
        return U(0)
    return device.ram + real


@njit
def is_mapped(device: Any, address: Any, count: Any, right: Any) -> Any:
    """Every page of these bytes, at least one, allows this (both, with both rights)."""
    last = address + count - U(1)
    at = address & ~IN_PAGE
    while at <= last:
        if place(device, at, right & TCE_READ) == U(0) and right & TCE_READ != U(0):
            return False
        if place(device, at, right & TCE_WRITE) == U(0) and right & TCE_WRITE != U(0):
            return False
        at += PAGE_SIZE
    return True


@njit
def gather(device: Any, first: Any, used: Any, address: Any, count: Any, right: Any) -> Any:
    """Pieces (struct iovec) for so many bytes are behind the `used` that there are.

    How many there are then, UNMAPPED or TOO_MANY. What lies side by side is one piece, except with
    those before `first`.
    """
    while count != U(0):
        host = place(device, address, right)
        if host == U(0):
            return UNMAPPED
        part = min(count, PAGE_SIZE - (address & IN_PAGE))
        last = used - I(1)
        if used > first and device.pieces[last, 0] + device.pieces[last, 1] == host:
            device.pieces[last, 1] += part
        elif used < len(device.pieces):
            device.pieces[used, 0], device.pieces[used, 1] = host, part
            used += I(1)
        else:
            return TOO_MANY
        address += part
        count -= part
    return used


@njit
def changed(device: Any, host: Any, count: Any) -> None:
    """These bytes of a page of guest memory were written: nothing decoded from them is left."""
    fence()
    real = host - device.ram
    shared = shared_at(device.shared)
    count_stores(shared, device.ram, host, count)
    owners = shared.owners + (real >> U(12)) * U(8)
    last = shared.owners + ((real + count - U(1)) >> U(12)) * U(8)
    while owners <= last:
        if load64(owners) != U(0):
            cpu = cpu_at(pointer_of(shared.cpus[0]))
            close(cpu)
            forget_page_everywhere(cpu, real)
            reopen(cpu)
        owners += U(8)
        real += PAGE_SIZE
