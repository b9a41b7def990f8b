"""Native radix translation against a model written from the book, whatever happened before."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from bench import CODE, Bench, bench
from hypothesis import given, settings
from hypothesis import strategies as st
from isa.vectors import new_state
from radix_model import (
    BAD_TREE,
    FETCH,
    LEAF,
    PROCESS_TABLE,
    READ,
    RTS_52,
    STORE,
    TABLES,
    VALID,
    WRITE,
    C,
    Context,
    NoMemory,
    R,
    SegmentFault,
    StorageFault,
    Trees,
    translate,
)

from jitppc.ir.layout import CODE_PAGE_LOG2, ITLB_ENTRIES, MSR, NO_TAG

RAM = 4 << 20
DATA = 0x200000
BASE_MSR = MSR.SF | MSR.LE | MSR.ME
LOADS = {1: 0x88640000, 2: 0xA0640000, 4: 0x80640000, 8: 0xE8640000}  # lbz lhz lwz ld r3,0(r4)
STORES = {1: 0x98A40000, 2: 0xB0A40000, 4: 0x90A40000, 8: 0xF8A40000}  # stb sth stw std r5,0(r4)
STAY = 0x48000000


def mtspr(number: int) -> int:
    """mtspr number,r6"""
    return 31 << 26 | 6 << 21 | (number & 31) << 16 | (number >> 5) << 11 | 467 << 1


class Mmu:
    """A vCPU with translation, driven by real instructions."""

    def __init__(self, strategy: str) -> None:
        self.bench: Bench = bench(strategy, RAM)
        self.memory = self.bench.memory
        self.trees = Trees(self.memory)
        self.trees.clear()
        self.context = Context()
        self.bench.load_state(new_state())
        self.bench.vcpu.msr = BASE_MSR
        self.bench.vcpu.set_process_table(PROCESS_TABLE)
        for name in ("amr", "iamr", "pid"):
            self.set(name, 0)
        self.execute(self.tlbie(3), rb=3 << 10, rs=0)

    def execute(self, word: int, **gprs: int) -> None:
        """One instruction of supervisor state in real mode."""
        vcpu = self.bench.vcpu
        vcpu.msr = BASE_MSR
        self.bench.place(CODE, [word, STAY])
        numbers = {"rb": 7, "rs": 6}
        for name, value in gprs.items():
            vcpu.gpr[numbers[name]] = value
        vcpu.nia = CODE
        vcpu.run_for(1)
        assert vcpu.nia == CODE + 4

    def set(self, name: str, value: int) -> None:
        """AMR, IAMR or PIDR, by mtspr."""
        self.execute(mtspr({"amr": 29, "iamr": 61, "pid": 48}[name]), rs=value)
        self.context = replace(self.context, **{name: value})

    @staticmethod
    def tlbie(ric: int) -> int:
        """tlbie r7,r6,RIC,1,1"""
        ric &= 2
        return 31 << 26 | 6 << 21 | ric << 18 | 1 << 17 | 1 << 16 | 7 << 11 | 306 << 1

    def access(self, kind: str, ea: int, size: int, value: int = 0) -> tuple:
        """What happens natively: ("ok", value) or ("fault", vector, bits, address)."""
        vcpu = self.bench.vcpu
        problem = MSR.PR if self.context.problem else 0
        vcpu.gpr[3], vcpu.gpr[4], vcpu.gpr[5] = 0, ea, value
        if kind == FETCH:
            vcpu.msr, vcpu.nia = BASE_MSR | MSR.IR | problem, ea
        else:
            word = (LOADS if kind == READ else STORES)[size]
            self.bench.place(CODE, [word, STAY])
            vcpu.msr, vcpu.nia = BASE_MSR | MSR.DR | problem, CODE
        vcpu.run_for(1)
        nia, spr = vcpu.nia, vcpu.spr
        if nia in (0x300, 0x380):
            return "fault", nia, spr["DSISR"] if nia == 0x300 else 0, spr["DAR"]
        if nia in (0x200, 0x400, 0x480):
            bits = spr["SRR1"] & 0x783F0000 if nia == 0x400 else 0
            return "fault", nia, bits, spr["SRR0"] if kind == FETCH else spr["DAR"]
        return "ok", vcpu.gpr[3]

    def expected(self, kind: str, ea: int, size: int, value: int = 0) -> tuple:
        """What the model says; of a store and a fetch, the real addresses."""
        places = []
        for n in range(size):
            byte = ea + n & NO_TAG
            try:
                places.append(translate(self.memory, self.context, byte, kind))
            except SegmentFault:
                return "fault", 0x480 if kind == FETCH else 0x380, 0, byte
            except StorageFault as fault:
                bits = fault.args[0] | (STORE if kind == WRITE else 0)
                return "fault", 0x400 if kind == FETCH else 0x300, bits, byte
            except NoMemory:
                return "fault", 0x200, 0, byte
        if kind == READ:
            data = b"".join(self.memory.read(place, 1) for place in places)
            return "ok", int.from_bytes(data, "little")
        return "ok", places

    def check(self, kind: str, ea: int, size: int, value: int = 0) -> None:
        """One access by both."""
        value &= (1 << 8 * size) - 1
        size = 4 if kind == FETCH else size
        ea &= -4 if kind == FETCH else NO_TAG
        wanted = self.expected(kind, ea, size, value)
        if wanted[0] == "ok" and kind == FETCH:
            place = wanted[1][0]
            self.memory.write(place, STAY.to_bytes(4, "little"))
        found = self.access(kind, ea, size, value)
        label = f"{kind} {size} at {ea:#x} in {self.context}"
        if wanted[0] == "fault":
            assert found[:2] == wanted[:2], f"{label}: expected {wanted}, found {found}"
            known = wanted[2] if wanted[1] != 0x400 else wanted[2] & found[2]
            assert known == wanted[2], f"{label}: expected {wanted}, found {found}"
            if wanted[1] in (0x300, 0x380, 0x480, 0x400):
                assert found[3] & -4096 == wanted[3] & -4096, f"{label}: {wanted}, {found}"
            return
        assert found[0] == "ok", f"{label}: expected success, found {found}"
        if kind == READ:
            assert found == wanted, label
        elif kind == WRITE:
            data = b"".join(self.memory.read(place, 1) for place in wanted[1])
            assert int.from_bytes(data, "little") == value, label


SHIFT_AP = {12: 0, 16: 5, 21: 1, 30: 2}
#: PIDs that share tables among them: contexts are chosen modulo 126 and 56
PIDS = (0, 5, 131)
QUADRANT0 = (0x10000000, 0x10000000, 0x400000000000 - 0x2000)
KERNEL = (0xC000000000000000, 0xC000000010000000)
EAS = st.builds(
    lambda base, page, low: base + 4096 * page + low & NO_TAG,
    st.sampled_from(QUADRANT0 + KERNEL),
    st.sampled_from((0, 0, 0, 1, 1, 16)),
    st.one_of(st.integers(0, 4095), st.integers(4088, 4095)),
)
WILD = st.one_of(EAS, st.integers(0, NO_TAG), st.integers(0, 63).map(lambda n: 1 << n))
SIZES = st.sampled_from((1, 2, 4, 8))
KINDS = st.sampled_from((READ, WRITE, FETCH))
ATTRIBUTES = st.builds(
    lambda eaa, rc, att: eaa | rc | att,
    st.sampled_from((0, 1, 2, 4, 6, 7, 7, 7, 8, 9, 12, 14, 15, 15)),
    st.sampled_from((0, R, R | C, R | C, R | C)),
    st.sampled_from((0, 0, 0, 0x10, 0x20, 0x30)),
)
#: data pages; two of them beyond the end of RAM
FRAMES = st.integers(0, (RAM - DATA) // 4096 + 1).map(lambda n: DATA + 4096 * n)
KEYS = st.sampled_from((0, 1 << 62, 1 << 63, 3 << 62))

ACTIONS = st.one_of(
    *[st.tuples(st.just("access"), KINDS, EAS, SIZES, st.integers(0, NO_TAG))] * 4,
    *[
        st.tuples(
            st.just("map"),
            st.sampled_from(PIDS),
            EAS,
            st.sampled_from((12, 12, 16, 21)),
            FRAMES,
            ATTRIBUTES,
            st.integers(0, 2),
        )
    ]
    * 2,
    st.tuples(st.just("unmap"), st.sampled_from(PIDS), EAS, st.just(12), st.integers(0, 2)),
    st.tuples(st.just("pid"), st.sampled_from((*PIDS, 255, 256, 70000))),
    st.tuples(st.sampled_from(("amr", "iamr")), KEYS),
    st.tuples(st.just("problem"), st.booleans()),
)


def flush(mmu: Mmu, pid: int, ea: int, shift: int, scope: int) -> None:
    """tlbie of one page, of a PID, or of everything."""
    page = ea & -(1 << shift) & ~0xFFF
    rb = (page | SHIFT_AP[shift] << 5, 1 << 10, 3 << 10)[scope]
    mmu.execute(mmu.tlbie((0, 2, 2)[scope]), rb=rb, rs=pid << 32)


def put_entry(mmu: Mmu, pid: int, ea: int, shift: int, entry: int, scope: int) -> None:
    """Change an entry as Linux does: make it invalid, flush, write the new one.

    Where a table becomes a leaf or the other way round, everything is flushed.
    """
    slot = mmu.trees.slot(pid, ea, shift)
    mmu.trees.put(slot, 0)
    flush(mmu, pid, ea, shift, scope)
    mmu.trees.put(slot, entry)


@settings(max_examples=150)
@given(st.lists(ACTIONS, min_size=20, max_size=80), st.sampled_from(("exact", "interp")))
def test_translation_is_always_that_of_the_tree_as_it_is(actions, strategy):
    mmu = Mmu(strategy)
    for action, *rest in actions:
        if action == "access":
            mmu.check(*rest)
        elif action == "map":
            pid, ea, shift, frame, attributes, scope = rest
            pid = 0 if ea >> 62 == 3 else pid
            if mmu.trees.next_table > DATA - 0x40000:
                continue
            leaf = VALID | LEAF | frame & -(1 << shift) | attributes
            # a change of shape under this entry is flushed as a whole
            put_entry(mmu, pid, ea, shift, leaf, scope if shift == 12 else 2)
            mmu.execute(mmu.tlbie(2), rb=3 << 10, rs=0) if shift != 12 else None
        elif action == "unmap":
            pid, ea, shift, scope = rest
            pid = 0 if ea >> 62 == 3 else pid
            if mmu.trees.next_table <= DATA - 0x40000:
                put_entry(mmu, pid, ea, shift, 0, scope)
        elif action == "problem":
            mmu.context = replace(mmu.context, problem=rest[0])
        else:
            mmu.set(action, rest[0])


class Life:
    """A long life of one MMU: mostly pages that are mapped, and changes of everything."""

    def __init__(self, seed: int, strategy: str) -> None:
        self.source, self.mmu = random.Random(seed), Mmu(strategy)
        self.pages: dict[tuple[int, int], int] = {}  # (pid, page) -> log2 of its size
        self.succeeded = self.failed = 0

    def map(self) -> None:
        """A new page, or another entry for one that is there; sizes are fixed by address."""
        pick = self.source
        shift, base = pick.choice(((12, 0x10000000), (16, 0x20000000), (21, 0x30000000)))
        page = base + (pick.randrange(6) << shift)
        pid = pick.choice(PIDS[1:])
        if pick.randrange(3) == 0:
            page, pid = page | 0xC000000000000000, 0
        frame = DATA + (pick.randrange(RAM - DATA) & -(1 << shift))
        attributes = R | C | pick.choice((7, 7, 15, 15, 6, 14, 4, 12, 1))
        attributes ^= pick.choice((0, 0, 0, 0, 0, R, C))
        entry = pick.choice((VALID | LEAF | frame | attributes,) * 5 + (0,))
        if pid and pick.randrange(4):
            self.mmu.set("pid", pid)
        self.access(page, shift)
        put_entry(self.mmu, pid, page, shift, entry, pick.randrange(3))
        self.pages[pid, page] = shift
        self.access(page, shift)

    def change(self) -> None:
        pick, mmu = self.source, self.mmu
        kind = pick.randrange(4)
        if kind == 0:
            mmu.set("pid", pick.choice(PIDS[1:]))
        elif kind == 1:
            mmu.set("amr", pick.choice((0, 0, 1 << 62, 1 << 63, 3 << 62)))
        elif kind == 2:
            mmu.set("iamr", pick.choice((0, 1 << 62)))
        else:
            mmu.context = replace(mmu.context, problem=bool(pick.randrange(2)))

    def access(self, page: int, shift: int) -> None:
        pick = self.source
        low = pick.choice((pick.randrange(1 << shift), pick.randrange(64), -1 - pick.randrange(8)))
        size, kind = pick.choice((1, 2, 4, 8)), pick.choice((READ, READ, WRITE, WRITE, FETCH))
        self.mmu.check(kind, page + low & NO_TAG, size, pick.getrandbits(64))
        if self.mmu.bench.vcpu.nia in (0x300, 0x380, 0x400, 0x480):
            self.failed += 1
        else:
            self.succeeded += 1


@pytest.mark.parametrize("strategy", ["exact", "interp"])
@pytest.mark.parametrize("seed", range(3))
def test_a_long_life_of_changes_leaves_nothing_stale(seed, strategy):
    life = Life(seed, strategy)
    for _ in range(8):
        life.map()
    for _ in range(1500):
        what = life.source.randrange(20)
        if what == 0:
            life.map()
        elif what < 3:
            life.change()
        else:
            (_, page), shift = life.source.choice(list(life.pages.items()))
            life.access(page, shift)
    assert min(life.succeeded, life.failed) > 150


@settings(max_examples=150)
@given(WILD, KINDS, SIZES, st.booleans(), st.sampled_from((0, 5, 300)))
def test_wild_addresses_fault_as_the_book_says(ea, kind, size, problem, pid):
    mmu = Mmu("exact")
    mmu.trees.root(5)
    mmu.set("pid", pid)
    mmu.context = replace(mmu.context, problem=problem)
    mmu.check(kind, ea, size)


WORDS = st.one_of(
    st.integers(0, NO_TAG),
    st.sampled_from((0, VALID, VALID | LEAF, NO_TAG, RTS_52, RTS_52 | 13)),
    st.builds(lambda base, bits: VALID | base | bits, FRAMES, st.integers(0, 31)),
    st.builds(lambda base, bits: RTS_52 | base | bits, FRAMES, st.integers(0, 31)),
    st.builds(lambda frame, low: VALID | LEAF | frame | low, FRAMES, st.integers(0, 0xFFF)),
)


@settings(max_examples=200)
@given(WORDS, st.lists(WORDS, min_size=1, max_size=8), EAS, KINDS, SIZES, st.booleans())
def test_malformed_trees_fault_and_do_no_harm(root, entries, ea, kind, size, problem):
    """Tables full of arbitrary words: the model and the native walk agree; nothing else happens."""
    mmu = Mmu("exact")
    mmu.memory.write(PROCESS_TABLE + 16 * 5, root.to_bytes(8, "big"))
    block = b"".join(entries[n % len(entries)].to_bytes(8, "big") for n in range(512))
    for page in range(8):
        mmu.memory.write(DATA + 4096 * page, block)
    if root & 31 and root >> 61 == RTS_52 >> 61:
        mmu.memory.write(root & (RAM - 4096), block)
    mmu.set("pid", 5)
    mmu.context = replace(mmu.context, problem=problem)
    wanted = mmu.expected(kind, ea, 4 if kind == FETCH else size)
    found = mmu.access(kind, ea & (-4 if kind == FETCH else NO_TAG), size)
    if wanted[0] == "ok":
        assert found[0] == "ok" or found[2] == BAD_TREE
    else:
        assert found[0] == "fault"


def test_a_tree_that_points_to_itself_ends_in_a_fault():
    mmu = Mmu("exact")
    mmu.trees.put(PROCESS_TABLE + 16 * 5, RTS_52 | TABLES | 13)
    mmu.memory.write(TABLES, (VALID | TABLES | 9).to_bytes(8, "big") * 8192)
    mmu.set("pid", 5)
    assert mmu.access(READ, 0x1000, 8)[:2] == ("fault", 0x300)


@pytest.mark.parametrize("problem", [False, True])
@pytest.mark.parametrize("authority", range(16))
def test_every_access_authority_permits_what_it_says(authority, problem):
    mmu = Mmu("exact")
    put_entry(mmu, 5, 0x10000000, 12, VALID | LEAF | DATA | R | C | authority, 2)
    mmu.set("pid", 5)
    mmu.context = replace(mmu.context, problem=problem)
    for keys in (0, 1 << 62, 1 << 63, 3 << 62):
        mmu.set("amr", keys)
        mmu.set("iamr", keys)
        for kind in (READ, WRITE, FETCH, READ):
            mmu.check(kind, 0x10000000, 4, 1)


@pytest.mark.parametrize("base", [0x1000, NO_TAG & -4096, RAM - 4096, RAM, 1 << 59])
@pytest.mark.parametrize("size", [0, 1, 24, 31])
def test_wild_process_tables_fault(base, size):
    mmu = Mmu("exact")
    mmu.bench.vcpu.set_process_table(base & ~31 | size)
    for ea in (0, 0xC000000000000000, 0x12345678):
        assert mmu.access(READ, ea, 8)[0] == "fault"
        assert mmu.access(FETCH, ea, 4)[0] == "fault"


@pytest.mark.parametrize("rb", [0x60, 0xE0])
def test_tlbie_of_an_unknown_page_size_is_illegal(rb):
    mmu = Mmu("exact")
    vcpu = mmu.bench.vcpu
    mmu.bench.place(CODE, [Mmu.tlbie(0), STAY])
    vcpu.gpr[7], vcpu.nia = rb, CODE
    vcpu.run_for(1)
    assert vcpu.nia == 0x700


def test_stores_to_code_are_seen_through_every_alias():
    """One frame mapped at many addresses: a store through any of them changes what runs."""
    mmu = Mmu("interp")
    frame = DATA + 0x10000
    eas = [0x10000000 + 0x10000 * n for n in range(6)]
    for ea in eas:
        put_entry(mmu, 5, ea, 16, VALID | LEAF | frame | R | C | 7, 2)
    mmu.set("pid", 5)
    mmu.context = replace(mmu.context, problem=True)
    for number, ea in enumerate(eas * 2):
        word = 0x38600000 | number  # li r3,N
        mmu.check(WRITE, ea, 4, word)
        mmu.memory.write(frame + 4, b"") if number else mmu.memory.write(
            frame + 4, STAY.to_bytes(4, "little")
        )
        for other in eas:
            vcpu = mmu.bench.vcpu
            vcpu.msr, vcpu.nia = BASE_MSR | MSR.IR | MSR.DR | MSR.PR, other
            vcpu.run_for(2)
            assert vcpu.gpr[3] == number


@pytest.mark.parametrize("problem", [False, True])
@pytest.mark.parametrize("scope", [0, 1, 2])
def test_tlbie_forgets_code_also_where_two_pages_have_one_place(scope, problem):
    """A supervisor may execute a user's pages, too."""
    mmu, pid = Mmu("interp"), 5
    mmu.set("pid", pid)
    mmu.context = replace(mmu.context, problem=problem)
    pages = [0x10000000 + n * (ITLB_ENTRIES << CODE_PAGE_LOG2) for n in range(2)]
    attributes = R | C | (7 if problem else 15)
    for number, page in enumerate(pages):
        put_entry(mmu, pid, page, 12, VALID | LEAF | DATA + 4096 * number | attributes, 2)
    for page in (*pages, *pages):
        mmu.check(FETCH, page, 4)
    for page in pages:
        put_entry(mmu, pid, page, 12, 0, scope)
        mmu.check(FETCH, page, 4)
        assert 0x400 == mmu.bench.vcpu.nia
