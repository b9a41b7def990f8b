"""Command/response queues: 16-byte elements both ways between the guest and a device.

The guest sends by hypercall; the device writes into a ring in the guest's memory and interrupts.
An element whose first byte is not zero is valid; whoever has read one of the ring clears it.
Ref: LoPAR 17.2.1.6 (reliable command/response transport); reference §2.10, §7.3.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from jitppc.bell import Bell
from jitppc.devices.ports import DmaError, DmaSpace
from jitppc.ir.crq_layout import ELEMENT_SIZE, MAX_WAITING
from jitppc.ir.hcalls import H
from jitppc.spapr.vio.window import PAGE_SIZE

RING_SIZE_MAX = 256 << 20

MANY = 8
"""Items that a device handles before it interrupts the guest though more are waiting."""

VALID_PAYLOAD, VALID_INIT, VALID_EVENT = 0x80, 0xC0, 0xFF
INIT, INIT_COMPLETE = 1, 2


class CrqRing:
    """The ring that the device writes. Any thread may call."""

    def __init__(self, dma: DmaSpace) -> None:
        self._dma = dma
        self._has_news = False
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
            self._has_news = True
        return True

    def take_news(self) -> bool:
        """Elements were pushed after the last time this was asked."""
        with self._lock:
            had, self._has_news = self._has_news, False
        return had


class Inbox(Protocol):
    """What the guest says to a device by hypercalls: items that wait, and what it wants.

    Any thread may put and ring; one at a time takes, clears and waits.
    """

    signals: bool
    """The guest wants interrupts."""

    def set_open(self, *, is_open: bool) -> None:
        """Whether native code, if there is some, may take items by itself."""

    def put(self, item: bytes, /) -> bool:
        """False when too much is waiting."""

    def take(self) -> bytes | None: ...

    def clear(self) -> None: ...

    def wait(self) -> None:
        """Until there may be something to take, or somebody rings."""

    def ring(self) -> None: ...


class PlainInbox:
    """An inbox without native code."""

    def __init__(self) -> None:
        self.signals = False
        self._waiting: deque[bytes] = deque()
        self._bell, self._sleeps = Bell(), False

    def set_open(self, *, is_open: bool) -> None:
        pass

    def put(self, item: bytes) -> bool:
        if len(self._waiting) >= MAX_WAITING:
            return False
        self._waiting.append(item)
        if self._sleeps:
            self._bell.ring()
        return True

    def take(self) -> bytes | None:
        return self._waiting.popleft() if self._waiting else None

    def clear(self) -> None:
        self._waiting.clear()

    def wait(self) -> None:
        self._sleeps = True
        if not self._waiting:       # from now on, who puts rings
            self._bell.wait()
        self._sleeps = False

    def ring(self) -> None:
        self._bell.ring()


class Serving:
    """A device's thread: what is put is handled there, in order, until `stop`.

    `drop` returns when nothing of what was put before is handled any more. `tell` is called when
    all that waited is handled, and after every `MANY` items.
    """

    def __init__(
        self,
        name: str,
        handle: Callable[[bytes], None],
        inbox: Inbox,
        tell: Callable[[], None] = lambda: None,
    ) -> None:
        self._name, self._handle, self._inbox, self._tell = name, handle, inbox, tell
        self._busy, self._starting = threading.Lock(), threading.Lock()
        self._stops = False
        self._thread: threading.Thread | None = None

    def put(self, item: bytes) -> bool:
        """False when too much is waiting."""
        self.start()
        return self._inbox.put(item)

    def start(self) -> None:
        """The thread runs, if it did not; two may be first."""
        if self._thread is None:
            with self._starting:
                if self._thread is None and not self._stops:
                    self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                    self._thread.start()

    def drop(self) -> None:
        with self._busy:
            self._inbox.clear()

    def stop(self) -> None:
        """The thread has ended, and no other one will be."""
        self.drop()
        with self._starting:
            self._stops = True
        self._inbox.ring()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        untold = 0
        while not self._stops:
            with self._busy:
                item = self._inbox.take()
                if item is not None:
                    self._handle(item)
                    untold += 1
                if untold and (item is None or untold == MANY):
                    self._tell()
                    untold = 0
            if item is None:
                self._inbox.wait()
