"""A vscsi adapter's memory and its native routine, for who steers it (`spapr/vio`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jitppc.ir.crq_layout import RING_WORDS
from jitppc.ir.layout import offset
from jitppc.ir.scsi_layout import MAX_DISKS, SCSI_DISK, VSCSI

from .code_space import aligned_zeros
from .crq import NativeInbox
from .memory import GuestMemory

RING = offset("ring", VSCSI)


class NativeScsi:
    """One adapter, whose commands come into `inbox`. Ref: native/vscsi.py.

    `ring`: the words of what it writes, RING_* of `ir/crq_layout.py`.
    """

    def __init__(
        self, memory: GuestMemory, inbox: NativeInbox, tces: int, tce_count: int
    ) -> None:
        """`tces`: host address of the window's entries, each for a page of 4 KiB."""
        assert memory.call_native is not None, "a vCPU has brought native code"
        self._call: Callable[..., int] = memory.call_native
        self._memory, self._inbox = memory, inbox       # they live as long as this does
        record = aligned_zeros(VSCSI.itemsize)
        self._state: Any = record.view(VSCSI)[0]
        self._address = int(record.ctypes.data)
        self._disks = np.zeros(MAX_DISKS, SCSI_DISK)
        self.ring = record.data.cast("B")[RING : RING + 8 * RING_WORDS].cast("Q")
        fields = {
            **memory.window_fields(tces, tce_count),
            "here": self._address, "crq": inbox.address,
            "disks": self._disks.ctypes.data,
        }  # fmt: skip
        for name, value in fields.items():
            self._state[name] = value

    @property
    def done(self) -> int:
        """Commands that native code has done."""
        return int(self._state["done"])

    def know(self, disks: Sequence[tuple[int, ...]]) -> None:
        """These are the disks for native code, as far as there is room: rows of SCSI_DISK.

        Not while it serves.
        """
        count = min(len(disks), MAX_DISKS)
        self._disks[:count] = disks[:count]
        self._state["disk_count"] = count

    def serve(self, due_ns: int) -> int:
        """What waits is done up to a time of the host's clock; NOTHING, OTHER or DUE."""
        return self._call("rt_vscsi_serve", self._address, due_ns)
