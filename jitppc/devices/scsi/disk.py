"""A disk as a unit of a target."""

from typing import ClassVar

from jitppc.devices.ports import BlockBackend
from jitppc.devices.scsi import commands  # noqa: F401  (fills the table)
from jitppc.devices.scsi.table import DISK
from jitppc.devices.scsi.unit import Identity, LogicalUnit

BLOCK_SIZES = (512, 1024, 2048, 4096)


class Disk(LogicalUnit):
    """A fixed disk; what does not fill a block at the end of its image is not used."""

    kind: ClassVar[int] = DISK

    def __init__(
        self, medium: BlockBackend, identity: Identity | None = None, block_size: int = 512
    ) -> None:
        if block_size not in BLOCK_SIZES:
            raise ValueError(f"blocks of {block_size} bytes")
        if identity is None:
            identity = Identity(serial=medium.serial)
        super().__init__(medium, identity, block_size)
