"""Kernels of a few words, for whole machines."""

from __future__ import annotations

import struct
from pathlib import Path

from bench import HCALL

H_PUT_TERM_CHAR = 0x58
SLDI_R6_48 = 0x78C683C6


def li(register: int, value: int) -> int:
    return 14 << 26 | register << 21 | value & 0xFFFF


def lis(register: int, value: int) -> int:
    return 15 << 26 | register << 21 | value & 0xFFFF


def kernel_file(path: Path, words: list[int]) -> Path:
    """A little-endian ELF file with one segment; kernels are entered in big-endian mode."""
    code = b"".join(word.to_bytes(4, "big") for word in words)
    code = code.ljust(4096, b"\0") + b"ibm,client-architecture-support\0"
    ident = b"\x7fELF\2\1\1" + bytes(9)
    entry = 0xC000000000000000
    header = struct.pack("<16sHHIQQQIHHHHHH", ident, 2, 21, 1, entry, 64, 0, 2, 64, 56, 1, 64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 7, 0x1000, entry, 0, len(code), len(code), 4096)
    path.write_bytes((header + segment).ljust(0x1000, b"\0") + code)
    return path


def put(text: bytes, unit: int = 0) -> list[int]:
    """H_PUT_TERM_CHAR of one or two characters, which stand at the left of r6.

    `unit` is the upper half of the console's unit address.
    """
    high = li(6, int.from_bytes(text.ljust(2, b"\0"), "big"))
    count = li(5, len(text))
    return [li(3, H_PUT_TERM_CHAR), lis(4, unit), count, high, SLDI_R6_48, li(7, 0), HCALL]
