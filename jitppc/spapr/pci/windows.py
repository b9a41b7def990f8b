"""Where the windows of a host bridge are: guest real addresses, and the bus addresses they map.

Ref: reference §1.7, §4.5 (ranges), §7.6.
"""

from dataclasses import dataclass

from jitppc.devices.pci.bars import Bar
from jitppc.spapr.memory_map import GIB

SPACE_IO = 0x0100_0000
SPACE_MEMORY_32 = 0x0200_0000
SPACE_MEMORY_64 = 0x0300_0000

WINDOWS_GRA = 0x2000_0000_0000
WINDOWS_END = 0x4000_0000_0000
IO_SIZE = 0x1_0000
MEMORY_32_SIZE = 2 * GIB
MEMORY_32_BUS = 0x8000_0000
MEMORY_64_SIZE = 1 << 40


@dataclass(frozen=True, slots=True)
class Window:
    """`space` is the first cell of a PCI address. Ref: IEEE 1275 PCI bus binding, 2.2.1.1."""

    space: int
    gra: int
    bus_address: int
    size: int

    def gra_of(self, bus_address: int, size: int) -> int | None:
        """Where `size` bytes at a bus address are, or None when the window does not have them."""
        offset = bus_address - self.bus_address
        return self.gra + offset if 0 <= offset <= self.size - size else None


@dataclass(frozen=True, slots=True)
class Windows:
    """Those of one host bridge."""

    io: Window
    memory_32: Window
    memory_64: Window

    @classmethod
    def of_bridge(cls, index: int) -> "Windows":
        """Host bridge `index`, 0 to 30."""
        memory_32 = WINDOWS_GRA + (index + 1) * MEMORY_32_SIZE
        memory_64 = WINDOWS_GRA + (index + 1) * MEMORY_64_SIZE
        return cls(
            Window(SPACE_IO, WINDOWS_GRA + index * IO_SIZE, 0, IO_SIZE),
            Window(SPACE_MEMORY_32, memory_32, MEMORY_32_BUS, MEMORY_32_SIZE),
            Window(SPACE_MEMORY_64, memory_64, memory_64, MEMORY_64_SIZE),
        )

    @property
    def all(self) -> tuple[Window, ...]:
        return self.io, self.memory_32, self.memory_64

    def gra_of(self, bar: Bar, bus_address: int) -> int | None:
        """Where the guest finds a region that its BAR has placed at a bus address."""
        size = bar.region.size_bytes
        if bar.is_io:
            return self.io.gra_of(bus_address, size)
        found = self.memory_32.gra_of(bus_address, size)
        return self.memory_64.gra_of(bus_address, size) if found is None else found
