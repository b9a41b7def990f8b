"""Interrupt sources for messages of PCI functions, and who has which.

A function writes its message to one address, whatever the vector; the data word is the source.
Ref: LoPAR 7.3.10.5 (ibm,change-msi); reference §6.1 (source numbers), §7.6.
"""

from dataclasses import dataclass
from typing import Protocol

FIRST_MSI = 0x1300
MSI_COUNT = 0xD00
MSI_ADDRESS = 0x400_0000_0000
assert FIRST_MSI % 32 == 0, "aligned indices are aligned sources"


class Sources(Protocol):
    """What the interrupt controller does for the pool (`Interrupts`)."""

    def claim(self, number: int, is_level: bool = False) -> None: ...

    def release(self, number: int) -> None: ...

    def pulse(self, number: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Grant:
    """Consecutive sources for the vectors of one function."""

    first: int
    count: int


class MsiPool:
    """Sources 0x1300 to 0x1fff of all host bridges. Called with the partition's lock held."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._taken = bytearray(MSI_COUNT)

    def take(self, count: int, *, is_aligned: bool = False) -> Grant | None:
        """`count` free sources that follow one another, or None.

        Aligned ones begin at a multiple of the power of two that has room for `count`.
        """
        index = self._find(count, 1 << (count - 1).bit_length() if is_aligned else 1)
        if index < 0:
            return None
        self._taken[index : index + count] = b"\1" * count
        for number in range(FIRST_MSI + index, FIRST_MSI + index + count):
            self._sources.claim(number)
        return Grant(FIRST_MSI + index, count)

    def _find(self, count: int, alignment: int) -> int:
        """Index of the first free ones, or -1."""
        index = self._taken.find(bytes(count)) if count > 0 else -1
        while index >= 0 and index % alignment:
            index = self._taken.find(bytes(count), index + alignment & -alignment)
        return index

    def give_back(self, grant: Grant) -> None:
        index = grant.first - FIRST_MSI
        self._taken[index : index + grant.count] = bytes(grant.count)
        for number in range(grant.first, grant.first + grant.count):
            self._sources.release(number)

    def send(self, address: int, data: int) -> None:
        """A function's message. What is no message of ours is dropped. Any thread may call."""
        index = data - FIRST_MSI
        if address == MSI_ADDRESS and 0 <= index < MSI_COUNT and self._taken[index]:
            self._sources.pulse(data)
