"""Commands of CD-ROMs: tables of contents, features, events. Ref: MMC-6 6; MMC-3 5 for READ CD.

A medium has one session with one data track from block 0.
"""

from typing import TYPE_CHECKING

from jitppc.devices.scsi import sense
from jitppc.devices.scsi.block import Extent, read_blocks, refusal
from jitppc.devices.scsi.sense import Sense
from jitppc.devices.scsi.table import CD_ROM, command
from jitppc.devices.scsi.task import Task

if TYPE_CHECKING:
    from jitppc.devices.scsi.cdrom import Cdrom

CD = (CD_ROM,)
MSF = 0x02
LEAD_OUT = 0xAA
DATA_TRACK = 0x14
"""ADR 1 (position), CONTROL 4 (data)."""
FORMAT_TOC, FORMAT_SESSION, FORMAT_RAW = 0, 1, 2
FRAMES, SECONDS = 75, 60
PREGAP = 2 * FRAMES


def position(lba: int, as_msf: bool) -> bytes:
    """Four bytes: a block number, or minute, second and frame. Ref: MMC-6 4.2.8.4."""
    if not as_msf:
        return (lba & 0xFFFFFFFF).to_bytes(4, "big")
    frames = lba + PREGAP
    minute = min(0xFF, frames // (SECONDS * FRAMES))
    return bytes((0, minute, frames // FRAMES % SECONDS, frames % FRAMES))


@command("READ TOC/PMA/ATIP", "43020f000000ffffff00", CD, needs_medium=True)
def read_toc(unit: "Cdrom", task: Task) -> Sense | None:
    """Ref: MMC-6 6.25."""
    form = task.cdb[2] & 0xF or task.cdb[9] >> 6
    as_msf, first = bool(task.cdb[1] & MSF), task.cdb[6]
    end = unit.block_count
    body = bytes((1, 1))
    if form == FORMAT_TOC:
        if first > 1 and first != LEAD_OUT:
            return sense.INVALID_FIELD_IN_CDB
        if first != LEAD_OUT:
            body += bytes((0, DATA_TRACK, 1, 0)) + position(0, as_msf)
        body += bytes((0, DATA_TRACK | 2, LEAD_OUT, 0)) + position(end, as_msf)
    elif form == FORMAT_SESSION:
        body += bytes((0, DATA_TRACK, 1, 0)) + position(0, as_msf)
    elif form == FORMAT_RAW:
        points = ((0xA0, b"\0\1\0\0"), (0xA1, b"\0\1\0\0"), (0xA2, position(end, True)))
        for point, where in (*points, (1, position(0, True))):
            body += bytes((1, DATA_TRACK, 0, point, 0, 0, 0)) + where
    else:
        return sense.INVALID_FIELD_IN_CDB
    task.answer(len(body).to_bytes(2, "big") + body, task.number(7, 9))
    return None


PROFILE_NONE, PROFILE_CD_ROM, PROFILE_DVD_ROM = 0x00, 0x08, 0x10
CURRENT_BIT, PERSISTENT = 0x01, 0x02
STARTING, CURRENT_ONLY, ONE = range(3)


def features(unit: "Cdrom") -> list[tuple[int, int, bytes]]:
    """(code, flags of byte 2, contents), by code. Ref: MMC-6 5.3."""
    profile = unit.profile
    codes = (PROFILE_DVD_ROM, PROFILE_CD_ROM)
    listed = b"".join(bytes((0, code, code == profile, 0)) for code in codes)
    is_cd, is_dvd = profile == PROFILE_CD_ROM, profile == PROFILE_DVD_ROM
    readable = unit.block_size.to_bytes(4, "big") + bytes((0, 16, 0, 0))
    return [
        (0x0000, PERSISTENT | CURRENT_BIT, listed),
        (0x0001, 2 << 2 | PERSISTENT | CURRENT_BIT, bytes((0, 0, 0, 1, 1, 0, 0, 0))),
        (0x0003, 2 << 2 | PERSISTENT | CURRENT_BIT, bytes((0x39, 0, 0, 0))),
        (0x0010, is_cd or is_dvd, readable),
        (0x001E, 2 << 2 | is_cd, bytes(4)),
        (0x001F, is_dvd, b""),
    ]


@command("GET CONFIGURATION", "4603ffff000000ffff00", CD, ignores_attention=True)
def get_configuration(unit: "Cdrom", task: Task) -> Sense | None:
    """What the drive can do, and with the medium in it. Ref: MMC-6 6.6."""
    which, start = task.cdb[1] & 3, task.number(2, 4)
    if which > ONE:
        return sense.INVALID_FIELD_IN_CDB
    body = bytes(2) + unit.profile.to_bytes(2, "big")
    for code, flags, contents in features(unit):
        is_wanted = code == start if which == ONE else code >= start
        if is_wanted and (which != CURRENT_ONLY or flags & CURRENT_BIT):
            body += code.to_bytes(2, "big") + bytes((flags, len(contents))) + contents
    task.answer(len(body).to_bytes(4, "big") + body, task.number(7, 9))
    return None


POLLED = 0x01
CLASS_MEDIA = 4
NO_EVENT_AVAILABLE = 0x80


@command("GET EVENT STATUS NOTIFICATION", "4a010000ff0000ffff00", CD, ignores_attention=True)
def get_event_status_notification(unit: "Cdrom", task: Task) -> Sense | None:
    """What has happened to the medium, one event at a time. Ref: MMC-6 6.7."""
    if not task.cdb[1] & POLLED:
        return sense.INVALID_FIELD_IN_CDB
    if task.cdb[4] & 1 << CLASS_MEDIA:
        state = (0x02 if unit.medium is not None else 0) | (0x01 if unit.is_open else 0)
        body = bytes((CLASS_MEDIA, 1 << CLASS_MEDIA, unit.take_event(), state, 0, 0))
    else:
        body = bytes((NO_EVENT_AVAILABLE, 1 << CLASS_MEDIA))
    task.answer((len(body) - 2).to_bytes(2, "big") + body, task.number(7, 9))
    return None


@command("READ DISC INFORMATION", "51070000000000ffff00", CD, needs_medium=True)
def read_disc_information(unit: "Cdrom", task: Task) -> Sense | None:
    """A finished disc with one session and one track. Ref: MMC-6 6.21."""
    if task.cdb[1] & 7:
        return sense.INVALID_FIELD_IN_CDB
    body = bytes((0x0E, 1, 1, 1, 1, 0x20)) + bytes(26)
    task.answer(len(body).to_bytes(2, "big") + body, task.number(7, 9))
    return None


@command("READ TRACK INFORMATION", "5203ffffffff00ffff00", CD, needs_medium=True)
def read_track_information(unit: "Cdrom", task: Task) -> Sense | None:
    """By block (0), track (1) or session (2) number. Ref: MMC-6 6.26."""
    how, number = task.cdb[1] & 3, task.number(2, 6)
    is_there = number < unit.block_count if how == 0 else number == 1
    if how > 2 or not is_there:
        return sense.INVALID_FIELD_IN_CDB
    body = bytes((1, 1, 0, 0x04, 0x01, 0)) + bytes(16) + position(unit.block_count, False)
    body += bytes(4) + bytes((0, 0, 0, 0))
    task.answer(len(body).to_bytes(2, "big") + body, task.number(7, 9))
    return None


@command("MECHANISM STATUS", "bd00000000000000ffff0000", CD)
def mechanism_status(unit: "Cdrom", task: Task) -> Sense | None:
    """A drive without changer. Ref: MMC-5 6.8."""
    door = 0x10 if unit.is_open else 0
    task.answer(bytes((0, door, 0, 0, 0, 1, 0, 0)), task.number(8, 10))
    return None


@command("SET CD SPEED", "bb00ffffffff000000000000", CD)
def set_cd_speed(unit: "Cdrom", task: Task) -> Sense | None:
    """Always the greatest. Ref: MMC-5 6.37."""
    return None


SECTOR_ANY, SECTOR_MODE_1 = 0, 2
USER_DATA = 0x10


@command("READ CD", "be1cfffffffffffffff80700", CD, needs_medium=True)
def read_cd(unit: "Cdrom", task: Task) -> Sense | None:
    """User data of mode 1 sectors; headers, error codes and subchannels are not kept.

    Ref: MMC-6 6.19.
    """
    sector_type, main = task.cdb[1] >> 2 & 7, task.cdb[9] & 0xF8
    extent = Extent(task.number(2, 6), task.number(6, 9))
    refused = refusal(unit, extent, is_write=False)
    if refused is not None:
        return refused
    if sector_type not in {SECTOR_ANY, SECTOR_MODE_1} or task.cdb[10] & 7 or task.cdb[9] & 6:
        return sense.INVALID_FIELD_IN_CDB
    if not main:
        return None
    return read_blocks(unit, task, extent) if main == USER_DATA else sense.INVALID_FIELD_IN_CDB
