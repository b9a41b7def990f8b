"""READ and WRITE of a disk that is a file of the host: which blocks a descriptor block names, and
their transfer.

What is not plainly right is left to Python (`devices/scsi/block.py`), which knows what is wrong.
Ref: SPC-4 4.3 (descriptor blocks), SBC-3 5 (READ, WRITE).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

from jitppc.ir import scsi_layout
from jitppc.ir.layout import offset
from jitppc.ir.scsi_layout import VSCSI

from .host import I, U, bswap64, load8, load16, load32, load64, pointer_of
from .window import changed

_preadv = types.ExternalFunction(
    "preadv", types.int64(types.int32, types.voidptr, types.int32, types.int64))
_pwritev2 = types.ExternalFunction(
    "pwritev2", types.int64(types.int32, types.voidptr, types.int32, types.int64, types.int32))

PIECES = U(offset("pieces", VSCSI))
READ_IN_GROUP, WRITE_IN_GROUP, IN_GROUP, GROUP_SHIFT, LBA_OF_6, BLOCKS_OF_6 = (
    U(getattr(scsi_layout, name)) for name in (
        "READ_IN_GROUP", "WRITE_IN_GROUP", "IN_GROUP", "GROUP_SHIFT", "LBA_OF_6", "BLOCKS_OF_6"))
GROUP_6, GROUP_10, GROUP_12, GROUP_16 = (
    U(getattr(scsi_layout, f"GROUP_{length}")) for length in (6, 10, 12, 16))
PROTECT_MASK, FUA, NACA = (
    U(getattr(scsi_layout, name)) for name in ("PROTECT_MASK", "FUA", "CONTROL_NACA"))


@njit
def is_write(cdb: Any) -> Any:
    """Of a descriptor block that `extent` has found blocks in."""
    return load8(cdb) & IN_GROUP == WRITE_IN_GROUP


@njit
def extent(cdb: Any) -> Any:
    """First block, number of blocks, and whether the descriptor block at a host address is a READ
    or WRITE that asks for nothing else.
    """
    code = load8(cdb)
    group, flags = code >> GROUP_SHIFT, load8(cdb + U(1))
    if group == GROUP_6:
        lba, count = (bswap64(load32(cdb)) >> U(32)) & LBA_OF_6, load8(cdb + U(4))
        if count == U(0):
            count = BLOCKS_OF_6
        flags, control = U(0), load8(cdb + U(5))
    elif group == GROUP_10:
        lba, count = bswap64(load32(cdb + U(2))) >> U(32), bswap64(load16(cdb + U(7))) >> U(48)
        control = load8(cdb + U(9))
    elif group == GROUP_12:
        lba, count = bswap64(load32(cdb + U(2))) >> U(32), bswap64(load32(cdb + U(6))) >> U(32)
        control = load8(cdb + U(11))
    elif group == GROUP_16:
        lba, count = bswap64(load64(cdb + U(2))), bswap64(load32(cdb + U(10))) >> U(32)
        control = load8(cdb + U(15))
    else:
        return U(0), U(0), False
    if code & IN_GROUP == WRITE_IN_GROUP:
        is_plain = flags & (PROTECT_MASK | FUA) == U(0)
    else:
        is_plain = code & IN_GROUP == READ_IN_GROUP and flags & PROTECT_MASK == U(0)
    return lba, count, is_plain and control & NACA == U(0)


@njit
def transfer(device: Any, disk: Any, used: Any, lba: Any, count: Any, writes: Any) -> Any:
    """The blocks are in the file, or in the `used` pieces of memory; False if not all of them are.

    Then nobody was told, and the same may be done again.
    """
    offset, size = lba * disk.block_size, count * disk.block_size
    odd = offset
    for n in range(used):
        odd |= device.pieces[n, 0] | device.pieces[n, 1]
    if odd % disk.alignment != U(0):
        return False
    pieces = pointer_of(device.here + PIECES)
    if writes:
        done = _pwritev2(
            np.int32(disk.fd), pieces, np.int32(used), I(offset), np.int32(disk.write_flags))
    else:
        done = _preadv(np.int32(disk.fd), pieces, np.int32(used), I(offset))
        for n in range(used):
            changed(device, device.pieces[n, 0], device.pieces[n, 1])
    return done == I(size)
