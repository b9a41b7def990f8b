"""Commands that every unit has and that are about the unit as a whole. Ref: SPC-4 6; SBC-3 5."""

from typing import TYPE_CHECKING

from jitppc.devices.scsi import sense
from jitppc.devices.scsi.sense import Sense
from jitppc.devices.scsi.table import CD_ROM, DISK, command
from jitppc.devices.scsi.task import Task

if TYPE_CHECKING:
    from jitppc.devices.scsi.cdrom import Cdrom
    from jitppc.devices.scsi.unit import LogicalUnit

START, LOAD_EJECT = 0x01, 0x02
POWER_CONDITIONS = 0xF0
SELF_TEST = 0x04


@command("TEST UNIT READY", "000000000000", needs_medium=True)
def test_unit_ready(unit: "LogicalUnit", task: Task) -> Sense | None:
    """Ref: SPC-4 6.47."""
    return None


@command("RESERVE(6)", "160000000000", (DISK,))
@command("RELEASE(6)", "170000000000", (DISK,))
def reserve_or_release(unit: "LogicalUnit", task: Task) -> Sense | None:
    """Of the whole unit: there is no other initiator. Ref: SPC-2 7.21, 7.16."""
    return sense.INVALID_FIELD_IN_CDB if task.cdb[1] & 1 else None


@command("SEND DIAGNOSTIC", "1d0400000000")
def send_diagnostic(unit: "LogicalUnit", task: Task) -> Sense | None:
    """Only the default self-test, which finds nothing. Ref: SPC-4 6.42."""
    is_default = task.cdb[1] == SELF_TEST and not task.number(3, 5)
    return None if is_default else sense.INVALID_FIELD_IN_CDB


@command("PREVENT ALLOW MEDIUM REMOVAL", "1e0000000300", (DISK,))
def prevent_allow_of_disk(unit: "LogicalUnit", task: Task) -> Sense | None:
    """Nothing can be removed anyway. Ref: SBC-3 5.11."""
    return None


@command("PREVENT ALLOW MEDIUM REMOVAL", "1e0000000300", (CD_ROM,))
def prevent_allow(unit: "Cdrom", task: Task) -> Sense | None:
    """Ref: MMC-6 6.18."""
    unit.is_locked = bool(task.cdb[4] & 1)
    return None


@command("START STOP UNIT", "1b010000f700", (DISK,))
def start_stop_disk(unit: "LogicalUnit", task: Task) -> Sense | None:
    """A disk that stops has nothing in its cache; it starts again by itself. Ref: SBC-3 5.25."""
    if task.cdb[4] & LOAD_EJECT and not task.cdb[4] & POWER_CONDITIONS:
        return sense.INVALID_FIELD_IN_CDB
    medium = unit.medium
    if not task.cdb[4] & START and medium is not None:
        medium.flush()
    return None


@command("START STOP UNIT", "1b010000f300", (CD_ROM,))
def start_stop_cd(unit: "Cdrom", task: Task) -> Sense | None:
    """The tray opens or closes when LOEJ is set. Ref: MMC-6 6.42."""
    if task.cdb[4] & POWER_CONDITIONS or not task.cdb[4] & LOAD_EJECT:
        return None
    if task.cdb[4] & START:
        unit.close_tray()
        return None
    return None if unit.open_tray() else sense.MEDIUM_REMOVAL_PREVENTED


REPORT_ALL_EXCEPT_WELL_KNOWN, REPORT_WELL_KNOWN, REPORT_ALL = range(3)
REPORT_LUNS_MIN = 16


@command("REPORT LUNS", "a000ff000000ffffffff0000", ignores_attention=True)
def report_luns(unit: "LogicalUnit", task: Task) -> Sense | None:
    """The units of this target; there are no well known ones. Ref: SPC-4 6.33."""
    length, which = task.number(6, 10), task.cdb[2]
    if length < REPORT_LUNS_MIN or which > REPORT_ALL:
        return sense.INVALID_FIELD_IN_CDB
    luns = [] if which == REPORT_WELL_KNOWN else list(unit.sibling_luns())
    data = b"".join(lun_field(lun) for lun in luns)
    task.answer(len(data).to_bytes(4, "big") + bytes(4) + data, length)
    return None


FLAT_SPACE = 0x4000


def lun_field(lun: int) -> bytes:
    """Eight bytes: peripheral addressing below 256, flat space addressing above. Ref: SAM-5 4.7."""
    return (lun if lun < 256 else FLAT_SPACE | lun).to_bytes(2, "big") + bytes(6)
