"""What firmware does to PCI functions before a client program starts: BARs get addresses.

Ref: IEEE 1275 PCI bus binding, 2.4 (assigned-addresses); PCI 3.0, 6.2.5.
"""

from collections.abc import Iterable

from jitppc.devices.pci.bars import Bar
from jitppc.devices.pci.config_space import Command, Reg
from jitppc.devices.pci.function import PciFunction
from jitppc.spapr.pci.windows import Window, Windows

ALIGNMENT = 0x1_0000
"""Regions of different functions share no page of the guest's."""
IO_START = 0x1000
IO_ALIGNMENT = 0x10


def window_of(windows: Windows, bar: Bar) -> Window:
    """The window that suits a BAR: prefetchable 64-bit ones go above 4 GiB."""
    if bar.is_io:
        return windows.io
    return windows.memory_64 if bar.is_64 and bar.is_prefetchable else windows.memory_32


def assign_bars(functions: Iterable[PciFunction], windows: Windows) -> None:
    """Every region has an address of its own and is decoded; a window that is full gives none."""
    free = {window.space: window.bus_address for window in windows.all}
    free[windows.io.space] += IO_START
    for function in functions:
        for bar in function.bars:
            window = window_of(windows, bar)
            size = bar.region.size_bytes
            align = max(size, IO_ALIGNMENT if bar.is_io else ALIGNMENT)
            start = free[window.space] + align - 1 & -align
            if window.gra_of(start, size) is not None:
                free[window.space] = start + size
                function.config_write(bar.offset, 4, start & 0xFFFFFFFF)
                if bar.is_64:
                    function.config_write(bar.offset + 4, 4, start >> 32)
        function.config_write(Reg.COMMAND, 2, Command.IO | Command.MEMORY)
