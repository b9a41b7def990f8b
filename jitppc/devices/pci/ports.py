"""What a PCI function asks of the bus it is plugged into, and the bus of a function."""

from typing import Protocol

from jitppc.devices.ports import DmaSpace


class Region(Protocol):
    """Registers or memory that a base address register maps. Called on a vCPU's thread.

    `size` is 1, 2, 4 or 8 and the access lies within the region, at any alignment. Values are
    little-endian numbers. Nothing raises.
    """

    @property
    def size_bytes(self) -> int:
        """A power of two, at least 16."""

    def load(self, offset: int, size: int) -> int: ...

    def store(self, offset: int, size: int, value: int) -> None: ...


class PciBus(Protocol):
    """The side of a host bridge that faces one function. All of it may be called on any thread."""

    @property
    def dma(self) -> DmaSpace:
        """Memory as the host bridge translates it."""

    @property
    def memory(self) -> DmaSpace:
        """Guest memory at its real addresses, past the host bridge's translation."""

    def set_intx(self, level: bool) -> None:
        """The function's interrupt pin has this level."""

    def send_msi(self, address: int, data: int) -> None:
        """The function writes a message-signalled interrupt; what leads nowhere is dropped."""

    def decoding_changed(self) -> None:
        """`PciFunction.mapped` answers differently now."""
