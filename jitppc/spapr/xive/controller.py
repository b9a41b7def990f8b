"""All sources, queues and thread contexts of a partition: what devices and hypercalls do with them.

What happens to an event is native, and so are the guest's loads and stores of the pages
(jitppc.runtime.native.xive); this writes what the guest has configured. Any thread may call.
"""

from dataclasses import asdict, dataclass

from jitppc.ir.xive_places import (
    PRIORITIES,
    PROCESSOR_SOURCES,
    SOURCES,
    management_page,
)
from jitppc.spapr.ports import XiveEvents

LEAST_FAVOURED = 0xFF
SIZES_LOG2 = (12, 16, 21, 24)
ALL_ONES = (1 << 64) - 1
OFF = 0b01
"""P and Q of a source or queue that drops events."""


NOWHERE = {"target": 0, "priority": LEAST_FAVOURED, "data": 0, "is_masked": 1}
DATA_MASK = 0x7FFF_FFFF


@dataclass(frozen=True, slots=True)
class Source:
    """One source and where the guest has led its events: `target`'s queue of `priority`.

    `priority` is LEAST_FAVOURED while they lead nowhere. The events of level ones (LSI) come from
    their level, which nothing but the device changes.
    """

    exists: int = 1
    pq: int = OFF
    target: int = 0
    priority: int = LEAST_FAVOURED
    data: int = 0
    is_masked: int = 1
    is_level: int = 0
    is_asserted: int = 0


@dataclass(frozen=True, slots=True)
class EventQueue:
    """`size_log2` of the bytes at `gra`; 0 without a queue, when events are dropped.

    Entries are big-endian words: the generation, which changes at every lap, above 31 bits of data
    that the guest gave for the source. Nobody tells us what has been read: the guest makes it large
    enough. Ref: reference §6.2 (EQ).
    """

    gra: int = 0
    size_log2: int = 0
    notifies_always: int = 0
    generation: int = 1
    index: int = 0
    pq: int = OFF


class Xive:
    """Virtual processors are numbered as the vCPUs are. Sources of processors are always there."""

    def __init__(self, events: XiveEvents) -> None:
        self._events = events
        for number in range(events.count):
            events.set_source(number, **asdict(Source()))
        self.forget()

    @property
    def is_active(self) -> bool:
        """The guest uses it."""
        return self._events.is_active

    @is_active.setter
    def is_active(self, value: bool) -> None:
        self._events.is_active = value

    def reset(self) -> None:
        """As `forget`, and no processor takes interrupts or has any pending."""
        self.forget()
        self._events.reset()

    def forget(self) -> None:
        """No source leads anywhere, all are off, and there are no queues; levels stay."""
        for number in self._events.sources():
            self._events.set_source(number, pq=OFF, **NOWHERE)
        for index in range(self._events.count * PRIORITIES):
            self._events.set_queue(index, **asdict(EventQueue()))

    def claim(self, number: int, is_level: bool = False) -> None:
        """Source `number` of a device exists from now on."""
        if not PROCESSOR_SOURCES <= number < SOURCES or self.source(number) is not None:
            raise ValueError(f"interrupt source {number:#x} is outside the range or taken")
        self._events.set_source(number, **asdict(Source(is_level=int(is_level))))

    def release(self, number: int) -> None:
        """Source `number` does not exist any more."""
        self._events.set_source(number, **asdict(Source(exists=0)))

    def has_target(self, target: int) -> bool:
        return 0 <= target < self._events.count

    # What devices do.

    def pulse(self, number: int) -> None:
        """An event of source `number`; nothing happens when it has been released."""
        self._events.pulse(number)

    def set_level(self, number: int, level: bool) -> None:
        self._events.set_level(number, level)

    # What hypercalls do. They have checked their arguments.

    def management_load(self, number: int, offset: int) -> int:
        """A load of eight bytes from the page of a source that exists."""
        value = self._events.load(management_page(number) + offset, 8, 0)
        return int.from_bytes(value.to_bytes(8, "little"), "big")

    def management_store(self, number: int, offset: int) -> None:
        self._events.store(management_page(number) + offset, 8, 0, 0)

    def source(self, number: int) -> Source | None:
        if not 0 <= number < SOURCES:
            return None
        source = Source(**self._events.source(number))
        return source if source.exists else None

    def configure(
        self, number: int, target: int, priority: int, data: int | None, *, is_masked: bool
    ) -> None:
        """Where the source's events go; `data` None leaves that as it is."""
        kept = {} if data is None else {"data": data & DATA_MASK}
        way = {"target": target, "priority": priority, "is_masked": int(is_masked)}
        self._events.set_source(number, **way, **kept)

    def queue(self, target: int, priority: int) -> EventQueue:
        return EventQueue(**self._events.queue(target * PRIORITIES + priority))

    def set_queue(self, target: int, priority: int, queue: EventQueue) -> None:
        """The processor's queue of this priority is this empty one."""
        self._events.set_queue(target * PRIORITIES + priority, **asdict(queue))
