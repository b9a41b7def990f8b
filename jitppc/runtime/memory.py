"""Guest real memory: a shared mapping of a memfd, so that other processes can be given it."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Callable

import numpy as np

from jitppc.errors import JitppcError
from jitppc.ir.layout import CELL_PAGE_BYTES, GRANULE_LOG2, INSTALL, INSTALL_RING, MACHINE_STATE

#: Room for the cells of about ten thousand pages of code; used up, all of it is forgotten and
#: refilled.
CELL_POOL_BYTES = 10_000 * CELL_PAGE_BYTES


def aligned_zeros(nbytes: int, align: int = 64) -> np.ndarray:
    """`nbytes` zero bytes at an aligned host address, not touched yet."""
    raw = np.zeros(nbytes + align, np.uint8)
    start = -raw.ctypes.data % align
    return raw[start:start + nbytes]


class GuestMemory:
    """`size` bytes of RAM from guest real 0, and what the vCPUs know of it (MACHINE_STATE)."""

    def __init__(self, size: int) -> None:
        self.size = size
        try:
            self.fd = os.memfd_create("jitppc-ram", os.MFD_CLOEXEC)
            os.ftruncate(self.fd, size)
            self._map = mmap.mmap(self.fd, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        except OSError as error:
            what = f"cannot get {size >> 20} MiB of guest memory"
            raise JitppcError(f"{what}: {error.strerror}") from error
        self._map.madvise(mmap.MADV_HUGEPAGE)
        self._bytes = np.frombuffer(self._map, np.uint8)
        self.base = self._bytes.ctypes.data
        self.code_pages = np.zeros(size >> 12, np.uint64)
        self._write_slots = np.zeros((size >> GRANULE_LOG2, 2), np.uint64)
        self._pool = mmap.mmap(-1, CELL_POOL_BYTES + 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._pool.madvise(mmap.MADV_HUGEPAGE)
        pool = ctypes.addressof(ctypes.c_char.from_buffer(self._pool))
        self.installs = aligned_zeros(INSTALL.itemsize * INSTALL_RING).view(INSTALL)
        self.state = aligned_zeros(MACHINE_STATE.itemsize).view(MACHINE_STATE)
        self.state["ram"], self.state["ram_size"] = self.base, size
        self.state["code_pages"] = self.code_pages.ctypes.data
        self.state["write_slots"] = self._write_slots.ctypes.data
        self.state["pool"] = self.state["pool_next"] = pool
        self.state["pool_end"] = pool + CELL_POOL_BYTES
        self.state["install_ring"] = self.installs.ctypes.data
        #: called with the real address of a page of code before Python changes it
        self.on_code_write: Callable[[int], None] | None = None

    def contains(self, gra: int, n: int) -> bool:
        """True when all n bytes at gra are RAM."""
        return 0 <= gra and n >= 0 and gra + n <= self.size

    def _check(self, gra: int, n: int) -> None:
        if not self.contains(gra, n):
            raise IndexError(f"guest real {gra:#x}, {n} bytes: not in {self.size:#x} bytes of RAM")

    def read(self, gra: int, n: int) -> bytes:
        """The n bytes at gra; IndexError when one of them is outside RAM."""
        self._check(gra, n)
        return self._bytes[gra:gra + n].tobytes()

    def write(self, gra: int, data: bytes | memoryview) -> None:
        """RAM holds data at gra, and nothing decoded from that range is left.

        IndexError when a byte is outside RAM.
        """
        self._check(gra, len(data))
        if not data:
            return
        first, last = gra >> 12, (gra + len(data) - 1) >> 12
        pages = np.flatnonzero(self.code_pages[first:last + 1])
        if self.on_code_write is not None:
            for page in pages:
                self.on_code_write((first + int(page)) << 12)
        self._bytes[gra:gra + len(data)] = np.frombuffer(data, np.uint8)

    def clear(self) -> None:
        """All of RAM is zero, as after power-on, and its pages are given back to the host."""
        for page in np.flatnonzero(self.code_pages):
            if self.on_code_write is not None:
                self.on_code_write(int(page) << 12)
        self._map.madvise(mmap.MADV_REMOVE)
