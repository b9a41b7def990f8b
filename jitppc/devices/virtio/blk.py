"""virtio-blk: a disk.

Data goes straight between the back end and guest memory. Each queue has its own thread.

Ref: virtio 1.2, 5.2 (block device).
"""

import errno
import struct
from collections.abc import Callable
from dataclasses import dataclass

from jitppc.devices.ports import BlockBackend, BlockError, FileBackend
from jitppc.devices.virtio.queue import Chain, scatter, skip
from jitppc.devices.virtio.served import QUEUE_SIZE, NativeQueue, ServedDevice, ServedQueue
from jitppc.ir.virtq_layout import DISK_OK, SECTOR, T_BARRIER, T_FLUSH, T_IN, T_OUT

F_SEG_MAX = 1 << 2
F_GEOMETRY = 1 << 4
F_RO = 1 << 5
F_BLK_SIZE = 1 << 6
F_FLUSH = 1 << 9
F_TOPOLOGY = 1 << 10
F_CONFIG_WCE = 1 << 11
F_MQ = 1 << 12
F_DISCARD = 1 << 13
F_WRITE_ZEROES = 1 << 14

T_GET_ID = 8
T_DISCARD = 11
T_WRITE_ZEROES = 13

S_OK = DISK_OK
S_IOERR = 1
S_UNSUPP = 2

ID_BYTES = 20
SEGMENT = struct.Struct("<QII")
HEADER = struct.Struct("<IIQ")
UNMAP = 1
#: Of one discard or write-zeroes request; Linux splits larger ones.
MAX_RANGE_SECTORS = 1 << 22
MAX_RANGES = 256
WRITEBACK_OFFSET = 32

# Ref: virtio 1.2, 5.2.4 (device configuration layout).
CONFIG = struct.Struct("<QII HBB I BBHI BBH III IIB3x")


@dataclass(frozen=True, slots=True)
class DiskShape:
    """What the guest is told of the disk; sizes in bytes."""

    logical_block: int = 512
    physical_block: int = 512
    min_io: int = 0
    opt_io: int = 0
    queues: int = 1
    queue_size: int = QUEUE_SIZE
    serial: str = ""  # empty: that of the back end
    writeback: bool = True


def geometry(sectors: int) -> tuple[int, int, int]:
    """Cylinders, heads and sectors for those who still ask: 16 heads of 63 sectors."""
    return min(sectors // (16 * 63), 65535), 16, 63


class VirtioBlk(ServedDevice):
    device_id = 2
    class_code = 0x010000
    name = "virtio-blk"

    def __init__(
        self,
        backend: BlockBackend,
        shape: DiskShape | None = None,
        native: Callable[[], NativeQueue | None] = lambda: None,
    ) -> None:
        """`native` makes what does plain requests of one queue."""
        self.backend, self._native = backend, native
        self._changes = 0  # of what native code knows
        self.shape = shape = shape or DiskShape()
        self._writeback = shape.writeback
        features = F_SEG_MAX | F_GEOMETRY | F_BLK_SIZE | F_TOPOLOGY | F_FLUSH | F_CONFIG_WCE
        features |= F_RO if backend.is_read_only else F_DISCARD | F_WRITE_ZEROES
        features |= F_MQ if shape.queues > 1 else 0
        super().__init__(features, [shape.queue_size] * shape.queues)

    @property
    def writeback(self) -> bool:
        """What was written need not be durable before the driver hears of it."""
        return self._writeback

    @writeback.setter
    def writeback(self, value: bool) -> None:
        self._writeback = value
        self._changes += 1

    @property
    def sectors(self) -> int:
        return self.backend.size // SECTOR

    def config(self) -> bytes:
        shape = self.shape
        cylinders, heads, sectors = geometry(self.sectors)
        exponent = (shape.physical_block // shape.logical_block).bit_length() - 1
        block_sectors = shape.logical_block // SECTOR
        return CONFIG.pack(
            self.sectors, 0, shape.queue_size - 2,
            cylinders, heads, sectors, shape.logical_block,
            exponent, 0, shape.min_io // shape.logical_block, shape.opt_io // shape.logical_block,
            self.writeback, 0, shape.queues,
            MAX_RANGE_SECTORS, MAX_RANGES, block_sectors,
            MAX_RANGE_SECTORS, MAX_RANGES, 1,
        )  # fmt: skip

    def write_config(self, offset: int, data: bytes) -> None:
        if offset == WRITEBACK_OFFSET:
            self.writeback = bool(data[0] & 1)

    def activated(self) -> None:
        if not self.negotiated & F_CONFIG_WCE:
            # Ref: virtio 1.2, 5.2.5.2: without flushes, what is written must be durable.
            self.writeback = bool(self.negotiated & F_FLUSH) and self.shape.writeback

    def deactivated(self) -> None:
        self.writeback = self.shape.writeback

    def resized(self) -> None:
        """The back end has another size; the driver reads it."""
        self._changes += 1
        self.config_changed()

    def native_queue(self, index: int) -> NativeQueue | None:
        return self._native()

    def plain(self, queue: ServedQueue) -> NativeQueue | None:
        """As `ServedDevice`; none for what is no file. Writes are plain while nobody flushes."""
        native = queue.native
        if native is None:
            return None
        changes, backend = self._changes, self.backend
        if changes != queue.known:
            queue.known, queue.has_plain = changes, isinstance(backend, FileBackend)
            if isinstance(backend, FileBackend):
                file, is_writable = backend.file, self.writeback and not backend.is_read_only
                limits = file.alignment, is_writable, file.write_flags
                native.know([(0, file.fd, SECTOR, self.sectors, *limits, file.flush_error)])
        return native if queue.has_plain else None

    def handle(self, queue: ServedQueue, chain: Chain) -> int:
        """One request. A chain without room for its status cannot be answered: left as it is."""
        if not chain.writable:
            return 0
        last = chain.writable[-1]
        first = chain.readable[0] if chain.readable else b""
        header = first if len(first) == HEADER.size else chain.read(HEADER.size)
        if len(header) < HEADER.size:
            last[-1] = S_IOERR
            return 0
        kind, _, sector = HEADER.unpack(header)
        room = chain.writable[:-1]
        if len(last) > 1:
            room.append(last[:-1])
        act = REQUESTS.get(kind & ~T_BARRIER, VirtioBlk._unsupported)
        try:
            status, written = act(self, sector * SECTOR, chain, room)
        except BlockError as error:
            status, written = status_of(error), 0
        last[-1] = status
        # The status counts only when everything before it was written, too.
        return written + 1 if written == chain.writable_bytes() - 1 else written

    # One of each type: offset in bytes, the chain, the writable part without the status byte.
    # They return the status and how many bytes were written from the beginning.

    def _in(self, offset: int, chain: Chain, room: list[memoryview]) -> tuple[int, int]:
        count = sum(map(len, room))
        if not self._is_inside(offset, count):
            return S_IOERR, 0
        self.backend.read_into(offset, room)
        return S_OK, count

    def _out(self, offset: int, chain: Chain, room: list[memoryview]) -> tuple[int, int]:
        views = skip(chain.readable, HEADER.size)
        if self.backend.is_read_only or not self._is_inside(offset, sum(map(len, views))):
            return S_IOERR, 0
        self.backend.write_from(offset, views)
        if not self.writeback:
            self.backend.flush()
        return S_OK, 0

    def _flush(self, offset: int, chain: Chain, room: list[memoryview]) -> tuple[int, int]:
        self.backend.flush()
        return S_OK, 0

    def _get_id(self, offset: int, chain: Chain, room: list[memoryview]) -> tuple[int, int]:
        serial = (self.shape.serial or self.backend.serial).encode()[:ID_BYTES]
        return S_OK, scatter(room, serial.ljust(ID_BYTES, b"\0"))

    def _discard(self, offset: int, chain: Chain, room: list[memoryview]) -> tuple[int, int]:
        def act(start: int, count: int, flags: int) -> None:
            self.backend.discard(start, count)

        # Ref: virtio 1.2, 5.2.6.2: unmap is reserved here.
        return self._ranges(chain, 0, act), 0

    def _write_zeroes(self, offset: int, chain: Chain, room: list[memoryview]) -> tuple[int, int]:
        def act(start: int, count: int, flags: int) -> None:
            self.backend.write_zeroes(start, count, may_unmap=bool(flags & UNMAP))

        status = self._ranges(chain, UNMAP, act)
        if status == S_OK and not self.writeback:
            self.backend.flush()
        return status, 0

    def _unsupported(self, offset: int, chain: Chain, room: list[memoryview]) -> tuple[int, int]:
        return S_UNSUPP, 0

    def _ranges(self, chain: Chain, known: int, act: Callable[[int, int, int], None]) -> int:
        """All segments of a discard or write-zeroes request are done; its status.

        All are checked first, so that a refused request changes nothing.
        """
        if self.backend.is_read_only:
            return S_IOERR
        limit = HEADER.size + SEGMENT.size * MAX_RANGES
        if chain.readable_bytes() > limit:
            return S_IOERR
        data = chain.read(limit)[HEADER.size :]
        if not data or len(data) % SEGMENT.size:
            return S_IOERR
        ranges = list(SEGMENT.iter_unpack(data))
        for sector, sectors, flags in ranges:
            if flags & ~known:
                return S_UNSUPP
            is_inside = self._is_inside(sector * SECTOR, sectors * SECTOR)
            if sectors > MAX_RANGE_SECTORS or not is_inside:
                return S_IOERR
        for sector, sectors, flags in ranges:
            act(sector * SECTOR, sectors * SECTOR, flags)
        return S_OK

    def _is_inside(self, offset: int, count: int) -> bool:
        return count % SECTOR == 0 and offset + count <= self.sectors * SECTOR


def status_of(error: BlockError) -> int:
    """What the driver hears of the host's trouble."""
    return S_UNSUPP if error.errno in {errno.EOPNOTSUPP, errno.ENOSYS} else S_IOERR


REQUESTS: dict[int, Callable[[VirtioBlk, int, Chain, list[memoryview]], tuple[int, int]]] = {
    T_IN: VirtioBlk._in,
    T_OUT: VirtioBlk._out,
    T_FLUSH: VirtioBlk._flush,
    T_GET_ID: VirtioBlk._get_id,
    T_DISCARD: VirtioBlk._discard,
    T_WRITE_ZEROES: VirtioBlk._write_zeroes,
}
