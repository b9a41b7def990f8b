"""Translation control entries: what the guest lets a device reach, page by page.

A table stands for one window of device addresses and has a number (LIOBN). Device address
`bus_offset + (i << page_shift)` leads to the guest real page of entry i; its two lowest bits say
what the device may do there. The hypercalls are in `hcall/tce.py`.

Tables are changed on vCPU threads and read on threads of devices. An entry is one aligned
doubleword, so a reader finds it as it was or as it is; what a device does with a page that the
guest takes away meanwhile is the guest's affair.
Ref: LoPAR 14.5.4.2 (H_PUT_TCE and its kind); reference §2.5, §7.6.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from jitppc.devices.ports import DmaError, DmaSpace
from jitppc.ir.tce_layout import MAX_TABLES, TCE_READ, TCE_TABLE, TCE_WRITE
from jitppc.spapr.memory_map import GRA_MASK

MAX_ENTRIES = 1 << 22
"""Of one window: 32 MiB of the host, and room for 256 GiB of a guest in pages of 64 KiB."""


class TceTable:
    """One window. `entries`: (page_count,) u64, native; never-touched parts take no host memory.

    While `is_bypassed`, device addresses are guest real addresses, wherever the window ends.
    `row` says of it what native code has to know (TCE_TABLE).
    """

    def __init__(
        self, liobn: int, bus_offset: int, page_shift: int, page_count: int, *, stays: bool = False
    ) -> None:
        """`stays`: the table is never removed and its entries never move, so it is not large."""
        if not 0 < page_count <= MAX_ENTRIES:
            raise ValueError(f"a TCE table of {page_count} entries")
        self.liobn, self.bus_offset = liobn, bus_offset
        self.page_shift, self.page_count = page_shift, page_count
        self._page_mask = GRA_MASK & -(1 << page_shift)
        self.stays = stays
        self._entries = np.zeros(page_count, np.uint64)
        self.row = np.zeros(1, TCE_TABLE)[0]
        self.row["liobn"], self.row["bus_offset"] = liobn, bus_offset
        self.row["page_shift"], self.row["page_count"] = page_shift, page_count
        self.row["entries"] = self._entries.ctypes.data
        self.reset()

    @property
    def size_bytes(self) -> int:
        """Of the window."""
        return self.page_count << self.page_shift

    def index(self, ioba: int, count: int = 1) -> int | None:
        """The entry for device address `ioba`, when it and `count` - 1 after it are there."""
        index = ioba - self.bus_offset >> self.page_shift
        return index if 0 <= index and index + count <= self.page_count else None

    def get(self, index: int) -> int:
        return int(self._entries[index])

    def put(self, index: int, tces: Sequence[int] | np.ndarray) -> None:
        """Entries from `index` on; the caller has asked `index` whether they are there."""
        self.row["is_touched"] = 1
        self._entries[index : index + len(tces)] = tces

    def fill(self, index: int, count: int, tce: int) -> None:
        self.row["is_touched"] = 1
        self._entries[index : index + count] = tce

    def reset(self) -> None:
        """No page is mapped and the table is not bypassed."""
        if self.row["is_touched"] and self.stays:
            self._entries[:] = 0
        elif self.row["is_touched"]:
            self._entries = np.zeros(self.page_count, np.uint64)
        self._words = self._entries.data
        self.row["is_touched"], self.is_bypassed = 0, False

    @property
    def address(self) -> int:
        """The host address of the entries."""
        assert self.stays
        return int(self.row["entries"])

    def page_at(self, address: int, count: int, is_write: bool) -> int | None:
        """The guest real address of `count` bytes, when they are in one page that allows it.

        None says that `runs` has to look at it.
        """
        offset = address - self.bus_offset
        index = offset >> self.page_shift
        last = offset + count - 1 >> self.page_shift
        if index != last or not 0 <= index < self.page_count or self.is_bypassed:
            return None
        tce = self._words[index]
        if not tce & (TCE_WRITE if is_write else TCE_READ):
            return None
        return (tce & self._page_mask) + offset - (index << self.page_shift)

    def runs(self, address: int, count: int, is_write: bool) -> Iterator[tuple[int, int]]:
        """(guest real address, bytes) of the pieces that are contiguous, in order.

        DmaError when the window ends or a page does not allow it, before the first piece.
        """
        if self.is_bypassed:
            return iter([(address, count)])
        index = self.index(address)
        last = self.index(address + max(count, 1) - 1)
        if index is None or last is None:
            raise DmaError(address, count, is_write)
        tces = self._entries[index : last + 1].tolist()
        right = TCE_WRITE if is_write else TCE_READ
        if not all(tce & right for tce in tces):
            raise DmaError(address, count, is_write)
        return self._merged(tces, address, count)

    def _merged(self, tces: list[int], address: int, count: int) -> Iterator[tuple[int, int]]:
        page, mask = 1 << self.page_shift, self._page_mask
        offset = address & page - 1
        start, length = (tces[0] & mask) + offset, page - offset
        for tce in tces[1:]:
            gra = tce & mask
            if gra == start + length:
                length += page
            else:
                yield start, length
                count -= length
                start, length = gra, page
        yield start, count


class TceTables:
    """The tables of the machine by LIOBN.

    `rows`: TCE_TABLE[], those of the tables that stay, as far as there is room; for native code.
    """

    def __init__(self) -> None:
        self._tables: dict[int, TceTable] = {}
        self.rows = np.zeros(MAX_TABLES + 1, TCE_TABLE)

    def add(self, table: TceTable) -> TceTable:
        if table.liobn in self._tables:
            raise ValueError(f"LIOBN {table.liobn:#x} is taken")
        self._tables[table.liobn] = table
        free = int(np.count_nonzero(self.rows["page_count"]))
        if table.stays and free < MAX_TABLES:
            self.rows[free] = table.row
            table.row = self.rows[free]
        return table

    def remove(self, liobn: int) -> None:
        del self._tables[liobn]

    def get(self, liobn: int) -> TceTable | None:
        return self._tables.get(liobn)

    def __iter__(self) -> Iterator[TceTable]:
        return iter(list(self._tables.values()))


class TceDma:
    """Guest memory through the windows that `tables` answers at the time of the access.

    `ram` is guest memory at its real addresses. A transfer lies within one window.
    """

    def __init__(self, tables: Callable[[], Sequence[TceTable]], ram: DmaSpace) -> None:
        self._tables, self._ram = tables, ram

    def _runs(self, address: int, count: int, is_write: bool) -> list[tuple[int, int]]:
        for table in self._tables():
            if table.is_bypassed or 0 <= address - table.bus_offset < table.size_bytes:
                return list(table.runs(address, count, is_write))
        raise DmaError(address, count, is_write)

    def read(self, address: int, count: int) -> bytes:
        runs = self._runs(address, count, is_write=False)
        return b"".join([self._ram.read(gra, length) for gra, length in runs])

    def write(self, address: int, data: bytes | memoryview) -> None:
        runs = self._runs(address, len(data), is_write=True)
        if len(runs) == 1:
            self._ram.write(runs[0][0], data)
            return
        for gra, length in runs:
            self._ram.views(gra, length, is_write=True)  # all of it is RAM, or nothing is written
        source = memoryview(data).cast("B")
        for gra, length in runs:
            self._ram.write(gra, source[:length])
            source = source[length:]

    def views(self, address: int, count: int, is_write: bool) -> list[memoryview]:
        for table in self._tables():
            gra = table.page_at(address, count, is_write)
            if gra is not None:
                return self._ram.views(gra, count, is_write)
        runs = self._runs(address, count, is_write)
        return [v for gra, length in runs for v in self._ram.views(gra, length, is_write)]

    def written(self, address: int, count: int) -> None:
        """As `DmaSpace`; pages that the guest has taken away since are its own affair."""
        for table in self._tables():
            gra = table.page_at(address, count, is_write=True)
            if gra is not None:
                self._ram.written(gra, count)
                return
        try:
            runs = self._runs(address, count, is_write=True)
        except DmaError:
            return
        for gra, length in runs:
            self._ram.written(gra, length)
