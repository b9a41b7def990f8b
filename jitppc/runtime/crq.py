"""What a guest says to a device, taken by native code (`native/crq_calls.py`)."""

from __future__ import annotations

from jitppc.ir.crq_layout import CRQ, ELEMENT_SIZE, MAX_WAITING
from jitppc.ir.layout import offset
from jitppc.ir.vio_layout import CRQ_DEVICE

from .mailbox import Mailbox
from .memory import GuestMemory

ELEMENTS = offset("elements", CRQ)


class NativeInbox(Mailbox):
    """An inbox, closed; native code answers its hypercalls from now on. `spapr.vio.crq.Inbox`."""

    def __init__(self, memory: GuestMemory, unit: int) -> None:
        super().__init__(memory, CRQ)
        memory.attach_vio(self, self._records, CRQ_DEVICE, unit)

    @property
    def signals(self) -> bool:
        return bool(self._records[0]["signals"])

    @signals.setter
    def signals(self, value: bool) -> None:
        self._records[0]["signals"] = int(value)

    def set_open(self, *, is_open: bool) -> None:
        if is_open:
            self.open()
        else:
            self.close()

    def put(self, element: bytes) -> bool:
        high, low = (int.from_bytes(half, "big") for half in (element[:8], element[8:]))
        return bool(self._call("rt_crq_put", self.address, high, low))

    def take(self) -> bytes | None:
        if self.is_empty:
            return None
        at = ELEMENTS + self.taken % MAX_WAITING * ELEMENT_SIZE
        element = bytes(self._content[at : at + ELEMENT_SIZE])
        self.drop(1)
        return element

    def clear(self) -> None:
        self.drop(self.count - self.taken)
