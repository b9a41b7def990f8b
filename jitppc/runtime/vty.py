"""What a guest says on its consoles, taken by native code (`native/vty_calls.py`)."""

from __future__ import annotations

from jitppc.ir.layout import offset
from jitppc.ir.vio_layout import VTY_DEVICE
from jitppc.ir.vty_layout import MAX_PACKETS, OUTPUT, PACKET, VTY

from .code_space import aligned_zeros
from .mailbox import Mailbox
from .memory import GuestMemory

PACKETS, TEXT = offset("packets", OUTPUT), offset("text", PACKET)


class NativeOutput(Mailbox):
    """Packets of all consoles of a machine, closed. `spapr.vio.vty_output.Packets`."""

    def __init__(self, memory: GuestMemory) -> None:
        super().__init__(memory, OUTPUT)
        self._memory = memory
        self._words = self._content.cast("Q")

    def add(self, unit: int, console: int) -> None:
        """What this unit says is put here from now on, under a number of the caller's."""
        records = aligned_zeros(VTY.itemsize).view(VTY)
        records[0]["console"], records[0]["output"] = console, self.address
        self._memory.attach_vio((self, records), records, VTY_DEVICE, unit)

    def waiting(self) -> list[tuple[int, bytes]]:
        found = []
        for number in range(self.taken, self.count):
            at = PACKETS + number % MAX_PACKETS * PACKET.itemsize
            console, size = self._words[at // 8], self._words[at // 8 + 1]
            found.append((console, bytes(self._content[at + TEXT : at + TEXT + size])))
        return found
