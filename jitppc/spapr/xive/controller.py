"""All sources, queues and thread contexts of a partition, under one lock.

Device threads trigger sources; vCPU threads load from and store to the pages and make hypercalls.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from jitppc.spapr.ports import GuestMemory, InterruptLine
from jitppc.spapr.xive.event_queue import EventQueue
from jitppc.spapr.xive.event_state import READ_STATE, READY, EventState
from jitppc.spapr.xive.places import PRIORITIES, PROCESSOR_SOURCES, SOURCES
from jitppc.spapr.xive.thread_context import LEAST_FAVOURED, ThreadContext


@dataclass(slots=True)
class Source:
    """One source and where the guest has led its events: `target`'s queue of `priority`.

    `priority` is LEAST_FAVOURED while they lead nowhere. The events of level ones (LSI) come from
    their level, which nothing but the device changes.
    """

    is_level: bool = False
    is_asserted: bool = False
    state: EventState = field(default_factory=EventState)
    target: int = 0
    priority: int = LEAST_FAVOURED
    data: int = 0
    is_masked: bool = True


class Xive:
    """Virtual processors are numbered as the vCPUs are. Sources of processors are always there."""

    def __init__(self, lines: Sequence[InterruptLine], memory: GuestMemory) -> None:
        self._lock = threading.RLock()
        self._memory = memory
        self._contexts = [ThreadContext(line) for line in lines]
        self._queues = [EventQueue() for _ in range(len(lines) * PRIORITIES)]
        self._sources = {number: Source() for number in range(len(lines))}

    def reset(self) -> None:
        """As `forget`, and no processor takes interrupts or has any pending."""
        with self._lock:
            self.forget()
            for context in self._contexts:
                context.reset()

    def forget(self) -> None:
        """No source leads anywhere, all are off, and there are no queues; levels stay."""
        with self._lock:
            for number, old in self._sources.items():
                self._sources[number] = Source(old.is_level, old.is_asserted)
            self._queues = [EventQueue() for _ in self._queues]

    def claim(self, number: int, is_level: bool = False) -> None:
        """Source `number` of a device exists from now on."""
        with self._lock:
            if not PROCESSOR_SOURCES <= number < SOURCES or number in self._sources:
                raise ValueError(f"interrupt source {number:#x} is outside the range or taken")
            self._sources[number] = Source(is_level)

    def release(self, number: int) -> None:
        """Source `number` does not exist any more."""
        with self._lock:
            del self._sources[number]

    def has_target(self, target: int) -> bool:
        return 0 <= target < len(self._contexts)

    # What devices do.

    def pulse(self, number: int) -> None:
        """An event of source `number`; nothing happens when it has been released."""
        with self._lock:
            source = self._sources.get(number)
            if source is not None:
                self._trigger(source)

    def set_level(self, number: int, level: bool) -> None:
        with self._lock:
            source = self._sources[number]
            source.is_asserted = level
            self._trigger_level(source)

    # What the guest does with pages; None or nothing where there is no such source.

    def trigger_page_store(self, number: int) -> None:
        self.pulse(number)

    def management_load(self, number: int, offset: int) -> int | None:
        with self._lock:
            source = self._sources.get(number)
            if source is None:
                return None
            value, again = source.state.load(offset)
            sent = self._after(source, again)
            return value if offset & READ_STATE else int(sent)

    def management_store(self, number: int, offset: int) -> None:
        with self._lock:
            source = self._sources.get(number)
            if source is not None:
                self._after(source, source.state.store(offset))

    def queue_load(self, index: int, offset: int) -> int | None:
        """As `management_load`, of a queue: when entries came meanwhile, its target hears again."""
        with self._lock:
            if index >= len(self._queues):
                return None
            value, again = self._queues[index].state.load(offset)
            self._tell(index, again)
            return value

    def queue_store(self, index: int, offset: int) -> None:
        with self._lock:
            if index < len(self._queues):
                self._tell(index, self._queues[index].state.store(offset))

    def context_load(self, target: int, offset: int, size: int) -> int | None:
        with self._lock:
            return self._contexts[target].load(offset, size)

    def context_store(self, target: int, offset: int, size: int, value: int) -> None:
        with self._lock:
            self._contexts[target].store(offset, size, value)

    # What hypercalls do. They have checked their arguments.

    def source(self, number: int) -> Source | None:
        return self._sources.get(number)

    def configure(
        self, number: int, target: int, priority: int, data: int | None, *, is_masked: bool
    ) -> None:
        """Where the source's events go; `data` None leaves that as it is."""
        with self._lock:
            source = self._sources[number]
            source.target, source.priority, source.is_masked = target, priority, is_masked
            if data is not None:
                source.data = data

    def queue(self, target: int, priority: int) -> EventQueue:
        return self._queues[target * PRIORITIES + priority]

    def set_queue(self, target: int, priority: int, queue: EventQueue) -> None:
        """The processor's queue of this priority is this empty one."""
        with self._lock:
            self._queues[target * PRIORITIES + priority] = queue

    # Events on their way.

    def _after(self, source: Source, again: bool) -> bool:
        """The guest has touched the state; whether an event was sent on now."""
        if again:
            self._send(source)
            return True
        return self._trigger_level(source)

    def _trigger(self, source: Source) -> None:
        if source.state.trigger():
            self._send(source)

    def _trigger_level(self, source: Source) -> bool:
        """A source that is still asserted when it is ready again has another event."""
        is_due = source.is_level and source.is_asserted and source.state.pq == READY
        if is_due:
            self._trigger(source)
        return is_due

    def _send(self, source: Source) -> None:
        if source.is_masked or source.priority >= PRIORITIES:
            return
        index = source.target * PRIORITIES + source.priority
        self._tell(index, self._queues[index].post(self._memory, source.data))

    def _tell(self, index: int, is_due: bool) -> None:
        """The processor of this queue has its priority pending, if it is to have."""
        if is_due:
            self._contexts[index // PRIORITIES].set_pending(index % PRIORITIES)
