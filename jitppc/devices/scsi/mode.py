"""MODE SENSE and MODE SELECT. One bit can be changed: WCE, whether writes may stay in a cache.

Ref: SPC-4 6.13-6.16 (commands), 7.5 (parameters); SBC-3 6.5; MMC-6 7.
"""

from typing import TYPE_CHECKING

from jitppc.devices.scsi import sense
from jitppc.devices.scsi.sense import Sense
from jitppc.devices.scsi.table import CD_ROM, DISK, command
from jitppc.devices.scsi.task import Task

if TYPE_CHECKING:
    from jitppc.devices.scsi.unit import LogicalUnit

DISABLE_BLOCK_DESCRIPTORS = 0x08
LONG_LBA_ACCEPTED = 0x10
PAGE_FORMAT, SAVE_PAGES = 0x10, 0x01
CURRENT, CHANGEABLE, DEFAULT, SAVED = range(4)
ALL_PAGES, ALL_SUBPAGES = 0x3F, 0xFF
WRITE_PROTECTED, DPO_FUA = 0x80, 0x10
BLOCK_DESCRIPTOR_SIZE = 8

PAGE_ERROR_RECOVERY, PAGE_CACHING, PAGE_CONTROL = 0x01, 0x08, 0x0A
PAGE_CAPABILITIES = 0x2A
WCE = 0x04
CD_READS = 0x3B
"""CD-R, CD-RW, DVD-ROM, DVD-R, DVD-RAM."""
CD_FORMS = 0x70
"""Mode 2 forms 1 and 2, several sessions."""
CD_TRAY = 0x29
"""A tray that loads, can be locked and ejects."""
CD_LOCKED = 0x02
CD_SPEED_KB_S = 11 * 176


def _page(code: int, contents: bytes) -> bytes:
    return bytes((code, len(contents))) + contents


def _error_recovery(unit: "LogicalUnit", control: int) -> bytes:
    if control == CHANGEABLE:
        return bytes(10)
    return bytes((0x80, 0x20 if unit.kind == CD_ROM else 0)) + bytes(8)


def _caching(unit: "LogicalUnit", control: int) -> bytes:
    has_cache = {CHANGEABLE: unit.kind == DISK, DEFAULT: True}.get(control, unit.is_write_back)
    return bytes((WCE if has_cache else 0,)) + bytes(17)


def _control(unit: "LogicalUnit", control: int) -> bytes:
    """Commands may be done in any order (QUEUE ALGORITHM MODIFIER 1)."""
    return bytes(10) if control == CHANGEABLE else bytes((0, 0x10)) + bytes(8)


def _capabilities(unit: "LogicalUnit", control: int) -> bytes:
    """Ref: MMC-3 5.5.10 (CD capabilities and mechanical status page)."""
    if control == CHANGEABLE:
        return bytes(20)
    locked = CD_LOCKED if getattr(unit, "is_locked", False) else 0
    speed = CD_SPEED_KB_S.to_bytes(2, "big")
    head = bytes((CD_READS, 0, CD_FORMS, 0, CD_TRAY | locked, 0)) + speed
    return head + bytes((0, 2)) + (2048).to_bytes(2, "big") + speed + bytes(6)


PAGES = {
    DISK: {
        PAGE_ERROR_RECOVERY: _error_recovery,
        PAGE_CACHING: _caching,
        PAGE_CONTROL: _control,
    },
    CD_ROM: {
        PAGE_ERROR_RECOVERY: _error_recovery,
        PAGE_CACHING: _caching,
        PAGE_CONTROL: _control,
        PAGE_CAPABILITIES: _capabilities,
    },
}


def _block_descriptor(unit: "LogicalUnit") -> bytes:
    """Ref: SBC-3 6.5.2 (short LBA mode parameter block descriptor)."""
    count = unit.block_count
    shown = 0 if count >= 1 << 24 else count
    return shown.to_bytes(4, "big") + unit.block_size.to_bytes(4, "big")


def _mode_sense(unit: "LogicalUnit", task: Task, header_size: int, length: int) -> Sense | None:
    control, code, subpage = task.cdb[2] >> 6, task.cdb[2] & 0x3F, task.cdb[3]
    if control == SAVED:
        return sense.SAVING_NOT_SUPPORTED
    pages = PAGES[unit.kind]
    wanted = sorted(pages) if code == ALL_PAGES else [code]
    if not set(wanted) <= set(pages) or subpage not in {0, ALL_SUBPAGES}:
        return sense.INVALID_FIELD_IN_CDB
    body = b""
    has_descriptor = unit.kind == DISK and not task.cdb[1] & DISABLE_BLOCK_DESCRIPTORS
    if has_descriptor and unit.block_count:
        body = _block_descriptor(unit)
    descriptor_size = len(body)
    body += b"".join(_page(number, pages[number](unit, control)) for number in wanted)
    specific = DPO_FUA if unit.kind == DISK else 0
    if unit.kind == DISK and unit.is_read_only:
        specific |= WRITE_PROTECTED
    if header_size == 4:
        size = min(0xFF, len(body) + 3)
        header = bytes((size, 0, specific, descriptor_size))
    else:
        header = (len(body) + 6).to_bytes(2, "big") + bytes((0, specific, 0, 0))
        header += descriptor_size.to_bytes(2, "big")
    task.answer(header + body, length)
    return None


@command("MODE SENSE(6)", "1a08ffffff00")
def mode_sense_6(unit: "LogicalUnit", task: Task) -> Sense | None:
    return _mode_sense(unit, task, 4, task.cdb[4])


@command("MODE SENSE(10)", "5a18ffff000000ffff00")
def mode_sense_10(unit: "LogicalUnit", task: Task) -> Sense | None:
    return _mode_sense(unit, task, 8, task.number(7, 9))


def _mode_select(unit: "LogicalUnit", task: Task, header_size: int, length: int) -> Sense | None:
    if not task.cdb[1] & PAGE_FORMAT or task.cdb[1] & SAVE_PAGES:
        return sense.INVALID_FIELD_IN_CDB
    if not length:
        return None
    data = task.parameters(length)
    if data is None or length < header_size:
        return sense.PARAMETER_LENGTH_ERROR
    descriptor_size = data[3] if header_size == 4 else int.from_bytes(data[6:8], "big")
    if descriptor_size not in {0, BLOCK_DESCRIPTOR_SIZE}:
        return sense.INVALID_FIELD_IN_PARAMETERS
    end = header_size + descriptor_size
    if length < end:
        return sense.PARAMETER_LENGTH_ERROR
    descriptor = data[header_size:end]
    if descriptor and int.from_bytes(descriptor[5:8], "big") != unit.block_size:
        return sense.INVALID_FIELD_IN_PARAMETERS
    return _set_pages(unit, data[end:])


def _set_pages(unit: "LogicalUnit", data: bytes) -> Sense | None:
    """All pages are checked before the first one changes anything."""
    is_write_back = unit.is_write_back
    while data:
        if len(data) < 2 or len(data) < 2 + data[1]:
            return sense.PARAMETER_LENGTH_ERROR
        code, contents = data[0] & 0x7F, data[2 : 2 + data[1]]
        make = PAGES[unit.kind].get(code)
        if make is None:
            return sense.INVALID_FIELD_IN_PARAMETERS
        current, changeable = make(unit, CURRENT), make(unit, CHANGEABLE)
        if len(contents) != len(current):
            return sense.INVALID_FIELD_IN_PARAMETERS
        for new, old, may_change in zip(contents, current, changeable, strict=True):
            if (new ^ old) & ~may_change:
                return sense.INVALID_FIELD_IN_PARAMETERS
        if code == PAGE_CACHING:
            is_write_back = bool(contents[0] & WCE)
        data = data[2 + len(contents) :]
    medium = unit.medium
    if unit.is_write_back and not is_write_back and medium is not None:
        medium.flush()
    unit.is_write_back = is_write_back
    return None


@command("MODE SELECT(6)", "15110000ff00")
def mode_select_6(unit: "LogicalUnit", task: Task) -> Sense | None:
    return _mode_select(unit, task, 4, task.cdb[4])


@command("MODE SELECT(10)", "55110000000000ffff00")
def mode_select_10(unit: "LogicalUnit", task: Task) -> Sense | None:
    return _mode_select(unit, task, 8, task.number(7, 9))
