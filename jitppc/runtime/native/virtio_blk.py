"""One request of a virtio disk: sectors are read or written, or the disk is flushed.

Ref: virtio 1.2, 5.2.6 (device operation).
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir import virtq_layout
from jitppc.ir.layout import offset
from jitppc.ir.virtq_layout import VIRTQ

from .host import U, load32, load64, store8
from .scsi_blocks import disk_at, flush, transfer
from .virtq import copy, divide, give_back, piece
from .window import changed

HEADER, HEADER_BYTES = U(offset("header", VIRTQ)), U(virtq_layout.DISK_HEADER_BYTES)
T_IN, T_OUT, T_FLUSH, T_BARRIER, OK = (
    U(getattr(virtq_layout, name)) for name in (
        "T_IN", "T_OUT", "T_FLUSH", "T_BARRIER", "DISK_OK"))


@njit
def request(q: Any) -> Any:
    """The chain that was taken is done and given back; False if that is not ours or failed."""
    if q.disk_count == U(0) or q.out_bytes < HEADER_BYTES or q.in_bytes == U(0):
        return False
    data, header = divide(q, U(0), HEADER_BYTES), q.here + HEADER
    copy(q, U(0), data, header)
    kind, sector = load32(header) & ~T_BARRIER, load64(header + U(8))
    room, given = q.in_bytes - U(1), q.out_bytes - HEADER_BYTES
    status = divide(q, q.readable, room)
    disk, is_done = disk_at(q, 0), False
    if kind == T_FLUSH:
        is_done = room == U(0) and given == U(0) and flush(disk)
    elif kind == T_IN:
        is_done = given == U(0) and _move(q, disk, q.readable, status, sector, room, False)
    elif kind == T_OUT:
        is_done = room == U(0) and disk.is_writable != U(0) and _move(
            q, disk, data, q.readable, sector, given, True)
    if not is_done:
        return False
    last = q.pieces[status, 0]
    store8(last, OK)
    changed(q, last, U(1))
    give_back(q, q.in_bytes)
    return True


@njit
def _move(
    q: Any, disk: Any, first: Any, end: Any, sector: Any, size: Any, writes: Any
) -> Any:
    """The sectors are in the file or in the pieces from `first` to `end`; False if that failed."""
    count = size // disk.block_size
    if size % disk.block_size != U(0) or count == U(0) or count > disk.block_count:
        return False
    if sector > disk.block_count - count:
        return False
    return transfer(q, piece(q, first), disk, end - first, sector, count, writes)
