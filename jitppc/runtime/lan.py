"""A logical LAN adapter's memory and its native routines, for who steers it (`spapr/vio`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jitppc.bell import Bell
from jitppc.ir.lan_layout import (
    BUSY,
    INPUT_BYTES,
    INTERRUPT,
    LAN,
    LAN_NODE,
    LAN_SIZE,
    MAX_BUFFERS,
    NO_NODE,
    REST_BYTES,
)
from jitppc.ir.vio_layout import LAN_DEVICE

from .code_space import aligned_zeros
from .memory import GuestMemory


class NativeLan:
    """One adapter, shut; native code answers its hypercalls from now on. Any thread may call.

    Ref: native/lan_*.py, which say what each routine does.
    """

    def __init__(self, memory: GuestMemory, unit: int, tces: int, tce_count: int) -> None:
        """`tces`: host address of the window's entries, each for a page of 4 KiB."""
        assert memory.call_native is not None, "a vCPU has brought native code"
        self._call: Callable[..., int] = memory.call_native
        self._memory = memory               # its pages are written to as long as this lives
        self._record = aligned_zeros(LAN.itemsize).view(LAN)
        self.state: Any = self._record[0]
        self.address = int(self._record.ctypes.data)
        self._nodes = np.zeros(MAX_BUFFERS, LAN_NODE)
        self._sizes = np.zeros(MAX_BUFFERS + 1, LAN_SIZE)
        self._input = np.zeros(INPUT_BYTES, np.uint8)
        self._rest = np.zeros(REST_BYTES, np.uint8)
        self._bell = Bell()
        fields = {
            **memory.window_fields(tces, tce_count),
            "nodes": self._nodes.ctypes.data, "sizes": self._sizes.ctypes.data,
            "input": self._input.ctypes.data, "rest": self._rest.ctypes.data,
            "bell": self._bell.number, "fd": -1, "free": NO_NODE,
        }  # fmt: skip
        for name, value in fields.items():
            self.state[name] = value
        memory.attach_vio(self, self._record, LAN_DEVICE, unit)

    def open(self, buffer_list: int, queue: int, queue_size: int, toggle: int) -> None:
        """It has a receive queue, and a page where dropped frames are counted."""
        self.state["list"], self.state["dropped"] = buffer_list, 0
        self.state["queue"], self.state["queue_size"] = queue, queue_size
        self.state["queue_at"], self.state["queue_toggle"] = 0, toggle
        self.state["open"] = 1

    @property
    def is_open(self) -> bool:
        return bool(self.state["open"])

    def set_signals(self, *, are_wanted: bool) -> None:
        """Whether `carry` tells of frames."""
        self.state["signals"] = int(are_wanted)

    def shut(self) -> None:
        """It has no queue and no buffers, and nothing of guest memory is written any more."""
        self._call("rt_lan_shut", self.address)

    def add(self, descriptor: int) -> int:
        """A buffer is its; the status as an unsigned doubleword."""
        return self._call("rt_lan_add", self.address, descriptor)

    def take(self, size: int) -> int | None:
        """The descriptor of a buffer of that size, which is the guest's again."""
        return self._call("rt_lan_take", self.address, size) or None

    def send(self, descriptors: Sequence[int]) -> int | None:
        """The status of a frame, as an unsigned doubleword; None when the stream takes nothing."""
        words = np.zeros(6, np.uint64)
        words[: len(descriptors)] = descriptors
        status = self._call("rt_lan_send", self.address, words.ctypes.data)
        return None if status == BUSY else status

    def carry(self, fd: int, interrupt: Callable[[], None]) -> None:
        """Frames go both ways over a stream until it ends; `interrupt` when the guest wants one."""
        self._call("rt_lan_use", self.address, fd)
        try:
            while self._call("rt_lan_receive", self.address) == INTERRUPT:
                interrupt()
        finally:
            self._call("rt_lan_use", self.address, -1)
