"""How a virtio device is plugged into a PCI bus. The rows: `virtio_rows`."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from jitppc.devices.virtio.device import F_EVENT_IDX, F_INDIRECT_DESC, VirtioDevice
from jitppc.devices.virtio.pci import MAX_QUEUES, VirtioPci
from jitppc.errors import OptionError
from jitppc.spapr.boot_devices import function_path
from jitppc.spapr.device_model import DeviceModel, Property, auto_switch, number, switch

if TYPE_CHECKING:
    from jitppc.spapr.board import Board

VIRTIO_PROPERTIES = (
    Property("addr", "place on the bus: SLOT or SLOT.FUNCTION, hexadecimal"),
    Property("iommu_platform", "memory is reached through TCE tables", switch, default=False),
    Property("vectors", "MSI-X vectors; 0: interrupt pin (default one a queue, and one)", number),
    Property("event_idx", "kicks and interrupts only where wanted", switch, default=True),
    Property("indirect_desc", "tables of descriptors outside the queue", switch, default=True),
    Property("multifunction", "accepted: functions of one slot are found in any case", switch),
    Property("romfile", "accepted when empty: there are no option ROMs"),
    Property("disable-legacy", "on: only the modern interface, as always here", auto_switch),
    Property("disable-modern", "off: nothing else is there", switch, default=False),
)
"""Those that every virtio device on a PCI bus has."""

MAX_QUEUE_SIZE = 1024
"""As the reference machine's; virtio has room for 32768."""


def queue_count(value: str) -> int:
    """How many queues a device has."""
    count = number(value)
    if not 1 <= count <= MAX_QUEUES:
        raise ValueError(f"is 1 to {MAX_QUEUES}")
    return count


def queue_size(value: str) -> int:
    """How many buffers a queue has."""
    size = number(value)
    if size < 2 or size > MAX_QUEUE_SIZE or size & size - 1:
        raise ValueError(f"is a power of two, 2 to {MAX_QUEUE_SIZE}")
    return size


Make = Callable[["Board", Mapping[str, Any]], VirtioDevice]


def virtio_model(name: str, says: str, make: Make, *properties: Property) -> DeviceModel:
    """A row for `NAME-pci`: `make` answers the device type, with its back end from the board."""

    def plug(board: "Board", values: Mapping[str, Any]) -> VirtioPci:
        if values["disable-modern"] or values["disable-legacy"] is False:
            raise OptionError(f"{name}-pci: there is the modern interface only")
        if values["romfile"]:
            raise OptionError(f"{name}-pci: romfile= is empty, as there are no option ROMs")
        bridge = board.pci(values["bus"])
        vectors = values["vectors"]
        if vectors is not None and vectors > MAX_QUEUES + 1:
            raise OptionError(f"{name}-pci: vectors is at most {MAX_QUEUES + 1}")
        device = make(board, values)
        hidden = (0 if values["event_idx"] else F_EVENT_IDX) | (
            0 if values["indirect_desc"] else F_INDIRECT_DESC
        )
        part = VirtioPci(
            device, f"{name}-pci", vectors, has_iommu=values["iommu_platform"], hidden=hidden
        )
        devfn = bridge.plug(part.function, values["addr"])
        board.boot_devices.add(values.get("bootindex"), lambda: function_path(bridge, devfn))
        return part

    also = (name, f"{name}-pci-non-transitional")
    return DeviceModel(f"{name}-pci", "pci", says, plug, (*VIRTIO_PROPERTIES, *properties), also)
