"""A VIO device's window into guest memory: one table of translation control entries.

Ref: LoPAR 17.2.1.2 (RTCE tables); reference §4.5 (ibm,my-dma-window).
"""

from fdt import Node

from jitppc.devices.ports import DmaError, DmaSpace
from jitppc.spapr.fdt_values import cells, put
from jitppc.spapr.tce import TceDma, TceTable, TceTables

PAGE_SHIFT = 12
PAGE_SIZE = 1 << PAGE_SHIFT
WINDOW_SIZE = 256 << 20
WINDOW_PAGES = WINDOW_SIZE >> PAGE_SHIFT


class DmaWindow:
    """256 MiB of device addresses from 0; its LIOBN is the device's unit address."""

    def __init__(self, unit_address: int, tces: TceTables, ram: DmaSpace) -> None:
        table = TceTable(unit_address, 0, PAGE_SHIFT, WINDOW_PAGES, stays=True)
        self.table = tces.add(table)
        self.dma = TceDma(lambda: (table,), ram)

    def is_mapped(self, address: int, count: int) -> bool:
        """The device may read and write all of it."""
        try:
            self.dma.views(address, count, is_write=False)
            self.dma.views(address, count, is_write=True)
        except DmaError:
            return False
        return True

    def describe(self, where: Node) -> None:
        """The node of the device says where its window is."""
        put(where, "ibm,#dma-address-cells", cells(2))
        put(where, "ibm,#dma-size-cells", cells(2))
        put(where, "ibm,my-dma-window", cells(self.table.liobn, 0, 0, 0, WINDOW_SIZE))
