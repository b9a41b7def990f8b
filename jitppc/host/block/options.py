"""What is said about an image when it is opened, in QEMU's words."""

from dataclasses import dataclass
from pathlib import Path

CACHE_MODES = ("writeback", "none", "writethrough", "directsync", "unsafe")
DISCARD_MODES = ("ignore", "unmap")


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """Fields:
    path: a file, a block device, or an `nbd:` address.
    format: "" looks at the image, and says what was found.
    cache: writeback (durable after flush), none (the same past the host's page cache),
        writethrough and directsync (each write durable), unsafe (flush does nothing).
    discard: unmap gives back room in the image, ignore does not.
    is_snapshot: writes go to an overlay that is gone afterwards.
    serial: what the guest sees as the disk's serial number.
    is_locked: other processes that lock as QEMU does cannot write it meanwhile.
    """

    path: Path
    format: str = ""
    cache: str = "writeback"
    discard: str = "ignore"
    is_read_only: bool = False
    is_snapshot: bool = False
    serial: str = ""
    is_locked: bool = True

    @property
    def is_direct(self) -> bool:
        return self.cache in {"none", "directsync"}

    @property
    def is_write_through(self) -> bool:
        return self.cache in {"writethrough", "directsync"}
