"""Status and sense data: how a command says what became of it. Ref: SPC-4 4.5, 6.39; SAM-5 5.3."""

import errno
from dataclasses import dataclass
from enum import IntEnum

from jitppc.devices.ports import BlockError

FIXED_CURRENT = 0x70
DESCRIPTOR_CURRENT = 0x72
FIXED_SIZE = 18
VALID = 0x80
INFORMATION_DESCRIPTOR_SIZE = 12


class Status(IntEnum):
    """Ref: SAM-5 5.3.1."""

    GOOD = 0x00
    CHECK_CONDITION = 0x02
    BUSY = 0x08
    RESERVATION_CONFLICT = 0x18
    TASK_SET_FULL = 0x28
    TASK_ABORTED = 0x40


class Key(IntEnum):
    """Sense keys. Ref: SPC-4 4.5.6, table 47."""

    NO_SENSE = 0x0
    NOT_READY = 0x2
    MEDIUM_ERROR = 0x3
    HARDWARE_ERROR = 0x4
    ILLEGAL_REQUEST = 0x5
    UNIT_ATTENTION = 0x6
    DATA_PROTECT = 0x7
    ABORTED_COMMAND = 0xB
    MISCOMPARE = 0xE


@dataclass(frozen=True, slots=True)
class Sense:
    """Why a command failed: key, additional sense code and qualifier; perhaps at which block."""

    key: Key
    asc: int
    ascq: int
    information: int | None = None

    def at(self, lba: int) -> "Sense":
        """The same, of block `lba`."""
        return Sense(self.key, self.asc, self.ascq, lba)

    def fixed(self) -> bytes:
        """18 bytes; block numbers beyond 32 bits do not fit and are left out."""
        data = bytearray(FIXED_SIZE)
        data[0] = FIXED_CURRENT
        data[2] = self.key
        if self.information is not None and self.information < 1 << 32:
            data[0] |= VALID
            data[3:7] = self.information.to_bytes(4, "big")
        data[7] = FIXED_SIZE - 8
        data[12], data[13] = self.asc, self.ascq
        return bytes(data)

    def descriptors(self) -> bytes:
        """In descriptor format, with the information descriptor where there is one."""
        extra = b""
        if self.information is not None:
            extra = bytes((0, INFORMATION_DESCRIPTOR_SIZE - 2, VALID, 0))
            extra += self.information.to_bytes(8, "big")
        head = bytes((DESCRIPTOR_CURRENT, self.key, self.asc, self.ascq, 0, 0, 0, len(extra)))
        return head + extra


NO_SENSE = Sense(Key.NO_SENSE, 0x00, 0x00)
NO_MEDIUM = Sense(Key.NOT_READY, 0x3A, 0x00)
NO_MEDIUM_TRAY_CLOSED = Sense(Key.NOT_READY, 0x3A, 0x01)
NO_MEDIUM_TRAY_OPEN = Sense(Key.NOT_READY, 0x3A, 0x02)
NOT_READY_STOPPED = Sense(Key.NOT_READY, 0x04, 0x02)
UNRECOVERED_READ_ERROR = Sense(Key.MEDIUM_ERROR, 0x11, 0x00)
WRITE_ERROR = Sense(Key.MEDIUM_ERROR, 0x0C, 0x00)
TARGET_FAILURE = Sense(Key.HARDWARE_ERROR, 0x44, 0x00)
INVALID_OPCODE = Sense(Key.ILLEGAL_REQUEST, 0x20, 0x00)
LBA_OUT_OF_RANGE = Sense(Key.ILLEGAL_REQUEST, 0x21, 0x00)
INVALID_FIELD_IN_CDB = Sense(Key.ILLEGAL_REQUEST, 0x24, 0x00)
UNIT_NOT_SUPPORTED = Sense(Key.ILLEGAL_REQUEST, 0x25, 0x00)
INVALID_FIELD_IN_PARAMETERS = Sense(Key.ILLEGAL_REQUEST, 0x26, 0x00)
PARAMETER_LENGTH_ERROR = Sense(Key.ILLEGAL_REQUEST, 0x1A, 0x00)
SAVING_NOT_SUPPORTED = Sense(Key.ILLEGAL_REQUEST, 0x39, 0x00)
MEDIUM_REMOVAL_PREVENTED = Sense(Key.ILLEGAL_REQUEST, 0x53, 0x02)
POWER_ON_RESET = Sense(Key.UNIT_ATTENTION, 0x29, 0x00)
UNIT_RESET = Sense(Key.UNIT_ATTENTION, 0x29, 0x03)
MEDIUM_CHANGED = Sense(Key.UNIT_ATTENTION, 0x28, 0x00)
CAPACITY_CHANGED = Sense(Key.UNIT_ATTENTION, 0x2A, 0x09)
REPORTED_LUNS_CHANGED = Sense(Key.UNIT_ATTENTION, 0x3F, 0x0E)
WRITE_PROTECTED = Sense(Key.DATA_PROTECT, 0x27, 0x00)
SPACE_ALLOCATION_FAILED = Sense(Key.DATA_PROTECT, 0x27, 0x07)
DATA_PHASE_ERROR = Sense(Key.ABORTED_COMMAND, 0x4B, 0x00)
MISCOMPARE = Sense(Key.MISCOMPARE, 0x1D, 0x00)


def sense_of(error: BlockError, is_write: bool) -> Sense:
    """What the guest learns of a failure of the host. Ref: SPC-4 annex F (sense codes)."""
    if error.errno == errno.ENOSPC:
        return SPACE_ALLOCATION_FAILED
    if error.errno == errno.EROFS:
        return WRITE_PROTECTED
    if error.errno == errno.EINVAL:
        return LBA_OUT_OF_RANGE
    if error.errno == errno.ENOMEDIUM:
        return NO_MEDIUM
    return WRITE_ERROR if is_write else UNRECOVERED_READ_ERROR
