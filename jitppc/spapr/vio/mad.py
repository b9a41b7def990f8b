"""Management datagrams of vscsi: who is at the other end, and what it can do.

Ref: LoPAR 17.2.3 (VSCSI, management datagrams); reference §7.3. All numbers are big-endian.
"""

import struct

from jitppc.devices.ports import DmaSpace

ADAPTER_INFO, CAPABILITIES = 0x03, 0x09
HEADER_SIZE = 16
SUCCESS, NOT_SUPPORTED, FAILED = 0x00, 0xF1, 0xF7

MAX_TRANSFER_BYTES = 4096 << 9
OS_LINUX = 2
INFO_SIZE = 148

CAPABILITIES_SIZE = 92
CAPABILITY_FLAGS = slice(0, 4)
MIGRATION_SUPPORT = slice(74, 76)
RESERVE_SUPPORT = slice(86, 88)


def adapter_info() -> bytes:
    """SRP version, partition, and how much one command may transfer."""
    texts = b"16.a".ljust(8, b"\0") + b"qemu".ljust(96, b"\0")
    return (texts + struct.pack(">IIII", 0, 1, OS_LINUX, MAX_TRANSFER_BYTES)).ljust(
        INFO_SIZE, b"\0"
    )


def answer(iu: bytes, dma: DmaSpace) -> bytes:
    """The datagram with its status; what it asked for is in the buffer that it names.

    DmaError when that buffer is not the guest's to give.
    """
    kind, _, length = struct.unpack_from(">IHH", iu)
    status = NOT_SUPPORTED
    if kind == ADAPTER_INFO:
        dma.write(_buffer(iu), adapter_info()[:length])
        status = SUCCESS
    elif kind == CAPABILITIES:
        status = _capabilities(_buffer(iu), length, dma)
    return iu[:4] + status.to_bytes(2, "big") + iu[6:]


def _buffer(iu: bytes) -> int:
    return int.from_bytes(iu[HEADER_SIZE : HEADER_SIZE + 8], "big")


def _capabilities(buffer: int, length: int, dma: DmaSpace) -> int:
    """Nothing of what the guest asks for: neither migration nor reservations."""
    if length < CAPABILITIES_SIZE:
        return FAILED
    asked = bytearray(dma.read(buffer, CAPABILITIES_SIZE))
    for field in (CAPABILITY_FLAGS, MIGRATION_SUPPORT, RESERVE_SUPPORT):
        asked[field] = bytes(field.stop - field.start)
    dma.write(buffer, bytes(asked))
    return SUCCESS
