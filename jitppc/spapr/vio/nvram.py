"""spapr-nvram: bytes that survive a reboot, in CHRP partitions, read and written through RTAS.

Ref: LoPAR 8.1-8.4 (NVRAM partitions), 7.3.3 (nvram-fetch, nvram-store); reference §7.2.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterable
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
NEW_FILE_MODE = 0o644


def partition(signature: int, name: bytes, size: int) -> bytes:
    """An empty partition of `size` bytes with its header. Ref: LoPAR 8.2 (partition header)."""
    length = size // HEADER_SIZE
    header = bytearray((signature, 0)) + length.to_bytes(2, "big") + name.ljust(12, b"\0")
    checksum = sum(header)
    while checksum > 0xFF:
        checksum = (checksum & 0xFF) + (checksum >> 8)
    header[1] = checksum
    return bytes(header).ljust(size, b"\0")


def formatted(size: int, variables: Iterable[str] = ()) -> bytes:
    """A fresh NVRAM: the partition of system variables (NAME=VALUE), then free space."""
    contents = b"".join(variable.encode() + b"\0" for variable in variables) + b"\0"
    needed = HEADER_SIZE + len(contents) + HEADER_SIZE - 1 & -HEADER_SIZE
    system_size = max(SYSTEM_PARTITION_SIZE, needed)
    if system_size + HEADER_SIZE > size:
        raise OptionError(f"-prom-env: the variables do not fit into {size} bytes of NVRAM")
    system = bytearray(partition(SIGNATURE_SYSTEM, b"common", system_size))
    system[HEADER_SIZE : HEADER_SIZE + len(contents)] = contents
    return bytes(system) + partition(SIGNATURE_FREE, b"\x77" * 12, size - len(system))


class Nvram:
    """`data` is the whole contents; with a backing file every store goes through to it."""

    def __init__(
        self,
        slot: Slot,
        size: int = DEFAULT_SIZE,
        path: Path | None = None,
        variables: Iterable[str] = (),
    ) -> None:
        """`variables` are for a fresh one: what a backing file holds stays."""
        self.slot = slot
        self._path = path
        fresh = formatted(size, variables)
        self.data = bytearray(fresh if path is None else load_backing(path, fresh))

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
        """The bytes are there, and durable in the backing file.

        False when the range is outside or the file cannot be written; then nothing has changed.
        """
        if offset + len(data) > self.size:
            return False
        before = bytes(self.data[offset : offset + len(data)])
        if self._path is not None and not self._save(self._path, offset, data, before):
            return False
        self.data[offset : offset + len(data)] = data
        return True

    def _save(self, path: Path, offset: int, data: bytes, before: bytes) -> bool:
        try:
            write_durably(path, offset, data)
        except OSError:
            with contextlib.suppress(OSError):
                write_durably(path, offset, before)
            return False
        return True


def write_durably(path: Path, offset: int, data: bytes) -> None:
    """The file, which exists, holds data at offset even if the host loses power now."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        while data:
            count = os.pwrite(descriptor, data, offset)
            data, offset = data[count:], offset + count
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def create_backing(path: Path, data: bytes) -> None:
    """The file holds data; it is made whole or not at all. One that exists (empty) is filled."""
    if path.exists():
        path.write_bytes(data)
        return
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as made:
            made.write(data)
            made.flush()
            os.fsync(made.fileno())
        Path(name).chmod(NEW_FILE_MODE)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def load_backing(path: Path, fresh: bytes) -> bytes:
    """The contents of the backing file; a missing or empty one is created with fresh ones."""
    try:
        if not path.exists() or path.stat().st_size == 0:
            create_backing(path, fresh)
        data = path.read_bytes()
    except OSError as error:
        raise OptionError(f"NVRAM file {path}: {error.strerror}") from error
    if not MIN_SIZE <= len(data) <= MAX_SIZE:
        raise OptionError(f"NVRAM file {path} has {len(data)} bytes; 8 KiB to 1 MiB are possible")
    return data
