"""Native hashed page table translation against a model written from the book."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
from bench import CODE, STAY, Bench, bench
from hash_model import (
    AND_CONDITION,
    AVPN,
    EXACT,
    FETCH,
    IS_STORE,
    READ,
    READ_4,
    WRITE,
    C,
    H,
    L,
    Model,
    R,
    SegmentFault,
    StorageFault,
    V,
    high_word,
)
from isa.vectors import new_state

from jitppc.ir.layout import MSR, NO_TAG

RAM = 4 << 20
DATA, DATA_END = 0x20_0000, 0x30_0000
GROUPS_LOG2 = 11
BASE = MSR.SF | MSR.ME
SC1, LD, STD = 0x44000022, 0xE8640000, 0xF8A40000  # ld r3,0(r4), std r5,0(r4)
SLBMTE, SLBIE = 0x7C003324 | 7 << 21, 0x7C003364  # slbmte r7,r6; slbie r6
MTAMR, MTIAMR = (31 << 26 | 6 << 21 | (n & 31) << 16 | n >> 5 << 11 | 467 << 1 for n in (29, 61))
SPACES = (0, 0x10_0000_0000, 0x7FFF_0000_0000, 0xC000_0000_0000_0000, 0xD000_0000_0000_0000)
CALLS = {"remove": 4, "enter": 8, "read": 12, "clear_c": 16, "clear_r": 20, "protect": 24}
BULK_REMOVE = 0x124
#: what a history is made of, and how often
STEPS = (
    *["touch"] * 24, *["enter"] * 10, *["change"] * 3,
    "bulk", "keys", "segment", "drop", "drop_all",
)  # fmt: skip


class Mmu:
    """A vCPU with segments and a table, driven by real instructions; the model goes along."""

    def __init__(self, native: Bench, seed: int) -> None:
        self.native, self.source = native, random.Random(seed)
        native.load_state(new_state())
        native.memory.make_hash_table(GROUPS_LOG2 + 7)
        native.vcpu.state["slb"] = 0
        native.vcpu.set_hash_mode(True)
        self.model = Model(1 << GROUPS_LOG2)
        self.known: dict[int, int] = {}  # RS by ea >> 28
        self.set_spr(MTAMR, 0)
        self.set_spr(MTIAMR, 0)

    def execute(self, word: int, **gprs: int) -> None:
        """One instruction of supervisor state in real mode."""
        vcpu = self.native.vcpu
        self.native.place(CODE, [word, STAY], little=False)
        for name, value in gprs.items():
            vcpu.gpr[int(name[1:])] = value
        vcpu.msr, vcpu.nia = BASE, CODE
        vcpu.run_for(1)
        assert vcpu.nia == CODE + 4

    def call(self, opcode: int, *arguments: int) -> tuple[int, ...]:
        """A hypercall; r3, r4, ..."""
        gprs = {f"r{4 + n}": value for n, value in enumerate(arguments)}
        self.execute(SC1, r3=opcode, **gprs)
        values = [int(value) for value in self.native.vcpu.gpr[3:13]]
        return (values[0] - (1 << 64) if values[0] >> 63 else values[0], *values[1:])

    def set_spr(self, word: int, value: int) -> None:
        self.execute(word, r6=value)
        setattr(self.model, "amr" if word == MTAMR else "iamr", value)

    def access(self, kind: str, ea: int, problem: bool) -> tuple:
        """("ok", what was loaded or fetched), or ("fault", vector, bits, address)."""
        vcpu = self.native.vcpu
        vcpu.gpr[3], vcpu.gpr[4], vcpu.gpr[5] = 0, ea, 0x1122334455667788
        bits = MSR.PR if problem else 0
        if kind == FETCH:
            vcpu.msr, vcpu.nia = BASE | MSR.IR | bits, ea
        else:
            self.native.place(CODE, [LD if kind == READ else STD, STAY], little=False)
            vcpu.msr, vcpu.nia = BASE | MSR.DR | bits, CODE
        vcpu.run_for(1)
        nia, spr = vcpu.nia, vcpu.spr
        if nia in (0x300, 0x380):
            return "fault", nia, spr["DSISR"] if nia == 0x300 else 0, spr["DAR"]
        if nia in (0x400, 0x480):
            return "fault", nia, spr["SRR1"] & 0x783F_0000 if nia == 0x400 else 0, spr["SRR0"]
        return "ok", vcpu.gpr[3]

    def expected(self, kind: str, ea: int, problem: bool) -> tuple:
        is_fetch = kind == FETCH
        try:
            real = self.model.translate(ea, kind, problem)
        except SegmentFault:
            return "fault", 0x480 if is_fetch else 0x380, 0, ea
        except StorageFault as fault:
            bits = fault.args[0] | (IS_STORE if kind == WRITE else 0)
            return "fault", 0x400 if is_fetch else 0x300, bits, ea
        if kind == WRITE:
            return "ok", 0
        return "ok", int.from_bytes(self.native.memory.read(real, 8), "big") if kind == READ else (
            real - DATA >> 12
        )

    # --- steps of a random history
    def random_ea(self) -> int:
        """Mostly in a few pages of a few segments."""
        source = self.source
        inside = source.choice((0, 0x1000, 0x1_0000, 0x2_3000, 0x100_0000, 0x0FFF_F000))
        return source.choice(SPACES) + source.randrange(2) * 0x1000_0000 + inside

    def step(self) -> None:
        source = self.source
        getattr(
            self,
            source.choice(STEPS),
        )()

    def segment(self) -> None:
        self.load_segment(self.random_ea())

    def load_segment(self, ea: int) -> int:
        """The segment of ea is in the SLB; its RS, which is mostly the same for the same ea."""
        source = self.source
        rs = self.known.get(ea >> 28)
        if rs is None or source.random() < 0.05:
            is_big = source.random() < 0.4
            vsid = 0x1234 + (ea >> (40 if is_big else 28) & 0xFFFFF) + source.randrange(2)
            rs = vsid << (24 if is_big else 12) | is_big << 62 | source.choice((0, 0x110))
            rs |= source.choice((0, 0, 0x400, 0x800, 0xC00))
            rs |= 0x200 if source.random() < 0.1 else 0
            rs |= 0x80 if ea >> 62 != 3 else 0
            self.known[ea >> 28] = rs
        is_big = bool(rs >> 62)
        shift = 40 if is_big else 28
        esid = ea >> shift << shift
        if (esid, rs) in self.model.slb.values():
            return rs
        clash = [n for n, (e, r) in self.model.slb.items() if self.overlap(e, r, esid, is_big)]
        for n in clash:  # two entries for one address are an error of the program
            if n in self.model.slb:
                self.drop_one(self.model.slb[n][0])
        index = source.randrange(1, 32)
        if index in self.model.slb:
            self.drop_one(self.model.slb[index][0])
        self.execute(SLBMTE, r7=rs, r6=esid | 1 << 27 | index)
        self.model.slb[index] = esid, rs
        return rs

    @staticmethod
    def overlap(esid: int, rs: int, other: int, is_big: bool) -> bool:
        shift = 40 if is_big or rs >> 62 else 28
        return esid >> shift == other >> shift

    def drop_one(self, esid: int) -> None:
        self.execute(SLBIE, r6=esid)
        self.model.slb = {n: e for n, e in self.model.slb.items() if e[0] != esid}

    def drop(self) -> None:
        if self.model.slb:
            self.drop_one(self.source.choice(list(self.model.slb.values()))[0])

    def drop_all(self) -> None:
        hint = self.source.choice((0, 3, 7))
        self.execute(0x7C0003E4 | hint << 21)
        if hint != 7:
            kept = {n: e for n, e in self.model.slb.items() if hint == 3 and not e[1] & 0x80}
            self.model.slb = kept

    def enter(self) -> None:
        source, ea = self.source, self.random_ea()
        rs = self.load_segment(ea)
        is_second = source.random() < 0.3
        high = high_word(rs, ea, V | (H if is_second else 0) | source.choice((0, 0x10, 0x60)))
        real = source.randrange(DATA >> 16, DATA_END >> 16) << 16
        real |= 0x1000 if high & L else source.randrange(16) << 12
        low = real | 0x10 | source.choice((0, R, R | C)) | source.choice((0, 1, 2, 3, 2, 2))
        low |= source.choice((0, 0, 0, 1 << 63 | 2)) & (~3 if source.random() < 0 else NO_TAG)
        low |= source.choice((0, 0, 0, 4, 8, 0x200, 0xE00, 3 << 60 | 0x200))
        if source.random() < 0.05:
            low ^= source.choice((0x10, 0x20, 0x2000 if high & L else 0, 1 << 40))
        index = 8 * self.model.group(rs, ea, is_second) + source.randrange(8)
        if source.random() < 0.02:
            index = source.getrandbits(64)
        flags = source.choice((0, 0, EXACT))
        if self.model.find(rs, ea) is not None:
            return  # two entries for one page are an error of the program
        expected = self.model.enter(flags, index, high, low, RAM)
        assert self.call(8, flags, index, high, low)[: len(expected)] == expected

    def some_index(self) -> int:
        used = [n for n, (high, _) in enumerate(self.model.table) if high & V]
        if used and self.source.random() < 0.9:
            return self.source.choice(used)
        return self.source.choice((self.source.randrange(8 << GROUPS_LOG2), 8 << GROUPS_LOG2))

    def change(self) -> None:
        source, index = self.source, self.some_index()
        high = self.model.table[index][0] if self.model.is_inside(index) else 0
        avpn = source.choice((high & ~0x7F, high & ~0x7F, 0x10, 0))
        flags = source.choice((0, AVPN, AVPN, AND_CONDITION)) & NO_TAG
        name = source.choice(("remove", "protect", "protect", "read", "clear_c", "clear_r", "read"))
        if name == "remove":
            expected = self.model.remove(flags, index, avpn)
            found = self.call(4, flags, index, avpn)
        elif name == "protect":
            flags = flags & AVPN | source.choice((0, 2, 3, 0x102, 4, 0xE00, 0x3200))
            expected = self.model.protect(flags, index, avpn)
            found = self.call(24, flags, index, avpn)
        elif name == "read":
            flags = source.choice((0, READ_4))
            expected, found = self.model.read(flags, index), self.call(12, flags, index)
        else:
            expected = self.model.clear(C if name == "clear_c" else R, index)
            found = self.call(CALLS[name], 0, index)
        assert found[: len(expected)] == expected, name

    def bulk(self) -> None:
        words: list[int] = []
        for _ in range(4):
            index = self.some_index()
            kind = self.source.choice((1, 1, 1, 1, 1, 3, 2))
            high = self.model.table[index][0] if self.model.is_inside(index) else 0
            words += [kind << 62 | self.source.choice((0, 2, 1, 3)) << 56 | index, high & ~0x7F]
        if self.source.random() < 0.5:
            words[0] = words[0] & (1 << 58) - 1 | 1 << 62
        expected = self.model.bulk_remove(*words)
        assert self.call(BULK_REMOVE, *words)[:9] == expected

    def keys(self) -> None:
        value = self.source.choice((0, 0, 0, 0x4000_0000_0000_0000, 0x0C00_0000_0000_0001, 3 << 46))
        self.set_spr(self.source.choice((MTAMR, MTIAMR)), value)

    def touch(self) -> None:
        source = self.source
        kind, problem = source.choice((READ, READ, WRITE, FETCH)), source.random() < 0.5
        ea = self.random_ea()
        if source.random() < 0.9:
            self.load_segment(ea)
        ea += 0 if kind == FETCH else 16 + 8 * source.randrange(400)
        expected = self.expected(kind, ea, problem)
        assert self.access(kind, ea, problem) == expected, (kind, hex(ea), problem)
        if kind == WRITE and expected[0] == "ok":
            real = self.model.translate(ea, WRITE, problem)
            assert self.native.memory.read(real, 8) == bytes.fromhex("1122334455667788")
            self.native.memory.write(real, real.to_bytes(8, "big"))


@pytest.fixture(params=["exact", "interp"])
def native(request) -> Iterator[Bench]:
    found = bench(request.param, RAM)
    found.load_state(new_state())
    found.vcpu.lpcr = 0
    found.place_vectors(little=False)
    content = np.arange(DATA, DATA_END, 8, dtype=">u8")
    for page in range(0, len(content), 512):
        number = (8 * page) >> 12
        content[page] = (0x38600000 | number) << 32 | STAY  # li r3,number; b .
    found.memory.write(DATA, content.tobytes())
    yield found
    found.vcpu.set_hash_mode(False)
    found.memory.make_hash_table(0)


@pytest.mark.parametrize("seed", range(6))
def test_a_history_of_segments_entries_and_accesses(native, seed):
    mmu = Mmu(native, seed)
    for _ in range(1200):
        mmu.step()
    for index, entry in enumerate(mmu.model.table):
        if entry != (0, 0):
            assert mmu.call(12, 0, index)[:3] == (0, *entry)


def test_without_a_table_the_calls_are_not_answered_here(native):
    native.vcpu.set_hash_mode(False)
    native.place(CODE, [SC1, STAY], little=False)
    native.vcpu.gpr[3] = 8
    native.vcpu.msr, native.vcpu.nia = BASE, CODE
    assert native.vcpu.run_for(1).reason.name == "HCALL"


def test_problem_state_may_not_call(native):
    mmu = Mmu(native, 0)
    native.place(CODE, [SC1, STAY], little=False)
    native.vcpu.gpr[3] = 8
    native.vcpu.msr, native.vcpu.nia = BASE | MSR.PR, CODE
    native.vcpu.run_for(1)
    assert native.vcpu.gpr[3] == NO_TAG - 2
    assert mmu.call(12, 0, 0)[:3] == (0, 0, 0)


def table_words(mmu: Mmu) -> np.ndarray:
    """The entries' doublewords in memory."""
    return mmu.native.memory._hash_table.view(np.uint64).reshape(-1, 2)


def table_of(mmu: Mmu) -> list[tuple[int, int]]:
    """All entries, as they are in memory."""
    return [(int(high), int(low)) for high, low in table_words(mmu)]


def found_bolted(mmu: Mmu) -> dict[tuple[int, int], tuple[int, int]]:
    """What a search finds for the pages of the histories: entries that are bolted, but for H."""
    insides = (0, 0x1000, 0x1_0000, 0x2_3000, 0x100_0000, 0x0FFF_F000)
    found = {}
    for ea in (s + n * 0x1000_0000 + i for s in SPACES for n in (0, 1) for i in insides):
        rs = mmu.known.get(ea >> 28)
        index = None if rs is None else mmu.model.find(rs, ea)
        if index is not None and mmu.model.table[index][0] & 0x10:
            found[rs, ea] = mmu.model.table[index][0] & ~H, mmu.model.table[index][1]
    return found


@pytest.mark.parametrize("seed", range(2))
def test_a_resized_table_has_what_is_bolted_where_a_search_finds_it(native, seed):
    mmu = Mmu(native, seed)
    for _ in range(700):
        mmu.step()
    for groups_log2 in (GROUPS_LOG2 + 3, GROUPS_LOG2 + 1, GROUPS_LOG2):
        before = found_bolted(mmu)
        bolted = [(h & ~H, low) for h, low in mmu.model.table if h & (V | 0x10) == V | 0x10]
        assert len(before) > 3
        assert native.vcpu.resize_hash_table(groups_log2 + 7)
        mmu.model.groups, mmu.model.table = 1 << groups_log2, table_of(mmu)
        left = [(high & ~H, low) for high, low in mmu.model.table if high & V]
        assert sorted(left) == sorted(bolted)
        assert found_bolted(mmu) == before
        for _ in range(150):
            mmu.step()


def test_a_table_that_has_no_room_for_what_is_bolted_stays(native):
    mmu = Mmu(native, 0)
    low = DATA | 0x10 | R | C
    for n in range(9):  # more than the one group of the smaller table has room for
        rs, ea = 1 << 12, n << 12
        high, group = high_word(rs, ea, V | 0x10), mmu.model.group(rs, ea)
        assert mmu.call(8, EXACT, 8 * group, high, low + (n << 12))[0] == 0
    old = table_of(mmu)
    assert not native.vcpu.resize_hash_table(7)
    assert table_of(mmu) == old


@pytest.mark.parametrize("kind", [READ, WRITE, FETCH])
def test_real_mode_reaches_all_of_ram_whatever_table_and_segments_say(native, kind):
    """Neither a limit of the RMA nor a VRMA: the real address is the effective one without its top
    four bits. What is not RAM there is a machine check. Ref: Book III 5.7.2; reference §9.
    """
    mmu = Mmu(native, 3)
    for _ in range(100):
        mmu.step()
    vcpu, memory = native.vcpu, native.memory
    for top in (0, 1, 8, 0xC, 0xF):
        for real in (DATA + 8, RAM - 8, RAM, RAM + 0x1_0000, 1 << 40, (1 << 60) - 8):
            ea, is_ram = top << 60 | real, real < RAM
            value = 0x3860004D_00000000 | STAY              # li r3,77 and STAY
            if is_ram:
                memory.write(real, value.to_bytes(8, "big"))
            native.place(CODE, [LD if kind == READ else STD, STAY], little=False)
            vcpu.gpr[3], vcpu.gpr[4], vcpu.gpr[5] = 0, ea, ~ea & NO_TAG
            vcpu.msr, vcpu.nia = BASE, ea if kind == FETCH else CODE
            vcpu.run_for(1)
            if not is_ram:
                assert vcpu.nia == 0x200
            elif kind == WRITE:
                assert memory.read(real, 8) == (~ea & NO_TAG).to_bytes(8, "big")
            else:
                assert vcpu.gpr[3] == (value if kind == READ else 77)
