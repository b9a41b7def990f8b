"""Memory for the evaluator that is there at some addresses and nowhere else."""

from jitppc.ir.interp import StorageInterrupt


class Window:
    """`data` at `start`; accesses beside it are refused.

    `first_ea` is the first address asked for, refused or not.
    """

    def __init__(self, start: int, data: bytes) -> None:
        self.start, self.data = start, bytearray(data)
        self.first_ea: int | None = None

    def _at(self, ea: int, size_bytes: int) -> int:
        if self.first_ea is None:
            self.first_ea = ea
        if not self.start <= ea <= self.start + len(self.data) - size_bytes:
            raise StorageInterrupt(ea)
        return ea - self.start

    def load(self, ea: int, size_bytes: int) -> bytes:
        at = self._at(ea, size_bytes)
        return bytes(self.data[at : at + size_bytes])

    def store(self, ea: int, data: bytes) -> None:
        at = self._at(ea, len(data))
        self.data[at : at + len(data)] = data
