"""Where a virtio device type and its transport meet.

The transport (`pci.py`) holds what every device has alike: status, negotiation of features, the
addresses of queues, interrupt vectors. A device type (`blk.py`, `net.py`, ...) holds its features,
its configuration space and the work that its queues carry. Neither knows the other's registers.

    transport: connect ──► ... activate ──► notify, notify, ... ──► reset ──► activate ...  close
    device:                              used buffers: QueueSetup.interrupt
                                         Transport.config_changed, Transport.needs_reset

Ref: virtio 1.2, 2.1 (status), 2.2 (features), 2.5 (configuration space), 3.1 (initialization).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from jitppc.devices.ports import DmaSpace

F_INDIRECT_DESC = 1 << 28
F_EVENT_IDX = 1 << 29
F_VERSION_1 = 1 << 32
F_ACCESS_PLATFORM = 1 << 33
TRANSPORT_FEATURES = F_VERSION_1 | F_ACCESS_PLATFORM
"""Offered by the transport, whatever the device. Ref: virtio 1.2, 6 (reserved feature bits)."""


@dataclass(frozen=True, slots=True)
class QueueSetup:
    """What the driver told of one queue. Addresses are the driver's word: nothing is checked.

    `size` is a power of two, 1 to the size the device has for that queue. `interrupt` tells the
    driver of used buffers and may be called from any thread, until `VirtioDevice.reset` has
    returned; whether the driver wants to be told is the queue's business.
    """

    index: int
    size: int
    descriptors: int
    driver: int
    device: int
    dma: DmaSpace
    interrupt: Callable[[], None]


class Transport(Protocol):
    """What a device may ask of its transport, from any thread."""

    def config_changed(self) -> None:
        """The driver is told to read the configuration space again."""

    def needs_reset(self) -> None:
        """The device is broken until the driver resets it. Ref: virtio 1.2, 2.1.2."""


class VirtioDevice(Protocol):
    """One device type. Unless it says otherwise, methods are called on the vCPU's thread.

    They return at once: work is done on a thread of the device.
    """

    @property
    def device_id(self) -> int:
        """Ref: virtio 1.2, 5 (device types)."""

    @property
    def class_code(self) -> int:
        """PCI class, subclass and programming interface, 24 bits."""

    @property
    def features(self) -> int:
        """Bits offered, without `TRANSPORT_FEATURES`. Constant."""

    @property
    def queue_sizes(self) -> Sequence[int]:
        """The greatest size of each queue, a power of two up to 32768. Constant."""

    def connect(self, transport: Transport) -> None:
        """Called once, when the device is plugged in."""

    def read_config(self, offset: int, count: int) -> bytes:
        """`count` (1, 2, 4 or 8) bytes of the configuration space; zeroes outside of it."""

    def write_config(self, offset: int, data: bytes) -> None:
        """The driver writes 1, 2, 4 or 8 bytes; what is read-only or outside stays as it is."""

    def activate(self, features: int, queues: Sequence[QueueSetup | None]) -> None:
        """DRIVER_OK. `features` are those negotiated, `queues` has None where none was enabled.

        Buffers may already be available.
        """

    def notify(self, index: int) -> None:
        """The driver has made buffers of queue `index` available. Only while active.

        `index` is that of a queue of the device, enabled or not. Note it and wake the thread.
        """

    @property
    def bells(self) -> Sequence[tuple[int, int]]:
        """Queues for which `notify` does nothing but ring a bell, and its number; until `reset`."""

    def reset(self) -> None:
        """Nothing reaches guest memory or raises an interrupt any more, and all state is as new.

        Also called on the thread that resets the machine, and for a device that is not active.
        """

    def close(self) -> None:
        """As `reset`, for ever: threads have ended. The back end is closed by who opened it."""
