"""Watchpoints, the breakpoint behind an instruction, the performance monitor.

Ref: Book III 10, 11.
"""

from __future__ import annotations

import pytest
from bench import BASE_MSR as BASE
from bench import CODE, Bench, bench, execute
from isa.vectors import new_state

from jitppc.ir.layout import LPCR, MSR

HERE, GRANULE = 0x20000, 1 << 16
NOP, LD, STD, STB, LQ = 0x60000000, 0xE8640000, 0xF8640000, 0x98640000, 0xE0C40000
DCBZ, LDARX, LWZU = 0x7C0027EC, 0x7C6020A8, 0x84640004
LOADS, STORES, PRIVILEGED, PROBLEM, ANY_DR = 0x20, 0x40, 2, 1, 8
MATCH, STORE = 1 << (63 - 41), 1 << (63 - 38)
FC, FCS, FCP, PMAE, FCECE, PMC1CE, PMCJCE, PMAO, FC56 = (
    1 << 31, 1 << 30, 1 << 29, 1 << 26, 1 << 25, 1 << 15, 1 << 14, 1 << 7, 1 << 4)
RUN_LATCH_NOT_NEEDED = 1 << 8
PMC1, PMC5, PMC6, MMCR0, MMCR1, MMCR2 = 787, 791, 792, 795, 798, 785


def mtspr(number: int, register: int) -> int:
    return 31 << 26 | register << 21 | (number & 31) << 16 | number >> 5 << 11 | 467 << 1


def mfspr(number: int, register: int) -> int:
    return mtspr(number, register) ^ (467 ^ 339) << 1


@pytest.fixture(params=["exact", "interp"])
def native(request) -> Bench:
    found = bench(request.param, 4 << 20)
    found.load_state(new_state())
    found.vcpu.lpcr = LPCR.LD | LPCR.ILE
    found.vcpu.state["dec_deadline"] = (1 << 63) - 1
    found.place_vectors(little=True)
    yield found
    found.vcpu.spr["CIABR"] = 0
    for number in range(2):
        found.vcpu.set_watchpoint(number, 0, 0)
    found.vcpu.state["pmu_on"] = 0


ARMED = LOADS | STORES | PRIVILEGED | ANY_DR


@pytest.mark.parametrize(("word", "ea", "is_store", "control", "matches"), [
    (LD, HERE, False, ARMED, True), (STD, HERE, True, ARMED, True),
    (LD, HERE, False, ARMED & ~LOADS, False), (STD, HERE, True, ARMED & ~STORES, False),
    (LD, HERE, False, ARMED & ~PRIVILEGED | PROBLEM, False), (LD, HERE - 8, False, ARMED, False),
    (LD, HERE - 7, False, ARMED, True), (LD, HERE + 7, False, ARMED, True),
    (LD, HERE + 8, False, ARMED, False), (LD, HERE + 8, False, ARMED | 1 << 10, True),
    (LD, HERE + 16, False, ARMED | 1 << 10, False), (LD, HERE, False, ARMED & ~ANY_DR, True),
    (LD, HERE, False, ARMED & ~ANY_DR | 0x10, False), (STB, HERE + 3, True, ARMED, True),
    (LQ, HERE - 16, False, ARMED, False), (LQ, HERE - 8 & ~15, False, ARMED, False),
    (DCBZ, HERE + 64, True, ARMED, True), (LDARX, HERE, False, ARMED, True),
    (LD, HERE + GRANULE, False, ARMED, False), (LWZU, HERE - 4, False, ARMED, True),
])  # fmt: skip
@pytest.mark.parametrize("number", [0, 1])
def test_a_watched_access_is_a_storage_interrupt_and_does_nothing(
    native, number, word, ea, is_store, control, matches
):
    native.memory.write(HERE - 256, bytes(1024))
    execute(native, [LD, STD], r4=HERE + 128, r3=1)        # the TLB has the granule
    native.vcpu.set_watchpoint(number, HERE, control)
    vcpu = execute(native, [word], r4=ea, r3=0x5555)
    if not matches:
        assert CODE + 4 == vcpu.nia
        return
    assert (0x300, CODE) == (vcpu.nia, vcpu.spr["SRR0"])
    assert MATCH | (STORE if is_store else 0) == vcpu.spr["DSISR"]
    assert max(ea, HERE) == vcpu.spr["DAR"] or word in {DCBZ, LWZU}
    assert (0x5555, ea) == (vcpu.gpr[3], vcpu.gpr[4])
    assert bytes(128) == native.memory.read(HERE, 128)


def test_a_watchpoint_taken_away_lets_accesses_pass(native):
    native.vcpu.set_watchpoint(0, HERE, ARMED)
    execute(native, [LD], r4=HERE)
    native.vcpu.set_watchpoint(0, HERE, 0)
    assert CODE + 4 == execute(native, [LD], r4=HERE).nia


@pytest.mark.parametrize(("where", "msr", "nia"), [
    (CODE + 4 | 2, BASE, 0xD00), (CODE + 4 | 1, BASE, CODE + 16), (CODE + 4, BASE, CODE + 16),
    (CODE + 64 | 2, BASE, CODE + 16), (CODE + 4 | 3, BASE, CODE + 16),
])  # fmt: skip
def test_ciabr_interrupts_behind_its_instruction(native, where, msr, nia):
    native.vcpu.spr["CIABR"] = where
    vcpu = execute(native, [NOP, NOP, NOP, NOP], msr, count=4)
    assert nia == vcpu.nia
    if nia == 0xD00:
        assert (CODE + 8, msr | 1 << 30 | 1 << 20) == (vcpu.spr["SRR0"], vcpu.spr["SRR1"])


def counters(vcpu) -> list[int]:
    return [int(vcpu.state["spr"][PMC1 + n]) for n in range(6)]


def count_for(native: Bench, control: int, select: int = 0, freeze: int = 0, **first: int):
    """Write the monitor's registers, run 1000 instructions, and freeze it."""
    words = [mtspr(MMCR0, 6), mtspr(MMCR1, 7), mtspr(MMCR2, 8)]
    words += [mtspr(PMC1 + n, 9) for n in range(6)]
    if "pmc1" in first:
        words[3] = mtspr(PMC1, 10)
    words += [mtspr(MMCR0, 5), *[NOP] * 1000, mtspr(MMCR0, 6)]
    return execute(native, words, r5=control, r6=FC, r7=select, r8=freeze, r9=0,
                   r10=first.get("pmc1", 0))


def test_pmc5_counts_instructions_and_pmc6_cycles(native):
    found = counters(count_for(native, RUN_LATCH_NOT_NEEDED))
    assert [0, 0, 0, 0] == found[:4]
    assert 1000 <= found[4] <= 1001
    # the Time Base ticks every second instruction; 125 cycles in 64 ticks
    assert abs(found[5] - 1000 / 2 * 125 / 64) < 4


def test_mmcr1_selects_what_pmc1_to_4_count(native):
    found = counters(count_for(native, 0, select=0x02_1E_00_FA))
    assert 1000 <= found[0] <= 1001
    assert abs(found[1] - 1000 / 2 * 125 / 64) < 4
    assert [0, found[0], 0, 0] == found[2:]


@pytest.mark.parametrize(("control", "freeze"), [
    (FC, 0), (FCS, 0), (FC56, 0), (0, 1 << (63 - 36)), (1 << 27, 0),
])  # fmt: skip
def test_frozen_counters_stand_still(native, control, freeze):
    assert 0 == counters(count_for(native, control | RUN_LATCH_NOT_NEEDED, freeze=freeze))[4]


@pytest.mark.parametrize(("control", "freeze"), [(FCP, 0), (0, 1 << (62 - 36)), (1 << 28, 0)])
def test_counters_frozen_in_another_state_count(native, control, freeze):
    assert 1000 <= counters(count_for(native, control | RUN_LATCH_NOT_NEEDED, freeze=freeze))[4]


def test_without_the_run_latch_pmc5_stands_still(native):
    native.vcpu.spr["CTRL"] = 0
    assert 0 == counters(count_for(native, 0))[4]


def test_a_negative_counter_alerts_and_freezes_once(native):
    control = PMAE | FCECE | PMC1CE
    vcpu = count_for(native, control, 0x02_00_00_00, pmc1=0x7FFFFFFF - 100)
    execute(native, [mfspr(MMCR0, 3)])
    value = counters(vcpu)[0]
    assert 0x80000000 <= value < 0x80000000 + 1000
    words = [mtspr(PMC1, 10), mtspr(MMCR0, 5), mfspr(MMCR0, 3)]
    vcpu = execute(native, words, r5=control, r10=0x80000000)
    assert FC | FCECE | PMC1CE | PMAO == vcpu.gpr[3]


def test_an_alert_is_an_interrupt_when_ee_is_1(native):
    words = [mtspr(PMC1, 10), mtspr(MMCR0, 5), NOP, NOP]
    vcpu = execute(native, words, BASE | MSR.EE, r5=PMAE | FCECE | PMC1CE, r10=0x80000000)
    assert (0xF00, CODE + 8) == (vcpu.nia, vcpu.spr["SRR0"])
    vcpu = execute(native, [NOP, mtspr(MMCR0, 6), NOP], BASE | MSR.EE, r6=FC)
    assert 0xF00 == vcpu.nia                               # as long as PMAO is 1
    vcpu = execute(native, [mtspr(MMCR0, 6), NOP], BASE, r6=FC)
    assert CODE + 8 == vcpu.nia
    assert CODE + 8 == execute(native, [NOP, NOP], BASE | MSR.EE).nia
