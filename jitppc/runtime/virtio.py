"""A virtio queue's memory and its native routine, for the device it is of (`devices/virtio`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jitppc.ir.layout import offset
from jitppc.ir.scsi_layout import MAX_DISKS, SCSI_DISK
from jitppc.ir.virtq_layout import STATE_WORDS, VIRTQ

from .code_space import aligned_zeros
from .memory import GuestMemory

STATE = offset("state", VIRTQ)


class NativeQueue:
    """One queue, whose rings are at guest real addresses. Ref: native/virtio_requests.py."""

    def __init__(self, memory: GuestMemory, requests: int) -> None:
        """`requests`: DISK_REQUESTS or SCSI_REQUESTS."""
        assert memory.call_native is not None, "a vCPU has brought native code"
        self._call: Callable[..., int] = memory.call_native
        self._memory = memory                       # lives as long as this does
        record = aligned_zeros(VIRTQ.itemsize)
        self._record: Any = record.view(VIRTQ)[0]
        self._address = int(record.ctypes.data)
        self._disks = np.zeros(MAX_DISKS, SCSI_DISK)
        self.state = record.data.cast("B")[STATE : STATE + 8 * STATE_WORDS].cast("Q")
        self._tell(
            **memory.window_fields(0, 0),
            here=self._address, requests=requests, disks=self._disks.ctypes.data,
        )  # fmt: skip

    def _tell(self, **fields: int) -> None:
        for name, value in fields.items():
            self._record[name] = value

    @property
    def done(self) -> int:
        """Requests that native code has done."""
        return int(self._record["done"])

    def use(
        self,
        size: int,
        rings: tuple[int, int, int],
        limit: int,
        *,
        event_index: bool,
        indirect: bool,
    ) -> None:
        """The queue is live: descriptors, available and used ring are in RAM and aligned."""
        descriptors, available, used = (self._memory.base + ring for ring in rings)
        self._tell(
            descriptors=descriptors, available=available, used=used, size=size, limit=limit,
            event_index=event_index, indirect=indirect,
        )  # fmt: skip

    def know(
        self, disks: Sequence[tuple[int, ...]], command_bytes: int = 0, answer_bytes: int = 0
    ) -> None:
        """These are the disks, as far as there is room: rows of SCSI_DISK; and how long commands
        and answers of an adapter are. Not while it serves.
        """
        count = min(len(disks), MAX_DISKS)
        self._disks[:count] = disks[:count]
        self._tell(disk_count=count, command_bytes=command_bytes, answer_bytes=answer_bytes)

    def serve(self, due_ns: int) -> int:
        """What waits is done up to a time of the host's clock; NOTHING, OTHER or DUE, and WANTED
        with it.
        """
        return self._call("rt_virtq_serve", self._address, due_ns)
