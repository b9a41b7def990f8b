"""What a PCI function asks of the bus it is plugged into, and the bus of a function."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

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


@runtime_checkable
class RingingRegion(Region, Protocol):
    """One with doorbells: stores there, of any value, do nothing but ring a bell."""

    @property
    def doorbells(self) -> Sequence[tuple[int, int]]:
        """Offset of the four bytes of each, and the number of its bell (`Bell.number`).

        Those that are not there are rung by `store`.
        """


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
        """`PciFunction.mapped` or a region's doorbells are others now; those that were are not rung
        any more when this returns.
        """
