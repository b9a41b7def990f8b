"""256 bytes of registers, each bit read-only or writable.

Ref: PCI 3.0, 6.1 (configuration space organization), 6.2 (functions), 6.7 (capability list).
"""

from enum import IntEnum, IntFlag

SIZE = 256
FIRST_CAPABILITY = 0x40


class Reg(IntEnum):
    """Offsets in a header of type 0. Ref: PCI 3.0, figure 6-1."""

    VENDOR_ID = 0x00
    DEVICE_ID = 0x02
    COMMAND = 0x04
    STATUS = 0x06
    REVISION_ID = 0x08
    CLASS_CODE = 0x09
    CACHE_LINE_SIZE = 0x0C
    LATENCY_TIMER = 0x0D
    HEADER_TYPE = 0x0E
    BAR0 = 0x10
    SUBSYSTEM_VENDOR_ID = 0x2C
    SUBSYSTEM_ID = 0x2E
    CAPABILITIES = 0x34
    INTERRUPT_LINE = 0x3C
    INTERRUPT_PIN = 0x3D
    MIN_GRANT = 0x3E
    MAX_LATENCY = 0x3F


class Command(IntFlag):
    """Ref: PCI 3.0, table 6-1."""

    IO = 1 << 0
    MEMORY = 1 << 1
    BUS_MASTER = 1 << 2
    INTERRUPT_DISABLE = 1 << 10


COMMAND_WRITABLE = 0x0547
"""I/O, memory, bus master, parity, SERR#, interrupt disable."""
STATUS_INTERRUPT = 1 << 3
STATUS_CAPABILITIES = 1 << 4
HEADER_MULTIFUNCTION = 0x80


class ConfigSpace:
    """The bytes, and which of their bits software can write; values are little-endian."""

    def __init__(self) -> None:
        self._bytes = bytearray(SIZE)
        self._writable = bytearray(SIZE)
        self._initial = bytes(SIZE)
        self._next_capability = FIRST_CAPABILITY
        self._last_link: int = Reg.CAPABILITIES

    def get(self, offset: int, size: int) -> int:
        return int.from_bytes(self._bytes[offset : offset + size], "little")

    def set(self, offset: int, size: int, value: int) -> None:
        """The register has this value, whatever is writable."""
        self._bytes[offset : offset + size] = value.to_bytes(size, "little")

    def make_writable(self, offset: int, size: int, mask: int) -> None:
        self._writable[offset : offset + size] = mask.to_bytes(size, "little")

    def write(self, offset: int, size: int, value: int) -> None:
        """Software writes; read-only bits stay."""
        mask = int.from_bytes(self._writable[offset : offset + size], "little")
        self.set(offset, size, self.get(offset, size) & ~mask | value & mask)

    def add_capability(self, capability_id: int, size: int) -> int:
        """A capability of `size` bytes is at the end of the list; its offset."""
        offset = self._next_capability
        if offset + size > SIZE:
            raise ValueError(f"no room for capability {capability_id:#x} of {size} bytes")
        self._next_capability = offset + size + 3 & ~3
        self.set(self._last_link, 1, offset)
        self._last_link = offset + 1
        self.set(offset, 2, capability_id)
        self.set(Reg.STATUS, 2, self.get(Reg.STATUS, 2) | STATUS_CAPABILITIES)
        return offset

    def seal(self) -> None:
        """What is there now is what `reset` goes back to."""
        self._initial = bytes(self._bytes)

    def reset(self) -> None:
        self._bytes[:] = self._initial
