"""The address space of cases (see `jitppc.fuzz.cases`) in a guest memory of our own: radix tables.

Ref: Book III 6.7.6 (process table), 6.7.10 (radix tree).
"""

from __future__ import annotations

from jitppc.fuzz.cases import BORDER, CODE
from jitppc.runtime.memory import GuestMemory

RAM_BYTES = 1 << 20
#: an interrupt ends the case: its vector, whichever, holds a hypercall
HYPERCALL = 0x44000022
SYSTEM_CALL = 0x44000002
VECTOR_PAGES = (0x0000, 0x3000, 0x17000)
PROCESS_TABLE, ROOT, LOW_ROOT, TABLES = 0x20000, 0x30000, 0x50000, 0x40000
#: PIDR in 32-bit mode, where the same places have other addresses
LOW_PID = 1
CODE_REAL, GRANULES_REAL = 0x60000, 0x80000
BORDER_REAL = GRANULES_REAL + 0x10000

_VALID, _LEAF, _REFERENCED, _CHANGED = 1 << 63, 1 << 62, 0x100, 0x80
_READ_WRITE, _EXECUTE = 0x6, 0x1
_RTS_52_BITS = 2 << 61 | 5 << 5
#: index bits of each level, from the root down to pages of 64 KiB
_LEVELS = (13, 9, 9, 5)


class AddressSpace:
    """A guest memory with the tables, the vectors and nothing else in it."""

    def __init__(self) -> None:
        self.memory = GuestMemory(RAM_BYTES)
        self._next = TABLES
        for page in VECTOR_PAGES:
            self.memory.write(page, HYPERCALL.to_bytes(4, "little") * 1024)
        for pid, root in ((0, ROOT), (LOW_PID, LOW_ROOT)):
            self._put(PROCESS_TABLE + 16 * pid, _RTS_52_BITS | root | _LEVELS[0])
        for ea, real, access in (
            (CODE, CODE_REAL, _READ_WRITE | _EXECUTE),
            (BORDER - 0x10000, GRANULES_REAL, _READ_WRITE),
            (BORDER, BORDER_REAL, _READ_WRITE),
        ):
            self._map(ROOT, ea, real, access)
            self._map(LOW_ROOT, ea & 0xFFFFFFFF, real, access)

    def _put(self, real: int, value: int) -> None:
        self.memory.write(real, value.to_bytes(8, "big"))

    def _get(self, real: int) -> int:
        return int.from_bytes(self.memory.read(real, 8), "big")

    def _map(self, table: int, ea: int, real: int, access: int) -> None:
        """One page of 64 KiB in the tree below a root."""
        below = 52
        for level, bits in enumerate(_LEVELS):
            below -= bits
            entry = table + 8 * (ea >> below & (1 << bits) - 1)
            if level == len(_LEVELS) - 1:
                self._put(entry, _VALID | _LEAF | _REFERENCED | _CHANGED | real | access)
            elif not self._get(entry):
                self._put(entry, _VALID | self._next | _LEVELS[level + 1])
                self._next += 0x1000
            table = self._get(entry) & 0x0FFF_FFFF_FFFF_FF00
