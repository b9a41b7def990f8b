"""Guest real memory: a shared mapping of a memfd, so that other processes can be given it."""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from jitppc.errors import JitppcError
from jitppc.ir.layout import GRANULE_LOG2, RESERVE_STRIPES, SHARED_STATE
from jitppc.ir.virtq_layout import DOORBELL, MAX_DOORBELLS

from .code_space import CodeSpace, aligned_zeros
from .fill_ahead import FillAhead
from .gate import Gate

#: Up to here Python's own loop is faster than NumPy's.
FEW_PAGES = 32


IS_STORE = 256
ALL_ONES = (1 << 64) - 1


class Mmio(Protocol):
    """What answers for real addresses of devices, on a vCPU's thread.

    A value is the bytes at gra, read as a little-endian number.
    """

    def load(self, gra: int, size: int, vcpu_id: int) -> int: ...

    def store(self, gra: int, size: int, value: int, vcpu_id: int) -> None: ...


class GuestMemory:
    """`size` bytes of RAM from guest real 0, and what the vCPUs know of it (MACHINE_STATE).

    Any thread may read, write and look through views.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        try:
            self.fd = os.memfd_create("jitppc-ram", os.MFD_CLOEXEC)
            weakref.finalize(self, os.close, self.fd)
            os.ftruncate(self.fd, size)
            self._map = mmap.mmap(self.fd, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        except OSError as error:
            what = f"cannot get {size >> 20} MiB of guest memory"
            raise JitppcError(f"{what}: {error.strerror}") from error
        self._map.madvise(mmap.MADV_HUGEPAGE)
        self._view = memoryview(self._map)
        self._bytes = np.frombuffer(self._map, np.uint8)
        self.base = self._bytes.ctypes.data
        #: by page, the vCPUs that have decoded it
        self._owners_array = np.zeros(size >> 12, np.uint64)
        self._owners = self._owners_array.data  # a few elements of it cost less
        self.shared = aligned_zeros(SHARED_STATE.itemsize).view(SHARED_STATE)
        self.shared[0]["owners"] = self.owners
        #: by granule, the vCPUs that guard it
        self._guards_array = np.zeros(-(-size >> GRANULE_LOG2), np.uint64)
        self._guards = self._guards_array.data
        self.shared[0]["guards"] = self._guards_array.ctypes.data
        self._ringing = threading.Lock()
        self._doorbells = np.zeros(MAX_DOORBELLS + 1, DOORBELL)
        self.shared[0]["doorbells"] = self._doorbells.ctypes.data
        self.spaces = [self._space(0)]
        self._filler = FillAhead(self.base, size, self.spaces, self._map)
        self._versions: np.ndarray | None = None
        #: between runs of native code only: what native code relies on changes
        self.gate = Gate()
        #: guest Time Base minus the host's clock
        self.tb_offset = 0
        #: called, the gate closed, with the real address of a page of code that was changed
        self.on_code_write: Callable[[int], None] | None = None
        #: called with bytes (gra, n) that were changed in granules that a vCPU guards
        self.on_guarded_write: Callable[[int, int], object] = lambda _gra, _n: None
        #: what native code has addresses of
        self._attached: list[object] = []
        #: calls a native routine by name, once there is a vCPU
        self.call_native: Callable[..., int] | None = None
        self._mmio_callback: object = None
        self._hash_table: np.ndarray | None = None

    def _space(self, number: int) -> CodeSpace:
        space = CodeSpace(number, self.size)
        space.state["ram"], space.state["ram_size"] = self.base, self.size
        space.state["shared"] = self.shared.ctypes.data
        return space

    @property
    def state(self) -> np.ndarray:
        """The first vCPU's view: MACHINE_STATE."""
        return self.spaces[0].record

    @property
    def code_pages(self) -> np.ndarray:
        """Where the first vCPU has cells: u64[size >> 12]."""
        return self.spaces[0].code_pages

    @property
    def installs(self) -> np.ndarray:
        """The first vCPU's ring of finished regions: INSTALL[INSTALL_RING]."""
        return self.spaces[0].installs

    def join(self, number: int, address: int) -> CodeSpace:
        """There is a vCPU with this number, whose record is at this host address: its view."""
        if number == len(self.spaces):
            space = self._space(number)
            hash_table = ("hpt", "hpt_mask", "hpt_page_limit")
            for field in ("mmio_start", "mmio_end", "mmio_call", *hash_table):
                space.state[field] = self.spaces[0].state[field]
            self.spaces.append(space)
        self.shared[0]["cpus"][number] = address
        self.shared[0]["count"] = len(self.spaces)
        if number == 1:
            self._versions = aligned_zeros(RESERVE_STRIPES * 64)
            self.shared[0]["versions"] = self._versions.ctypes.data
        return self.spaces[number]

    @property
    def vcpu_addresses(self) -> list[int]:
        """Where the records of all vCPUs are."""
        shared = self.shared[0]
        return [int(address) for address in shared["cpus"][: int(shared["count"])]]

    def _tell(self, **fields: Any) -> None:
        """All vCPUs see this of the machine."""
        for space in self.spaces:
            for name, value in fields.items():
                space.state[name] = value

    def attach_mmio(
        self,
        ranges: Sequence[tuple[int, int]],
        mmio: Mmio,
        fail: Callable[[BaseException], None],
    ) -> None:
        """`mmio` answers for one or two guest real ranges [start, end) outside RAM.

        `fail` hears what it raises.
        """
        if min(ranges)[0] < self.size:
            raise ValueError(f"device addresses from {min(ranges)[0]:#x} lie inside RAM")

        def call(gra: int, kind: int, value: int) -> int:
            try:
                size, vcpu_id = kind & IS_STORE - 1, kind >> 32
                if kind & IS_STORE:
                    mmio.store(gra, size, value & (1 << 8 * size) - 1, vcpu_id)
                    return 0
                return mmio.load(gra, size, vcpu_id) & (1 << 8 * size) - 1
            except BaseException as error:  # noqa: BLE001 (native code cannot pass it on)
                fail(error)
                return ALL_ONES

        word = ctypes.c_uint64
        callback = ctypes.CFUNCTYPE(word, word, word, word)(call)
        self._mmio_callback = callback               # as long as native code may call it
        address = ctypes.cast(callback, ctypes.c_void_p).value or 0
        starts, ends = zip(*ranges, *[(0, 0)] * (2 - len(ranges)), strict=True)
        self._tell(mmio_call=address, mmio_start=starts, mmio_end=ends)

    @property
    def owners(self) -> int:
        """Host address of the table of who has decoded which page."""
        return self._owners_array.ctypes.data

    def attach_xive(self, address: int) -> None:
        """The XIVE controller at this host address answers for its pages while it is active."""
        self._tell(xive=address)

    def attach_xics(self, address: int) -> None:
        """The XICS controller at this host address answers its hypercalls while it is active."""
        self._tell(xics=address)

    def fill_ahead(self, ranges: Sequence[tuple[int, int]] = ()) -> None:
        """The guest begins, or goes on: host memory is taken before it is needed, and first that of
        these ranges [start, end).
        """
        self._filler.start(ranges)

    def close(self) -> None:
        """Nothing is done to it in the background any more."""
        self._filler.close()

    def window_fields(self, tces: int, tce_count: int) -> dict[str, int]:
        """WINDOW_FIELDS of a device; `tces`: host address of its entries, each for 4 KiB."""
        return {
            "shared": self.shared.ctypes.data, "ram": self.base, "ram_size": self.size,
            "tces": tces, "tce_count": tce_count,
        }  # fmt: skip

    def attach_vio(self, device: object, record: np.ndarray, kind: int, unit: int) -> None:
        """Native code answers hypercalls to this unit; the record begins with VIO_FIELDS, and
        `device` keeps whatever it leads to.
        """
        self._attached.append(device)
        state, shared, address = record[0], self.shared[0], record.ctypes.data
        state["here"], state["kind"], state["unit"] = address, kind, unit
        state["next"], shared["vio"] = shared["vio"], address

    def attach_tces(self, tables: np.ndarray) -> None:
        """These windows of devices (TCE_TABLE[]) are native code's to change."""
        self._attached.append(tables)
        self.shared[0]["tces"] = tables.ctypes.data

    def use_doorbells(self, rows: Sequence[tuple[int, int]]) -> None:
        """A store to the four bytes at one of these real addresses rings its bell (an eventfd), and
        does nothing else. As many as native code has room for; when this returns, no others are.
        """
        table = np.zeros(MAX_DOORBELLS + 1, DOORBELL)
        table[: len(rows[:MAX_DOORBELLS])] = rows[:MAX_DOORBELLS]
        with self._ringing:
            if np.array_equal(table, self._doorbells):
                return
            with self.gate.closed():
                self._doorbells[:] = table

    def make_hash_table(self, size_log2: int, page_limit_log2: int = 16) -> None:
        """A hashed page table of 1 << size_log2 bytes, empty; 0 for none.

        Native code reads it, so no vCPU may be running. Ref: native/hash.py.
        """
        self._tell(hpt_page_limit=page_limit_log2)
        self.use_hash_table(aligned_zeros(1 << size_log2, 128) if size_log2 else None)

    def use_hash_table(self, table: np.ndarray | None) -> None:
        """This is the hashed page table: bytes, aligned to 128. No vCPU is running."""
        self._hash_table = table
        if table is None:
            self._tell(hpt=0, hpt_mask=0)
        else:
            self._tell(hpt=table.ctypes.data, hpt_mask=table.size // 128 - 1)

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
        if data:
            self._bytes[gra:gra + len(data)] = np.frombuffer(data, np.uint8)
            self.written(gra, len(data))

    def view(self, gra: int, n: int) -> memoryview:
        """The n bytes at gra in place; whoever changes them says so by `written`."""
        self._check(gra, n)
        return self._view[gra:gra + n]

    def written(self, gra: int, n: int) -> None:
        """The n bytes at gra were changed: nothing decoded from them is left."""
        self.gate.pass_by()
        if self._is_guarded(gra >> GRANULE_LOG2, (gra + max(n, 1) - 1 >> GRANULE_LOG2) + 1):
            self.on_guarded_write(gra, n)
        pages = self._active(gra >> 12, (gra + max(n, 1) - 1 >> 12) + 1)
        if pages and self.on_code_write is not None:
            with self.gate.closed():
                for page in pages:
                    self.on_code_write(page << 12)

    def give_back(self, gra: int, n: int) -> None:
        """Whole pages among the n bytes at gra are the host's again, and read as zeroes.

        What is outside RAM is left out.
        """
        first, end = -(-max(gra, 0) // mmap.PAGESIZE), min(gra + n, self.size) // mmap.PAGESIZE
        if first < end:
            start, count = first * mmap.PAGESIZE, (end - first) * mmap.PAGESIZE
            self._filler.give_back(start, start + count)
            self._map.madvise(mmap.MADV_REMOVE, start, count)
            self.written(start, count)

    def _active(self, first: int, end: int) -> list[int]:
        """Numbers of pages from which code is decoded."""
        if end - first <= FEW_PAGES and not any(self._owners[first:end]):
            return []
        return [first + int(page) for page in np.flatnonzero(self._owners_array[first:end])]

    def guarded(self, gra: int) -> bool:
        """Some vCPU guards the granule of gra: stores to it are slow."""
        return bool(self._guards[gra >> GRANULE_LOG2])

    def _is_guarded(self, first: int, end: int) -> bool:
        """Some vCPU guards one of these granules."""
        if end - first <= FEW_PAGES:
            return any(self._guards[first:end])
        return bool(self._guards_array[first:end].any())

    def give_up_guards(self, number: int) -> None:
        """The vCPU of this number guards nothing; none is running."""
        self._guards_array &= ~np.uint64(1 << number)

    def clear(self) -> None:
        """All of RAM is zero, as after power-on, and its pages are given back to the host."""
        self._map.madvise(mmap.MADV_REMOVE)
        self.written(0, self.size)
