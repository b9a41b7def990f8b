"""What is pending at one virtual processor: the interrupt ring of its operating system.

The line to the processor is up while a priority is pending that is more favoured (smaller) than
the CPPR. Ref: reference §6.2 (TIMA).
"""

from dataclasses import dataclass

from jitppc.spapr.ports import InterruptLine

LEAST_FAVOURED = 0xFF
EXCEPTION_PENDING = 0x80
"""NSR: an interrupt is presented."""

# Offsets in the operating system's page.
RING = 0x10
RING_END = 0x40
CPPR = 0x11
RING_BYTES = 8
"""NSR, CPPR, IPB, LSMFB, ACK#, INC, AGE, PIPR; the word behind them is not shown."""
SPECIAL = 0x800
ACKNOWLEDGE = 0x810
SET_PENDING = 0x812


def most_favoured(pending: int) -> int:
    """The priority of the highest bit of a set of eight; LEAST_FAVOURED for none."""
    return 8 - pending.bit_length() if pending else LEAST_FAVOURED


@dataclass(slots=True)
class ThreadContext:
    """`pending`: priority n is bit 0x80 >> n (IPB)."""

    line: InterruptLine
    cppr: int = 0
    pending: int = 0
    is_presented: bool = False

    def reset(self) -> None:
        self.cppr = self.pending = 0
        self._present()

    def _present(self) -> None:
        self.is_presented = most_favoured(self.pending) < self.cppr
        self.line.set_external(self.is_presented)

    def set_cppr(self, value: int) -> None:
        """Interrupts of smaller priority values are taken; above 7 all are."""
        self.cppr = value if value < 8 else LEAST_FAVOURED
        self._present()

    def set_pending(self, priority: int) -> None:
        """An event of this priority (0 to 7; others are none) waits."""
        if priority < 8:
            self.pending |= 0x80 >> priority
            self._present()

    def acknowledge(self) -> int:
        """NSR << 8 | CPPR: what is presented is in service and sets the CPPR."""
        nsr = self.nsr
        if self.is_presented:
            self.cppr = most_favoured(self.pending)
            self.pending &= ~(0x80 >> self.cppr)
            self._present()
        return nsr << 8 | self.cppr

    @property
    def nsr(self) -> int:
        return EXCEPTION_PENDING if self.is_presented else 0

    def load(self, offset: int, size: int) -> int | None:
        """The big-endian value of a load from the page, or None where nothing answers."""
        if offset >= SPECIAL:
            is_right = (offset, size) == (ACKNOWLEDGE, 2)
            return self.acknowledge() if is_right else None
        if offset + size > RING_END:
            return None
        ring = bytearray(RING_END)
        priority = most_favoured(self.pending)
        shown = (self.nsr, self.cppr, self.pending, 0xFF, 0xFF, 0, 0, priority)
        ring[RING : RING + RING_BYTES] = bytes(shown)
        return int.from_bytes(ring[offset : offset + size], "big")

    def store(self, offset: int, size: int, value: int) -> None:
        """A big-endian value is stored to the page; in place, only the CPPR can be written."""
        if (offset, size) == (SET_PENDING, 1):
            self.set_pending(value)
        elif offset <= CPPR < offset + size:
            self.set_cppr(value >> 8 * (offset + size - 1 - CPPR) & 0xFF)
