"""Message-signalled interrupts of the first kind: up to 32 vectors share an address.

Ref: PCI 3.0, 6.8.1 (MSI capability structure), 6.8.3.5 (per-vector masking).
"""

import threading
from collections.abc import Callable

CAPABILITY_ID = 0x05
CONTROL, ADDRESS, DATA, MASK, PENDING, SIZE = 2, 4, 12, 16, 20, 24
"""Offsets of a capability with 64-bit addresses and masking."""
CONTROL_ENABLE = 1 << 0
CONTROL_COUNT_ENABLED = 0x70
CONTROL_64_BIT = 1 << 7
CONTROL_MASKING = 1 << 8
MAX_VECTORS = 32


class Msi:
    """`count` vectors, a power of two. `put(offset, size, value)` sets a register of its own.

    `send(address, data)` is called on whichever thread calls `notify` or unmasks a vector.
    """

    def __init__(
        self,
        count: int,
        send: Callable[[int, int], None],
        put: Callable[[int, int, int], None],
    ) -> None:
        if not 1 <= count <= MAX_VECTORS or count & count - 1:
            raise ValueError(f"{count} MSI vectors")
        self.count = count
        self._send, self._put = send, put
        self._lock = threading.RLock()
        self.reset()

    @property
    def body(self) -> bytes:
        """The capability after ID and link, as after reset."""
        control = CONTROL_64_BIT | CONTROL_MASKING | self.count.bit_length() - 1 << 1
        return control.to_bytes(2, "little") + bytes(SIZE - ADDRESS)

    @property
    def writable(self) -> bytes:
        """What software can write of `body`."""
        control = CONTROL_ENABLE | CONTROL_COUNT_ENABLED
        mask = (1 << self.count) - 1
        message = b"\xfc" + b"\xff" * 9 + bytes(2)
        return control.to_bytes(2, "little") + message + mask.to_bytes(4, "little") + bytes(4)

    def reset(self) -> None:
        """Not enabled, no message, nothing masked, nothing pending."""
        with self._lock:
            self.is_enabled = False
            self._enabled_count = 1
            self._address = self._data = self._masked = self._pending = 0

    # What the device does.

    def notify(self, vector: int) -> None:
        """The message of `vector` is sent, or pending while masked; unknown ones are ignored."""
        with self._lock:
            if not self.is_enabled or not 0 <= vector < self._enabled_count:
                return
            self._pending |= 1 << vector
            self._settle()

    # What firmware does.

    def set_message(self, address: int, data: int, count: int) -> None:
        """`count` vectors have the messages `data`, `data` + 1, ...; `data` is aligned for that."""
        with self._lock:
            self._put(ADDRESS, 8, address)
            self._put(DATA, 2, data)
            enabled = (count - 1).bit_length() << 4
            self._put(CONTROL, 2, int.from_bytes(self.body[:2], "little") | enabled)
            self._address, self._data, self._enabled_count = address, data, 1 << (enabled >> 4)
            self.is_enabled = False

    # What software does.

    def registers_written(self, image: bytes) -> None:
        """The capability's registers are these now, from ID on."""
        with self._lock:
            control = int.from_bytes(image[CONTROL:ADDRESS], "little")
            self.is_enabled = bool(control & CONTROL_ENABLE)
            self._enabled_count = min(1 << (control >> 4 & 7), self.count)
            self._address = int.from_bytes(image[ADDRESS:DATA], "little")
            self._data = int.from_bytes(image[DATA : DATA + 2], "little")
            self._masked = int.from_bytes(image[MASK:PENDING], "little")
            self._settle()

    def _settle(self) -> None:
        """What is pending and not masked is sent; the pending register says what is left."""
        for vector in range(self._enabled_count if self.is_enabled else 0):
            bit = 1 << vector
            if self._pending & bit and not self._masked & bit:
                self._pending &= ~bit
                self._send(self._address, self._data & -self._enabled_count | vector)
        self._put(PENDING, 4, self._pending)
