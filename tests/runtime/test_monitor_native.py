"""The performance monitor: what counts, what freezes, alerts, their interrupt and their branch.

Ref: Book III 10.4; Book II 7.2.
"""

from __future__ import annotations

import pytest
from bench import BASE_MSR as BASE
from bench import CODE, Bench, execute
from debug_registers import (
    EBE,
    FC,
    FC14,
    FC56,
    FCECE,
    FCP,
    FCS,
    FCWAIT,
    MMCR0,
    MMCR1,
    MMCR2,
    PMAE,
    PMAO,
    PMC1,
    PMC1CE,
    RUN_LATCH_NOT_NEEDED,
    TBEE,
    TRIGGER,
    at_rest,
    mfspr,
    mtspr,
)

from jitppc.ir.layout import MSR

NOP, STAY = 0x60000000, 0x48000000


@pytest.fixture(params=["exact", "interp"])
def native(request) -> Bench:
    yield at_rest(request.param)
    at_rest(request.param)


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


INSNS_IN_PMC1 = 0x02_00_00_00
NEGATIVE = 1 << 31


def test_pmc1_to_4_are_frozen_by_bits_of_their_own(native):
    found = counters(count_for(native, FC14 | RUN_LATCH_NOT_NEEDED, INSNS_IN_PMC1))
    assert 0 == found[0]
    assert 1000 <= found[4]
    native.vcpu.spr["CTRL"] = 0
    found = counters(count_for(native, FCWAIT | RUN_LATCH_NOT_NEEDED, INSNS_IN_PMC1))
    assert 0 == found[0]
    assert 1000 <= found[4]
    native.vcpu.spr["CTRL"] = 1
    assert 1000 <= counters(count_for(native, FCWAIT, INSNS_IN_PMC1))[0]


@pytest.mark.parametrize(("pmc1", "goes"), [(0, False), (NEGATIVE, True)])
def test_a_trigger_holds_the_others_until_pmc1_is_negative(native, pmc1, goes):
    control = TRIGGER | RUN_LATCH_NOT_NEEDED
    words = [mtspr(MMCR0, 6), mtspr(MMCR1, 7), mtspr(PMC1, 10), mtspr(PMC1 + 4, 9), mtspr(MMCR0, 5)]
    words += [*[NOP] * 500, mfspr(MMCR0, 3), mtspr(MMCR0, 6)]
    vcpu = execute(native, words, r5=control, r6=FC, r7=INSNS_IN_PMC1, r9=0, r10=pmc1)
    assert (0 if goes else TRIGGER) | RUN_LATCH_NOT_NEEDED == vcpu.gpr[3]
    assert goes == (counters(vcpu)[4] >= 500)


def test_an_event_ends_the_trigger_instead_of_freezing(native):
    words = [mtspr(MMCR0, 6), mtspr(PMC1, 10), mtspr(MMCR0, 5), mfspr(MMCR0, 3)]
    vcpu = execute(native, words, r5=TRIGGER | PMAE | FCECE | PMC1CE, r6=FC, r10=NEGATIVE)
    assert FCECE | PMC1CE | PMAO == vcpu.gpr[3]


@pytest.mark.parametrize(("first", "freezes"), [(NEGATIVE - 100, True), (NEGATIVE, False)])
def test_becoming_negative_freezes_even_when_alerts_may_not_happen(native, first, freezes):
    words = [mtspr(MMCR0, 6), mtspr(MMCR1, 7), mtspr(PMC1, 10), mtspr(MMCR0, 5)]
    words += [*[NOP] * 300, mfspr(MMCR0, 3)]
    vcpu = execute(native, words, r5=FCECE | PMC1CE, r6=FC, r7=INSNS_IN_PMC1, r10=first)
    assert (FC if freezes else 0) | FCECE | PMC1CE == vcpu.gpr[3]


@pytest.mark.parametrize("frozen", [0, FC])
@pytest.mark.parametrize(("chosen", "bit"), [(0, 0), (1, 8), (2, 12), (3, 16)])
def test_a_bit_of_the_time_base_that_rises_is_an_event(native, chosen, bit, frozen):
    mftb, half, insns = 0x7C0C42A6, 1 << bit, 1500
    native.vcpu.state["tb_offset"] = 0x12345
    control = TBEE | PMAE | chosen << 23 | frozen
    words = [mtspr(MMCR0, 5), mftb | 7 << 21, *[NOP] * insns, mftb | 8 << 21, mfspr(MMCR0, 3)]
    vcpu = execute(native, words, r5=control)
    before, after = vcpu.gpr[7], vcpu.gpr[8]
    assert after - before > insns // 2 - 2
    rises = (after + half) >> bit + 1 != (before + half) >> bit + 1
    assert chosen not in (0, 1) or rises
    assert (control & ~PMAE | PMAO if rises else control) == vcpu.gpr[3]


EBBHR, EBBRR, BESCR, FSCR, EBB = 804, 805, 806, 153, 1 << 7
GE, PME, PMEO = 1 << 63, 1 << 32, 1


@pytest.mark.parametrize("enabled", [True, False])
def test_an_alert_may_be_an_event_based_branch(native, enabled):
    """In problem state with interrupts enabled: the branch, not the interrupt, and once."""
    spr = native.vcpu.state["spr"]
    spr[EBBHR], spr[BESCR], spr[FSCR] = 0x5000, GE | (PME if enabled else 0), EBB
    spr[PMC1], spr[MMCR1] = NEGATIVE - 300, INSNS_IN_PMC1
    spr[MMCR0] = PMAE | EBE | PMC1CE | FCECE
    native.vcpu.state["pmu_on"] = 1
    native.place(0x5000, [STAY])
    vcpu = execute(native, [NOP] * 1000, BASE | MSR.PR | MSR.EE)
    spr = vcpu.state["spr"]
    assert EBE | PMC1CE | FCECE | FC | PMAO == spr[MMCR0]
    if enabled:
        assert (0x5000, PMEO) == (vcpu.nia, spr[BESCR])
        assert CODE + 4 * 300 <= spr[EBBRR] <= CODE + 4 * 1000
    else:
        assert (CODE + 4 * 1000, GE) == (vcpu.nia, spr[BESCR])
