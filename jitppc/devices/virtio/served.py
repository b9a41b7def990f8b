"""A device type whose queues are served by threads of its own: what all of them have alike.

A doorbell of the vCPU only wakes the thread of its queue. That thread takes what is available,
lets the device type do it, and gives it back. When the driver breaks a rule, the device stops
and says so to its transport; nothing else in the machine notices.

Ref: virtio 1.2, 2.1.2 (DEVICE_NEEDS_RESET), 2.7.13 and 2.7.14 (supplying and receiving buffers).
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from jitppc.bell import Bell
from jitppc.devices.ports import TELL_NS
from jitppc.devices.virtio.device import F_EVENT_IDX, F_INDIRECT_DESC, QueueSetup, Transport
from jitppc.devices.virtio.queue import Chain, QueueBroken, QueueLayout, SplitQueue, Words
from jitppc.ir.crq_layout import NOTHING, OTHER
from jitppc.ir.virtq_layout import WANTED

RING_FEATURES = F_INDIRECT_DESC | F_EVENT_IDX
#: of most queues; each costs the driver 26 bytes a buffer
QUEUE_SIZE = 256


class NativeQueue(Protocol):
    """What does plain requests of a queue without Python; `runtime.virtio.NativeQueue` is it."""

    @property
    def state(self) -> Words: ...

    def use(
        self,
        size: int,
        rings: tuple[int, int, int],
        limit: int,
        *,
        event_index: bool,
        indirect: bool,
    ) -> None: ...

    def know(
        self, disks: Sequence[tuple[int, ...]], command_bytes: int = 0, answer_bytes: int = 0
    ) -> None: ...

    def serve(self, due_ns: int, /) -> int: ...


class ServedQueue:
    """A live queue with its doorbell, and how its driver is told."""

    def __init__(
        self, setup: QueueSetup, max_size: int, features: int, native: NativeQueue | None = None
    ) -> None:
        """`native`: not where an IOMMU translates the driver's addresses."""
        layout = QueueLayout(setup.size, setup.descriptors, setup.driver, setup.device, max_size)
        event_index, indirect = bool(features & F_EVENT_IDX), bool(features & F_INDIRECT_DESC)
        self.index = setup.index
        state = None if native is None else native.state
        self.ring = SplitQueue(setup.dma, layout, event_index, indirect, state)
        if native is not None:
            rings = layout.descriptors, layout.available, layout.used
            native.use(
                layout.size, rings, layout.max_size, event_index=event_index, indirect=indirect
            )
        self.native = native
        #: of what native code was told of the disks; the device type says what it means
        self.known: object = None
        self.has_plain = False  # some of them are native code's
        self.doorbell = Bell()
        self._interrupt = setup.interrupt
        self._told_at = 0

    def batches(self) -> Iterator[list[Chain]]:
        """What is available, until nothing is; the doorbell rings for what comes after."""
        self.ring.silence()
        while True:
            while chains := self.batch():
                yield chains
            if self.ring.listen():
                return

    def batch(self) -> list[Chain]:
        """What is available now."""
        self._told_at = time.monotonic_ns()
        return self.ring.pop_all()

    def do_plain(self, native: NativeQueue) -> int:
        """Native code does what it can, for a while; NOTHING, OTHER or DUE."""
        self._told_at = time.monotonic_ns()
        left = native.serve(self._told_at + TELL_NS)
        if left & WANTED:
            self._interrupt()
        return left & ~WANTED

    def take(self) -> Chain | None:
        """The next chain; when there is none, the doorbell rings for it."""
        while (chain := self.ring.pop()) is None:
            if self.ring.listen():
                return None
        return chain

    def publish(self) -> None:
        """The driver sees what was pushed, and is interrupted if it wants to be."""
        if self.ring.publish():
            self._interrupt()

    def give_back(self, chain: Chain, written: int) -> None:
        self.ring.push(chain, written)
        self.publish()

    def give_back_in_time(self, chain: Chain, written: int) -> None:
        """One of a batch is done; `publish` at its end tells of those that are not told here."""
        self.ring.push(chain, written)
        now = time.monotonic_ns()
        if now - self._told_at > TELL_NS:
            self._told_at = now
            self.publish()


class ServedDevice:
    """The life of a device type: `VirtioDevice`, with one thread for each queue it serves.

    A device type says what it is in the class attributes, and overrides `config`, `serve` or
    `handle`, and the hooks `activated` and `deactivated`; `native_queue` and `plain` if native code
    knows its requests.
    """

    device_id = 0
    class_code = 0xFF0000
    name = "virtio"

    def __init__(self, features: int, queue_sizes: Sequence[int]) -> None:
        self.features = features | RING_FEATURES
        self.queue_sizes: Sequence[int] = tuple(queue_sizes)
        self.negotiated = 0
        self.queues: list[ServedQueue | None] = [None] * len(self.queue_sizes)
        self.is_active = False
        self._threads: list[threading.Thread] = []
        self._transport: Transport | None = None

    # What device types say of themselves.

    def config(self) -> bytes:
        """The configuration space as it is now."""
        return b""

    def has_thread(self, index: int) -> bool:
        """Whether queue `index` is served as soon as its doorbell rings."""
        return True

    def native_queue(self, index: int) -> NativeQueue | None:
        """A new one for a queue whose requests native code knows."""
        return None

    def plain(self, queue: ServedQueue) -> NativeQueue | None:
        """What does some of the queue's requests, and knows about the disks what is so now."""
        return None

    def at_work(self, queue: ServedQueue) -> contextlib.AbstractContextManager:
        """Entered while requests of the queue are done."""
        return contextlib.nullcontext()

    def serve(self, queue: ServedQueue) -> None:
        """All that can be done with what is available is done; the doorbell rings for more."""
        queue.ring.silence()
        while True:
            with self.at_work(queue):
                is_done = self._serve_some(queue)
            if is_done or not self.is_active:
                return

    def _serve_some(self, queue: ServedQueue) -> bool:
        """True when nothing is available, and the doorbell rings for what comes."""
        native = self.plain(queue)
        if native is not None:
            left = queue.do_plain(native)
            if left != OTHER:
                return left == NOTHING
            chain = queue.ring.pop()
            chains = [] if chain is None else [chain]
        else:
            chains = queue.batch()
        if not chains:
            return queue.ring.listen()
        for chain in chains:
            queue.give_back_in_time(chain, self.handle(queue, chain))
        queue.publish()
        return False

    def handle(self, queue: ServedQueue, chain: Chain) -> int:
        """The request in `chain` is done; how many bytes were written into it."""
        raise NotImplementedError

    def activated(self) -> None:
        """The queues are live; their threads are about to start."""

    def deactivated(self) -> None:
        """`is_active` is false; threads that wait elsewhere than at a doorbell are told."""

    # VirtioDevice.

    def connect(self, transport: Transport) -> None:
        self._transport = transport

    def read_config(self, offset: int, count: int) -> bytes:
        return self.config()[offset : offset + count].ljust(count, b"\0")

    def write_config(self, offset: int, data: bytes) -> None:
        """Read-only, unless the device type says otherwise."""

    def activate(self, features: int, queues: Sequence[QueueSetup | None]) -> None:
        self.negotiated = features
        try:
            for index, setup in enumerate(queues):
                if setup is not None:
                    size, native = self.queue_sizes[index], self.native_queue(index)
                    self.queues[index] = ServedQueue(setup, size, features, native)
        except QueueBroken:
            self.broken()
            return
        self.is_active = True
        self.activated()
        for queue in self.queues:
            if queue is not None and self.has_thread(queue.index):
                name = f"{self.name}-{queue.index}"
                thread = threading.Thread(target=self._run, args=(queue,), name=name, daemon=True)
                self._threads.append(thread)
                queue.doorbell.ring()  # for what is there already
                thread.start()

    def notify(self, index: int) -> None:
        queue = self.queues[index]
        if queue is not None:
            queue.doorbell.ring()

    @property
    def bells(self) -> Sequence[tuple[int, int]]:
        return [(queue.index, queue.doorbell.number) for queue in self.queues if queue is not None]

    def _stop(self) -> None:
        """Threads end as soon as they have done what they are at."""
        self.is_active = False
        for queue in self.queues:
            if queue is not None:
                queue.doorbell.ring()

    def reset(self) -> None:
        self._stop()
        self.deactivated()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self.queues = [None] * len(self.queue_sizes)
        self.negotiated = 0

    def close(self) -> None:
        self.reset()

    # For device types.

    def broken(self) -> None:
        """The driver broke a rule: nothing more is done until it resets the device."""
        self._stop()
        if self._transport is not None:
            self._transport.needs_reset()

    def config_changed(self) -> None:
        if self.is_active and self._transport is not None:
            self._transport.config_changed()

    def guarded(self, act: Callable[[], None]) -> bool:
        """False when the driver broke a rule meanwhile; the device has stopped then."""
        try:
            act()
        except QueueBroken:
            self.broken()
            return False
        return True

    def _run(self, queue: ServedQueue) -> None:
        """The thread of a queue, until the device stops."""
        while True:
            queue.doorbell.wait()
            if not self.is_active or not self.guarded(lambda: self.serve(queue)):
                return
