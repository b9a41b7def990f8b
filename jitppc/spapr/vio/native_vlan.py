"""spapr-vlan over a stream of the host's: frames move in native code.

What is ordinary never comes here: `runtime/native/lan_calls.py` answers H_SEND_LOGICAL_LAN,
H_ADD_LOGICAL_LAN_BUFFER and H_VIO_SIGNAL where `sc` is executed, and `lan_receiving.py` puts frames
into the guest's buffers on the back end's thread. Ref: as `vlan`.
"""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from jitppc.devices.ports import DmaError, StreamingNetBackend
from jitppc.ir.hcalls import H
from jitppc.ir.lan_layout import HANDLE_SIZE
from jitppc.spapr.vio.bus import Slot
from jitppc.spapr.vio.vlan import (
    SEND_PATIENCE_S,
    SEND_PAUSE_S,
    ReceiveQueue,
    Vlan,
    address_of,
)
from jitppc.spapr.vio.window import DmaWindow


class LanRoutines(Protocol):
    """The native side of one adapter; `runtime.lan.NativeLan` is it."""

    @property
    def is_open(self) -> bool: ...

    def open(self, buffer_list: int, queue: int, queue_size: int, toggle: int) -> None: ...

    def set_signals(self, *, are_wanted: bool) -> None: ...

    def shut(self) -> None: ...

    def add(self, descriptor: int) -> int: ...

    def take(self, size: int) -> int | None: ...

    def send(self, descriptors: Sequence[int]) -> int | None: ...

    def carry(self, fd: int, interrupt: Callable[[], None]) -> None: ...


def status_of(word: int) -> H:
    """A return code that native code has put into a register."""
    return H(word - (1 << 64) if word >> 63 else word)


class NativeVlan(Vlan):
    """A `Vlan` whose buffers and frames are native code's."""

    def __init__(
        self,
        slot: Slot,
        window: DmaWindow,
        backend: StreamingNetBackend,
        mac: bytes,
        native: LanRoutines,
    ) -> None:
        super().__init__(slot, window, backend, mac)
        self._stream_backend, self._native = backend, native

    def start(self) -> None:
        self._stream_backend.start_carried(self, self._link)

    def carry(self, fd: int) -> None:
        """As `devices.ports.FrameCarrier`."""
        self._native.carry(fd, self.slot.pulse)

    @property
    def is_open(self) -> bool:
        return self._native.is_open

    def set_signal(self, mode: int) -> bool:
        if mode > 1:
            return False
        self._native.set_signals(are_wanted=bool(mode))
        return True

    def _opened(self, queue: ReceiveQueue, buffer_list: int) -> None:
        self._native.open(buffer_list, queue.start, queue.size, queue.toggle)

    def _shut(self) -> None:
        self._native.shut()

    def add_buffer(self, descriptor: int) -> H:
        return status_of(self._native.add(descriptor))

    def free_buffer(self, size: int) -> int | None:
        descriptor = self._native.take(size)
        if descriptor is None:
            return None
        try:
            return int.from_bytes(self._dma.read(address_of(descriptor), HANDLE_SIZE), "big")
        except DmaError:
            return 0

    def send(self, descriptors: tuple[int, ...]) -> H:
        end = time.monotonic() + SEND_PATIENCE_S
        while (status := self._native.send(descriptors)) is None:
            if time.monotonic() > end:
                return H.DROPPED
            time.sleep(SEND_PAUSE_S)
        return status_of(status)
