"""How disks and CD-ROMs are plugged into SCSI buses: rows of the table of device models."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jitppc.devices.ports import BlockBackend
from jitppc.devices.scsi.bus import ScsiBus
from jitppc.devices.scsi.cdrom import CDROM_IDENTITY, Cdrom
from jitppc.devices.scsi.disk import BLOCK_SIZES, Disk
from jitppc.devices.scsi.unit import Identity, LogicalUnit
from jitppc.errors import OptionError
from jitppc.spapr.boot_devices import unit_path
from jitppc.spapr.device_model import BOOT_INDEX, DeviceModel, Property, number

if TYPE_CHECKING:
    from jitppc.spapr.board import Board


class ScsiPart:
    """A unit as a part of the machine."""

    def __init__(self, unit: LogicalUnit) -> None:
        self.unit = unit

    def reset(self) -> None:
        self.unit.reset()

    def close(self) -> None:
        """Threads are the adapter's, the image is the board's."""


def _identity(
    values: Mapping[str, Any], default: Identity, medium: BlockBackend | None
) -> Identity:
    serial = values["serial"]
    if serial is None:
        serial = "" if medium is None else medium.serial
    return Identity(
        vendor=values["vendor"] or default.vendor,
        product=values["product"] or default.product,
        version=values["ver"] or default.version,
        serial=serial,
        device_id=values["device_id"] or serial or values["drive"] or "",
        wwn=values["wwn"],
    )


def _attach(board: "Board", values: Mapping[str, Any], unit: LogicalUnit) -> ScsiPart:
    bus: ScsiBus = board.scsi_bus(values["bus"])
    try:
        address = bus.attach(unit, values["channel"], values["scsi-id"], values["lun"])
    except ValueError as error:
        raise OptionError(f"scsi: {error}") from None
    board.boot_devices.add(values["bootindex"], lambda: unit_path(board, bus, address))
    return ScsiPart(unit)


def _plug_disk(board: "Board", values: Mapping[str, Any]) -> ScsiPart:
    medium = board.drive(values["drive"])
    identity = _identity(values, Identity(), medium)
    return _attach(board, values, Disk(medium, identity, values["logical_block_size"]))


def _plug_cd(board: "Board", values: Mapping[str, Any]) -> ScsiPart:
    """Without a drive the tray is empty."""
    medium = board.drive(values["drive"]) if values["drive"] else None
    return _attach(board, values, Cdrom(medium, _identity(values, CDROM_IDENTITY, medium)))


def _block_size(value: str) -> int:
    size = number(value)
    if size not in BLOCK_SIZES:
        raise ValueError(f"is one of {', '.join(map(str, BLOCK_SIZES))}")
    return size


def _wwn(value: str) -> int:
    wwn = number(value)
    if wwn >> 64:
        raise ValueError("has 64 bits")
    return wwn


UNIT_PROPERTIES = (
    Property("drive", "id of the disk image"),
    Property("channel", "channel of the adapter", number, 0),
    Property("scsi-id", "number of the target (the first free one)", number),
    Property("lun", "number of the unit in its target (the first free one)", number),
    Property("serial", "serial number (that of the image)"),
    Property("device_id", "name in page 0x83 (the id of the image)"),
    Property("wwn", "world wide name, 64 bits", _wwn, 0),
    Property("vendor", "vendor, 8 letters"),
    Property("product", "product, 16 letters"),
    Property("ver", "version, 4 letters"),
    BOOT_INDEX,
)

SCSI_MODELS = (
    DeviceModel(
        "scsi-hd",
        "scsi",
        "disk on a SCSI bus",
        _plug_disk,
        (
            *UNIT_PROPERTIES,
            Property("logical_block_size", "bytes of a block", _block_size, BLOCK_SIZES[0]),
        ),
    ),
    DeviceModel("scsi-cd", "scsi", "CD-ROM on a SCSI bus", _plug_cd, UNIT_PROPERTIES),
)
