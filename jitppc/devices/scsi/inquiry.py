"""INQUIRY and the vital product data. Ref: SPC-4 6.6, 7.8; SBC-3 6.6."""

from typing import TYPE_CHECKING

from jitppc.devices.scsi import sense, table
from jitppc.devices.scsi.sense import Sense
from jitppc.devices.scsi.table import DISK, command
from jitppc.devices.scsi.task import Task

if TYPE_CHECKING:
    from jitppc.devices.scsi.unit import LogicalUnit

EVPD = 0x01
REMOVABLE = 0x80
SPC_3 = 0x05
HISUP_FORMAT_2 = 0x12
SYNC_AND_QUEUING = 0x12
NO_UNIT = 0x7F
"""Peripheral qualifier and type where a target has no such unit."""

STANDARD_SIZE = 36
VPD_MAX = 252

MAX_TRANSFER_BLOCKS = 0x3FFFFF
MAX_UNMAP_BLOCKS = 0x200000
MAX_UNMAP_DESCRIPTORS = 0xFF
MAX_WRITE_SAME_BLOCKS = 0x3FFFFF
UNMAP_GRANULARITY_BYTES = 4096
WRITE_SAME_NON_ZERO = 0x01
UNMAP_AND_WRITE_SAME = 0xE0
THIN = 0x02

CODE_SET_BINARY, CODE_SET_ASCII = 1, 2
DESIGNATOR_VENDOR, DESIGNATOR_NAA = 0, 3


def standard_data(kind: int, is_removable: bool, names: tuple[str, str, str]) -> bytes:
    """The 36 bytes that every unit answers; `names` are vendor, product and version."""
    head = (kind, REMOVABLE if is_removable else 0, SPC_3, HISUP_FORMAT_2, STANDARD_SIZE - 5)
    texts = zip(names, (8, 16, 4), strict=True)
    return bytes((*head, 0, 0, SYNC_AND_QUEUING)) + b"".join(_padded(t, n) for t, n in texts)


def _padded(text: str, size: int) -> bytes:
    return text.encode("ascii", "replace")[:size].ljust(size)


@command("INQUIRY", "1201ffffff00", ignores_attention=True)
def inquiry(unit: "LogicalUnit", task: Task) -> Sense | None:
    page, length = task.cdb[2], task.number(3, 5)
    if not task.cdb[1] & EVPD:
        if page:
            return sense.INVALID_FIELD_IN_CDB
        i = unit.identity
        names = (i.vendor, i.product, i.version)
        task.answer(standard_data(unit.kind, unit.is_removable, names), length)
        return None
    contents = vital_product_data(unit, page)
    if contents is None:
        return sense.INVALID_FIELD_IN_CDB
    header = bytes((unit.kind, page)) + len(contents).to_bytes(2, "big")
    task.answer(header + contents, length)
    return None


def vital_product_data(unit: "LogicalUnit", page: int) -> bytes | None:
    """The contents of a page behind its header of four bytes, or None."""
    pages = _pages_of(unit)
    if page == 0:
        return bytes((0, *sorted(pages)))
    make = pages.get(page)
    return None if make is None else make(unit)


def _serial_page(unit: "LogicalUnit") -> bytes:
    """Ref: SPC-4 7.8.18 (unit serial number)."""
    return unit.identity.serial.encode("ascii", "replace")[:VPD_MAX]


def _designator(code_set: int, kind: int, value: bytes) -> bytes:
    return bytes((code_set, kind, 0, len(value))) + value


def _identification_page(unit: "LogicalUnit") -> bytes:
    """Designators of the unit. Ref: SPC-4 7.8.6 (device identification)."""
    found = b""
    name = unit.identity.device_id or unit.identity.serial
    if name:
        value = name.encode("ascii", "replace")[: VPD_MAX - 16]
        found += _designator(CODE_SET_ASCII, DESIGNATOR_VENDOR, value)
    if unit.identity.wwn:
        value = (unit.identity.wwn & (1 << 64) - 1).to_bytes(8, "big")
        found += _designator(CODE_SET_BINARY, DESIGNATOR_NAA, value)
    return found


def _block_limits_page(unit: "LogicalUnit") -> bytes:
    """Ref: SBC-3 6.6.3 (block limits)."""
    granularity = max(1, UNMAP_GRANULARITY_BYTES // unit.block_size)
    words = (MAX_TRANSFER_BLOCKS, 0, 0, MAX_UNMAP_BLOCKS, MAX_UNMAP_DESCRIPTORS, granularity, 0)
    page = bytes((WRITE_SAME_NON_ZERO, 0, 0, 0)) + b"".join(w.to_bytes(4, "big") for w in words)
    return (page + MAX_WRITE_SAME_BLOCKS.to_bytes(8, "big")).ljust(0x3C, b"\0")


def _block_characteristics_page(unit: "LogicalUnit") -> bytes:
    """The rotation rate is not reported. Ref: SBC-3 6.6.2."""
    return bytes(0x3C)


def _provisioning_page(unit: "LogicalUnit") -> bytes:
    """Ref: SBC-3 6.6.4 (logical block provisioning)."""
    return bytes((0, UNMAP_AND_WRITE_SAME, THIN, 0))


def _pages_of(unit: "LogicalUnit"):  # type: ignore[no-untyped-def]
    """Page number to the function that makes its contents."""
    pages = {0x83: _identification_page}
    if unit.identity.serial:
        pages[0x80] = _serial_page
    if unit.kind == DISK:
        pages |= {
            0xB0: _block_limits_page,
            0xB1: _block_characteristics_page,
            0xB2: _provisioning_page,
        }
    return pages


def inquiry_of_nothing(cdb: bytes) -> bytes | None:
    """What INQUIRY answers at a LUN without unit; None when the command is not right.

    Ref: SPC-4 6.6.1 (peripheral qualifier 3).
    """
    if cdb[1] & EVPD or cdb[2]:
        return None
    length = int.from_bytes(cdb[3:5], "big")
    return standard_data(NO_UNIT, False, ("QEMU", "QEMU EMPTY", "2.5+"))[:length]


SENSE_SIZE_MAX = 252


@command("REQUEST SENSE", "03010000ff00", ignores_attention=True)
def request_sense(unit: "LogicalUnit", task: Task) -> Sense | None:
    """What would be told next, as data. Senses of failed commands went with their status.

    Ref: SPC-4 6.39.
    """
    found = unit.take_attention() or sense.NO_SENSE
    task.answer(found.descriptors() if task.cdb[1] & 1 else found.fixed(), task.cdb[4])
    return None


REPORT_ONE, REPORT_TIMEOUTS = 0x07, 0x80
OPCODE_ONLY, OPCODE_AND_ACTION, EITHER = 1, 2, 3
NOT_SUPPORTED, SUPPORTED = 1, 3
SERVICE_ACTION_VALID, TIMEOUTS_PRESENT = 0x01, 0x02
TIMEOUTS_DESCRIPTOR = bytes((0, 0x0A)) + bytes(10)
"""No timeouts are known."""


@command("REPORT SUPPORTED OPERATION CODES", "a31f87ffffffffffffff0000", action=0x0C)
def report_supported_operation_codes(unit: "LogicalUnit", task: Task) -> Sense | None:
    """Ref: SPC-4 6.35."""
    options, length = task.cdb[2], task.number(6, 10)
    has_timeouts = bool(options & REPORT_TIMEOUTS)
    if options & REPORT_ONE == 0:
        data = b"".join(_code_descriptor(row, has_timeouts) for row in table.rows_of(unit.kind))
        task.answer(len(data).to_bytes(4, "big") + data, length)
        return None
    opcode, action = task.cdb[3], task.number(4, 6)
    takes_action = any(
        kind == unit.kind and code == opcode and of is not None for kind, code, of in table.COMMANDS
    )
    how = options & REPORT_ONE
    if how > EITHER or (how == OPCODE_ONLY and takes_action):
        return sense.INVALID_FIELD_IN_CDB
    if how == OPCODE_AND_ACTION and not takes_action:
        return sense.INVALID_FIELD_IN_CDB
    row = table.COMMANDS.get((unit.kind, opcode, action if takes_action else None))
    if row is None or (how == EITHER and not takes_action and action):
        data = bytes((0, NOT_SUPPORTED, 0, 0))
    else:
        flags = SUPPORTED | (REPORT_TIMEOUTS if has_timeouts else 0)
        data = bytes((0, flags)) + row.length.to_bytes(2, "big") + row.usage
        data += TIMEOUTS_DESCRIPTOR if has_timeouts else b""
    task.answer(data, length)
    return None


def _code_descriptor(row: table.Command, has_timeouts: bool) -> bytes:
    """Ref: SPC-4 6.35.2 (all commands)."""
    flags = TIMEOUTS_PRESENT if has_timeouts else 0
    flags |= SERVICE_ACTION_VALID if row.service_action is not None else 0
    action = (row.service_action or 0).to_bytes(2, "big")
    head = bytes((row.opcode, 0)) + action + bytes((0, flags)) + row.length.to_bytes(2, "big")
    return head + (TIMEOUTS_DESCRIPTOR if has_timeouts else b"")
