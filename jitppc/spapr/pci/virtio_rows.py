"""Virtio devices on a PCI bus: rows of the table of device models."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from jitppc.devices.virtio.balloon import VirtioBalloon
from jitppc.devices.virtio.blk import DiskShape, VirtioBlk
from jitppc.devices.virtio.console import VirtioConsole
from jitppc.devices.virtio.net import NetShape, VirtioNet
from jitppc.devices.virtio.p9 import Virtio9p
from jitppc.devices.virtio.rng import VirtioRng
from jitppc.devices.virtio.scsi import AdapterShape, VirtioScsi
from jitppc.devices.virtio.served import NativeQueue
from jitppc.errors import OptionError
from jitppc.ir.virtq_layout import DISK_REQUESTS, SCSI_REQUESTS
from jitppc.spapr.device_model import (
    BOOT_INDEX,
    DeviceModel,
    Property,
    mac_address,
    number,
    size_bytes,
    switch,
)
from jitppc.spapr.pci.virtio_models import queue_count, queue_size, virtio_model
from jitppc.spapr.runtime_factory import native_queue

if TYPE_CHECKING:
    from jitppc.spapr.board import Board

MAX_PORTS = 511
PORT_BUS = "virtio-serial"
#: A pair of queues and the control queue for each; doorbells are for 1024.
MAX_PAIRS = 128


def _block_size(value: str) -> int:
    """A power of two from a sector."""
    size = size_bytes(value)
    if size < 512 or size > 32768 or size & size - 1:
        raise ValueError("is a power of two, 512 to 32768")
    return size


def _pairs(value: str) -> int:
    count = number(value)
    if not 1 <= count <= MAX_PAIRS:
        raise ValueError(f"is 1 to {MAX_PAIRS}")
    return count


def _mtu(value: str) -> int:
    size = number(value)
    if not 68 <= size <= 65535:
        raise ValueError("is 68 to 65535")
    return size


def _native(
    board: "Board", values: Mapping[str, Any], requests: int
) -> Callable[[], NativeQueue | None]:
    """What makes the native side of a queue; it knows guest real addresses only."""
    has_iommu, memory = values["iommu_platform"], board.memory
    return lambda: None if has_iommu else native_queue(memory, requests)


def _make_blk(board: "Board", values: Mapping[str, Any]) -> VirtioBlk:
    logical, physical = values["logical_block_size"], values["physical_block_size"]
    if physical < logical:
        raise OptionError("virtio-blk-pci: physical_block_size is at least logical_block_size")
    shape = DiskShape(
        logical_block=logical,
        physical_block=physical,
        min_io=values["min_io_size"],
        opt_io=values["opt_io_size"],
        queues=values["num-queues"],
        queue_size=values["queue-size"],
        serial=values["serial"],
        writeback=values["write-cache"],
    )
    return VirtioBlk(board.drive(values["drive"]), shape, _native(board, values, DISK_REQUESTS))


def _make_net(board: "Board", values: Mapping[str, Any]) -> VirtioNet:
    shape = NetShape(
        mac=board.mac(values["mac"]),
        mtu=values["host_mtu"] or 0,
        pairs=values["queue-pairs"],
        queue_size=values["rx_queue_size"],
    )
    return VirtioNet(board.netdev(values["netdev"]), shape)


def _make_rng(board: "Board", values: Mapping[str, Any]) -> VirtioRng:
    return VirtioRng(max_bytes=values["max-bytes"], period=values["period"] / 1000)


def _make_balloon(board: "Board", values: Mapping[str, Any]) -> VirtioBalloon:
    return VirtioBalloon(
        board.memory.size,
        board.memory.give_back,
        deflate_on_oom=values["deflate-on-oom"],
        free_page_reporting=values["free-page-reporting"],
    )


def _make_9p(board: "Board", values: Mapping[str, Any]) -> Virtio9p:
    if not values["mount_tag"]:
        raise OptionError("virtio-9p-pci: the guest mounts it by a name: give mount_tag=NAME")
    if len(values["mount_tag"].encode()) > 255:
        raise OptionError("virtio-9p-pci: mount_tag has at most 255 bytes")
    return Virtio9p(values["mount_tag"], board.folder(values["fsdev"]))


def _make_serial(board: "Board", values: Mapping[str, Any]) -> VirtioConsole:
    count = values["max_ports"]
    if not 1 <= count <= MAX_PORTS:
        raise OptionError(f"virtio-serial-pci: max_ports is 1 to {MAX_PORTS}")
    device = VirtioConsole(count)
    board.add_bus(PORT_BUS, f"{values['id'] or PORT_BUS}.0", device)
    return device


def _make_scsi(board: "Board", values: Mapping[str, Any]) -> VirtioScsi:
    """Its bus is called after it: `ID.0`, or `scsi.0` without an id."""
    shape = AdapterShape(queues=values["num_queues"], queue_size=values["virtqueue_size"])
    device = VirtioScsi(shape, _native(board, values, SCSI_REQUESTS))
    board.add_bus("scsi", f"{values['id'] or 'scsi'}.0", device.bus)
    return device


class _PortPart:
    """A port is reset and closed with its device."""

    def reset(self) -> None: ...

    def close(self) -> None: ...


def _port_model(name: str, says: str, *, is_console: bool) -> DeviceModel:
    """A row for a port of virtio-serial-pci."""

    def plug(board: "Board", values: Mapping[str, Any]) -> _PortPart:
        device: VirtioConsole = board.bus(PORT_BUS, values["bus"])
        chardev = board.chardev(values["chardev"])
        try:
            device.add_port(
                chardev, name=values["name"] or "", is_console=is_console, number=values["nr"]
            )
        except ValueError as error:
            raise OptionError(f"{name}: {error}") from None
        return _PortPart()

    return DeviceModel(
        name,
        PORT_BUS,
        says,
        plug,
        (
            Property("chardev", "id of the host's end of the line"),
            Property("name", "name of the port in the guest (/dev/virtio-ports/NAME)"),
            Property("nr", "number of the port (default the first free one)", number),
        ),
    )


IOTHREAD = Property("iothread", "accepted: each queue has a thread in any case")

VIRTIO_MODELS = (
    virtio_model(
        "virtio-blk",
        "disk",
        _make_blk,
        Property("drive", "id of the disk image"),
        Property("serial", "serial number the guest sees (default that of the image)", default=""),
        Property("num-queues", "request queues, each with a thread", queue_count, 1),
        Property("queue-size", "requests in a queue, a power of two", queue_size, 256),
        Property("logical_block_size", "smallest unit of transfer", _block_size, 512),
        Property("physical_block_size", "unit that is best written whole", _block_size, 512),
        Property("min_io_size", "smallest good size of a transfer", size_bytes, 0),
        Property("opt_io_size", "best size of a transfer", size_bytes, 0),
        Property("write-cache", "off: a write is durable before the guest is told", switch, True),
        IOTHREAD,
        BOOT_INDEX,
    ),
    virtio_model(
        "virtio-net",
        "network adapter",
        _make_net,
        Property("netdev", "id of the host's end of the network"),
        Property("mac", "address (default 52:54:00:12:34:56 and following)", mac_address),
        Property("host_mtu", "greatest packet, told to the guest", _mtu),
        Property("queue-pairs", "pairs of queues, each with a thread", _pairs, 1),
        Property("mq", "accepted: queue-pairs says how many", switch, False),
        Property("rx_queue_size", "frames in a queue, a power of two", queue_size, 256),
        BOOT_INDEX,
    ),
    virtio_model(
        "virtio-scsi",
        "SCSI adapter: disks and CD-ROMs are scsi-hd and scsi-cd",
        _make_scsi,
        Property("num_queues", "request queues, each with a thread", queue_count, 1),
        Property("virtqueue_size", "requests in a queue, a power of two", queue_size, 256),
        IOTHREAD,
    ),
    virtio_model(
        "virtio-serial",
        "serial lines: ports are virtconsole and virtserialport",
        _make_serial,
        Property("max_ports", "so many ports at most", number, 31),
    ),
    _port_model("virtconsole", "console on a virtio-serial bus (hvc0, ...)", is_console=True),
    _port_model("virtserialport", "named line on a virtio-serial bus", is_console=False),
    virtio_model(
        "virtio-balloon",
        "memory that the guest gives back",
        _make_balloon,
        Property("deflate-on-oom", "the guest may take it when it runs out", switch, default=False),
        Property("free-page-reporting", "what is free is given back", switch, default=False),
    ),
    virtio_model(
        "virtio-9p",
        "folder of the host",
        _make_9p,
        Property("fsdev", "id of the folder"),
        Property("mount_tag", "name by which the guest mounts it"),
    ),
    virtio_model(
        "virtio-rng",
        "random numbers of the host",
        _make_rng,
        Property("max-bytes", "most bytes in a period; 0: no limit", size_bytes, 0),
        Property("rng", "accepted; the numbers are the host's"),
        Property("period", "milliseconds", number, 65536),
    ),
)
