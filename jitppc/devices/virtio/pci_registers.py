"""The common configuration structure of virtio over PCI, and the life of the device behind it.

Two locks: `_driving` is held while the driver's store is carried out, which may wait for threads
of the device; `_lock` guards what those threads also touch, and nothing is called under it.
Ref: virtio 1.2, 4.1.4.3 (common configuration), 2.1 (status), 3.1 (initialization).
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from jitppc.devices.ports import DmaSpace
from jitppc.devices.virtio.device import (
    F_ACCESS_PLATFORM,
    F_VERSION_1,
    QueueSetup,
    VirtioDevice,
)

NO_VECTOR = 0xFFFF
SIZE = 56
M32, M64 = (1 << 32) - 1, (1 << 64) - 1
RESET_PATIENCE_S = 0.02
"""How long a vCPU waits for the device that it resets."""


class Status(IntFlag):
    """Ref: virtio 1.2, 2.1."""

    ACKNOWLEDGE = 1
    DRIVER = 2
    DRIVER_OK = 4
    FEATURES_OK = 8
    NEEDS_RESET = 64
    FAILED = 128


class Field(IntEnum):
    """Offsets. Ref: virtio 1.2, 4.1.4.3 (struct virtio_pci_common_cfg)."""

    DEVICE_FEATURE_SELECT = 0
    DEVICE_FEATURE = 4
    DRIVER_FEATURE_SELECT = 8
    DRIVER_FEATURE = 12
    CONFIG_VECTOR = 16
    NUM_QUEUES = 18
    DEVICE_STATUS = 20
    CONFIG_GENERATION = 21
    QUEUE_SELECT = 22
    QUEUE_SIZE = 24
    QUEUE_VECTOR = 26
    QUEUE_ENABLE = 28
    QUEUE_NOTIFY_OFF = 30
    QUEUE_DESC = 32
    QUEUE_DRIVER = 40
    QUEUE_DEVICE = 48


@dataclass(slots=True)
class QueueRegisters:
    """What the driver has set of one queue."""

    index: int
    size: int
    vector: int = NO_VECTOR
    is_enabled: bool = False
    descriptors: int = 0
    driver: int = 0
    device: int = 0


class CommonConfig:
    """Registers of one device; `VirtioDevice`'s `Transport`.

    `tell(vector, is_config)` raises the interrupt of a vector; it is called on any thread, under
    no lock. `bells_changed()` returns when nothing but `bells` is rung past `notify`.
    `vector_count` is that of MSI-X.
    """

    def __init__(
        self,
        device: VirtioDevice,
        vector_count: int,
        tell: Callable[[int, bool], None],
        bells_changed: Callable[[], None],
        features: int,
    ) -> None:
        self.device, self._tell, self._bells_changed = device, tell, bells_changed
        self._vector_count = vector_count
        self.offered = features | F_VERSION_1
        self.dma: DmaSpace | None = None
        self._driving, self._lock = threading.Lock(), threading.Lock()
        self._resetting: threading.Thread | None = None
        self._clear()
        device.connect(self)

    def _clear(self) -> None:
        self.status = 0
        self.is_active = False
        self.accepted = 0
        self.generation = 0
        self._device_select = self._driver_select = self._queue_select = 0
        self.config_vector = NO_VECTOR
        self.queues = [QueueRegisters(i, n) for i, n in enumerate(self.device.queue_sizes)]

    # What the device does.

    def config_changed(self) -> None:
        """As `Transport`."""
        with self._lock:
            self.generation = self.generation + 1 & 0xFF
            is_active, vector = self.is_active, self.config_vector
        if is_active:
            self._tell(vector, True)

    def needs_reset(self) -> None:
        """As `Transport`."""
        with self._lock:
            self.status |= Status.NEEDS_RESET
        self.config_changed()

    # What the driver does.

    def notify(self, index: int) -> None:
        """A doorbell."""
        if self.is_active and index < len(self.queues):
            self.device.notify(index)

    @property
    def bells(self) -> Sequence[tuple[int, int]]:
        """As `VirtioDevice`."""
        return self.device.bells if self.is_active else ()

    def load(self, offset: int, size: int) -> int:
        """Any bytes of the structure; zeroes behind it."""
        return int.from_bytes(self._image()[offset : offset + size], "little")

    def _image(self) -> bytes:
        parts = (
            (self._device_select, 4),
            (self.offered >> 32 * self._device_select & M32, 4),
            (self._driver_select, 4),
            (self.accepted >> 32 * self._driver_select & M32, 4),
            (self.config_vector, 2),
            (len(self.queues), 2),
            (self.status, 1),
            (self.generation, 1),
            (self._queue_select, 2),
            *self._queue_image(),
        )
        return b"".join(value.to_bytes(count, "little") for value, count in parts)

    def _queue_image(self) -> tuple[tuple[int, int], ...]:
        queue = self._selected
        if queue is None:
            return ((0, SIZE - Field.QUEUE_SIZE),)
        return (
            (queue.size, 2),
            (queue.vector, 2),
            (int(queue.is_enabled), 2),
            (queue.index, 2),
            (queue.descriptors, 8),
            (queue.driver, 8),
            (queue.device, 8),
        )

    @property
    def _selected(self) -> QueueRegisters | None:
        index = self._queue_select
        return self.queues[index] if index < len(self.queues) else None

    def store(self, offset: int, size: int, value: int) -> None:
        """One field, or half of a 64-bit one; other stores are dropped, and all during a reset."""
        with self._driving:
            if self._resetting is not None and self._resetting.is_alive():
                return
            match offset, size:
                case Field.DEVICE_FEATURE_SELECT, 4:
                    self._device_select = value
                case Field.DRIVER_FEATURE_SELECT, 4:
                    self._driver_select = value
                case Field.DRIVER_FEATURE, 4:
                    self._accept(value)
                case Field.CONFIG_VECTOR, 2:
                    self.config_vector = self._vector(value)
                case Field.DEVICE_STATUS, 1:
                    self._set_status(value)
                case Field.QUEUE_SELECT, 2:
                    self._queue_select = value
                case _:
                    if self._selected is not None:
                        self._store_queue(self._selected, offset, size, value)

    def _store_queue(self, queue: QueueRegisters, offset: int, size: int, value: int) -> None:
        if offset == Field.QUEUE_VECTOR and size == 2:
            queue.vector = self._vector(value)
        elif queue.is_enabled or self.is_active:
            return
        elif offset == Field.QUEUE_SIZE and size == 2:
            most = self.device.queue_sizes[queue.index]
            if 0 < value <= most and value & value - 1 == 0:
                queue.size = value
        elif offset == Field.QUEUE_ENABLE and size == 2:
            queue.is_enabled = value == 1
        elif Field.QUEUE_DESC <= offset < SIZE and size in {4, 8} and offset % size == 0:
            name = ("descriptors", "driver", "device")[offset - Field.QUEUE_DESC >> 3]
            shift = 8 * (offset & 7)
            mask = (1 << 8 * size) - 1 << shift
            setattr(queue, name, getattr(queue, name) & ~mask | value << shift & mask)

    def _vector(self, value: int) -> int:
        return value if value < self._vector_count else NO_VECTOR

    def _accept(self, bits: int) -> None:
        """Ref: virtio 1.2, 2.2.1: no feature changes after FEATURES_OK."""
        if self._driver_select < 2 and not self.status & Status.FEATURES_OK:
            shift = 32 * self._driver_select
            self.accepted = self.accepted & ~(M32 << shift) | bits << shift

    def _set_status(self, value: int) -> None:
        """Bits only come; a zero takes all of them and resets the device."""
        if value == 0:
            self._begin_reset()
            return
        wanted = value & 0xFF & ~Status.NEEDS_RESET
        if wanted & Status.FEATURES_OK and not self._features_fit():
            wanted &= ~(Status.FEATURES_OK | Status.DRIVER_OK)
        if not (wanted | self.status) & Status.FEATURES_OK:
            wanted &= ~Status.DRIVER_OK
        is_starting = wanted & Status.DRIVER_OK and not self.is_active
        with self._lock:
            self.status |= wanted
            self.is_active = bool(self.status & Status.DRIVER_OK)
        if is_starting:
            self.device.activate(self.accepted, self._setups())
            self._bells_changed()

    def _begin_reset(self) -> None:
        """The device is reset; the vCPU does not wait long for a transfer in flight.

        Ref: virtio 1.2, 4.1.4.3.2: the driver waits until the status reads 0.
        """
        with self._lock:
            self.is_active = False
        self._resetting = threading.Thread(target=self._reset_now, name="reset", daemon=True)
        self._resetting.start()
        self._resetting.join(RESET_PATIENCE_S)

    def _reset_now(self) -> None:
        self._silence()
        self.device.reset()
        with self._lock:
            self._clear()

    def _features_fit(self) -> bool:
        """Ref: virtio 1.2, 2.2.2, 6.1 (VERSION_1 is a must, and so is an offered IOMMU)."""
        must = F_VERSION_1 | self.offered & F_ACCESS_PLATFORM
        return not self.accepted & ~self.offered and self.accepted & must == must

    def _setups(self) -> list[QueueSetup | None]:
        return [self._setup(queue) if queue.is_enabled else None for queue in self.queues]

    def _setup(self, queue: QueueRegisters) -> QueueSetup:
        assert self.dma is not None, "the device is on a bus"
        return QueueSetup(
            queue.index,
            queue.size,
            queue.descriptors,
            queue.driver,
            queue.device,
            self.dma,
            lambda: self._tell(queue.vector, False),
        )

    # What the machine does.

    def finish_reset(self) -> None:
        """A reset that the driver has begun is over."""
        if self._resetting is not None:
            self._resetting.join()

    def close(self) -> None:
        """No bell of the device is rung any more."""
        self.finish_reset()
        self._silence()

    def _silence(self) -> None:
        with self._lock:
            self.is_active = False
        self._bells_changed()

    def reset(self) -> None:
        with self._driving:
            self.finish_reset()
            self._reset_now()
