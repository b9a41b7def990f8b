"""Message-signalled interrupts of the extended kind: a table of messages in a region.

Ref: PCI 3.0, 6.8.2 (MSI-X capability and table structures), 6.8.3.4 (masking and pending bits).
"""

import threading
from collections.abc import Callable, Iterable

CAPABILITY_ID = 0x11
CAPABILITY_SIZE = 12
CONTROL = 2
CONTROL_ENABLE = 1 << 15
CONTROL_MASK_ALL = 1 << 14
ENTRY_SIZE = 16
VECTOR_CONTROL = 12
VECTOR_MASKED = 1
MAX_VECTORS = 2048


class MsixTable:
    """Region of `count` messages from offset 0, pending bits from `pba_offset`.

    `send(address, data)` is called on whichever thread calls `notify` or unmasks a vector.
    """

    def __init__(self, count: int, send: Callable[[int, int], None]) -> None:
        if not 1 <= count <= MAX_VECTORS:
            raise ValueError(f"{count} MSI-X vectors")
        self.count = count
        self.pba_offset = max(0x800, 1 << (ENTRY_SIZE * count - 1).bit_length())
        pba_size = (count + 63) // 64 * 8
        self.size_bytes = max(4096, 1 << (self.pba_offset + pba_size - 1).bit_length())
        self._send = send
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Every vector is masked, no message is set, nothing is pending."""
        with self._lock:
            masked = bytes(VECTOR_CONTROL) + VECTOR_MASKED.to_bytes(4, "little")
            self._table = bytearray(masked * self.count)
            self._pending: set[int] = set()
            self._ready: list[tuple[int, int] | None] = [None] * self.count
            self.is_enabled = self._is_masked = False

    # What the device does.

    def notify(self, vector: int) -> None:
        """The message of `vector` is sent, or pending while masked; unknown ones are ignored."""
        if not 0 <= vector < self.count:
            return
        message = self._ready[vector]
        if message is None:
            with self._lock:
                if self.is_enabled:
                    self._pending.add(vector)
                    self._changed([vector])
            return
        self._send(*message)

    # What firmware does.

    def set_message(self, vector: int, address: int, data: int) -> None:
        """The vector's message is this and the vector is not masked."""
        with self._lock:
            message = address.to_bytes(8, "little") + data.to_bytes(4, "little") + bytes(4)
            self._table[ENTRY_SIZE * vector : ENTRY_SIZE * (vector + 1)] = message
            self._changed([vector])

    # What software does.

    def control_written(self, control: int) -> None:
        """The capability's message control register has this value."""
        with self._lock:
            self.is_enabled = bool(control & CONTROL_ENABLE)
            self._is_masked = bool(control & CONTROL_MASK_ALL)
            self._changed(range(self.count))

    def load(self, offset: int, size: int) -> int:
        with self._lock:
            return int.from_bytes(self._image(offset, size), "little")

    def store(self, offset: int, size: int, value: int) -> None:
        """Aligned doublewords and quadwords of the table can be written, nothing else."""
        if size not in {4, 8} or offset % size or offset + size > len(self._table):
            return
        with self._lock:
            self._table[offset : offset + size] = value.to_bytes(size, "little")
            self._changed([offset // ENTRY_SIZE])

    def _image(self, offset: int, size: int) -> bytes:
        """Bytes of the region: table, then zeroes, then pending bits, then zeroes."""
        piece = bytes(self._table[offset : offset + size])
        if offset >= self.pba_offset:
            bits = sum(1 << vector for vector in self._pending)
            within = offset - self.pba_offset
            piece = (bits >> 8 * within & (1 << 8 * size) - 1).to_bytes(size, "little")
        return piece.ljust(size, b"\0")

    def _changed(self, vectors: Iterable[int]) -> None:
        """`_ready` has the messages of vectors that may send one; what waited for that does."""
        may_send = self.is_enabled and not self._is_masked
        for vector in vectors:
            entry = self._table[ENTRY_SIZE * vector : ENTRY_SIZE * (vector + 1)]
            is_ready = may_send and not entry[VECTOR_CONTROL] & VECTOR_MASKED
            message = int.from_bytes(entry[:8], "little"), int.from_bytes(entry[8:12], "little")
            self._ready[vector] = message if is_ready else None
            if is_ready and vector in self._pending:
                self._pending.discard(vector)
                self._send(*message)
