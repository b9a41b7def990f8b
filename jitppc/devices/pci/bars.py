"""Base address registers: sized by software, they place regions in the bus's address spaces.

Ref: PCI 3.0, 6.2.5 (base addresses), 6.2.5.1 (address maps).
"""

from dataclasses import dataclass

from jitppc.devices.pci.config_space import Command, ConfigSpace, Reg
from jitppc.devices.pci.ports import Region

COUNT = 6
IO_SPACE = 0x1
MEMORY_64 = 0x4
PREFETCHABLE = 0x8


@dataclass(frozen=True, slots=True)
class Bar:
    """One region and its register: `index` 0 to 5; a 64-bit one takes the next register too."""

    index: int
    region: Region
    is_io: bool = False
    is_64: bool = False
    is_prefetchable: bool = False

    @property
    def offset(self) -> int:
        """Of the register in configuration space."""
        return Reg.BAR0 + 4 * self.index

    @property
    def width(self) -> int:
        return 8 if self.is_64 else 4

    @property
    def flags(self) -> int:
        if self.is_io:
            return IO_SPACE
        return (MEMORY_64 if self.is_64 else 0) | (PREFETCHABLE if self.is_prefetchable else 0)

    def install(self, config: ConfigSpace) -> None:
        """The register is there, at address 0."""
        config.set(self.offset, self.width, self.flags)
        addressable = (1 << 8 * self.width) - 1
        config.make_writable(self.offset, self.width, addressable & -self.region.size_bytes)

    def address(self, config: ConfigSpace) -> int:
        return config.get(self.offset, self.width) & -self.region.size_bytes

    def is_decoded(self, config: ConfigSpace) -> bool:
        wanted = Command.IO if self.is_io else Command.MEMORY
        return bool(config.get(Reg.COMMAND, 2) & wanted)
