"""What one vCPU has decoded: its view of the machine (MACHINE_STATE), cells, rings.

Cells belong to a vCPU, so that decoding, counting and installing need no locks. Only who has
decoded which page is known to all, for stores (see docs/smp.md).
"""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

import numpy as np

from jitppc.ir.layout import (
    CELL_PAGE_BYTES,
    GRANULE_LOG2,
    INSTALL,
    INSTALL_RING,
    MACHINE_STATE,
)

#: Room for the cells of about ten thousand pages of code; used up, all of it is forgotten and
#: refilled.
CELL_POOL_BYTES = 10_000 * CELL_PAGE_BYTES
_MAP_NORESERVE = 0x4000


def aligned_zeros(nbytes: int, align: int = 64) -> np.ndarray:
    """`nbytes` zero bytes at an aligned host address, not touched yet."""
    raw = np.zeros(nbytes + align, np.uint8)
    start = -raw.ctypes.data % align
    return raw[start:start + nbytes]


class CodeSpace:
    """Of the vCPU with this number, over `size` bytes of RAM."""

    def __init__(self, number: int, size: int) -> None:
        self.number = number
        self.code_pages = np.zeros(size >> 12, np.uint64)
        #: by granule, host addresses of data TLB entries that may write to it, or of one that might
        self.write_slots = np.zeros((size >> GRANULE_LOG2, 2), np.uint64)
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE
        self._pool = mmap.mmap(-1, CELL_POOL_BYTES + 4096, flags)
        if number == 0:
            self._pool.madvise(mmap.MADV_HUGEPAGE)
        pool = ctypes.addressof(ctypes.c_char.from_buffer(self._pool))
        self.installs = aligned_zeros(INSTALL.itemsize * INSTALL_RING).view(INSTALL)
        self.record = aligned_zeros(MACHINE_STATE.itemsize).view(MACHINE_STATE)
        self.state: Any = self.record[0]
        self.state["code_pages"] = self.code_pages.ctypes.data
        self.state["write_slots"] = self.write_slots.ctypes.data
        self.state["pool"] = self.state["pool_next"] = pool
        self.state["pool_end"] = pool + CELL_POOL_BYTES
        self.state["install_ring"] = self.installs.ctypes.data
        self.state["bit"] = 1 << number
