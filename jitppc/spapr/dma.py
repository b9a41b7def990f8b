"""Guest RAM as a device sees it that no translation stands before."""

from jitppc.devices.ports import DmaError
from jitppc.spapr.ports import GuestMemory


class RamDma:
    """`devices.ports.DmaSpace`: device addresses are guest real addresses."""

    def __init__(self, memory: GuestMemory) -> None:
        self._memory = memory

    def _check(self, address: int, count: int, is_write: bool) -> None:
        if not self._memory.contains(address, count):
            raise DmaError(address, count, is_write)

    def read(self, address: int, count: int) -> bytes:
        self._check(address, count, is_write=False)
        return self._memory.read(address, count)

    def write(self, address: int, data: bytes | memoryview) -> None:
        self._check(address, len(data), is_write=True)
        self._memory.write(address, data)

    def views(self, address: int, count: int, is_write: bool) -> list[memoryview]:
        try:
            return [self._memory.view(address, count)]
        except IndexError:
            raise DmaError(address, count, is_write) from None

    def written(self, address: int, count: int) -> None:
        self._check(address, count, is_write=True)
        self._memory.written(address, count)
