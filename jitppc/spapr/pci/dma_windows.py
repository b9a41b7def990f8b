"""The DMA windows of one host bridge: the default one, and those that the guest makes.

Ref: LoPAR 7.3.11.4 (dynamic DMA windows); reference §7.6.
"""

from jitppc.spapr.tce import MAX_ENTRIES, TceTable, TceTables

DEFAULT_SIZE = 1 << 30
DEFAULT_PAGE_SHIFT = 12
DEFAULT_ADDRESS = 0
SECOND_ADDRESS = 1 << 59
MAX_WINDOWS = 2
LIOBN_BASE = 0x8000_0000
PAGE_SIZE_BITS = {12: 0x1, 16: 0x2, 21: 0x100, 24: 0x4}
"""Page shift to its bit in the mask of ibm,query-pe-dma-window."""
PAGE_SIZE_MASK = sum(PAGE_SIZE_BITS.values())


class DmaWindows:
    """Changed under the partition's lock; `tables` is read by devices' threads."""

    def __init__(self, tables: TceTables, phb_index: int) -> None:
        self._all, self._phb_index = tables, phb_index
        self.tables: tuple[TceTable, ...] = ()
        self._make_default()

    @property
    def default_liobn(self) -> int:
        return self._liobn(0)

    @property
    def available(self) -> int:
        return MAX_WINDOWS - len(self.tables)

    def create(self, page_shift: int, window_shift: int) -> TceTable | None:
        """A new window, or None when the size, the page size or the number of windows forbids."""
        count_log2 = window_shift - page_shift
        is_possible = page_shift in PAGE_SIZE_BITS and 0 <= count_log2 < MAX_ENTRIES.bit_length()
        if not is_possible or not self.available:
            return None
        taken = {table.liobn for table in self.tables}
        liobn = next(n for n in map(self._liobn, range(MAX_WINDOWS)) if n not in taken)
        address = SECOND_ADDRESS if self.tables else DEFAULT_ADDRESS
        return self._add(TceTable(liobn, address, page_shift, 1 << count_log2))

    def remove(self, liobn: int) -> bool:
        """False when it is none of ours. Without any window, the default one is back.

        The default window itself can be removed and then leaves none.
        """
        table = next((t for t in self.tables if t.liobn == liobn), None)
        if table is None:
            return False
        was_default = self._is_default(table)
        self._drop(table)
        if not self.tables and not was_default:
            self._make_default()
        return True

    def reset(self) -> None:
        """Only the default window is there, and it is empty."""
        for table in self.tables:
            self._drop(table)
        self._make_default()

    def _liobn(self, number: int) -> int:
        return LIOBN_BASE | self._phb_index << 8 | number

    @staticmethod
    def _is_default(table: TceTable) -> bool:
        shape = (table.bus_offset, table.page_shift, table.size_bytes)
        return shape == (DEFAULT_ADDRESS, DEFAULT_PAGE_SHIFT, DEFAULT_SIZE)

    def _make_default(self) -> None:
        pages = DEFAULT_SIZE >> DEFAULT_PAGE_SHIFT
        self._add(TceTable(self._liobn(0), DEFAULT_ADDRESS, DEFAULT_PAGE_SHIFT, pages))

    def _add(self, table: TceTable) -> TceTable:
        self._all.add(table)
        self.tables += (table,)
        return table

    def _drop(self, table: TceTable) -> None:
        self._all.remove(table.liobn)
        self.tables = tuple(t for t in self.tables if t is not table)
