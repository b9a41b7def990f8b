"""Two vCPUs over one memory: what one does, the other sees."""

from __future__ import annotations

import functools
import threading

import pytest
from bench import CODE, PVR, STAY, engine
from radix_model import (
    EXECUTABLE,
    LEAF,
    PROCESS_TABLE,
    READ_WRITE,
    READABLE,
    VALID,
    C,
    R,
    Trees,
)

from jitppc.frontend.levels import ALL_MODELS
from jitppc.ir.layout import COUNTER, MSR
from jitppc.runtime.memory import GuestMemory
from jitppc.runtime.vcpu import Vcpu

RAM = 4 << 20
DATA = 0x200000
MSR_LE = MSR.SF | MSR.LE | MSR.ME
EQ = 2
ADDI = 0x38630001  # addi r3,r3,1
BNE, BDNZ = 0x40820000, 0x42000000
#: reserving loads into r3 and conditional stores of r3, at (r4), by bits
RESERVED = {
    8: (0x7C602068, 0x7C60256D),
    16: (0x7C6020E8, 0x7C6025AD),
    32: (0x7C602028, 0x7C60212D),
    64: (0x7C6020A8, 0x7C6021AD),
}
STD = 0xF8640000  # std r3,0(r4)
TLBSYNC = 0x7C00046C


class Two:
    """vCPUs 0 and 1; each has a page of code of its own."""

    def __init__(self, strategy: str) -> None:
        native = engine(exact=strategy == "exact")
        self.memory = GuestMemory(RAM)
        self.cpus = [Vcpu(native, self.memory, n, PVR, clock="insns") for n in range(2)]
        for number, cpu in enumerate(self.cpus):
            if strategy == "units":
                native.give_units(self.memory, number, 2)
            cpu.reset()
            cpu.state["models"] = cpu.state["problem_models"] = ALL_MODELS
            cpu.msr = MSR_LE

    def place(self, address: int, *words: int) -> None:
        self.memory.write(address, b"".join(w.to_bytes(4, "little") for w in words))

    def execute(self, number: int, *words: int, **gprs: int) -> None:
        """These instructions of one vCPU, in real mode."""
        cpu, start = self.cpus[number], CODE + 0x10000 * number
        self.place(start, *words, STAY)
        cpu.msr, cpu.nia = MSR_LE, start
        for name, value in gprs.items():
            cpu.gpr[int(name[1:])] = value
        cpu.run_for(len(words) + 1)
        assert start + 4 * len(words) == cpu.nia

    def run(self, number: int, nia: int) -> int:
        """r3 after what is at `nia`, which ends at once."""
        cpu = self.cpus[number]
        cpu.msr, cpu.nia = MSR_LE, nia
        cpu.run_for(3)
        return int(cpu.gpr[3])


@functools.cache
def machine(strategy: str) -> Two:
    """One for the whole session: what earlier cases left must not matter."""
    return Two(strategy)


@pytest.fixture(params=["exact", "interp", "units"])
def two(request):
    return machine(request.param)


def conditional(two: Two, number: int, bits: int, address: int, value: int) -> bool:
    """Whether the store is done."""
    two.execute(number, RESERVED[bits][1], r3=value, r4=address)
    return bool(int(two.cpus[number].state["crf"][0]) & EQ)


def reserve(two: Two, number: int, bits: int, address: int) -> None:
    """Load and reserve, so that the store may come in another run: the first time it fails."""
    two.execute(number, RESERVED[bits][0], r4=address)
    conditional(two, number, bits, address, 0)
    two.execute(number, RESERVED[bits][0], r4=address)


def by_conditional_stores(two: Two, bits: int, value: int) -> None:
    reserve(two, 1, bits, DATA)
    assert conditional(two, 1, bits, DATA, value)


def by_an_ordinary_store(two: Two, _bits: int, value: int) -> None:
    two.execute(1, STD, r3=value, r4=DATA)


def by_one_that_crosses_lines(two: Two, _bits: int, value: int) -> None:
    two.execute(1, STD, r3=value << 32, r4=DATA - 4)


def by_a_device(two: Two, bits: int, value: int) -> None:
    two.memory.write(DATA, value.to_bytes(bits // 8, "little"))


CHANGES = [by_conditional_stores, by_an_ordinary_store, by_one_that_crosses_lines, by_a_device]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("bits", RESERVED)
def test_a_store_conditional_notices_that_a_value_went_and_came_back(two, bits, change):
    two.memory.write(DATA - 8, bytes(16))
    reserve(two, 0, bits, DATA)
    for value in (7, 0):
        change(two, bits, value)
    assert not conditional(two, 0, bits, DATA, 1)
    assert bytes(8) == two.memory.read(DATA, 8)


@pytest.mark.parametrize("change", CHANGES)
def test_a_store_conditional_notices_a_change(two, change):
    two.memory.write(DATA - 8, bytes(16))
    reserve(two, 0, 64, DATA)
    change(two, 64, 7)
    assert not conditional(two, 0, 64, DATA, 1)
    assert 7 == two.memory.read(DATA, 1)[0]


def test_a_store_conditional_of_another_line_does_not_matter(two):
    reserve(two, 0, 64, DATA)
    reserve(two, 1, 64, DATA + 128)
    assert conditional(two, 1, 64, DATA + 128, 7)
    assert conditional(two, 0, 64, DATA, 1)
    assert 1 == two.memory.read(DATA, 1)[0]


def test_a_vcpu_may_store_to_the_line_that_it_has_reserved(two):
    reserve(two, 0, 64, DATA)
    two.execute(0, STD, r3=3, r4=DATA + 8)
    assert conditional(two, 0, 64, DATA, 1)


def test_stores_to_what_nobody_reserves_any_more_are_fast_again(two):
    reserve(two, 0, 64, DATA)
    assert two.memory.guarded(DATA)
    for number, cpu in enumerate(two.cpus):
        cpu.nia = CODE + 0x10000 * number
        two.place(cpu.nia, STAY)
        cpu.run_for(3_000_000)
    assert not two.memory.guarded(DATA)
    assert not conditional(two, 0, 64, DATA, 1)


@pytest.mark.parametrize("bits", RESERVED)
def test_no_increment_of_two_threads_is_lost(two, bits):
    load, store = RESERVED[bits]
    times = 30_000
    two.memory.write(DATA, bytes(16))

    def count(number: int) -> None:
        cpu, start = two.cpus[number], CODE + 0x10000 * number
        cpu.msr, cpu.nia, cpu.gpr[4], cpu.ctr = MSR_LE, start, DATA, times
        while cpu.nia != start + 20:
            cpu.run_for(50_000)

    for number in range(2):
        start = CODE + 0x10000 * number
        two.place(start, load, ADDI, store, BNE | -12 & 0xFFFC, BDNZ | -16 & 0xFFFC, STAY)
    threads = [threading.Thread(target=count, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    found = int.from_bytes(two.memory.read(DATA, bits // 8), "little")
    assert 2 * times % (1 << bits) == found


def test_whoever_stopped_the_machine_may_stop_it_again(two):
    with two.memory.gate.closed():
        for cpu in two.cpus:
            cpu.set_hash_mode(False)


def test_what_one_stores_into_code_the_other_executes(two):
    """Also when it stores past the slow path before the other makes code of the page."""
    shared = DATA + 0x1000
    stw = 0x90A40000  # stw r5,0(r4)
    two.execute(0, stw, r4=shared + 8, r5=1)
    for value in range(1, 9):
        two.execute(0, stw, r4=shared, r5=0x38600000 | value)
        if value == 1:
            two.execute(0, stw, r4=shared + 4, r5=STAY)
        assert value == two.run(1, shared)
        assert value == two.run(value & 1, shared)
    assert int(two.cpus[0].state["counters"][COUNTER["exclusive"]]) > 0


def test_what_tlbie_drops_others_drop_by_tlbsync(two):
    """A page moves; the other vCPU has both its data and its code."""
    trees = Trees(two.memory)
    trees.clear()
    ea, first, second = 0x10000, DATA + 0x10000, DATA + 0x20000
    for cpu in two.cpus:
        cpu.set_process_table(PROCESS_TABLE)
        cpu.spr["PIDR"] = 1
    for value, real in ((1, first), (2, second)):
        two.place(real, 0x38600000 | value, STAY)
        two.memory.write(real + 64, value.to_bytes(8, "little"))
    map_page(trees, ea, first)
    assert (1, 1) == (translated(two, 1, ea), loaded(two, 1, ea + 64))
    map_page(trees, ea, second)
    tlbie = 31 << 26 | 6 << 21 | 1 << 17 | 1 << 16 | 7 << 11 | 306 << 1
    two.execute(0, tlbie, TLBSYNC, r7=ea | 5 << 5, r6=1 << 32)
    assert (2, 2) == (translated(two, 1, ea), loaded(two, 1, ea + 64))
    assert 1 == int(two.cpus[0].state["counters"][COUNTER["shootdowns"]])


def map_page(trees: Trees, ea: int, real: int) -> None:
    """A page of 64 KiB of process 1."""
    rights = READ_WRITE | READABLE | EXECUTABLE
    trees.put(trees.slot(1, ea, 16), VALID | LEAF | real | R | C | rights)


def translated(two: Two, number: int, ea: int) -> int:
    """r3 of the code at an effective address of the process."""
    cpu = two.cpus[number]
    cpu.msr, cpu.nia = MSR_LE | MSR.IR | MSR.DR | MSR.PR, ea
    cpu.run_for(3)
    return int(cpu.gpr[3])


def loaded(two: Two, number: int, ea: int) -> int:
    """What is at an effective address."""
    cpu, start = two.cpus[number], CODE + 0x10000 * number
    two.place(start, 0xE8640000, STAY)
    cpu.msr, cpu.nia, cpu.gpr[4] = MSR_LE | MSR.DR, start, ea
    cpu.run_for(2)
    return int(cpu.gpr[3])
