"""What vCPUs put and a thread of ours takes (`native/mailbox.py`)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jitppc.bell import Bell
from jitppc.ir.layout import offset
from jitppc.ir.vio_layout import MAILBOX

from .code_space import aligned_zeros
from .memory import GuestMemory

PUT, TAKEN = (offset(name, MAILBOX) // 8 for name in ("put", "taken"))


class Mailbox:
    """A record with MAILBOX_FIELDS at `address`, closed; its items are somewhere behind the fields.

    Anybody may ask and ring; one at a time drops, one waits.
    """

    def __init__(self, memory: GuestMemory, kind: np.dtype) -> None:
        assert memory.call_native is not None, "a vCPU has brought native code"
        self._call: Callable[..., int] = memory.call_native
        record = aligned_zeros(kind.itemsize)
        self._records = record.view(kind)
        self.address = int(record.ctypes.data)
        self._content = record.data.cast("B")
        first = offset("lock", kind)
        self._box = self.address + first
        self._counts = self._content[first : first + MAILBOX.itemsize].cast("Q")
        self._bell = Bell()
        self._records[0]["bell"] = self._bell.number

    def open(self) -> None:
        self._records[0]["open"] = 1

    def close(self) -> None:
        """Nothing is put any more when this returns; what waits goes on waiting."""
        self._call("rt_box_close", self._box)

    @property
    def is_open(self) -> bool:
        return bool(self._records[0]["open"])

    @property
    def count(self) -> int:
        """How many items ever were put."""
        return self._counts[PUT]

    @property
    def taken(self) -> int:
        """How many ever were taken; the next one has this number."""
        return self._counts[TAKEN]

    @property
    def is_empty(self) -> bool:
        return self._counts[PUT] == self._counts[TAKEN]

    def drop(self, count: int) -> None:
        """So many are taken."""
        self._counts[TAKEN] += count

    def wait(self) -> None:
        """Until there may be something to take, or somebody rings."""
        self._call("rt_box_wait", self._box)

    def ring(self) -> None:
        self._bell.ring()
