"""Commands on blocks: capacity, reading, writing, caches, unmapping. Ref: SBC-3 5; MMC-6 6."""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jitppc.devices.ports import BlockBackend, BlockError
from jitppc.devices.scsi import sense
from jitppc.devices.scsi.inquiry import (
    MAX_UNMAP_BLOCKS,
    MAX_UNMAP_DESCRIPTORS,
    MAX_WRITE_SAME_BLOCKS,
)
from jitppc.devices.scsi.sense import Sense
from jitppc.devices.scsi.table import DISK, command
from jitppc.devices.scsi.task import Task
from jitppc.ir.scsi_layout import (
    BLOCKS_OF_6,
    FUA,
    GROUP_6,
    GROUP_12,
    GROUP_16,
    GROUP_SHIFT,
    LBA_OF_6,
    PROTECT_MASK,
)

if TYPE_CHECKING:
    from jitppc.devices.scsi.unit import LogicalUnit

BYTE_CHECK_SHIFT = 1
COMPARE_NOTHING, COMPARE_DATA, COMPARE_ONE_BLOCK = 0, 1, 3
UNMAP, ANCHOR, NO_DATA_OUT = 0x08, 0x10, 0x01
LBPME = 0x80
LAST_LBA_32 = 0xFFFFFFFF
CHUNK_SIZE = 1 << 20
UNMAP_HEADER_SIZE, UNMAP_DESCRIPTOR_SIZE = 8, 16

DISK_ONLY = (DISK,)


@dataclass(frozen=True, slots=True)
class Extent:
    """`count` blocks from block `lba`; `flags` is byte 1 of the descriptor block (0 of six)."""

    lba: int
    count: int
    flags: int = 0


def extent_of(task: Task) -> Extent:
    """The blocks that a command names. Ref: SPC-4 4.3.2, by the size of the descriptor block."""
    group = task.cdb[0] >> GROUP_SHIFT
    if group == GROUP_6:
        return Extent(task.number(1, 4) & LBA_OF_6, task.cdb[4] or BLOCKS_OF_6)
    if group == GROUP_16:
        return Extent(task.number(2, 10), task.number(10, 14), task.cdb[1])
    if group == GROUP_12:
        return Extent(task.number(2, 6), task.number(6, 10), task.cdb[1])
    return Extent(task.number(2, 6), task.number(7, 9), task.cdb[1])


def refusal(unit: "LogicalUnit", extent: Extent, is_write: bool) -> Sense | None:
    """Why these blocks cannot be read or written, or None."""
    if extent.flags & PROTECT_MASK:
        return sense.INVALID_FIELD_IN_CDB
    if is_write and unit.is_read_only:
        return sense.WRITE_PROTECTED
    if extent.lba + extent.count > unit.block_count:
        return sense.LBA_OUT_OF_RANGE
    return None


def medium_of(unit: "LogicalUnit") -> BlockBackend:
    """The medium; BlockError when the host has just taken it out."""
    medium = unit.medium
    if medium is None:
        raise BlockError(errno.ENOMEDIUM, "the medium is gone")
    return medium


def settle(unit: "LogicalUnit", is_forced: int) -> None:
    """What was written is durable if the command or the caching page wants it so."""
    if is_forced or not unit.is_write_back:
        medium_of(unit).flush()


@command("READ(6)", "081fffffff00", needs_medium=True)
@command("READ(10)", "28faffffffff00ffff00", needs_medium=True)
@command("READ(12)", "a8faffffffffffffffff0000", needs_medium=True)
@command("READ(16)", "88faffffffffffffffffffffffff0000", needs_medium=True)
def read(unit: "LogicalUnit", task: Task) -> Sense | None:
    """The guest's buffers hold the blocks, as far as there is room."""
    extent = extent_of(task)
    refused = refusal(unit, extent, is_write=False)
    if refused is not None:
        return refused
    return read_blocks(unit, task, extent)


def read_blocks(unit: "LogicalUnit", task: Task, extent: Extent) -> Sense | None:
    """Blocks that exist are read."""
    task.wanted = extent.count * unit.block_size
    views = task.data_in.part(0, task.wanted)
    if views:
        medium_of(unit).read_into(extent.lba * unit.block_size, views)
    task.transferred = min(task.wanted, task.data_in.size)
    return None


def _write(unit: "LogicalUnit", task: Task, extent: Extent) -> Sense | None:
    """All of the blocks are written, or none when the guest's buffers are too small."""
    task.wanted = extent.count * unit.block_size
    if task.data_out.size < task.wanted:
        return sense.DATA_PHASE_ERROR
    views = task.data_out.part(0, task.wanted)
    if views:
        medium_of(unit).write_from(extent.lba * unit.block_size, views)
    task.transferred = task.wanted
    return None


@command("WRITE(6)", "0a1fffffff00", DISK_ONLY, needs_medium=True)
@command("WRITE(10)", "2afaffffffff00ffff00", DISK_ONLY, needs_medium=True)
@command("WRITE(12)", "aafaffffffffffffffff0000", DISK_ONLY, needs_medium=True)
@command("WRITE(16)", "8afaffffffffffffffffffffffff0000", DISK_ONLY, needs_medium=True)
def write(unit: "LogicalUnit", task: Task) -> Sense | None:
    extent = extent_of(task)
    failure = refusal(unit, extent, is_write=True) or _write(unit, task, extent)
    if failure is None:
        settle(unit, extent.flags & FUA)
    return failure


@command("WRITE AND VERIFY(10)", "2ef2ffffffff00ffff00", DISK_ONLY, needs_medium=True)
@command("WRITE AND VERIFY(12)", "aef2ffffffffffffffff0000", DISK_ONLY, needs_medium=True)
@command("WRITE AND VERIFY(16)", "8ef2ffffffffffffffffffffffff0000", DISK_ONLY, needs_medium=True)
def write_and_verify(unit: "LogicalUnit", task: Task) -> Sense | None:
    """Written and durable; then compared, if BYTCHK says so."""
    extent = extent_of(task)
    how = extent.flags >> BYTE_CHECK_SHIFT & 3
    if how > COMPARE_DATA:
        return sense.INVALID_FIELD_IN_CDB
    failure = refusal(unit, extent, is_write=True) or _write(unit, task, extent)
    if failure is not None:
        return failure
    settle(unit, is_forced=True)
    return _compare(unit, task, extent, extent.count) if how == COMPARE_DATA else None


@command("VERIFY(10)", "2ff6ffffffff00ffff00", needs_medium=True)
@command("VERIFY(12)", "aff6ffffffffffffffff0000", needs_medium=True)
@command("VERIFY(16)", "8ff6ffffffffffffffffffffffff0000", needs_medium=True)
def verify(unit: "LogicalUnit", task: Task) -> Sense | None:
    """The blocks are compared with the guest's data, if BYTCHK says so. Ref: SBC-3 5.29."""
    extent = extent_of(task)
    refused = refusal(unit, extent, is_write=False)
    how = extent.flags >> BYTE_CHECK_SHIFT & 3
    if refused is not None or how == COMPARE_NOTHING:
        return refused
    if how not in {COMPARE_DATA, COMPARE_ONE_BLOCK}:
        return sense.INVALID_FIELD_IN_CDB
    given = 1 if how == COMPARE_ONE_BLOCK else extent.count
    task.wanted = given * unit.block_size
    if task.data_out.size < task.wanted:
        return sense.DATA_PHASE_ERROR
    task.transferred = task.wanted
    if extent.count > MAX_WRITE_SAME_BLOCKS:
        return sense.INVALID_FIELD_IN_CDB
    return _compare(unit, task, extent, given)


def _compare(unit: "LogicalUnit", task: Task, extent: Extent, given: int) -> Sense | None:
    """The medium holds the guest's `given` blocks, again and again where they are fewer."""
    size = unit.block_size
    step = 1 if given < extent.count else max(1, CHUNK_SIZE // size)
    for first in range(0, extent.count, step):
        count = min(step, extent.count - first) * size
        found = bytearray(count)
        medium_of(unit).read_into((extent.lba + first) * size, [memoryview(found)])
        offset = 0 if given < extent.count else first * size
        if found != task.data_out.get(offset, count):
            return sense.MISCOMPARE
    return None


@command("READ CAPACITY(10)", "25000000000000000000", needs_medium=True)
def read_capacity_10(unit: "LogicalUnit", task: Task) -> Sense | None:
    """The last block (all ones: ask READ CAPACITY(16)) and the block size. Ref: SBC-3 5.12."""
    if not unit.block_count:
        return sense.NO_MEDIUM
    if task.cdb[8] & 1 or task.number(2, 6):
        return sense.INVALID_FIELD_IN_CDB
    last = min(unit.block_count - 1, LAST_LBA_32)
    task.answer(last.to_bytes(4, "big") + unit.block_size.to_bytes(4, "big"), 8)
    return None


@command("READ CAPACITY(16)", "9e100000000000000000ffffffff0000", action=0x10, needs_medium=True)
def read_capacity_16(unit: "LogicalUnit", task: Task) -> Sense | None:
    """The same in 64 bits, and whether blocks can be unmapped. Ref: SBC-3 5.13."""
    if not unit.block_count:
        return sense.NO_MEDIUM
    if task.cdb[14] & 1 or task.number(2, 10):
        return sense.INVALID_FIELD_IN_CDB
    data = (unit.block_count - 1).to_bytes(8, "big") + unit.block_size.to_bytes(4, "big")
    data += bytes((0, 0, LBPME if unit.kind == DISK else 0, 0)) + bytes(16)
    task.answer(data, task.number(10, 14))
    return None


@command("SYNCHRONIZE CACHE(10)", "3506ffffffff00ffff00", needs_medium=True)
@command("SYNCHRONIZE CACHE(16)", "9106ffffffffffffffffffffffff0000", needs_medium=True)
def synchronize_cache(unit: "LogicalUnit", task: Task) -> Sense | None:
    """Everything is durable, whichever blocks were named and whether or not IMMED is set."""
    extent = extent_of(task)
    if extent.lba + extent.count > unit.block_count:
        return sense.LBA_OUT_OF_RANGE
    medium_of(unit).flush()
    return None


@command("UNMAP", "42000000000000ffff00", DISK_ONLY, needs_medium=True)
def unmap(unit: "LogicalUnit", task: Task) -> Sense | None:
    """The contents of the blocks are not needed any more. Ref: SBC-3 5.28."""
    length = task.number(7, 9)
    if task.cdb[1] & 1:
        return sense.INVALID_FIELD_IN_CDB
    if unit.is_read_only:
        return sense.WRITE_PROTECTED
    if not length:
        return None
    data = task.parameters(length)
    if data is None or length < UNMAP_HEADER_SIZE:
        return sense.PARAMETER_LENGTH_ERROR
    size = int.from_bytes(data[2:4], "big") & -UNMAP_DESCRIPTOR_SIZE
    size = min(size, (length - UNMAP_HEADER_SIZE) & -UNMAP_DESCRIPTOR_SIZE)
    extents = []
    for start in range(UNMAP_HEADER_SIZE, UNMAP_HEADER_SIZE + size, UNMAP_DESCRIPTOR_SIZE):
        lba = int.from_bytes(data[start : start + 8], "big")
        extents.append(Extent(lba, int.from_bytes(data[start + 8 : start + 12], "big")))
    total = sum(extent.count for extent in extents)
    if len(extents) > MAX_UNMAP_DESCRIPTORS or total > MAX_UNMAP_BLOCKS:
        return sense.INVALID_FIELD_IN_PARAMETERS
    if any(extent.lba + extent.count > unit.block_count for extent in extents):
        return sense.LBA_OUT_OF_RANGE
    for extent in extents:
        if extent.count:
            medium_of(unit).discard(extent.lba * unit.block_size, extent.count * unit.block_size)
    settle(unit, is_forced=False)
    return None


@command("WRITE SAME(10)", "41faffffffff00ffff00", DISK_ONLY, needs_medium=True)
@command("WRITE SAME(16)", "93f9ffffffffffffffffffffffff0000", DISK_ONLY, needs_medium=True)
def write_same(unit: "LogicalUnit", task: Task) -> Sense | None:
    """Every block holds the one that the guest gave. Ref: SBC-3 5.43, 5.45."""
    extent = extent_of(task)
    has_no_data = task.cdb[0] == 0x93 and extent.flags & NO_DATA_OUT
    is_short = task.cdb[0] == 0x41
    if extent.flags & ANCHOR or (is_short and extent.flags & 0x07):
        return sense.INVALID_FIELD_IN_CDB
    if not 0 < extent.count <= MAX_WRITE_SAME_BLOCKS:
        return sense.INVALID_FIELD_IN_CDB
    refused = refusal(unit, extent, is_write=True)
    if refused is not None:
        return refused
    size = unit.block_size
    task.wanted = 0 if has_no_data else size
    block = bytes(size) if has_no_data else task.data_out.get(0, size)
    if len(block) < size:
        return sense.DATA_PHASE_ERROR
    task.transferred = task.wanted
    medium, start = medium_of(unit), extent.lba * size
    if not any(block):
        medium.write_zeroes(start, extent.count * size, may_unmap=bool(extent.flags & UNMAP))
    else:
        _fill(medium.write_from, start, extent.count, block)
    settle(unit, is_forced=False)
    return None


def _fill(
    write_from: Callable[[int, list[memoryview]], None], start: int, count: int, block: bytes
) -> None:
    """`count` copies of block are written, a mebibyte at a time."""
    per_chunk = max(1, CHUNK_SIZE // len(block))
    chunk = memoryview(block * min(per_chunk, count))
    for first in range(0, count, per_chunk):
        size = min(per_chunk, count - first) * len(block)
        write_from(start + first * len(block), [chunk[:size]])
