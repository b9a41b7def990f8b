"""Segments and entries that make no sense: an access is done where the book has it, or ends in the
interrupt that the book has for it.

And pages of 16 MiB and 16 GiB, which no guest at hand makes.
"""

from __future__ import annotations

import random

import pytest
from bench import CODE, STAY, bench
from hash_model import (
    FETCH,
    IS_STORE,
    NO_ENTRY,
    NO_EXECUTE,
    READ,
    WRITE,
    C,
    H,
    R,
    StorageFault,
    high_word,
)
from isa.vectors import new_state
from test_hash_native import BASE, LD, MTAMR, MTIAMR, RAM, SLBMTE, STD, Mmu, table_words

from jitppc.ir.layout import MSR

ROUNDS = 1500
EFFECTIVE = (0x1000_0000, 0x10_0000_0000, 0xC000_0000_0000_0000)
VECTORS = (0x200, 0x300, 0x380, 0x400, 0x480, 0x600, 0x700)
ENTER, PROTECT, SLBIA = 8, 0x18, 0x7C0003E4
FORGET = SLBIA | 7 << 21        # what was translated, but no entry
NOP, STORED = 0x60000000, 0x1122334455667788
#: below are vectors and the instructions that run
CODE_END = 0x40000
NOT_RAM_DATA, NOT_RAM_FETCH = 1 << (63 - 42), 1 << (63 - 45)
#: SRR1 of interrupts of fetches and of machine checks
CAUSES = 0x783F_0000 | NOT_RAM_DATA | NOT_RAM_FETCH
V, L, EXACT = 1, 4, 1 << 39
#: log2 of the segment's pages, its bits in the SLB; log2 of the entry's page, its bits
LARGE_PAGES = ((24, 0x100, 24, 0), (16, 0x110, 24, 8), (12, 0, 24, 0x38), (34, 0x120, 34, 3))


@pytest.fixture
def mmu():
    """With pages of all sizes."""
    native = bench("exact", RAM)
    native.load_state(new_state())
    native.vcpu.lpcr = 0
    native.place_vectors(little=False)
    made = Mmu(native, 0)
    native.memory.make_hash_table(18, 34)
    yield made
    native.vcpu.set_hash_mode(False)
    native.memory.make_hash_table(0)



@pytest.mark.parametrize(("base", "bits", "page", "code"), LARGE_PAGES)
def test_a_large_page_is_found_and_covers_its_size(mmu, base, bits, page, code):
    """All of RAM is in its first page, at real address 0. Ref: Power ISA 2.07 Book III-S 5.7.7."""
    is_big = page == 34
    start = 0x40_0000_0000 if is_big else 0x1000_0000
    shift = 40 if is_big else 28
    vsid = 0x1234
    rs = vsid << (24 if is_big else 12) | is_big << 62 | bits
    esid = start >> shift << shift
    mmu.execute(SLBMTE, r7=rs, r6=esid | 1 << 27 | 3)
    mmu.native.memory.write(0x30_0008, bytes.fromhex("1122334455667788"))
    offset = start - esid
    for at in (0x30_0008, 0x20_0010):
        inside = offset + at
        aligned = inside >> base << base    # an entry for each base page that is looked for
        hashed = vsid ^ (vsid << 25 if is_big else 0) ^ inside >> base
        high = is_big << 62 | (rs & ~0xFFF & (1 << 62) - 1) | aligned >> 16 & ~0x7F | L | V
        low = code << 12 | 0x10 | 2
        index = (hashed & (1 << 11) - 1) * 8
        assert mmu.call(ENTER, 0, index, high, low)[0] == 0
    assert mmu.access("read", start + 0x30_0008, problem=False) == ("ok", 0x1122334455667788)
    assert mmu.access("write", start + 0x20_0010, problem=True) == ("ok", 0)
    assert mmu.native.memory.read(0x20_0010, 8) == bytes.fromhex("1122334455667788")


def test_pages_above_the_machines_limit_cannot_be_entered(mmu):
    mmu.native.memory.make_hash_table(18, 16)
    for base, _, _, code in LARGE_PAGES:
        high = (1 << 62 if base == 34 else 0) | L | V
        assert mmu.call(ENTER, 0, 0, high, code << 12 | 0x12)[0] == -4


class Nonsense:
    """A source of arguments: often near what makes sense, else any bits."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)

    def wild(self, tame: int) -> int:
        return self.source.getrandbits(64) if self.source.random() < 0.3 else tame

    def address(self) -> int:
        """Mostly in a few pages of a few segments."""
        choice = self.source.choice
        inside = choice((0, 0x1000, 0xFFF_FFF8, self.source.getrandbits(30)))
        return choice(EFFECTIVE) + inside

    def segment(self) -> int:
        """RS of slbmte."""
        choice = self.source.choice
        vsid = choice((0x1000, 0x2000, 1 << 62 | 1 << 24))
        return self.wild(vsid | choice((0, 0x110, 0x100, 0x120, 0x130)))

    def entry(self, rs: int, ea: int) -> tuple[int, int]:
        """The doublewords of an entry for a page of the segment."""
        source = self.source
        high = high_word(rs, ea, V | source.choice((0, 2, 0x10, 0x70)))
        low = source.randrange(CODE_END >> 16, RAM >> 16) << 16 | (0x1000 if high & L else 0) | 0x10
        return self.wild(high), self.wild(low | source.choice((2, source.getrandbits(9))))


BASES = {0: 12, 0x110: 16, 0x100: 24, 0x120: 34}
#: base page of the segment, size of the page, what the entry's low-order real page number says
SIZES = ((12, 16, 7), (12, 24, 0x38), (16, 16, 1), (16, 24, 8), (24, 24, 0), (34, 34, 3))
FIELD = 3 << 62 | 0x3FFF_FFFF_FFFF_FF80


def page_size(base: int, high: int, low: int) -> int | None:
    """log2 of the size of an entry's page in segments with this base. Ref: reference §4.3.1."""
    if not high & L:
        return 12 if base == 12 else None
    fits = (n for b, n, code in SIZES if b == base and low % (1 << n) >> 12 == code)
    return next(fits, None)


class Book:
    """What may come of an access, read from the SLB and the table as they are.

    Where several entries of either match, which is an error of the program, any may be used.
    """

    def __init__(self, mmu: Mmu) -> None:
        self.mmu, self.words = mmu, table_words(mmu)

    def ends(self, ea: int, kind: str, problem: bool) -> list[tuple[int, int, int]]:
        """(0, real address, number of the entry), or (vector, DSISR or SRR1, 0)."""
        segment = (0x480 if kind == FETCH else 0x380), 0, 0
        found = []
        for rb, rs in ((int(rb), int(rs)) for rb, rs in self.mmu.native.vcpu.state["slb"]):
            shift = 40 if rs >> 62 & 1 else 28
            if rb >> 27 & 1 and rb >> shift == ea >> shift:
                base = BASES.get(rs & 0x130)
                found += [segment] if base is None else self.by(rs, base, ea, kind, problem)
        return found or [segment]

    def by(self, rs: int, base: int, ea: int, kind: str, problem: bool) -> list[tuple]:
        """Through one segment."""
        storage = 0x400 if kind == FETCH else 0x300
        store = IS_STORE if kind == WRITE else 0
        if kind == FETCH and rs & 0x200:
            return [(storage, NO_EXECUTE, 0)]
        found = []
        for index, size in self.entries(rs, base, ea):
            low = int(self.words[index][1])
            try:
                self.mmu.model.permit(low, kind, bool(rs & (0x400 if problem else 0x800)))
            except StorageFault as fault:
                found.append((storage, fault.args[0] | store, 0))
                continue
            real = low & 0x0FFF_FFFF_FFFF_F000 & -(1 << size) | ea & (1 << size) - 1
            not_ram = 0x200, NOT_RAM_FETCH if kind == FETCH else NOT_RAM_DATA, 0
            found.append((0, real, index) if real < RAM else not_ram)
        return found or [(storage, NO_ENTRY | store, 0)]

    def entries(self, rs: int, base: int, ea: int):
        """(number, log2 of the page's size) of the entries that match."""
        is_big = rs >> 62 & 1
        inside = ea & (1 << (40 if is_big else 28)) - 1
        vsid = (rs & (1 << 62) - 1) >> (24 if is_big else 12)
        hashed = vsid ^ (vsid << 25 if is_big else 0) ^ inside >> base
        aligned = inside >> base << base
        wanted = rs & 3 << 62 | vsid << (24 if is_big else 12) | aligned >> 16
        groups = len(self.words) // 8
        for second, group in ((0, hashed % groups), (H, ~hashed % groups)):
            for index in range(8 * group, 8 * group + 8):
                high, low = (int(word) for word in self.words[index])
                size = page_size(base, high, low)
                is_it = high & (V | H) == V | second and not (high ^ wanted) & FIELD
                if is_it and size is not None:
                    yield index, size


@pytest.mark.parametrize("seed", range(2))
def test_nonsense_ends_as_the_book_has_it(mmu, seed):
    """Random entries of the SLB, several for one address, random entries of the table and keys."""
    made, ends = Nonsense(seed), dict.fromkeys((0, *VECTORS), 0)
    source, known, book = made.source, {}, Book(mmu)
    entered = [0]
    for _ in range(ROUNDS):
        ea = made.address()
        step = source.randrange(10)
        if step == 0:
            index = (source.random() < 0.9) << 27 | source.randrange(64)
            known[ea >> 28] = made.segment()
            mmu.execute(SLBMTE, r7=known[ea >> 28], r6=ea & ~0xFFF_FFFF | index)
        elif step in (1, 2):
            rs = known.get(ea >> 28, 0)
            index = 8 * mmu.model.group(rs, ea, source.random() < 0.2) + source.randrange(8)
            flags = source.choice((0, EXACT))
            mmu.call(ENTER, flags, made.wild(index), *made.entry(rs, ea))
            entered.append(ea)
        elif step == 3:
            mmu.call(PROTECT, source.getrandbits(32), source.randrange(1 << 14), made.wild(0))
        elif step == 4:
            mmu.set_spr(source.choice((MTAMR, MTIAMR)), made.wild(0))
        elif step == 5:
            mmu.execute(SLBIA | source.randrange(8) << 21)
            mmu.set_spr(source.choice((MTAMR, MTIAMR)), 0)
        else:
            if source.random() < 0.7:
                ea = source.choice(entered[-20:])
            if source.random() < 0.5 and ea >> 28 in known:
                index = 1 << 27 | source.randrange(64)
                mmu.execute(SLBMTE, r7=known[ea >> 28], r6=ea & ~0xFFF_FFFF | index)
            kind, problem = source.choice((READ, WRITE, FETCH)), source.random() < 0.5
            if source.random() < 0.5:       # ... by what is there, or also by what was there before
                mmu.execute(FORGET)
                ends[judged(mmu, book, ea, kind, problem)] += 1
            else:
                vector = carried_out(mmu, ea, kind, problem)[0]
                assert vector in (0, *VECTORS)
    assert min(ends[0], ends[0x300], ends[0x380], ends[0x400], ends[0x480]) > 0, ends


def carried_out(mmu: Mmu, ea: int, kind: str, problem: bool) -> tuple[int, int, int]:
    """One instruction: (vector, DSISR or SRR1, address), the vector is 0 if there was none."""
    vcpu = mmu.native.vcpu
    vcpu.gpr[3], vcpu.gpr[4], vcpu.gpr[5] = 0, ea & ~7, STORED
    bits = MSR.PR if problem else 0
    if kind == FETCH:
        vcpu.msr, vcpu.nia = BASE | MSR.IR | bits, ea & ~3
    else:
        mmu.native.place(CODE, [LD if kind == READ else STD, STAY], little=False)
        vcpu.msr, vcpu.nia = BASE | MSR.DR | bits, CODE
    stop = vcpu.run_for(1)
    assert stop.reason.name in ("BUDGET", "HCALL", "UNKNOWN_WORD"), stop
    nia, spr = vcpu.nia, vcpu.spr
    if nia not in VECTORS:
        return 0, 0, nia
    is_data = nia in (0x300, 0x380) or (nia == 0x200 and kind != FETCH)
    cause = spr["DSISR"] if nia == 0x300 else spr["SRR1"] & CAUSES
    return nia, 0 if nia in (0x380, 0x480) else cause, spr["DAR"] if is_data else spr["SRR0"]


def judged(mmu: Mmu, book: Book, ea: int, kind: str, problem: bool) -> int:
    """The vector of an access that ends in one of the ways that the book allows."""
    ea &= ~3 if kind == FETCH else ~7
    memory, allowed = mmu.native.memory, book.ends(ea, kind, problem)
    places = [(real, index) for vector, real, index in allowed if not vector]
    for real, _ in places:
        memory.write(real, NOP.to_bytes(4, "big") if kind == FETCH else real.to_bytes(8, "big"))
    before = {index: int(book.words[index][1]) for _, index in places}
    vector, cause, address = carried_out(mmu, ea, kind, problem)
    says = f"{kind} {ea:#x}: {vector:#x} {cause:#x} {address:#x}, not {allowed}"
    if vector:
        assert any((vector, cause) == (v, bits) for v, bits, _ in allowed if v), says
        assert address == ea, says
        return vector
    bits = R | (C if kind == WRITE else 0)
    used = [real for real, n in places if int(book.words[n][1]) == before[n] | bits]
    assert used, says
    if kind == FETCH:
        assert address == ea + 4, says
    elif kind == READ:
        assert int(mmu.native.vcpu.gpr[3]) in used, says
    else:
        stored = STORED.to_bytes(8, "big")
        assert any(memory.read(real, 8) == stored for real in used), says
    return vector
