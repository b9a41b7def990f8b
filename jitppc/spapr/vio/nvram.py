"""spapr-nvram: bytes that survive a reboot, in CHRP partitions, read and written through RTAS.

Ref: LoPAR 8.1-8.4 (NVRAM partitions), 7.3.3 (nvram-fetch, nvram-store); reference §7.2.
"""

from pathlib import Path

from fdt import Node

from jitppc.errors import OptionError
from jitppc.spapr.fdt_values import cells, put
from jitppc.spapr.vio.bus import Slot, vio_node

MIN_SIZE = 8 << 10
MAX_SIZE = 1 << 20
DEFAULT_SIZE = 64 << 10
SYSTEM_PARTITION_SIZE = 2048
SIGNATURE_SYSTEM = 0x70
SIGNATURE_FREE = 0x7F
HEADER_SIZE = 16


def partition(signature: int, name: bytes, size: int) -> bytes:
    """An empty partition of `size` bytes with its header. Ref: LoPAR 8.2 (partition header)."""
    length = size // HEADER_SIZE
    header = bytearray((signature, 0)) + length.to_bytes(2, "big") + name.ljust(12, b"\0")
    checksum = sum(header)
    while checksum > 0xFF:
        checksum = (checksum & 0xFF) + (checksum >> 8)
    header[1] = checksum
    return bytes(header).ljust(size, b"\0")


def formatted(size: int) -> bytes:
    """A fresh NVRAM: the partition of system variables, then free space."""
    system = partition(SIGNATURE_SYSTEM, b"common", SYSTEM_PARTITION_SIZE)
    return system + partition(SIGNATURE_FREE, b"\x77" * 12, size - len(system))


class Nvram:
    """`data` is the whole contents; with a backing file every store goes through to it."""

    def __init__(self, slot: Slot, size: int = DEFAULT_SIZE, path: Path | None = None) -> None:
        self.slot = slot
        self._path = path
        self.data = bytearray(formatted(size) if path is None else load_backing(path, size))

    @property
    def size(self) -> int:
        return len(self.data)

    def tree_node(self) -> Node:
        made = vio_node(self.slot, "nvram", "nvram", "qemu,spapr-nvram")
        put(made, "#bytes", cells(self.size))
        return made

    window = None

    def set_signal(self, mode: int) -> bool:
        return not mode

    def quiesce(self) -> None:
        """Its contents go through RTAS."""

    def reset(self) -> None:
        """NVRAM keeps its contents over a reset."""

    def close(self) -> None:
        """Every store has gone through already."""

    def fetch(self, offset: int, length: int) -> bytes | None:
        if offset + length > self.size:
            return None
        return bytes(self.data[offset : offset + length])

    def store(self, offset: int, data: bytes) -> bool:
        """False when the range is outside or the backing file cannot be written."""
        if offset + len(data) > self.size:
            return False
        self.data[offset : offset + len(data)] = data
        if self._path is None:
            return True
        try:
            with self._path.open("r+b") as file:
                file.seek(offset)
                file.write(data)
        except OSError:
            return False
        return True


def load_backing(path: Path, size: int = DEFAULT_SIZE) -> bytes:
    """The contents of the backing file; a missing or empty one is created and formatted."""
    try:
        if not path.exists() or path.stat().st_size == 0:
            path.write_bytes(formatted(size))
        data = path.read_bytes()
    except OSError as error:
        raise OptionError(f"NVRAM file {path}: {error.strerror}") from error
    if not MIN_SIZE <= len(data) <= MAX_SIZE:
        raise OptionError(f"NVRAM file {path} has {len(data)} bytes; 8 KiB to 1 MiB are possible")
    return data
