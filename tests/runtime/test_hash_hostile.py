"""Segments and entries that make no sense: an access is done in RAM, or ends in an interrupt.

And pages of 16 MiB and 16 GiB, which no guest at hand makes.
"""

from __future__ import annotations

import random

import pytest
from bench import CODE, STAY, bench
from hash_model import high_word
from isa.vectors import new_state
from test_hash_native import BASE, LD, MTAMR, MTIAMR, RAM, SLBMTE, STD, Mmu

from jitppc.ir.layout import MSR

ROUNDS = 1500
EFFECTIVE = (0x1000_0000, 0x10_0000_0000, 0xC000_0000_0000_0000)
VECTORS = (0x200, 0x300, 0x380, 0x400, 0x480, 0x600, 0x700)
ENTER, PROTECT, SLBIA = 8, 0x18, 0x7C0003E4
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
        low = source.randrange(RAM >> 16) << 16 | (0x1000 if high & L else 0) | 0x10
        return self.wild(high), self.wild(low | source.getrandbits(9))


@pytest.mark.parametrize("seed", range(2))
def test_nonsense_ends_in_an_interrupt_or_in_RAM(mmu, seed):
    """Random entries of the SLB, several for one address, random entries of the table and keys."""
    made, ends = Nonsense(seed), dict.fromkeys(("ok", *VECTORS), 0)
    source, known = made.source, {}
    for _ in range(ROUNDS):
        ea = made.address()
        step = source.randrange(8)
        if step == 0:
            index = (source.random() < 0.9) << 27 | source.randrange(64)
            known[ea >> 28] = made.segment()
            mmu.execute(SLBMTE, r7=known[ea >> 28], r6=ea & ~0xFFF_FFFF | index)
        elif step in (1, 2):
            rs = known.get(ea >> 28, 0)
            index = 8 * mmu.model.group(rs, ea, source.random() < 0.2) + source.randrange(8)
            flags = source.choice((0, EXACT))
            mmu.call(ENTER, flags, made.wild(index), *made.entry(rs, ea))
        elif step == 3:
            mmu.call(PROTECT, source.getrandbits(32), source.randrange(1 << 14), made.wild(0))
        elif step == 4:
            mmu.set_spr(source.choice((MTAMR, MTIAMR)), made.wild(0))
        elif step == 5:
            mmu.execute(SLBIA | source.randrange(8) << 21)
        else:
            ends[end_of(mmu, source, ea)] += 1
    assert min(ends["ok"], ends[0x300], ends[0x380]) > 0, ends


def end_of(mmu: Mmu, source: random.Random, ea: int):
    """How one instruction ends: the vector of its interrupt, or "ok"."""
    native, problem = mmu.native, MSR.PR if source.random() < 0.5 else 0
    word = source.choice((LD, STD, None))
    native.vcpu.gpr[4] = ea & ~7
    if word is None:
        native.vcpu.msr, native.vcpu.nia = BASE | MSR.IR | problem, ea & ~3
    else:
        native.place(CODE, [word, STAY], little=False)
        native.vcpu.msr, native.vcpu.nia = BASE | MSR.DR | problem, CODE
    stop = native.vcpu.run_for(1)
    assert stop.reason.name in ("BUDGET", "HCALL", "UNKNOWN_WORD"), stop
    return native.vcpu.nia if native.vcpu.nia in VECTORS else "ok"
