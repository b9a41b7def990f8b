"""Two strategies side by side: equal runs end as one machine does, a difference is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from bench import CODE, HCALL, PVR, WINDOW, engine, set_msr

from jitppc.ir.layout import CELL_BYTES, CELLS_PER_PAGE, LPCR, MSR, PAGE_INFO_OFFSET
from jitppc.runtime import lockstep
from jitppc.runtime.exits import Exit, ExitReason
from jitppc.runtime.lockstep import End, Lockstep
from jitppc.runtime.memory import GuestMemory
from jitppc.runtime.vcpu import Vcpu
from jitppc.runtime.worker import compile_region
from jitppc.strategies import RegionOptions

ROUNDS = 70_000
NAMES = ("regions", "exact")
MTDEC_R10, MTMSRD_R9, RFID = 0x7D5603A6, 0x7D210164, 0x4C000024
ADDI_R3, STW_R5, LI_R5, BDNZ_16 = 0x38630001, 0x90A40000, 0x38A00000, 0x4200FFF0


def low_bits(count: int) -> int:
    """rlwinm r5,r3,0,32-count,31"""
    return 21 << 26 | 3 << 21 | 5 << 16 | 32 - count << 6 | 31 << 1


def loop(bits: int) -> list[int]:
    """r3 counts, and its low bits go to memory. A loop of `bits` 17 differs from one of 16 when r3
    has reached 65536, and then only in memory."""
    return [ADDI_R3, low_bits(bits), STW_R5, LI_R5, BDNZ_16]


START = [MTDEC_R10, MTMSRD_R9]
LOOP = CODE + 4 * len(START)
TICK = [0x396B0001, MTDEC_R10, RFID]  # addi r11,r11,1; mtdec r10; rfid


@dataclass
class Side:
    """As much of a machine as lockstep wants: a program that ends in a hypercall."""

    cpu: Vcpu
    memory: GuestMemory
    on_console: Callable[[bytes], None] | None = None
    no_reboot: bool = False
    closed: bool = False

    def advance(self, run: Callable[[Vcpu], Exit]) -> End | None:
        exit_ = run(self.cpu)
        if exit_.reason is not ExitReason.HCALL:
            return None
        if self.on_console is not None:
            self.on_console(b"bye")
        return End("poweroff")

    def reset(self) -> None:
        raise AssertionError("nothing reboots here")

    def type(self, text: bytes) -> None:
        self.memory.write(WINDOW + 0x100, text)

    def close(self) -> None:
        self.closed = True


def make_side(strategy: str, region: list[int] | None) -> Side:
    """The program in a memory of its own; a region made from other words may stand at the loop."""
    memory = GuestMemory(1 << 19)
    cpu = Vcpu(engine(exact=strategy == "exact"), memory, 0, PVR, clock="insns")
    words = [*START, *loop(16), HCALL]
    memory.write(CODE, b"".join(w.to_bytes(4, "little") for w in words))
    memory.write(0x900, b"".join(w.to_bytes(4, "little") for w in TICK))
    set_msr(cpu.state, MSR.SF | MSR.LE | MSR.ME)
    cpu.msr = MSR.SF | MSR.LE | MSR.ME
    cpu.lpcr |= LPCR.ILE
    cpu.gpr[4], cpu.gpr[9], cpu.gpr[10] = WINDOW, MSR.EE, 3000
    cpu.nia, cpu.ctr = CODE, 3
    cpu.run_for(12)  # decodes the loop
    cpu.nia, cpu.ctr, cpu.gpr[3] = CODE, ROUNDS, 0
    if region is not None:
        cells = int(memory.code_pages[CODE >> 12])
        put_region(cpu, cells, region)
    return side_of(cpu, memory)


def side_of(cpu: Vcpu, memory: GuestMemory) -> Side:
    return Side(cpu, memory)


def put_region(cpu: Vcpu, cells: int, words: list[int]) -> None:
    """A region of these words, through the ring that the translator uses."""
    index = (LOOP & 4095) >> 2
    page = bytearray(4096)
    page[LOOP & 4095 : (LOOP & 4095) + 4 * len(words)] = b"".join(
        w.to_bytes(4, "little") for w in words
    )
    has_run = bytearray(CELLS_PER_PAGE)
    has_run[index : index + len(words)] = b"\1" * len(words)
    answer = compile_region({0: (bytes(page), bytes(has_run))}, index, RegionOptions())
    assert answer is not None
    entry = cpu.engine.arena.load([answer[0]])[0].symbols["region"]
    slot = cpu.memory.installs[0:1]
    slot["cell"], slot["entry"] = cells + index * CELL_BYTES, entry
    slot["page"] = cells + PAGE_INFO_OFFSET
    slot["generation"] = 1
    cpu.memory.state["install_head"] = 1


def lockstep_of(region: list[int] | None, made: list[Side] | None = None) -> Lockstep:
    def make_pair(_is_seen: bool) -> tuple[Side, Side]:
        pair = make_side("interp", region), make_side("exact", None)
        if made is not None:
            made.extend(pair)
        return pair

    return Lockstep(make_pair, NAMES, "jitppc run -lockstep regions,exact")


def test_equal_strategies_end_as_the_machine_does():
    with lockstep_of(loop(16)) as machine:
        stop = machine.run()
        assert stop == End("poweroff")
        leader = machine._pair.leader.cpu
        assert leader.gpr[3] == ROUNDS
        assert leader.gpr[11] > 20  # decrementer interrupts
        assert int(leader.state["region_insns"]) > 4 * ROUNDS
        assert machine.statistics()["lockstep_instructions"] > 5 * ROUNDS


def test_the_first_difference_in_a_register_is_found():
    """The region adds 2 where the program adds 1."""
    wrong = loop(16)
    wrong[0] += 1
    made: list[Side] = []
    with lockstep_of(wrong, made) as machine:
        stop = machine.run()
    assert (stop.reason, stop.exit_status) == ("difference", 1)
    assert f"{LOOP:016x}" in stop.detail
    assert "gpr[3]" in stop.detail
    assert "addi r3,r3,1" in stop.detail
    assert "again  jitppc run -lockstep regions,exact" in stop.detail
    assert all(side.closed for side in made)


@pytest.mark.parametrize("ram_every", [1, 7, 2000])
def test_the_first_difference_in_memory_is_found(monkeypatch, ram_every):
    """It comes with round 65536, and is overwritten by nothing."""
    monkeypatch.setattr(lockstep, "RAM_EVERY", ram_every)
    with lockstep_of(loop(17)) as machine:
        stop = machine.run()
    assert stop.reason == "difference"
    assert f"real {WINDOW:#x}: 00000100" in stop.detail
    assert "> 0000000000030010  90a40000  stw r5,0(r4)" in stop.detail
    assert "differ within step 27\n" in stop.detail


def test_what_is_typed_reaches_both():
    made: list[Side] = []
    with lockstep_of(None, made) as machine:
        machine.type(b"abc")
        assert machine.run() == End("poweroff")
    assert [b"abc"] * 2 == [side.memory.read(WINDOW + 0x100, 3) for side in made]


def test_it_ends_when_its_user_wants():
    with lockstep_of(None) as machine:
        machine.quit()
        assert machine.run().reason == "quit"
    with lockstep_of(None) as machine:
        assert machine.run(timeout=0).exit_status == 124


def test_a_pattern_in_the_output_ends_it():
    with lockstep_of(None) as machine:
        assert machine.run(until="never").reason == "poweroff"
