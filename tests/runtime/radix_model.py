"""Radix translation written from the book for tests, and trees in guest memory.

Ref: Book III 5.7.6 (process table), 5.7.10 (radix tree translation), 7.5.3 (DSISR).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from jitppc.runtime.memory import GuestMemory

READ, WRITE, FETCH = "read", "write", "fetch"
NO_TRANSLATION, PROTECTION, STORE = 1 << (63 - 33), 1 << (63 - 36), 1 << (63 - 38)
KEY, BAD_TREE, NEEDS_RC, NO_EXECUTE = 1 << (63 - 42), 1 << (63 - 44), 1 << (63 - 45), 1 << 28
VALID, LEAF, R, C = 1 << 63, 1 << 62, 0x100, 0x80
PRIVILEGED, READABLE, READ_WRITE, EXECUTABLE = 8, 4, 2, 1
SHIFTS = (39, 30, 21, 12)
ROOT_BITS, LEVEL_BITS = 13, 9
RTS_52 = 2 << 61 | 5 << 5
PROCESS_TABLE, PROCESS_TABLE_PIDS = 0x100000, 256
TABLES = 0x101000


class SegmentFault(Exception):
    """A segment interrupt."""


class StorageFault(Exception):
    """A storage interrupt with these DSISR (or SRR1) bits."""


class NoMemory(Exception):
    """The real address is not memory: a machine check."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a translation depends on besides the tables."""

    pid: int = 0
    problem: bool = False
    amr: int = 0
    iamr: int = 0


def doubleword(memory: GuestMemory, real: int) -> int:
    """A big-endian doubleword; zero where there is no memory."""
    return int.from_bytes(memory.read(real, 8), "big") if memory.contains(real, 8) else 0


def translate(memory: GuestMemory, context: Context, ea: int, access: str) -> int:
    """The real address, or one of the faults."""
    if ea >> 52 & 0x3FF or ea >> 62 in (1, 2):
        raise SegmentFault
    pid = 0 if ea >> 62 == 3 else context.pid
    if pid >= PROCESS_TABLE_PIDS:
        raise StorageFault(NO_TRANSLATION)
    entry = doubleword(memory, PROCESS_TABLE + 16 * pid)
    rts = (entry >> 61 & 3) << 3 | entry >> 5 & 7
    if entry == 0 or rts + 31 != 52:
        raise StorageFault(BAD_TREE)
    remaining, bits, base = 52, entry & 31, entry & 0x0FFFFFFFFFFFFF00
    while True:
        if not 5 <= bits <= 16 or remaining - bits < 12:
            raise StorageFault(BAD_TREE)
        remaining -= bits
        index = ea >> remaining & (1 << bits) - 1
        entry = doubleword(memory, base + 8 * index)
        if not entry & VALID:
            raise StorageFault(NO_TRANSLATION)
        if entry & LEAF:
            break
        bits, base = entry & 31, entry & 0x0FFFFFFFFFFFFF00
    permit(context, entry, access)
    real = entry & 0x01FFFFFFFFFFF000 & -(1 << remaining) | ea & (1 << remaining) - 1
    if not memory.contains(real, 1):
        raise NoMemory
    return real


def permit(context: Context, entry: int, access: str) -> None:
    """Ref: Book III 5.7.12 (storage protection), figure of the encoded access authority."""
    wanted = {READ: READABLE | READ_WRITE, WRITE: READ_WRITE, FETCH: EXECUTABLE}[access]
    allowed = bool(entry & wanted)
    if access == FETCH and entry & 0x30 == 0x20:
        allowed = False
    if context.problem and entry & PRIVILEGED:
        allowed = False
    if not allowed:
        raise StorageFault(NO_EXECUTE if access == FETCH else PROTECTION)
    if not context.problem and not entry & PRIVILEGED:
        barred = {
            READ: context.amr >> 62 & 1,
            WRITE: context.amr >> 63,
            FETCH: context.iamr >> 62 & 1,
        }[access]
        if barred:
            raise StorageFault(KEY)
    if not entry & R or (access == WRITE and not entry & C):
        raise StorageFault(NEEDS_RC)


@dataclass
class Trees:
    """Builds trees of the shape Linux uses: 13, 9, 9 and 9 bits (5 for 64 KiB pages)."""

    memory: GuestMemory
    next_table: int = TABLES
    roots: dict[int, int] = field(default_factory=dict)

    def _table(self, bits: int) -> int:
        size = 8 << bits
        start = (self.next_table + size - 1) & -size
        self.next_table = start + size
        self.memory.write(start, bytes(size))
        return start

    def clear(self) -> None:
        """No process has a tree."""
        self.memory.write(PROCESS_TABLE, bytes(16 * PROCESS_TABLE_PIDS))
        self.next_table, self.roots = TABLES, {}

    def put(self, real: int, entry: int) -> None:
        self.memory.write(real, entry.to_bytes(8, "big"))

    def root(self, pid: int) -> int:
        if pid not in self.roots:
            self.roots[pid] = self._table(ROOT_BITS)
            self.put(PROCESS_TABLE + 16 * pid, RTS_52 | self.roots[pid] | ROOT_BITS)
        return self.roots[pid]

    def slot(self, pid: int, ea: int, page_shift: int) -> int:
        """Real address of the entry for a page of this size; tables on the way are made."""
        table, bits = self.root(pid), ROOT_BITS
        remaining = 52
        while True:
            remaining -= bits
            slot = table + 8 * (ea >> remaining & (1 << bits) - 1)
            if remaining == page_shift:
                return slot
            entry = doubleword(self.memory, slot)
            below = 5 if remaining == 21 and page_shift == 16 else LEVEL_BITS
            if not entry & VALID or entry & LEAF or entry & 31 != below:
                self.put(slot, VALID | self._table(below) | below)
                entry = doubleword(self.memory, slot)
            table, bits = entry & 0x0FFFFFFFFFFFFF00, entry & 31
