"""Guest memory for tests of devices: a `DmaSpace` that keeps what was said of written bytes."""

from jitppc.devices.ports import DmaError

#: bytes before and behind the memory in which nothing may be written
GUARD = 4096


class FakeRam:
    """`size` bytes at `base`; with `page`, nothing longer than a page lies in one piece.

    `written_ranges` are those that were announced.
    """

    def __init__(self, size: int = 1 << 20, base: int = 0, page: int = 0) -> None:
        self.size, self.base, self.page = size, base, page
        self._bytes = bytearray(size + 2 * GUARD)
        self._guard = bytes(range(256)) * (GUARD // 256)
        self._bytes[:GUARD] = self._bytes[-GUARD:] = self._guard
        self.memory = memoryview(self._bytes)[GUARD:-GUARD]
        self.written_ranges: list[tuple[int, int]] = []

    def is_sound(self) -> bool:
        """Nothing was written beside the memory."""
        return self._bytes[:GUARD] == self._guard == self._bytes[-GUARD:]

    def _start(self, address: int, count: int, is_write: bool) -> int:
        start = address - self.base
        if not 0 <= start <= start + count <= self.size:
            raise DmaError(address, count, is_write)
        return start

    def read(self, address: int, count: int) -> bytes:
        start = self._start(address, count, is_write=False)
        return bytes(self.memory[start : start + count])

    def write(self, address: int, data: bytes) -> None:
        start = self._start(address, len(data), is_write=True)
        self.memory[start : start + len(data)] = data
        self.written(address, len(data))

    def views(self, address: int, count: int, is_write: bool) -> list[memoryview]:
        start = self._start(address, count, is_write)
        memory = self.memory if is_write else self.memory.toreadonly()
        if not self.page:
            return [memory[start : start + count]]
        pieces, end = [], start + count
        while start < end:
            stop = min(end, (start // self.page + 1) * self.page)
            pieces.append(memory[start:stop])
            start = stop
        return pieces or [memory[start:start]]

    def written(self, address: int, count: int) -> None:
        self.written_ranges.append((address, count))

    # As the guest's own loads and stores.

    def u16(self, address: int) -> int:
        return int.from_bytes(self.read(address, 2), "little")

    def put(self, address: int, data: bytes | memoryview) -> None:
        for piece in self.views(address, len(data), is_write=True):
            piece[:], data = data[: len(piece)], data[len(piece) :]

    def put16(self, address: int, value: int) -> None:
        """One store, as the guest's is."""
        self.views(address, 2, is_write=True)[0].cast("H")[0] = value & 0xFFFF
