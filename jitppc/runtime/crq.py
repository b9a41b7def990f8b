"""What a guest says to a device, taken by native code (`native/crq_calls.py`)."""

from __future__ import annotations

from collections.abc import Callable

from jitppc.bell import Bell
from jitppc.ir.crq_layout import CRQ, ELEMENT_SIZE, MAX_WAITING
from jitppc.ir.layout import offset
from jitppc.ir.vio_layout import CRQ_DEVICE

from .code_space import aligned_zeros
from .memory import GuestMemory

PUT, TAKEN = (offset(name, CRQ) // 8 for name in ("put", "taken"))
ELEMENTS = offset("elements", CRQ)


class NativeInbox:
    """An inbox, closed; native code answers its hypercalls from now on. `spapr.vio.crq.Inbox`."""

    def __init__(self, memory: GuestMemory, unit: int) -> None:
        assert memory.call_native is not None, "a vCPU has brought native code"
        self._call: Callable[..., int] = memory.call_native
        record = aligned_zeros(CRQ.itemsize)
        records = record.view(CRQ)
        self._state = records[0]
        self.address = int(record.ctypes.data)
        self._bytes = record.data.cast("B")
        self._counts = self._bytes[:ELEMENTS].cast("Q")
        self._bell = Bell()
        self._state["bell"] = self._bell.number
        memory.attach_vio(self, records, CRQ_DEVICE, unit)

    @property
    def signals(self) -> bool:
        return bool(self._state["signals"])

    @signals.setter
    def signals(self, value: bool) -> None:
        self._state["signals"] = int(value)

    def set_open(self, *, is_open: bool) -> None:
        self._state["open"] = int(is_open)
        if not is_open:
            self.put(bytes(ELEMENT_SIZE))           # is not taken, and waits for who is at it

    def put(self, element: bytes) -> bool:
        high, low = (int.from_bytes(half, "big") for half in (element[:8], element[8:]))
        return bool(self._call("rt_crq_put", self.address, high, low))

    def take(self) -> bytes | None:
        taken = self._counts[TAKEN]
        if taken == self._counts[PUT]:
            return None
        at = ELEMENTS + taken % MAX_WAITING * ELEMENT_SIZE
        element = bytes(self._bytes[at : at + ELEMENT_SIZE])
        self._counts[TAKEN] = taken + 1
        return element

    def clear(self) -> None:
        self._counts[TAKEN] = self._counts[PUT]

    def wait(self) -> None:
        self._call("rt_crq_wait", self.address)

    def ring(self) -> None:
        self._bell.ring()
