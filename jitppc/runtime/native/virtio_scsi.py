"""One request of a virtio SCSI adapter: READ, WRITE and SYNCHRONIZE CACHE of disks that are files.

Ref: virtio 1.2, 5.6.6.1 (request queues).
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir import virtq_layout
from jitppc.ir.layout import offset
from jitppc.ir.virtq_layout import VIRTQ

from .host import U, bswap64, load64
from .scsi_blocks import (
    FLUSH,
    NO_DISK,
    OTHER_KIND,
    WRITE,
    disk_at,
    disk_of,
    extent,
    flush,
    kind_of,
    transfer,
)
from .virtq import clear, copy, divide, give_back, piece

HEADER, COMMAND_HEADER_BYTES = U(offset("header", VIRTQ)), U(virtq_layout.COMMAND_HEADER_BYTES)
#: as much as the longest command that is ours
CDB_BYTES = U(16)


@njit
def request(q: Any) -> Any:
    """The chain that was taken is done and given back; False if that is not ours or failed."""
    command, answer, header = q.command_bytes, q.answer_bytes, q.here + HEADER
    if q.out_bytes < command or q.in_bytes < answer or command < COMMAND_HEADER_BYTES + CDB_BYTES:
        return False
    data_out = divide(q, U(0), command)
    copy(q, U(0), data_out, header)
    number, kind = disk_of(q, bswap64(load64(header))), kind_of(header + COMMAND_HEADER_BYTES)
    if number == NO_DISK or kind == OTHER_KIND:
        return False
    disk = disk_at(q, number)
    lba, count = extent(header + COMMAND_HEADER_BYTES)
    if count > disk.block_count or lba > disk.block_count - count:
        return False
    given, room = q.out_bytes - command, q.in_bytes - answer
    data_in = divide(q, q.readable, answer)
    size, is_done = count * disk.block_size, False
    if kind == FLUSH:
        is_done = given == U(0) and room == U(0) and flush(disk)
    elif size == U(0):
        is_done = False
    elif kind == WRITE:
        is_done = given == size and room == U(0) and disk.is_writable != U(0) and transfer(
            q, piece(q, data_out), disk, q.readable - data_out, lba, count, True)
    else:
        is_done = given == U(0) and room == size and transfer(
            q, piece(q, data_in), disk, q.count - data_in, lba, count, False)
    if not is_done:
        return False
    clear(q, q.readable, data_in)        # zeroes say that all is well
    give_back(q, q.in_bytes)
    return True
