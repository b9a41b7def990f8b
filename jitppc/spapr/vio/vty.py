"""spapr-vty: a console of 16-byte packets.

Ref: LoPAR 16.6 (vterm hypercalls); reference §2.6, §7.1.
Differs: host input beyond the 16 bytes waits on the host side instead of being dropped.
"""

import threading
from collections import deque

from fdt import Node

from jitppc.spapr.ports import Chardev
from jitppc.spapr.vio.bus import Slot, vio_node
from jitppc.spapr.vio.vty_output import ConsoleOutput

BUFFER_SIZE = 16
MAX_WAITING = 1 << 20


class Vty:
    """One console. The guest writes to `chardev`; the host calls `receive`.

    With `output`, native code takes packets for it.
    """

    def __init__(self, slot: Slot, chardev: Chardev, output: ConsoleOutput | None = None) -> None:
        self.slot = slot
        self.chardev = chardev
        self._output = output
        if output is not None:
            output.add(slot.unit_address, self.write)
        self._lock = threading.Lock()
        self._buffer = bytearray()
        self._waiting: deque[int] = deque()

    def tree_node(self) -> Node:
        return vio_node(self.slot, "vty", "serial", "hvterm1")

    window = None

    def set_signal(self, mode: int) -> bool:
        return not mode

    def quiesce(self) -> None:
        """A console keeps nothing in guest memory."""

    def reset(self) -> None:
        """Nothing that was typed before is seen by the next kernel."""
        with self._lock:
            self._buffer.clear()
            self._waiting.clear()

    def close(self) -> None:
        """The vty has no thread of its own, and its chardev is the board's."""

    @property
    def has_input(self) -> bool:
        return bool(self._buffer)

    def receive(self, data: bytes) -> int:
        """Host input: how many bytes were taken (all, unless a mebibyte already waits).

        Any thread may call. The interrupt is pulsed when the buffer was empty before.
        """
        with self._lock:
            room = MAX_WAITING - len(self._waiting)
            taken = data[:room]
            was_empty = not self._buffer
            self._waiting.extend(taken)
            self._refill()
            became_ready = was_empty and bool(self._buffer)
        if became_ready:
            self.slot.pulse()
        return len(taken)

    def read(self) -> bytes:
        """Up to 16 bytes for the guest, stopping before a NUL that follows a CR.

        Guests delete such a NUL when it is the second of a packet's pair, so it starts a packet.
        """
        with self._lock:
            n = min(BUFFER_SIZE, len(self._buffer))
            for i in range(1, n):
                if self._buffer[i] == 0 and self._buffer[i - 1] == 0x0D:
                    n = i
                    break
            data = bytes(self._buffer[:n])
            del self._buffer[:n]
            drained = not self._buffer
            self._refill()
            became_ready = drained and bool(self._buffer)
        if became_ready:
            self.slot.pulse()
        return data

    def write(self, data: bytes) -> None:
        """Guest output is on the host side when this returns."""
        self.chardev.write(data)

    def put(self, data: bytes) -> None:
        """As `write`, behind all that native code has taken. Call it without the platform's lock:
        it may wait for somebody who needs that.
        """
        if self._output is None:
            self.write(data)
        else:
            self._output.write(self.write, data)

    def _refill(self) -> None:
        while self._waiting and len(self._buffer) < BUFFER_SIZE:
            self._buffer.append(self._waiting.popleft())
