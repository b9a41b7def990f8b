"""Hashed page table translation written from the book for tests.

Ref: Power ISA 2.07 Book III-S 5.7.6 (SLB), 5.7.7 (page table search), 5.7.9 (protection), 6.5.3
(DSISR); LoPAR 14.5.4.1.
"""

from __future__ import annotations

READ, WRITE, FETCH = "read", "write", "fetch"
NO_ENTRY, PROTECTION, IS_STORE, NO_EXECUTE = 0x4000_0000, 0x0800_0000, 0x0200_0000, 0x1000_0000
KEY = 0x0020_0000
SUCCESS, PARAMETER, GROUP_FULL, NOT_FOUND = 0, -4, -6, -7
V, H, L = 1, 2, 4
R, C = 0x100, 0x80
EXACT, READ_4, AVPN, AND_CONDITION = 1 << 39, 1 << 37, 1 << 31, 1 << 30


class SegmentFault(Exception):
    """A segment interrupt."""


class StorageFault(Exception):
    """A storage interrupt with these bits."""


def virtual_segment(rs: int) -> tuple[int, int, int]:
    """(segment id, log2 of the segment's bytes, log2 of its pages' bytes) of slbmte's RS."""
    is_big = bool(rs >> 62)
    vsid = rs >> (24 if is_big else 12) & (1 << (38 if is_big else 50)) - 1
    return vsid, 40 if is_big else 28, 16 if rs & 0x100 else 12


def high_word(rs: int, ea: int, extra: int = V) -> int:
    """The first doubleword of an entry for the page of ea in a segment."""
    vsid, log2, pages = virtual_segment(rs)
    address = vsid << log2 | ea & (1 << log2) - 1
    number = address >> 23  # the abbreviated virtual page number
    return (log2 == 40) << 62 | number << 7 | (L if pages == 16 else 0) | extra


class Model:
    """An SLB and a table of `groups` groups of eight."""

    def __init__(self, groups: int) -> None:
        self.groups = groups
        self.slb: dict[int, tuple[int, int]] = {}
        self.table = [(0, 0)] * (8 * groups)
        self.amr = self.iamr = 0

    def segment(self, ea: int) -> int | None:
        """RS of the segment of ea."""
        for esid, rs in self.slb.values():
            shift = virtual_segment(rs)[1]
            if esid >> shift == ea >> shift:
                return rs
        return None

    def group(self, rs: int, ea: int, is_second: bool = False) -> int:
        vsid, log2, pages = virtual_segment(rs)
        inside = (ea & (1 << log2) - 1) >> pages
        value = vsid ^ inside if log2 == 28 else vsid ^ vsid << 25 ^ inside
        return (~value if is_second else value) % self.groups

    def find(self, rs: int, ea: int) -> int | None:
        for is_second in (False, True):
            first = 8 * self.group(rs, ea, is_second)
            wanted = high_word(rs, ea, V | (H if is_second else 0))
            mask = ~0x78  # software's bits
            for index in range(first, first + 8):
                high, low = self.table[index]
                has_size = not high & L or low >> 12 & 15 == 1
                if high & mask == wanted & mask and has_size:
                    return index
        return None

    def translate(self, ea: int, kind: str, problem: bool) -> int:
        """The real address; sets R and C."""
        rs = self.segment(ea)
        if rs is None:
            raise SegmentFault
        if kind == FETCH and rs & 0x200:
            raise StorageFault(NO_EXECUTE)
        index = self.find(rs, ea)
        if index is None:
            raise StorageFault(NO_ENTRY)
        high, low = self.table[index]
        self.permit(low, kind, bool(rs & (0x400 if problem else 0x800)))
        self.table[index] = high, low | R | (C if kind == WRITE else 0)
        size = 16 if high & L else 12
        return low & 0x0FFF_FFFF_FFFF_F000 & -(1 << size) | ea & (1 << size) - 1

    def permit(self, low: int, kind: str, is_keyed: bool) -> None:
        """Figure "PP bit protection states", and the virtual page class keys."""
        pp = low >> 63 << 2 | low & 3
        rights = {0: "rw", 1: "rw", 2: "rw", 3: "r", 6: "r"}
        keyed = {0: "", 1: "r", 2: "rw", 3: "r", 6: ""}
        right = (keyed if is_keyed else rights).get(pp, "")
        number = (low >> 60 & 3) << 3 | low >> 9 & 7
        place = 62 - 2 * number
        if kind == FETCH:
            if "r" not in right:
                raise StorageFault(PROTECTION)
            if low & 0xC:
                raise StorageFault(NO_EXECUTE)
            if self.iamr >> place & 1:
                raise StorageFault(KEY | NO_EXECUTE)
            return
        if kind[0] not in right:
            raise StorageFault(PROTECTION)
        if self.amr >> place & (2 if kind == WRITE else 1):
            raise StorageFault(KEY)

    # --- hypercalls: arguments as r4..., answers as (status, r4...)
    def is_inside(self, index: int) -> bool:
        return index < len(self.table)

    def enter(self, flags: int, index: int, high: int, low: int, ram: int) -> tuple[int, ...]:
        large = bool(high & L)
        real = low & 0x0FFF_FFFF_FFFF_F000 & -(1 << 16 if large else 1 << 12)
        known = low >> 12 & 15 in (1, 7) if large else True
        attributes = low & 0x70
        fits = attributes == 0x10 if real < ram else attributes in (0x20, 0x30)
        if not known or not fits or not self.is_inside(index):
            return (PARAMETER,)
        if not flags & EXACT:
            index &= -8
            free = [n for n in range(index, index + 8) if not self.table[n][0] & V]
        else:
            free = [index] if not self.table[index][0] & V else []
        if not free:
            return (GROUP_FULL,)
        self.table[free[0]] = high & ~0x60, low
        return SUCCESS, free[0]

    def _wanted(self, index: int, flags: int, avpn: int) -> bool:
        high = self.table[index][0]
        return bool(
            high & V
            and (not flags & AVPN or high & ~0x7F == avpn)
            and (not flags & AND_CONDITION or not high & avpn)
        )

    def remove(self, flags: int, index: int, avpn: int) -> tuple[int, ...]:
        if not self.is_inside(index):
            return (PARAMETER,)
        if not self._wanted(index, flags, avpn):
            return (NOT_FOUND,)
        old, self.table[index] = self.table[index], (0, 0)
        return SUCCESS, *old

    def protect(self, flags: int, index: int, avpn: int) -> tuple[int, ...]:
        if not self.is_inside(index):
            return (PARAMETER,)
        if not self._wanted(index, flags & AVPN, avpn):
            return (NOT_FOUND,)
        high, low = self.table[index]
        low &= ~(1 << 63 | 3 << 60 | 0xE07)
        low |= (flags >> 8 & 1) << 63 | (flags >> 12 & 3) << 60 | flags & 0xE07
        self.table[index] = high, low
        return (SUCCESS,)

    def bulk_remove(self, *words: int) -> tuple[int, ...]:
        answer = list(words)
        for n in range(0, 8, 2):
            spec, avpn = words[n], words[n + 1]
            if spec >> 62 == 3:
                break
            kept = spec & (1 << 58) - 1
            is_bad = spec >> 62 != 1 or spec >> 56 & 3 == 3
            flags = (AVPN if spec >> 57 & 1 else 0) | (AND_CONDITION if spec >> 56 & 1 else 0)
            found = (PARAMETER,) if is_bad else self.remove(flags, spec & (1 << 56) - 1, avpn)
            code = {SUCCESS: 0, NOT_FOUND: 1, PARAMETER: 2}[found[0]]
            bits = (found[2] >> 8 & 1) << 59 | (found[2] >> 7 & 1) << 58 if code == 0 else 0
            answer[n] = 2 << 62 | code << 60 | bits | kept
            if code == 2:
                return PARAMETER, *answer
        return SUCCESS, *answer

    def read(self, flags: int, index: int) -> tuple[int, ...]:
        first, count = (index & -4, 4) if flags & READ_4 else (index, 1)
        if not self.is_inside(index):
            return (PARAMETER,)
        return SUCCESS, *(word for entry in self.table[first : first + count] for word in entry)

    def clear(self, bit: int, index: int) -> tuple[int, ...]:
        if not self.is_inside(index):
            return (PARAMETER,)
        high, low = self.table[index]
        if not high & V:
            return (NOT_FOUND,)
        self.table[index] = high, low & ~bit
        return SUCCESS, low
