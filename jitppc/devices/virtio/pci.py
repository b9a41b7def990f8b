"""A virtio device as a PCI function: capabilities, the regions behind them, interrupts.

One memory BAR has four pages, as the reference machine lays them out:

    0x0000 common configuration    0x1000 ISR status    0x2000 device's    0x3000 doorbells

Only the modern interface is there (no I/O BAR; device IDs from 0x1040).
Ref: virtio 1.2, 4.1 (virtio over PCI bus), 4.1.4 (capabilities), 4.1.5.1 (initialization).
"""

import threading

from jitppc.devices.pci.bars import Bar
from jitppc.devices.pci.function import Capability, Identity, PciFunction
from jitppc.devices.pci.ports import PciBus
from jitppc.devices.virtio.device import F_ACCESS_PLATFORM, VirtioDevice
from jitppc.devices.virtio.pci_registers import SIZE, CommonConfig

VENDOR_ID = 0x1AF4
FIRST_DEVICE_ID = 0x1040
REVISION_ID = 1

CAPABILITY_ID = 0x09
COMMON, NOTIFY, ISR, DEVICE, PCI_ACCESS = 1, 2, 3, 4, 5
MSIX_BAR = 1
MODERN_BAR = 4
PAGE = 0x1000
COMMON_PAGE, ISR_PAGE, DEVICE_PAGE, NOTIFY_PAGE = 0, 1, 2, 3
REGION_SIZE = 4 * PAGE
NOTIFY_MULTIPLIER = 4
MAX_QUEUES = PAGE // NOTIFY_MULTIPLIER
assert NOTIFY_MULTIPLIER == 1 << 2, "as `ModernRegion.store` divides"

ISR_QUEUE = 1
ISR_CONFIG = 2


class ModernRegion:
    """The four pages of the BAR (`Region`)."""

    size_bytes = REGION_SIZE

    def __init__(self, owner: "VirtioPci") -> None:
        self._owner = owner

    @property
    def doorbells(self) -> list[tuple[int, int]]:
        """As `RingingRegion`."""
        start, common = NOTIFY_PAGE * PAGE, self._owner.common
        return [(start + NOTIFY_MULTIPLIER * index, bell) for index, bell in common.bells]

    def load(self, offset: int, size: int) -> int:
        page, within = divmod(offset, PAGE)
        owner = self._owner
        if page == COMMON_PAGE:
            return owner.common.load(within, size)
        if page == ISR_PAGE:
            return owner.take_isr() if within == 0 else 0
        if page == DEVICE_PAGE:
            return int.from_bytes(owner.device.read_config(within, size), "little")
        return 0

    def store(self, offset: int, size: int, value: int) -> None:
        owner = self._owner
        if offset >= NOTIFY_PAGE * PAGE:  # the one store that happens all the time
            owner.common.notify(offset - NOTIFY_PAGE * PAGE >> 2)
            return
        page, within = divmod(offset, PAGE)
        if page == COMMON_PAGE:
            owner.common.store(within, size, value)
        elif page == DEVICE_PAGE:
            owner.device.write_config(within, value.to_bytes(size, "little"))


class VirtioPci:
    """A device type behind its PCI function, `function`, which is to be plugged into a bus."""

    def __init__(
        self,
        device: VirtioDevice,
        name: str,
        vector_count: int | None = None,
        *,
        has_iommu: bool = False,
        hidden: int = 0,
    ) -> None:
        """Without `vector_count` each queue and the configuration have a vector; 0: no MSI-X.

        With `has_iommu` (F_ACCESS_PLATFORM) memory is reached as the host bridge translates it.
        Features of the device type in `hidden` are not offered.
        """
        queue_count = len(device.queue_sizes)
        if queue_count > MAX_QUEUES:
            raise ValueError(f"{queue_count} queues; there are doorbells for {MAX_QUEUES}")
        vectors = queue_count + 1 if vector_count is None else vector_count
        self.device, self._has_iommu = device, has_iommu
        offered = device.features & ~hidden | (F_ACCESS_PLATFORM if has_iommu else 0)
        self.common = CommonConfig(device, vectors, self._tell, self._bells_changed, offered)
        self._isr = 0
        self._isr_lock = threading.Lock()
        identity = Identity(
            VENDOR_ID, FIRST_DEVICE_ID + device.device_id, device.class_code, REVISION_ID
        )
        self.function = PciFunction(name, identity, self._reset, self._plugged)
        if vectors:
            self.function.add_msix(vectors, MSIX_BAR)
        self._region = ModernRegion(self)
        modern = Bar(MODERN_BAR, self._region, is_64=True, is_prefetchable=True)
        self.function.add_bar(modern)
        self._add_capabilities()

    def _add_capabilities(self) -> None:
        add = self.function.add_capability
        add(_capability(COMMON, COMMON_PAGE * PAGE, SIZE))
        add(_capability(ISR, ISR_PAGE * PAGE, 1))
        add(_capability(DEVICE, DEVICE_PAGE * PAGE, PAGE))
        multiplier = NOTIFY_MULTIPLIER.to_bytes(4, "little")
        add(_capability(NOTIFY, NOTIFY_PAGE * PAGE, PAGE, multiplier))
        self._add_pci_access()

    def _plugged(self, bus: PciBus) -> None:
        self.common.dma = bus.dma if self._has_iommu else bus.memory

    def _bells_changed(self) -> None:
        if self.function.bus is not None:
            self.function.bus.decoding_changed()

    # Interrupts, on any thread.

    def _tell(self, vector: int, is_config: bool) -> None:
        table = self.function.msix
        if table is not None and table.is_enabled:
            table.notify(vector)
            return
        with self._isr_lock:
            self._isr |= ISR_CONFIG if is_config else ISR_QUEUE
            self.function.set_intx(True)

    def take_isr(self) -> int:
        """Ref: virtio 1.2, 4.1.4.5: reading clears it and the interrupt pin."""
        with self._isr_lock:
            isr, self._isr = self._isr, 0
            self.function.set_intx(False)
        return isr

    # The window into the BAR that configuration space has.

    def _add_pci_access(self) -> None:
        """Ref: virtio 1.2, 4.1.4.9 (PCI configuration access capability)."""
        writable = b"\0\0\xff\0\0\0" + b"\xff" * 12
        capability = _capability(PCI_ACCESS, 0, 0, bytes(4), 0)
        self._access = self.function.add_capability(
            Capability(
                CAPABILITY_ID, capability.body, writable, self._access_loaded, self._access_stored
            )
        )

    def _access_range(self) -> tuple[int, int] | None:
        """(offset, size) in the BAR that the capability names, when they make an access."""
        config, start = self.function.config, self._access
        bar, offset, size = (config.get(start + at, n) for at, n in ((4, 1), (8, 4), (12, 4)))
        is_possible = bar == MODERN_BAR and size in {1, 2, 4} and offset % size == 0
        return (offset, size) if is_possible and offset + size <= REGION_SIZE else None

    def _access_loaded(self, offset: int, size: int) -> None:
        where = self._access_range()
        if offset + size > 16 and where is not None:
            value = self._region.load(*where)
            self.function.config.set(self._access + 16, 4, value)

    def _access_stored(self, offset: int, size: int) -> None:
        where = self._access_range()
        if offset + size > 16 and where is not None:
            data = self.function.config.get(self._access + 16, where[1])
            self._region.store(*where, data)

    # The machine's side.

    def _reset(self) -> None:
        self.common.reset()
        self.take_isr()

    def reset(self) -> None:
        """Nothing to do: the host bridge resets its functions."""

    def close(self) -> None:
        self.common.close()
        self.device.close()


def _capability(
    kind: int, offset: int, length: int, more: bytes = b"", bar: int = MODERN_BAR
) -> Capability:
    """Ref: virtio 1.2, 4.1.4 (struct virtio_pci_cap)."""
    size = 16 + len(more)
    body = bytes((size, kind, bar, 0, 0, 0)) + offset.to_bytes(4, "little")
    return Capability(CAPABILITY_ID, body + length.to_bytes(4, "little") + more)
