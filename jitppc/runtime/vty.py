"""What a guest says on its consoles, taken by native code (`native/vty_calls.py`)."""

from __future__ import annotations

from collections.abc import Callable

from jitppc.bell import Bell
from jitppc.ir.layout import offset
from jitppc.ir.vio_layout import VTY_DEVICE
from jitppc.ir.vty_layout import MAX_PACKETS, OUTPUT, PACKET, VTY

from .code_space import aligned_zeros
from .memory import GuestMemory

PUT, TAKEN = (offset(name, OUTPUT) // 8 for name in ("put", "taken"))
PACKETS, TEXT = offset("packets", OUTPUT), offset("text", PACKET)


class NativeOutput:
    """Packets of all consoles of a machine, closed. `spapr.vio.vty_output.Packets`."""

    def __init__(self, memory: GuestMemory) -> None:
        assert memory.call_native is not None, "a vCPU has brought native code"
        self._call: Callable[..., int] = memory.call_native
        self._memory = memory
        record = aligned_zeros(OUTPUT.itemsize)
        self._state = record.view(OUTPUT)[0]
        self.address = int(record.ctypes.data)
        self._bytes = record.data.cast("B")
        self._words = self._bytes.cast("Q")
        self._bell = Bell()
        self._state["here"], self._state["bell"] = self.address, self._bell.number

    def add(self, unit: int, console: int) -> None:
        """What this unit says is put here from now on, under a number of the caller's."""
        records = aligned_zeros(VTY.itemsize).view(VTY)
        records[0]["console"], records[0]["output"] = console, self.address
        self._memory.attach_vio((self, records), records, VTY_DEVICE, unit)

    def open(self) -> None:
        self._state["open"] = 1

    def close(self) -> None:
        self._call("rt_vty_close", self.address)

    @property
    def is_open(self) -> bool:
        return bool(self._state["open"])

    @property
    def count(self) -> int:
        return self._words[PUT]

    @property
    def is_empty(self) -> bool:
        return self._words[PUT] == self._words[TAKEN]

    def waiting(self) -> list[tuple[int, bytes]]:
        found = []
        for number in range(self._words[TAKEN], self._words[PUT]):
            at = PACKETS + number % MAX_PACKETS * PACKET.itemsize
            console, size = self._words[at // 8], self._words[at // 8 + 1]
            found.append((console, bytes(self._bytes[at + TEXT : at + TEXT + size])))
        return found

    def drop(self, count: int) -> None:
        self._words[TAKEN] += count

    def wait(self) -> None:
        self._call("rt_vty_wait", self.address)

    def ring(self) -> None:
        self._bell.ring()
