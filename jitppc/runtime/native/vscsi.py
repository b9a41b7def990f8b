"""Requests that wait for a vscsi adapter: commands that read, write or flush disks are done, in
order.

    element ──► information unit ──► blocks and pieces of memory ──► file ──► answer ──► ring

An element that is anything else, or not plainly right, is left where it is, for Python
(`spapr/vio/vscsi.py`) to do: nothing was changed that it would not change, too.
Ref: LoPAR 17.2.3 (VSCSI); SRP 5.6, 6; reference §7.3.
"""

from __future__ import annotations

from typing import Any

from numba import carray, njit

from jitppc.ir import crq_layout, scsi_layout
from jitppc.ir.crq_layout import RING_NEWS, RING_NEXT, RING_SIZE, RING_START
from jitppc.ir.layout import offset
from jitppc.ir.scsi_layout import VSCSI

from .clock import host_nanoseconds
from .crq_calls import BOX, ELEMENT_SIZE, ELEMENTS, MAX_WAITING
from .host import (
    I,
    U,
    bswap64,
    load8,
    load32,
    load64,
    load_acquire,
    memmove,
    pointer_of,
    store32,
    store64,
    store_release,
)
from .mailbox import PUT, TAKEN
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
from .window import IN_PAGE, PAGE_SIZE, TCE_READ, TCE_WRITE, changed, gather, place

NOTHING, OTHER, DUE = (U(getattr(crq_layout, name)) for name in ("NOTHING", "OTHER", "DUE"))
REQUEST = U(scsi_layout.VALID_PAYLOAD << 8 | scsi_layout.FORMAT_SRP)
IU_SIZE_MAX, COMMAND, COMMAND_SIZE, RESPONSE, RESPONSE_SIZE = (
    U(getattr(scsi_layout, name)) for name in (
        "IU_SIZE_MAX", "COMMAND", "COMMAND_SIZE", "RESPONSE", "RESPONSE_SIZE"))
NO_BUFFER, DIRECT, INDIRECT, DESCRIPTOR_SIZE, TABLE_HEADER_SIZE = (
    U(getattr(scsi_layout, name)) for name in (
        "NO_BUFFER", "DIRECT", "INDIRECT", "DESCRIPTOR_SIZE", "TABLE_HEADER_SIZE"))
MAX_DESCRIPTORS, MAX_BUFFER_BYTES = (
    U(getattr(scsi_layout, name)) for name in ("MAX_DESCRIPTORS", "MAX_BUFFER_BYTES"))
UNIT, TIME, PIECES = (U(offset(name, VSCSI)) for name in ("unit", "time", "pieces"))
ELEMENT_DONE = U(scsi_layout.VALID_PAYLOAD << 56 | scsi_layout.FORMAT_SRP << 48
                 | scsi_layout.RESPONSE_SIZE)
#: for how many bytes a descriptor block is longer than 16; what a request gives back of its limit
ADDITIONAL, ONE_MORE = U(0xFC), U(1)


@njit(inline="always")
def vscsi_at(address: Any) -> Any:
    """The VSCSI record at a host address."""
    return carray(pointer_of(address), 1, VSCSI)[0]


@njit
def serve(vscsi: Any, due: Any) -> Any:
    """What waits is done, up to an element that is none of ours, or a time of the host's clock.

    NOTHING, OTHER or DUE says why no more was; the last one after one element at least.
    """
    box = vscsi.crq + BOX
    while True:
        taken = load64(box + TAKEN)
        if taken == load_acquire(box + PUT):
            return NOTHING
        where = vscsi.crq + ELEMENTS + taken % MAX_WAITING * ELEMENT_SIZE
        if not _element(vscsi, bswap64(load64(where)), bswap64(load64(where + U(8)))):
            return OTHER
        store_release(box + TAKEN, taken + U(1))
        if host_nanoseconds(vscsi.here + TIME) >= due:
            return DUE


@njit
def _element(vscsi: Any, high: Any, low: Any) -> Any:
    """The request that an element leads to is done and answered; False if it is none of ours."""
    size = high & U(0xFFFF)
    if high >> U(48) != REQUEST or not COMMAND_SIZE <= size <= IU_SIZE_MAX:
        return False
    slot = place(vscsi, vscsi.ring[RING_START] + vscsi.ring[RING_NEXT], TCE_WRITE)
    if vscsi.ring[RING_SIZE] == U(0) or slot == U(0):
        return False
    unit, writable = place(vscsi, low, TCE_READ), place(vscsi, low, TCE_WRITE)
    if unit == U(0) or writable == U(0) or (low & IN_PAGE) + size > PAGE_SIZE:
        return False
    memmove(pointer_of(vscsi.here + UNIT), pointer_of(unit), size)
    if not _command(vscsi, vscsi.here + UNIT, size):
        return False
    _answer(vscsi, unit, slot, load64(vscsi.here + UNIT + U(8)))
    vscsi.done += U(1)
    return True


@njit
def _command(vscsi: Any, unit: Any, size: Any) -> Any:
    """The command in a copied information unit is done; False if that is not ours or failed."""
    if load8(unit) != COMMAND or load8(unit + U(31)) & ADDITIONAL != U(0):
        return False
    number = disk_of(vscsi, bswap64(load64(unit + U(20))))
    kind = kind_of(unit + U(32))
    if number == NO_DISK or kind == OTHER_KIND:
        return False
    disk, writes = disk_at(vscsi, number), kind == WRITE
    lba, count = extent(unit + U(32))
    if count > disk.block_count or lba > disk.block_count - count:
        return False
    formats = load8(unit + U(5))
    if kind == FLUSH:
        return formats == U(0) and flush(disk)
    if count == U(0):
        return False
    form, other, inline = formats & U(15), formats >> U(4), load8(unit + U(7))
    if writes:
        form, other, inline = other, form, load8(unit + U(6))
        if disk.is_writable == U(0):
            return False
    if other != NO_BUFFER:
        return False
    right = TCE_READ if writes else TCE_WRITE
    used = _pieces(vscsi, unit, size, form, inline, count * disk.block_size, right)
    return used > I(0) and transfer(
        vscsi, vscsi.here + PIECES, disk, used, lba, count, writes)


@njit
def _pieces(
    vscsi: Any, unit: Any, size: Any, form: Any, inline: Any, wanted: Any, right: Any
) -> Any:
    """The only data buffer of a command is in the pieces: how many; 0 if it has another size than
    wanted, or is not plainly right.
    """
    at, listed = unit + COMMAND_SIZE, U(0)
    if form == DIRECT:
        count = U(1)
        is_sound = COMMAND_SIZE + DESCRIPTOR_SIZE <= size
    else:
        end = COMMAND_SIZE + TABLE_HEADER_SIZE + inline * DESCRIPTOR_SIZE
        table = bswap64(load64(at))
        count = (bswap64(load32(at + U(12))) >> U(32)) // DESCRIPTOR_SIZE
        is_sound = form == INDIRECT and end <= size and count <= MAX_DESCRIPTORS
        at += TABLE_HEADER_SIZE
        if count > inline:
            listed = table
            is_sound = is_sound and table % DESCRIPTOR_SIZE == U(0) and table != U(0)
    if not is_sound or wanted > MAX_BUFFER_BYTES:
        return I(0)
    used = I(0)
    for n in range(I(count)):
        entry = at + U(n) * DESCRIPTOR_SIZE
        if listed != U(0):
            entry = place(vscsi, listed + U(n) * DESCRIPTOR_SIZE, TCE_READ)
        if entry == U(0):
            return I(0)
        length = bswap64(load32(entry + U(12))) >> U(32)
        if length > wanted:
            return I(0)
        wanted -= length
        used = gather(vscsi, I(0), used, bswap64(load64(entry)), length, right)
        if used < I(0):
            return I(0)
    return used if wanted == U(0) else I(0)


@njit
def _answer(vscsi: Any, unit: Any, slot: Any, tag: Any) -> None:
    """The guest finds a response without any complaint in place of its unit, and an element if
    there is room for one. `tag`: as it lies in memory.
    """
    store64(unit, bswap64(RESPONSE << U(56) | ONE_MORE))
    store64(unit + U(8), tag)
    store64(unit + U(16), U(0))
    store64(unit + U(24), U(0))
    store32(unit + U(32), U(0))
    changed(vscsi, unit, RESPONSE_SIZE)
    if load8(slot) != U(0):
        return
    store64(slot + U(8), tag)
    store_release(slot, bswap64(ELEMENT_DONE))
    changed(vscsi, slot, ELEMENT_SIZE)
    vscsi.ring[RING_NEXT] = (vscsi.ring[RING_NEXT] + ELEMENT_SIZE) % vscsi.ring[RING_SIZE]
    vscsi.ring[RING_NEWS] = U(1)
