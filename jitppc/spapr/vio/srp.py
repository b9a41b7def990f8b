"""Information units of SRP as vscsi uses them: taken apart and put together.

Ref: SCSI RDMA Protocol (SRP, INCITS 365-2002) 6 (information units), 5.6 (data buffers);
reference §7.3. All numbers are big-endian.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from jitppc.devices.ports import DmaSpace
from jitppc.ir.scsi_layout import (
    COMMAND_SIZE,
    DESCRIPTOR_SIZE,
    DIRECT,
    INDIRECT,
    IU_SIZE_MAX,
    MAX_BUFFER_BYTES,
    MAX_DESCRIPTORS,
    NO_BUFFER,
    RESPONSE,
    TABLE_HEADER_SIZE,
)

REQUEST_LIMIT = 62
"""Requests that the guest may have outstanding."""

LOGIN_REQUEST, TASK_MANAGEMENT = 0x00, 0x01
LOGIN_RESPONSE = 0xC0

BUFFER_FORMATS = 1 << DIRECT | 1 << INDIRECT
DESCRIPTOR = struct.Struct(">QII")
TASK_MANAGEMENT_SIZE = 40
LOGIN_SIZE = 64

RESPONSE_VALID, SENSE_VALID = 0x01, 0x02
OUT_OVER, OUT_UNDER, IN_OVER, IN_UNDER = 0x04, 0x08, 0x10, 0x20


class TaskFunction(IntEnum):
    """Ref: SRP 6.7 (task management)."""

    ABORT_TASK = 0x01
    ABORT_TASK_SET = 0x02
    CLEAR_TASK_SET = 0x04
    LUN_RESET = 0x08
    CLEAR_ACA = 0x40


class TaskAnswer(IntEnum):
    """Ref: SRP 6.9 (response data)."""

    COMPLETE = 0x00
    FIELDS_INVALID = 0x02
    NOT_SUPPORTED = 0x04
    FAILED = 0x05


class Malformed(Exception):
    """The guest's information unit contradicts itself."""


@dataclass(frozen=True, slots=True)
class Command:
    """A SCSI command and the (address, count) pieces of its data buffers."""

    tag: int
    lun: int
    cdb: bytes
    data_out: list[tuple[int, int]]
    data_in: list[tuple[int, int]]


def tag_of(iu: bytes) -> int:
    """Of a request."""
    return int.from_bytes(iu[8:16], "big")


def lun_of(iu: bytes) -> int:
    """Eight bytes, of a command or a task management request."""
    return int.from_bytes(iu[20:28], "big")


def parse_command(iu: bytes, dma: DmaSpace) -> Command:
    """The command in an IU; indirect tables that are not inside are read through `dma`.

    Malformed when fields contradict each other; DmaError when a table cannot be read.
    """
    if len(iu) < COMMAND_SIZE:
        raise Malformed("shorter than a command")
    additional = iu[31] & ~3
    at = COMMAND_SIZE + additional
    cdb = iu[32:at]
    if at > len(iu):
        raise Malformed("shorter than its command descriptor block")
    data_out, at = _pieces(iu, at, iu[5] >> 4, iu[6], dma)
    data_in, at = _pieces(iu, at, iu[5] & 0xF, iu[7], dma)
    return Command(tag_of(iu), lun_of(iu), cdb, data_out, data_in)


def _pieces(
    iu: bytes, at: int, form: int, inline: int, dma: DmaSpace
) -> tuple[list[tuple[int, int]], int]:
    """The pieces of the buffer described at offset `at`, and where the description ends."""
    if form == NO_BUFFER:
        return [], at
    if form == DIRECT:
        end = at + DESCRIPTOR_SIZE
        return _descriptors(iu[at:end], 1), end
    if form != INDIRECT:
        raise Malformed(f"buffer format {form}")
    end = at + TABLE_HEADER_SIZE + inline * DESCRIPTOR_SIZE
    if end > len(iu):
        raise Malformed("shorter than its buffer descriptors")
    table, _, size = DESCRIPTOR.unpack_from(iu, at)
    count = size // DESCRIPTOR_SIZE
    if count > MAX_DESCRIPTORS:
        raise Malformed(f"{count} buffer descriptors")
    start = at + TABLE_HEADER_SIZE
    data = iu[start:end] if count <= inline else dma.read(table, count * DESCRIPTOR_SIZE)
    return _descriptors(data, count), end


def _descriptors(data: bytes, count: int) -> list[tuple[int, int]]:
    if len(data) < count * DESCRIPTOR_SIZE:
        raise Malformed("shorter than its buffer descriptors")
    each = DESCRIPTOR.iter_unpack(data[: count * DESCRIPTOR_SIZE])
    pieces = [(address, size) for address, _, size in each if size]
    if sum(size for _, size in pieces) > MAX_BUFFER_BYTES:
        raise Malformed("a larger data buffer than the adapter takes")
    return pieces


def login_response(tag: int) -> bytes:
    """Ref: SRP 6.3."""
    limits = struct.pack(">IQII", REQUEST_LIMIT, tag, IU_SIZE_MAX, IU_SIZE_MAX)
    return bytes((LOGIN_RESPONSE, 0, 0, 0)) + limits + BUFFER_FORMATS.to_bytes(2, "big") + bytes(26)


@dataclass(frozen=True, slots=True)
class Residual:
    """How far one data buffer is from what was wanted: over, or under, by so many bytes."""

    over: int = 0
    under: int = 0


def response(tag: int, status: int, sense: bytes, data_out: Residual, data_in: Residual) -> bytes:
    """The answer to a command. Ref: SRP 6.9."""
    flags = (SENSE_VALID if sense else 0) | (OUT_OVER if data_out.over else 0)
    flags |= (OUT_UNDER if data_out.under else 0) | (IN_OVER if data_in.over else 0)
    flags |= IN_UNDER if data_in.under else 0
    out, in_ = data_out.over or data_out.under, data_in.over or data_in.under
    return _response(tag, flags, status, (out, in_), sense, b"")


def task_response(tag: int, answer: TaskAnswer) -> bytes:
    """The answer to a task management request."""
    return _response(tag, RESPONSE_VALID, 0, (0, 0), b"", bytes((0, 0, 0, answer)))


def _response(
    tag: int, flags: int, status: int, residuals: tuple[int, int], sense: bytes, data: bytes
) -> bytes:
    head = struct.pack(">B3xIQ2xBB", RESPONSE, 1, tag, flags, status)
    return head + struct.pack(">IIII", *residuals, len(sense), len(data)) + data + sense
