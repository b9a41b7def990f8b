"""The two bits P and Q that a source and a queue have, and what loads and stores do to them.

P: an event has been sent on and is not ended yet. Q: another one came meanwhile.
Ref: reference §6.2 (ESB).
"""

from dataclasses import dataclass

READY, OFF, PENDING, QUEUED = 0b00, 0b01, 0b10, 0b11
"""The values of the two bits; plain numbers, because every interrupt of a guest comes here."""

TRIGGERED = (PENDING, OFF, QUEUED, QUEUED)
ENDED = (READY, OFF, READY, PENDING)

# What an offset in the management page asks for; its bits 11:8 decide.
OFFSET_MASK = 0xF00
STORE_END = 0x400
READ_STATE = 0x800
SET_STATE = 0xC00


@dataclass(slots=True)
class EventState:
    """The two bits; methods that may send an event on answer whether it is to be sent on."""

    pq: int = OFF

    def trigger(self) -> bool:
        """An event."""
        was, self.pq = self.pq, TRIGGERED[self.pq]
        return was == READY

    def end(self) -> bool:
        """The last event has been handled; a queued one comes next."""
        was, self.pq = self.pq, ENDED[self.pq]
        return was == QUEUED

    def load(self, offset: int) -> tuple[int, bool]:
        """(what a load from the management page answers, whether an event is to be sent on)."""
        offset &= OFFSET_MASK
        if offset < READ_STATE:
            again = self.end()
            return int(again), again
        old = self.pq
        if offset >= SET_STATE:
            self.pq = offset >> 8 & 3
        return old, False

    def store(self, offset: int) -> bool:
        """A store to the management page; whether an event is to be sent on."""
        offset &= OFFSET_MASK
        if offset >= SET_STATE:
            self.pq = offset >> 8 & 3
            return False
        if STORE_END <= offset < READ_STATE:
            return self.end()
        return self.trigger()
