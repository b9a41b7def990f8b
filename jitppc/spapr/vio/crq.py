"""Command/response queues: 16-byte elements both ways between the guest and a device.

The guest sends by hypercall; the device writes into a ring in the guest's memory and interrupts.
An element whose first byte is not zero is valid; whoever has read one of the ring clears it.
Ref: LoPAR 17.2.1.6 (reliable command/response transport); reference §2.10, §7.3.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from jitppc.bell import Bell
from jitppc.devices.ports import TELL_NS, DmaError, DmaSpace
from jitppc.ir.crq_layout import (
    ELEMENT_SIZE,
    MAX_WAITING,
    NOTHING,
    OTHER,
    RING_NEWS,
    RING_NEXT,
    RING_SIZE,
    RING_START,
    RING_WORDS,
)
from jitppc.ir.hcalls import H
from jitppc.spapr.vio.window import PAGE_SIZE

RING_SIZE_MAX = 256 << 20


VALID_INIT, VALID_EVENT = 0xC0, 0xFF
INIT, INIT_COMPLETE = 1, 2


class Words(Protocol):
    """Numbers by place; of a list, or in memory that native code knows."""

    def __getitem__(self, index: int, /) -> int: ...

    def __setitem__(self, index: int, value: int, /) -> None: ...


class CrqRing:
    """The ring that the device writes. Any thread may call.

    `words` are what is known of it: RING_START and its kind. Native code may write elements and
    change them too, on the device's thread, while there is a ring.
    """

    def __init__(self, dma: DmaSpace, words: Words | None = None) -> None:
        self._dma = dma
        self._lock = threading.Lock()
        self._words: Words = [0] * RING_WORDS if words is None else words

    @property
    def is_open(self) -> bool:
        return self._words[RING_SIZE] > 0

    @property
    def has_news(self) -> bool:
        """Elements were written of which the guest was not told."""
        return self._words[RING_NEWS] > 0

    def register(self, ioba: int, size: int) -> H:
        """The ring is `size` bytes at device address `ioba`, empty.

        Returns:
            PARAMETER unless both are whole pages, at most 256 MiB, and mapped; RESOURCE when there
            is a ring already.
        """
        if ioba % PAGE_SIZE or size % PAGE_SIZE or not PAGE_SIZE <= size <= RING_SIZE_MAX:
            return H.PARAMETER
        with self._lock:
            if self.is_open:
                return H.RESOURCE
            try:
                self._dma.views(ioba, size, is_write=True)
            except DmaError:
                return H.PARAMETER
            words = self._words
            words[RING_START], words[RING_SIZE], words[RING_NEXT] = ioba, size, 0
        return H.SUCCESS

    def free(self) -> None:
        """There is no ring, and nothing is written to it any more."""
        with self._lock:
            self._words[RING_SIZE] = 0

    def push(self, element: bytes) -> bool:
        """The element is in the ring, its valid byte last; False when it is closed or full.

        Elements are aligned to their size, so each is in one piece of memory.
        """
        with self._lock:
            words = self._words
            if not self.is_open:
                return False
            where = words[RING_START] + words[RING_NEXT]
            try:
                place = self._dma.views(where, ELEMENT_SIZE, is_write=True)[0]
                if place[0]:
                    return False
                place[1:] = element[1:]
                place[:1] = element[:1]
                self._dma.written(where, ELEMENT_SIZE)
            except DmaError:
                return False
            words[RING_NEXT] = (words[RING_NEXT] + ELEMENT_SIZE) % words[RING_SIZE]
            words[RING_NEWS] = 1
        return True

    def take_news(self) -> bool:
        """Elements were pushed after the last time this was asked."""
        with self._lock:
            had, self._words[RING_NEWS] = self.has_news, 0
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
    all that waited is handled, and every `TELL_NS`.

    `do_some` may handle items by itself, without Python's lock, until a time of the host's clock:
    NOTHING waits then, there is one for OTHER hands, or it is DUE to tell.
    """

    def __init__(
        self,
        name: str,
        handle: Callable[[bytes], None],
        inbox: Inbox,
        tell: Callable[[], None] = lambda: None,
        do_some: Callable[[int], int] = lambda due_ns: OTHER,
    ) -> None:
        self._name, self._handle, self._inbox, self._tell = name, handle, inbox, tell
        self._do_some = do_some
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
        due_ns = 0
        while not self._stops:
            due_ns = due_ns or time.monotonic_ns() + TELL_NS
            with self._busy:
                left = self._handle_some(due_ns)
                if left != OTHER or time.monotonic_ns() >= due_ns:
                    self._tell()
                    due_ns = 0
            if left == NOTHING:
                self._inbox.wait()

    def _handle_some(self, due_ns: int) -> int:
        """As `do_some`, and what that leaves is handled, too."""
        left = self._do_some(due_ns)
        if left == OTHER:
            item = self._inbox.take()
            if item is None:
                return NOTHING
            self._handle(item)
        return left
