"""A split virtqueue as its device sees it: chains of buffers come in, used buffers go back.

Every number in the rings is the guest's. What breaks the rules raises `QueueBroken`, never
anything else; whoever serves the queue then marks the device as needing a reset.

Memory order: the guest runs on other threads of an x86-64 host, where loads stay in order among
themselves, and stores too. Single loads and stores of an index are whole (`memoryview.cast` copies
an element at once; `struct` with a byte order does not, which is good enough for descriptors: they
are checked after they were copied). Only a store followed by a load needs more: `_fence`.

Ref: virtio 1.2, 2.7 (split virtqueues), 2.7.5.3 (indirect descriptors), 2.7.7 and 2.7.10
(notification suppression).
"""

import struct
import threading
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from jitppc.devices.ports import DmaError, DmaSpace
from jitppc.ir.virtq_layout import (
    AVAIL_F_NO_INTERRUPT,
    DESC_BYTES,
    DESC_F_INDIRECT,
    DESC_F_NEXT,
    DESC_F_WRITE,
    MAX_CHAIN_BYTES,
    NEXT,
    SIGNALLED,
    STATE_WORDS,
    USED,
    USED_F_NO_NOTIFY,
)

#: addr, len, flags, next
DESCRIPTOR = struct.Struct("<QIHH")

Descriptor = tuple[int, int, int, int]


class QueueBroken(Exception):
    """The driver broke a rule of the rings; the device needs a reset."""


class Words(Protocol):
    """Numbers by place: of a list, or in memory, where each load and each store is one access."""

    def __getitem__(self, index: int, /) -> int: ...

    def __setitem__(self, index: int, value: int, /) -> None: ...


class ScatteredWords:
    """Words of a part of a ring that lies in several places of the host's memory."""

    def __init__(self, pieces: Sequence[memoryview]) -> None:
        self._pieces = pieces
        self._starts = [0]
        for piece in pieces:
            self._starts.append(self._starts[-1] + len(piece))

    def _place(self, index: int) -> tuple[memoryview, int]:
        which = bisect_right(self._starts, index) - 1
        return self._pieces[which], index - self._starts[which]

    def __getitem__(self, index: int) -> int:
        piece, at = self._place(index)
        return piece[at]

    def __setitem__(self, index: int, value: int) -> None:
        piece, at = self._place(index)
        piece[at] = value


def words(pieces: Sequence[memoryview]) -> Words:
    """`pieces` as one array of halfwords, little-endian as the host is."""
    if len(pieces) == 1:
        return pieces[0].cast("H")
    if any(len(piece) % 2 for piece in pieces):
        raise QueueBroken("a part of the queue is not aligned")
    return ScatteredWords([piece.cast("H") for piece in pieces])


@dataclass(frozen=True, slots=True)
class QueueLayout:
    """What the driver has set up. Addresses are those of the device's DMA; sizes in entries."""

    size: int
    descriptors: int
    available: int
    used: int
    max_size: int  # what the device offered; no chain may be longer


class Chain:
    """One buffer of the driver: what the device may read, then what it may write.

    `writable_ranges` are the device addresses and lengths of what `writable` shows.
    """

    __slots__ = ("head", "readable", "writable", "writable_ranges")

    def __init__(self, head: int) -> None:
        self.head = head
        self.readable: list[memoryview] = []
        self.writable: list[memoryview] = []
        self.writable_ranges: list[tuple[int, int]] = []

    def read(self, limit: int) -> bytes:
        """The first `limit` readable bytes, or all when there are fewer."""
        return gather(self.readable, limit)

    def readable_bytes(self) -> int:
        return sum(map(len, self.readable))

    def writable_bytes(self) -> int:
        return sum(map(len, self.writable))

    def write(self, data: bytes | memoryview) -> int:
        """The buffer's writable part begins with data, or as much of it as fits; that many."""
        return scatter(self.writable, data)


def gather(views: Iterable[memoryview], limit: int) -> bytes:
    """The first `limit` bytes of views, or all when there are fewer."""
    parts = []
    for view in views:
        if len(view) >= limit:
            parts.append(bytes(view[:limit]))
            break
        parts.append(bytes(view))
        limit -= len(view)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def scatter(views: Iterable[memoryview], data: bytes | memoryview) -> int:
    """Views begin with data, or as much of it as fits; how many bytes that was."""
    done, left = 0, len(data)
    for view in views:
        count = min(len(view), left)
        view[:count] = data[done : done + count]
        done += count
        left -= count
        if not left:
            break
    return done


def skip(views: Sequence[memoryview], count: int) -> list[memoryview]:
    """What is behind the first `count` bytes of views."""
    for at, view in enumerate(views):
        if count < len(view):
            return [view[count:], *views[at + 1 :]] if count else list(views[at:])
        count -= len(view)
    return []


class SplitQueue:
    """One live queue. One thread at a time pops and listens, and one pushes and publishes.

    `state` are NEXT and its kind of `ir/virtq_layout.py`. Native code may take chains and give them
    back too, where one thread does all that is said above.

    Raises QueueBroken, also from the constructor, when the driver's layout cannot be used.
    """

    def __init__(
        self,
        dma: DmaSpace,
        layout: QueueLayout,
        event_index: bool,
        indirect: bool,
        state: Words | None = None,
    ) -> None:
        size = layout.size
        if not 0 < size <= layout.max_size or size & (size - 1):
            raise QueueBroken(f"queue size {size} is not a power of two up to {layout.max_size}")
        parts = (layout.descriptors, 16), (layout.available, 2), (layout.used, 4)
        if any(address % alignment for address, alignment in parts):
            raise QueueBroken("a part of the queue is not aligned")
        self.size = size
        self._dma = dma
        self._limit = layout.max_size
        self._indirect = indirect
        self._event_index = event_index
        try:
            descriptors = dma.views(layout.descriptors, DESC_BYTES * size, is_write=False)
            available = dma.views(layout.available, 6 + 2 * size, is_write=False)
            used = dma.views(layout.used, 6 + 8 * size, is_write=True)
        except DmaError as error:
            raise QueueBroken(f"the queue is not in memory: {error}") from error
        if any(len(piece) % DESC_BYTES for piece in descriptors):
            raise QueueBroken("a descriptor lies in two places")
        self._descriptors = descriptors
        self._available = words(available)
        self._used_halves = words(used)
        self._used_elements = used[0][4:-2].cast("Q") if len(used) == 1 else None
        self.state: Words = [0] * STATE_WORDS if state is None else state
        self._lock = threading.Lock()
        # The driver is told of no stale wishes of a queue that was here before.
        self._used_halves[0] = 0

    def _fence(self) -> None:
        """Stores before it are seen by the guest before loads after it are done.

        Taking a lock is a locked instruction on x86-64, which is a full fence.
        """
        with self._lock:
            pass

    def pop_all(self) -> list[Chain]:
        """All chains that the driver has made available and nobody has popped."""
        first = self.state[NEXT]
        count = (self._available[1] - first) & 0xFFFF
        if not count:
            return []
        if count > self.size:
            raise QueueBroken(f"{count} buffers made available in a queue of {self.size}")
        return [self._take() for _ in range(count)]

    def pop(self) -> Chain | None:
        """The next chain, or None when the driver has made none available."""
        count = (self._available[1] - self.state[NEXT]) & 0xFFFF
        if not count:
            return None
        if count > self.size:
            raise QueueBroken(f"{count} buffers made available in a queue of {self.size}")
        return self._take()

    def unpop(self, count: int = 1) -> None:
        """The last `count` chains popped are available again."""
        self.state[NEXT] = (self.state[NEXT] - count) & 0xFFFF

    def _take(self) -> Chain:
        """The next available chain, whose presence was checked."""
        head = self._available[2 + (self.state[NEXT] & self.size - 1)]
        if head >= self.size:
            raise QueueBroken(f"descriptor {head} in a queue of {self.size}")
        self.state[NEXT] = (self.state[NEXT] + 1) & 0xFFFF
        chain = Chain(head)
        readable, writable, ranges = chain.readable, chain.writable, chain.writable_ranges
        views = self._dma.views
        table, table_size, index = None, self.size, head
        left, total = self._limit, 0
        try:
            while True:
                address, length, flags, after = (
                    table[index] if table is not None else self._descriptor(index)
                )
                if flags & DESC_F_INDIRECT:
                    if not self._indirect or table is not None or flags & DESC_F_NEXT:
                        raise QueueBroken("an indirect descriptor where none may be")
                    table = self._indirect_table(address, length)
                    table_size, index = len(table), 0
                    continue
                left -= 1
                total += length
                if left < 0 or total > MAX_CHAIN_BYTES:
                    raise QueueBroken(f"the chain at descriptor {head} loops or is too long")
                if flags & DESC_F_WRITE:
                    if length:
                        writable += views(address, length, True)
                        ranges.append((address, length))
                elif ranges:
                    raise QueueBroken(f"chain {head}: a readable buffer after a writable one")
                elif length:
                    readable += views(address, length, False)
                if not flags & DESC_F_NEXT:
                    return chain
                if after >= table_size:
                    raise QueueBroken(f"descriptor {after} in a table of {table_size}")
                index = after
        except DmaError as error:
            raise QueueBroken(f"the chain at descriptor {head} leaves memory: {error}") from error

    def _descriptor(self, index: int) -> Descriptor:
        """One of the queue's own."""
        at = DESC_BYTES * index
        if len(self._descriptors) == 1:
            return DESCRIPTOR.unpack_from(self._descriptors[0], at)
        for piece in self._descriptors:
            if at < len(piece):
                return DESCRIPTOR.unpack_from(piece, at)
            at -= len(piece)
        raise AssertionError(index)

    def _indirect_table(self, address: int, length: int) -> list[Descriptor]:
        """The table that an indirect descriptor names, copied, so that it stays the same."""
        if not length or length % DESC_BYTES or length > DESC_BYTES * self._limit:
            raise QueueBroken(f"an indirect table of {length} bytes")
        pieces = self._dma.views(address, length, False)
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return list(DESCRIPTOR.iter_unpack(data))

    def push(self, chain: Chain, written: int) -> None:
        """The driver may have the buffer back; `written` bytes of its writable part are set.

        It sees that after `publish`. Translations of code in the buffer are gone.
        """
        written = min(written, 0xFFFF_FFFF)
        try:
            for address, length in chain.writable_ranges:
                self._dma.written(address, length)
        except DmaError as error:
            raise QueueBroken(f"chain {chain.head} was taken away: {error}") from error
        at = self.state[USED] & self.size - 1
        if self._used_elements is not None:
            self._used_elements[at] = chain.head | written << 32
        else:
            for n, half in enumerate((chain.head, 0, written & 0xFFFF, written >> 16)):
                self._used_halves[2 + 4 * at + n] = half
        self.state[USED] = (self.state[USED] + 1) & 0xFFFF

    def publish(self) -> bool:
        """The driver sees all that was pushed; True when it wants an interrupt for it."""
        self._used_halves[1] = self.state[USED]
        self._fence()
        pushed = (self.state[USED] - self.state[SIGNALLED]) & 0xFFFF
        if not pushed:
            return False
        if self._event_index:
            event = self._available[2 + self.size]
            wanted = (self.state[USED] - event - 1) & 0xFFFF < pushed
            self.state[SIGNALLED] = self.state[USED]
            return wanted
        self.state[SIGNALLED] = self.state[USED]
        return not self._available[0] & AVAIL_F_NO_INTERRUPT

    def silence(self) -> None:
        """The driver need not ring the doorbell for what it makes available from now on."""
        if not self._event_index:
            self._used_halves[0] = USED_F_NO_NOTIFY

    def listen(self) -> bool:
        """The driver rings the doorbell for the next buffer; False when one is there already.

        Whoever gets False must pop again: no doorbell may come for it.
        """
        if self._event_index:
            self._used_halves[2 + 4 * self.size] = self.state[NEXT]
        else:
            self._used_halves[0] = 0
        self._fence()
        return self._available[1] == self.state[NEXT]
