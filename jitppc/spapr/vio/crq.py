"""Command/response queues: 16-byte elements both ways between the guest and a device.

The guest sends by hypercall; the device writes into a ring in the guest's memory and interrupts.
An element whose first byte is not zero is valid; whoever has read one of the ring clears it.
Ref: LoPAR 17.2.1.6 (reliable command/response transport); reference §2.10, §7.3.
"""

import threading
from collections import deque
from collections.abc import Callable

from jitppc.bell import Bell
from jitppc.devices.ports import DmaError, DmaSpace
from jitppc.spapr.hcall.codes import H
from jitppc.spapr.vio.window import PAGE_SIZE

ELEMENT_SIZE = 16
RING_SIZE_MAX = 256 << 20
MAX_WAITING = 256
"""Elements of the guest that wait for the device; further ones are dropped, and it is told so."""

VALID_PAYLOAD, VALID_INIT, VALID_EVENT = 0x80, 0xC0, 0xFF
INIT, INIT_COMPLETE = 1, 2


class CrqRing:
    """The ring that the device writes. Any thread may call."""

    def __init__(self, dma: DmaSpace, interrupt: Callable[[], None]) -> None:
        self._dma = dma
        self._interrupt = interrupt
        self._lock = threading.Lock()
        self._start = self._size = self._next = 0

    @property
    def is_open(self) -> bool:
        return self._size > 0

    def register(self, ioba: int, size: int) -> H:
        """The ring is `size` bytes at device address `ioba`, empty.

        Returns:
            PARAMETER unless both are whole pages, at most 256 MiB, and mapped; RESOURCE when there
            is a ring already.
        """
        if ioba % PAGE_SIZE or size % PAGE_SIZE or not PAGE_SIZE <= size <= RING_SIZE_MAX:
            return H.PARAMETER
        with self._lock:
            if self._size:
                return H.RESOURCE
            try:
                self._dma.views(ioba, size, is_write=True)
            except DmaError:
                return H.PARAMETER
            self._start, self._size, self._next = ioba, size, 0
        return H.SUCCESS

    def free(self) -> None:
        """There is no ring, and nothing is written to it any more."""
        with self._lock:
            self._size = 0

    def push(self, element: bytes) -> bool:
        """The element is in the ring, its valid byte last; False when it is closed or full.

        Elements are aligned to their size, so each is in one piece of memory.
        """
        with self._lock:
            if not self._size:
                return False
            where = self._start + self._next
            try:
                place = self._dma.views(where, ELEMENT_SIZE, is_write=True)[0]
                if place[0]:
                    return False
                place[1:] = element[1:]
                place[:1] = element[:1]
                self._dma.written(where, ELEMENT_SIZE)
            except DmaError:
                return False
            self._next = (self._next + ELEMENT_SIZE) % self._size
        self._interrupt()
        return True


class Serving:
    """A device's thread: what is put is handled there, in order, until `stop`.

    `drop` returns when nothing of what was put before is handled any more.
    """

    def __init__(self, name: str, handle: Callable[[bytes], None]) -> None:
        self._name, self._handle = name, handle
        self._waiting: deque[tuple[int, bytes] | None] = deque()
        self._bell, self._sleeps = Bell(), False
        self._busy, self._starting = threading.Lock(), threading.Lock()
        self._era = 0
        self._thread: threading.Thread | None = None

    def put(self, item: bytes) -> bool:
        """False when too much is waiting."""
        if len(self._waiting) >= MAX_WAITING:
            return False
        self._append((self._era, item))
        if self._thread is None:
            self._start()
        return True

    def _append(self, entry: tuple[int, bytes] | None) -> None:
        self._waiting.append(entry)
        if self._sleeps:
            self._bell.ring()

    def _start(self) -> None:
        """The thread runs; whoever puts first starts it, and two may be first."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def drop(self) -> None:
        with self._busy:
            self._era += 1

    def stop(self) -> None:
        """The thread has ended."""
        self.drop()
        thread, self._thread = self._thread, None
        if thread is not None:
            self._append(None)
            thread.join()

    def _run(self) -> None:
        while (entry := self._next()) is not None:
            era, item = entry
            with self._busy:
                if era == self._era:
                    self._handle(item)

    def _next(self) -> tuple[int, bytes] | None:
        while True:
            if self._waiting:
                return self._waiting.popleft()
            self._sleeps = True
            if not self._waiting:       # from now on, who appends rings
                self._bell.wait()
            self._sleeps = False
