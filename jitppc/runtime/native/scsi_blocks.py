"""READ, WRITE and SYNCHRONIZE CACHE of a disk that is a file of the host: which blocks a descriptor
block names, and their transfer.

What is not plainly right is left to Python (`devices/scsi/block.py`), which knows what is wrong.
Ref: SPC-4 4.3 (descriptor blocks), SBC-3 5 (READ, SYNCHRONIZE CACHE, WRITE).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit, types

from jitppc.ir import scsi_layout
from jitppc.ir.scsi_layout import SCSI_DISK

from .host import I, U, bswap64, load8, load16, load32, load64, pointer_of, store64
from .host_errors import EINTR, last_error
from .window import changed

_preadv = types.ExternalFunction(
    "preadv", types.int64(types.int32, types.voidptr, types.int32, types.int64))
_pwritev2 = types.ExternalFunction(
    "pwritev2", types.int64(types.int32, types.voidptr, types.int32, types.int64, types.int32))
_fdatasync = types.ExternalFunction("fdatasync", types.int32(types.int32))

DISK_BYTES, PIECE_BYTES = U(SCSI_DISK.itemsize), U(16)
#: in place of the number of a disk
NO_DISK = I(-1)
READ_IN_GROUP, WRITE_IN_GROUP, IN_GROUP, GROUP_SHIFT, LBA_OF_6, BLOCKS_OF_6 = (
    U(getattr(scsi_layout, name)) for name in (
        "READ_IN_GROUP", "WRITE_IN_GROUP", "IN_GROUP", "GROUP_SHIFT", "LBA_OF_6", "BLOCKS_OF_6"))
SYNCHRONIZE_10, SYNCHRONIZE_16, IMMED = (
    U(getattr(scsi_layout, name)) for name in ("SYNCHRONIZE_10", "SYNCHRONIZE_16", "IMMED"))
GROUP_6, GROUP_10, GROUP_12, GROUP_16 = (
    U(getattr(scsi_layout, f"GROUP_{length}")) for length in (6, 10, 12, 16))
PROTECT_MASK, FUA, NACA = (
    U(getattr(scsi_layout, name)) for name in ("PROTECT_MASK", "FUA", "CONTROL_NACA"))
OTHER_KIND, READ, WRITE, FLUSH = (U(number) for number in range(4))


@njit
def kind_of(cdb: Any) -> Any:
    """Whether the descriptor block at a host address is a READ, a WRITE or a FLUSH (SYNCHRONIZE
    CACHE) that asks for nothing else; OTHER_KIND if not.
    """
    code, size = load8(cdb), _size_of(cdb)
    in_group, flags = code & IN_GROUP, load8(cdb + U(1)) if size > U(6) else U(0)
    if size == U(0) or load8(cdb + size - U(1)) & NACA != U(0):
        return OTHER_KIND
    if code in (SYNCHRONIZE_10, SYNCHRONIZE_16):
        return FLUSH if flags & ~IMMED == U(0) else OTHER_KIND
    if in_group == WRITE_IN_GROUP:
        return WRITE if flags & (PROTECT_MASK | FUA) == U(0) else OTHER_KIND
    return READ if in_group == READ_IN_GROUP and flags & PROTECT_MASK == U(0) else OTHER_KIND


@njit
def _size_of(cdb: Any) -> Any:
    """Bytes of a descriptor block, the last of which is CONTROL; 0 if they are not said."""
    group = load8(cdb) >> GROUP_SHIFT
    if group == GROUP_6:
        return U(6)
    if group == GROUP_10:
        return U(10)
    if group == GROUP_12:
        return U(12)
    return U(16) if group == GROUP_16 else U(0)


@njit
def extent(cdb: Any) -> Any:
    """First block and number of blocks of a descriptor block that `kind_of` knows."""
    size = _size_of(cdb)
    if size == U(6):
        count = load8(cdb + U(4))
        lba = (bswap64(load32(cdb)) >> U(32)) & LBA_OF_6
        return lba, count if count != U(0) else BLOCKS_OF_6
    if size == U(16):
        return bswap64(load64(cdb + U(2))), bswap64(load32(cdb + U(10))) >> U(32)
    lba = bswap64(load32(cdb + U(2))) >> U(32)
    if size == U(12):
        return lba, bswap64(load32(cdb + U(6))) >> U(32)
    return lba, bswap64(load16(cdb + U(7))) >> U(48)


@njit
def flush(disk: Any) -> Any:
    """What was written is durable; False if that is not so.

    Linux says once that it could not write. So it is kept, for Python and for all flushes to come.
    """
    if disk.flush_error == U(0):
        return True
    if load64(disk.flush_error) != U(0):
        return False
    if _fdatasync(np.int32(disk.fd)) == 0:
        return True
    if last_error() != EINTR:
        store64(disk.flush_error, last_error())
    return False


@njit(inline="always")
def disk_at(device: Any, number: Any) -> Any:
    """A disk of those that the device's record says native code knows."""
    return carray(pointer_of(device.disks + U(number) * DISK_BYTES), 1, SCSI_DISK)[0]


@njit
def disk_of(device: Any, lun: Any) -> Any:
    """The number of the disk with this LUN, or NO_DISK."""
    for n in range(I(device.disk_count)):
        if disk_at(device, n).lun == lun:
            return n
    return NO_DISK


@njit
def transfer(
    device: Any, pieces: Any, disk: Any, used: Any, lba: Any, count: Any, writes: Any
) -> Any:
    """The blocks are in the file, or in the `used` pieces of memory that are listed at a host
    address; False if not all of them are.

    Then nobody was told, and the same may be done again.
    """
    offset, size = lba * disk.block_size, count * disk.block_size
    odd, end = offset, pieces + U(used) * PIECE_BYTES
    at = pieces
    while at != end:
        odd |= load64(at) | load64(at + U(8))
        at += PIECE_BYTES
    if odd % disk.alignment != U(0):
        return False
    if writes:
        done = _pwritev2(
            np.int32(disk.fd), pointer_of(pieces), np.int32(used), I(offset),
            np.int32(disk.write_flags))
        return done == I(size)
    done = _preadv(np.int32(disk.fd), pointer_of(pieces), np.int32(used), I(offset))
    at = pieces
    while at != end:
        changed(device, load64(at), load64(at + U(8)))
        at += PIECE_BYTES
    return done == I(size)
