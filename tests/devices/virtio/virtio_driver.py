"""A driver for tests: fake RAM, rings built by the specification, and a transport that notes.

Ref: virtio 1.2, 2.7.13 (supplying buffers), 2.7.14 (receiving used buffers).
"""

import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Self

from devices.fake_ram import FakeRam

from jitppc.devices.virtio.device import F_EVENT_IDX, F_INDIRECT_DESC, QueueSetup, VirtioDevice
from jitppc.ir.virtq_layout import DESC_F_INDIRECT, DESC_F_NEXT, DESC_F_WRITE

DESC = struct.Struct("<QIHH")
PATIENCE = 20.0  # seconds; only a failing test waits that long


@dataclass
class NotingTransport:
    """What the device told its transport."""

    is_broken: bool = False
    config_changes: int = 0
    told: threading.Event = field(default_factory=threading.Event)

    def config_changed(self) -> None:
        self.config_changes += 1
        self.told.set()

    def needs_reset(self) -> None:
        self.is_broken = True
        self.told.set()


Buffer = tuple[int, int, bool]  # address, length, writable by the device


class DriverQueue:
    """The driver's half of one queue. `bump` gives memory for the rings."""

    def __init__(self, ram: FakeRam, size: int, bump: Callable[[int, int], int], features: int):
        self.ram, self.size = ram, size
        self.descriptors = bump(16 * size, 16)
        self.available = bump(6 + 2 * size, 2)
        self.used = bump(6 + 8 * size, 4)
        self.event_index = bool(features & F_EVENT_IDX)
        self.indirect = bool(features & F_INDIRECT_DESC)
        self.free = list(range(size))
        self.chains: dict[int, list[int]] = {}
        self.available_index = 0
        self.seen = 0
        self.interrupts = 0
        self.woken = threading.Condition()

    def interrupt(self) -> None:
        with self.woken:
            self.interrupts += 1
            self.woken.notify_all()

    def setup(self, index: int) -> QueueSetup:
        return QueueSetup(
            index, self.size, self.descriptors, self.available, self.used, self.ram, self.interrupt
        )

    def put_descriptor(self, table: int, n: int, address: int, length: int, flags: int, after: int):
        self.ram.put(table + 16 * n, DESC.pack(address, length, flags, after))

    def put_chain(self, buffers: Sequence[Buffer], table: int | None = None) -> int:
        """A chain of free descriptors, or an indirect one in `table`; its head."""
        count = 1 if table is not None else len(buffers)
        taken = [self.free.pop() for _ in range(count)]
        self.chains[taken[0]] = taken
        if table is not None:
            self.put_descriptor(
                self.descriptors, taken[0], table, 16 * len(buffers), DESC_F_INDIRECT, 0
            )
            names = list(range(len(buffers)))
        else:
            table, names = self.descriptors, taken
        for n, (address, length, writable) in enumerate(buffers):
            is_last = n == len(buffers) - 1
            flags = DESC_F_WRITE * writable | DESC_F_NEXT * (not is_last)
            after = 0 if is_last else names[n + 1]
            self.put_descriptor(table, names[n], address, length, flags, after)
        return taken[0]

    def offer(self, head: int) -> None:
        """The chain is in the ring, not yet visible."""
        at = self.available + 4 + 2 * (self.available_index % self.size)
        self.ram.put16(at, head)
        self.available_index = (self.available_index + 1) & 0xFFFF

    def expose(self) -> bool:
        """What was offered is visible; True when the device wants its doorbell rung."""
        before = self.ram.u16(self.available + 2)
        self.ram.put16(self.available + 2, self.available_index)
        if not self.event_index:
            return not self.ram.u16(self.used) & 1
        event = self.ram.u16(self.used + 4 + 8 * self.size)
        added = (self.available_index - before) & 0xFFFF
        return (self.available_index - event - 1) & 0xFFFF < added

    def want_interrupt_after(self, index: int) -> None:
        self.ram.put16(self.available + 4 + 2 * self.size, index)

    def take_used(self) -> list[tuple[int, int]]:
        """Heads and lengths that came back; their descriptors are free again."""
        found = []
        while self.seen != self.ram.u16(self.used + 2):
            at = self.used + 4 + 8 * (self.seen % self.size)
            head, length = struct.unpack("<II", self.ram.read(at, 8))
            self.free += self.chains.pop(head)
            found.append((head, length))
            self.seen = (self.seen + 1) & 0xFFFF
        if self.event_index and found:
            self.want_interrupt_after(self.seen)
        return found


class Driver:
    """A device brought up as a guest would, and requests to it.

    Rings lie at the beginning of RAM; `bump` gives what is behind them.
    """

    def __init__(
        self,
        device: VirtioDevice,
        *,
        ram: FakeRam | None = None,
        features: int | None = None,
        sizes: Sequence[int | None] | None = None,
    ) -> None:
        self.device = device
        self.ram = ram or FakeRam()
        self.features = device.features if features is None else features & device.features
        self.transport = NotingTransport()
        self.sizes = device.queue_sizes if sizes is None else sizes
        device.connect(self.transport)
        self.build()

    def build(self) -> None:
        """Empty rings, at the beginning of RAM; what was there is forgotten."""
        self.next = self.ram.base
        self.ram.memory[:] = bytes(self.ram.size)
        self.queues = [
            None if size is None else DriverQueue(self.ram, size, self.bump, self.features)
            for size in self.sizes
        ]

    def bump(self, count: int, alignment: int = 16) -> int:
        """Fresh memory."""
        address = -(-self.next // alignment) * alignment
        self.next = address + count
        assert self.next <= self.ram.base + self.ram.size, "the test's RAM is too small"
        return address

    def activate(self) -> None:
        setups = [queue and queue.setup(n) for n, queue in enumerate(self.queues)]
        self.device.activate(self.features, setups)

    def __enter__(self) -> Self:
        self.activate()
        return self

    def __exit__(self, *_: object) -> None:
        self.device.close()
        assert self.ram.is_sound()

    def send(self, index: int, buffers: Sequence[Buffer], table: int | None = None) -> int:
        """A chain is given to the device; its head."""
        queue = self.queues[index]
        assert queue is not None
        head = queue.put_chain(buffers, table)
        queue.offer(head)
        if queue.expose():
            self.device.notify(index)
        return head

    def wait_used(self, index: int, count: int = 1) -> list[tuple[int, int]]:
        """At least `count` used buffers; waits for interrupts only, as a guest does."""
        queue = self.queues[index]
        assert queue is not None
        found: list[tuple[int, int]] = []
        with queue.woken:

            def came() -> bool:
                while got := queue.take_used():  # again behind each new wish for an interrupt
                    found.extend(got)
                return len(found) >= count

            assert queue.woken.wait_for(came, PATIENCE), f"queue {index}: {found} of {count}"
        return found

    def request(self, index: int, out: bytes, room: int, cut: Sequence[int] = ()) -> bytes:
        """`out` goes to the device; what it wrote comes back. `cut` splits both at these places."""
        memory = self.bump(len(out) + room)
        try:
            self.ram.put(memory, out)
            self.ram.put(memory + len(out), bytes(room))
            marks = sorted({0, len(out), len(out) + room, *cut})
            marks = [mark for mark in marks if mark <= len(out) + room]
            buffers = [
                (memory + start, end - start, start >= len(out)) for start, end in pairwise(marks)
            ]
            self.send(index, buffers)
            ((_, length),) = self.wait_used(index)
            assert length <= room
            return self.ram.read(memory + len(out), room)
        finally:
            self.next = memory

    def broken_within(self, seconds: float = PATIENCE) -> bool:
        deadline = time.monotonic() + seconds
        while not self.transport.is_broken and time.monotonic() < deadline:
            self.transport.told.wait(0.01)
        return self.transport.is_broken
