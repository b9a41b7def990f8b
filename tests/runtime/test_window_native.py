"""The window to the kernel's linear map: what regions do through it is what translation says,
whatever the guest does to its tree. The model is written from the book (radix_model.py).
"""

from __future__ import annotations

import functools

import pytest
from bench import CODE, STAY, Bench
from hypothesis import given, settings
from hypothesis import strategies as st
from isa.vectors import new_state
from radix_model import (
    LEAF,
    PRIVILEGED,
    PROCESS_TABLE,
    READ,
    READ_WRITE,
    READABLE,
    STORE,
    VALID,
    WRITE,
    C,
    Context,
    R,
    StorageFault,
    Trees,
    translate,
)
from test_smp_native import TLBSYNC, Two

from jitppc.ir.layout import COUNTER, LINEAR_MAP, MSR
from jitppc.strategies import RegionOptions

RAM = 8 << 20
GRANULE, LARGE = 1 << 16, 1 << 21
MSR_LE = MSR.SF | MSR.LE | MSR.ME
LD, STD = 0xE8640000, 0xF8A40000     # ld r3,0(r4); std r5,0(r4)
TLBIE = 31 << 26 | 6 << 21 | 1 << 17 | 1 << 16 | 7 << 11 | 306 << 1     # tlbie r7,r6,0,1,1
DATA, ELSEWHERE = 0x400000, CODE + 0x10000
LINUX = VALID | LEAF | R | C | PRIVILEGED | READ_WRITE | READABLE
#: what a page of the linear map may turn into; attributes 0x20 are for devices
CHANGES = {
    "as Linux has it": lambda real: LINUX | real,
    "gone": lambda real: 0,
    "read only": lambda real: (LINUX & ~READ_WRITE) | real,
    "not read": lambda real: (LINUX & ~READ_WRITE & ~READABLE) | real,
    "not referenced": lambda real: (LINUX & ~R) | real,
    "not changed": lambda real: (LINUX & ~C) | real,
    "the user's": lambda real: (LINUX & ~PRIVILEGED) | real,
    "a device's": lambda real: LINUX | 0x20 | real,
    "elsewhere": lambda real: LINUX | (real ^ LARGE),
}


class Kernel:
    """A vCPU in the linear map: regions with windows for a load and for a store."""

    def __init__(self) -> None:
        self.bench = Bench("interp", RAM)
        self.vcpu, self.memory = self.bench.vcpu, self.bench.memory
        self.vcpu.open_windows()
        self.bench.load_state(new_state())
        self.trees = Trees(self.memory)
        for vector in (0x200, 0x300, 0x380):
            self.bench.place(vector, [STAY])
        self.map_all()
        self.code = {READ: CODE, WRITE: CODE + 0x100}
        self.bench.place(self.code[READ], [LD, STAY])
        self.bench.place(self.code[WRITE], [STD, STAY])
        for access in self.code:
            self.access(access, DATA)
        for start in self.code.values():
            assert self.bench.install_region(start, RegionOptions(windows=True))

    def map_all(self) -> None:
        """RAM in large pages, as Linux maps it; nothing is known of it."""
        self.trees.clear()
        for real in range(0, RAM, LARGE):
            self.put(real, LINUX | real)
        self.vcpu.set_process_table(PROCESS_TABLE)
        self.vcpu.set_ile(True)

    def put(self, real: int, entry: int) -> None:
        """The tree's entry for a large page of the linear map."""
        self.trees.put(self.trees.slot(0, LINEAR_MAP + real, 21), entry)

    def change(self, real: int, entry: int) -> None:
        """As Linux changes it: tlbie of the page."""
        self.put(real, entry)
        self.do(TLBIE, r7=LINEAR_MAP + real | 1 << 5, r6=0)

    def do(self, *words: int, msr: int = 0, at: int = ELSEWHERE, **gprs: int) -> None:
        """Instructions in a page without regions."""
        vcpu = self.vcpu
        self.bench.place(at, [*words, STAY])
        for name, value in gprs.items():
            vcpu.gpr[int(name[1:])] = value
        vcpu.msr, vcpu.nia = MSR_LE | msr, at
        vcpu.run_for(len(words))
        assert at + 4 * len(words) == vcpu.nia

    def access(self, access: str, real: int, value: int = 0, msr: int = MSR.DR) -> object:
        """The doubleword loaded, None for one stored, or (vector, DSISR, DAR)."""
        vcpu = self.vcpu
        vcpu.gpr[3], vcpu.gpr[4], vcpu.gpr[5] = 0, LINEAR_MAP + real, value
        vcpu.msr, vcpu.nia = MSR_LE | msr, self.code[access]
        vcpu.run_for(2)
        if vcpu.nia in (0x200, 0x300, 0x380):
            return vcpu.nia, vcpu.spr["DSISR"], vcpu.spr["DAR"]
        assert vcpu.nia == self.code[access] + 4
        return vcpu.gpr[3] if access == READ else None

    def open(self) -> int:
        """Miss until the window is looked for; how many bytes it has then."""
        self.vcpu.set_process_table(PROCESS_TABLE)           # nothing is in the TLB
        for n in range(200):
            self.access(READ, n * GRANULE % RAM)
            if self.known:
                break
        return self.known

    @property
    def known(self) -> int:
        return int(self.vcpu.state["window_known"])

    @property
    def misses(self) -> int:
        return int(self.vcpu.state["counters"][COUNTER["dtlb_misses"]])


@functools.cache
def made() -> Kernel:
    return Kernel()


@pytest.fixture
def kernel() -> Kernel:
    found = made()
    found.map_all()
    for real in range(2 * LARGE, RAM, GRANULE):
        found.memory.write(real, real.to_bytes(8, "little"))
    return found


def test_an_open_window_needs_no_look_up(kernel):
    assert RAM == kernel.open()
    assert [None] * 2 == [kernel.access(WRITE, DATA + GRANULE, n) for n in range(2)]
    before = kernel.misses
    kernel.do(TLBIE, r7=5 << 5, r6=5 << 32)      # ... of another process does not matter
    for real in range(2 * LARGE, RAM - GRANULE, GRANULE):
        expected = 1 if real == DATA + GRANULE else real
        assert expected == kernel.access(READ, real)
    assert None is kernel.access(WRITE, DATA + GRANULE, 7)
    assert before == kernel.misses
    assert 7 == kernel.memory.read(DATA + GRANULE, 1)[0]


def test_the_window_is_of_privileged_state_with_translation(kernel):
    kernel.open()
    assert (0x300, 0x0800_0000, LINEAR_MAP + DATA) == kernel.access(READ, DATA, msr=MSR.DR | MSR.PR)
    kernel.change(DATA, 0)
    assert DATA == kernel.access(READ, DATA, msr=0)          # real mode has no map
    assert (0x300, 0x4000_0000, LINEAR_MAP + DATA) == kernel.access(READ, DATA)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("is_open_again", [False, True])
def test_what_the_guest_makes_of_its_map_holds_after_tlbie(kernel, name, is_open_again):
    kernel.open()
    for access in (READ, WRITE):
        kernel.access(access, DATA, DATA)
    kernel.change(DATA, CHANGES[name](DATA))
    assert 0 == kernel.known
    if is_open_again:
        opens = name in ("as Linux has it", "read only", "not changed")
        assert (RAM if opens else DATA) == kernel.open()
    for access in (READ, WRITE, READ):
        assert outcome(kernel, access, DATA, 5) == kernel.access(access, DATA, 5)


def outcome(kernel: Kernel, access: str, real: int, value: int) -> object:
    """What the model says of an access, and what it does to memory."""
    ea = LINEAR_MAP + real
    try:
        found = translate(kernel.memory, Context(), ea, access)
    except StorageFault as fault:
        return 0x300, fault.args[0] | (STORE if access == WRITE else 0), ea
    return int.from_bytes(kernel.memory.read(found, 8), "little") if access == READ else None


def test_a_new_table_and_a_store_to_the_old_one_are_different_things(kernel):
    kernel.open()
    kernel.put(DATA, 0)
    assert DATA == kernel.access(READ, DATA)                 # nobody said tlbie yet
    kernel.vcpu.set_process_table(PROCESS_TABLE)
    assert 0x300 == kernel.access(READ, DATA)[0]


def test_stores_hit_code_while_the_window_is_open(kernel):
    code = DATA + GRANULE
    kernel.open()
    for value in range(3):
        kernel.do(0x38600000 | value, at=code)               # li r3,value
        assert value == kernel.vcpu.gpr[3]
        assert None is kernel.access(WRITE, code, 0x38600000 | value + 1 | STAY << 32)
        kernel.vcpu.msr, kernel.vcpu.nia = MSR_LE, code
        kernel.vcpu.run_for(1)
        assert value + 1 == kernel.vcpu.gpr[3]


def test_a_watchpoint_closes_the_window(kernel):
    kernel.open()
    kernel.vcpu.set_watchpoint(0, LINEAR_MAP + DATA, 0x20 | 2 | 8)
    try:
        assert (0x300, 1 << 22) == kernel.access(READ, DATA)[:2]
        assert 0 == kernel.open()
        assert DATA + GRANULE == kernel.access(READ, DATA + GRANULE)
    finally:
        kernel.vcpu.set_watchpoint(0, 0, 0)


LARGES = st.sampled_from([2 * LARGE, 3 * LARGE])
STEPS = st.one_of(
    st.tuples(st.just("change"), LARGES, st.sampled_from(sorted(CHANGES))),
    st.tuples(
        st.sampled_from([READ, WRITE]), LARGES, st.sampled_from([0, 8, GRANULE - 4, 3 * GRANULE])),
    st.tuples(st.just("open"), st.none(), st.none()),
)


@settings(max_examples=60)
@given(st.lists(STEPS, max_size=30))
def test_whatever_happens_accesses_are_those_of_the_model(steps):
    kernel = made()
    kernel.map_all()
    for number, (what, real, more) in enumerate(steps):
        if what == "open":
            kernel.open()
        elif what == "change":
            kernel.change(real, CHANGES[more](real))
        else:
            expected = outcome(kernel, what, real + more, number)
            assert expected == kernel.access(what, real + more, number)
            if what == WRITE and expected is None:
                place = translate(kernel.memory, Context(), LINEAR_MAP + real + more, WRITE)
                assert number == int.from_bytes(kernel.memory.read(place, 8), "little")


def test_what_another_processor_drops_the_window_drops():
    two = Two("interp")
    trees = Trees(two.memory)
    trees.clear()
    for cpu in two.cpus:
        cpu.open_windows()
        cpu.set_process_table(PROCESS_TABLE)
    for start in range(0, two.memory.size, LARGE):
        trees.put(trees.slot(0, LINEAR_MAP + start, 21), LINUX | start)
    victim = two.cpus[1]
    two.place(CODE, LD, STAY)
    for real in range(0, two.memory.size, GRANULE):
        victim.msr, victim.nia, victim.gpr[4] = MSR_LE | MSR.DR, CODE, LINEAR_MAP + real
        victim.run_for(1)
    assert two.memory.size == victim.state["window_known"]
    two.execute(0, TLBIE, TLBSYNC, r7=LINEAR_MAP + LARGE | 1 << 5, r6=0)
    assert 0 == victim.state["window_known"] == victim.state["window_size"]
