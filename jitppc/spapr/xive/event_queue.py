"""A queue in guest memory, of one virtual processor and priority.

Entries are big-endian words: the generation, which changes at every lap, above 31 bits of data that
the guest gave for the source. Nobody tells us what has been read: the guest makes it large enough.
Ref: reference §6.2 (EQ).
"""

from dataclasses import dataclass, field

from jitppc.spapr.guest_buffers import write_if_inside
from jitppc.spapr.ports import GuestMemory
from jitppc.spapr.xive.event_state import EventState

SIZES_LOG2 = (12, 16, 21, 24)
ENTRY_BYTES = 4
DATA_MASK = 0x7FFF_FFFF


@dataclass(slots=True)
class EventQueue:
    """`size_log2` of the bytes at `gra`; 0 without a queue, when events are dropped."""

    gra: int = 0
    size_log2: int = 0
    notifies_always: bool = False
    generation: int = 1
    index: int = 0
    state: EventState = field(default_factory=EventState)

    def post(self, memory: GuestMemory, data: int) -> bool:
        """The entry is in memory; whether the virtual processor is to hear of it."""
        if not self.size_log2:
            return False
        word = self.generation << 31 | data & DATA_MASK
        write_if_inside(memory, self.gra + self.index * ENTRY_BYTES, word.to_bytes(4, "big"))
        self.index += 1
        if self.index << 2 == 1 << self.size_log2:
            self.index = 0
            self.generation ^= 1
        return self.notifies_always or self.state.trigger()
