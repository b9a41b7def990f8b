"""Which processor the native tiers are: rows newer than the model are illegal words, also where PCR
makes problem state an older one; prefixed instructions; event-based branches.
"""

from __future__ import annotations

import pytest
from bench import CODE, HCALL, STAY, Bench
from isa.vectors import new_state

from jitppc.frontend.decode import rows
from jitppc.frontend.levels import MODELS, in_model
from jitppc.ir.layout import MSR, SRR1_BOUNDARY, SRR1_PREFIXED

ILLEGAL, PRIVILEGED, FACILITY, ALIGNMENT = 0x80000, 0x40000, 0xF60, 0x600
SETB, BRH, TBEGIN = 0x7C600100, 0x7C8301B6, 0x7C00051D
LQ, MFXER = 0xE0850000, 0x7C6102A6
PADDI = 0x06000001_38600002          # paddi r3,0,0x10002
PLD_HERE = 0x04100000_E4600010       # pld r3,16,1: relative to CIA
VADDUBM, CMPB, POPCNTB = 0x10010800, 0x7C6413F8, 0x7C6300F4
ISEL, POPCNTD = 0x7C64281E, 0x7C6303F4
USER = MSR.SF | MSR.LE | MSR.PR | MSR.ME | MSR.VEC
KERNEL = MSR.SF | MSR.LE | MSR.ME


@pytest.fixture(scope="module")
def native() -> Bench:
    bench = Bench("exact")
    bench.place_vectors(little=False)
    return bench


def run(native: Bench, words: list[int], msr: int = USER, at: int = CODE, count: int = 1, **sprs):
    """The state after `count` instructions, all registers 0 but the SPRs named `s<number>`."""
    state = new_state()
    state[0]["msr"] = msr
    for name, value in sprs.items():
        state[0]["spr"][int(name[1:])] = value
    native.load_state(state)
    native.place(at, [*words, STAY])
    return native.run(at, count)


def is_illegal(result) -> bool:
    return result.nia == 0x700 and bool(int(result.state[0]["spr"][27]) & ILLEGAL)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("word", "key"),
    [
        (SETB, "setb"), (BRH, "brh"), (TBEGIN, "tbegin."), (VADDUBM, "vaddubm"), (CMPB, "cmpb"),
        (POPCNTB, "popcntb"), (ISEL, "isel"), (POPCNTD, "popcntd"),
    ],
)  # fmt: skip
def test_a_word_is_executed_by_the_models_that_have_the_row(native, model, word, key):
    native.vcpu.set_model(MODELS[model])
    result = run(native, [word])
    assert in_model(rows()[key], model) != is_illegal(result)


def test_a_quadword_load_of_POWER7_is_privileged(native):
    native.vcpu.set_model(MODELS["power7"])
    result = run(native, [LQ])
    assert (0x700, PRIVILEGED) == (result.nia, int(result.state[0]["spr"][27]) & PRIVILEGED)
    native.vcpu.set_model(MODELS["power8"])
    assert CODE + 4 == run(native, [LQ]).nia


@pytest.mark.parametrize(("model", "carries"), [("power8", 0), ("power9", 1 << 18)])
def test_the_32_bit_carries_are_in_XER_since_POWER9(native, model, carries):
    native.vcpu.set_model(MODELS[model])
    li, addc = 0x38808000, 0x7C842014                     # li r4,-0x8000; addc r4,r4,r4
    result = run(native, [li, addc, MFXER], count=3)
    assert carries == int(result.state[0]["gpr"][3]) & 3 << 18


def test_two_models_in_one_process_keep_apart(native):
    other = Bench("exact")
    other.place_vectors(little=False)
    other.vcpu.set_model(MODELS["power10"])
    native.vcpu.set_model(MODELS["power9"])
    for _ in range(2):
        assert is_illegal(run(native, [BRH]))
        assert CODE + 4 == run(other, [BRH]).nia


def test_PCR_restricts_problem_state_alone(native):
    """The same page, by turns."""
    native.vcpu.set_model(MODELS["power9"], MODELS["power8"])
    for _ in range(2):
        assert is_illegal(run(native, [SETB], USER))
        assert CODE + 4 == run(native, [SETB], KERNEL).nia


def test_a_prefixed_instruction_is_one(native):
    native.vcpu.set_model(MODELS["power10"])
    result = run(native, [PADDI], s153=1 << 13)
    assert (CODE + 8, 0x10002, 1) == (result.nia, result.state[0]["gpr"][3], result.retired)


def test_before_ISA_3_1_a_prefix_is_illegal(native):
    native.vcpu.set_model(MODELS["power9"])
    result = run(native, [PADDI])
    assert is_illegal(result)
    assert CODE == int(result.state[0]["spr"][26])


def test_a_displacement_relative_to_CIA_is_from_the_prefix(native):
    native.vcpu.set_model(MODELS["power10"])
    result = run(native, [PLD_HERE, 1, 2, 3, 4], KERNEL)
    assert 4 << 32 | 3 == int(result.state[0]["gpr"][3])


@pytest.mark.parametrize("word", [PADDI, 0x06000000_00000000])
def test_a_prefixed_instruction_may_not_cross_64_bytes(native, word):
    """Whether there is such an instruction or not."""
    native.vcpu.set_model(MODELS["power10"])
    result = run(native, [word], at=CODE + 60, s153=1 << 13)
    causes = SRR1_PREFIXED | SRR1_BOUNDARY
    assert (ALIGNMENT, CODE + 60) == (result.nia, int(result.state[0]["spr"][26]))
    assert causes == int(result.state[0]["spr"][27]) & causes


def test_FSCR_withholds_prefixed_instructions(native):
    native.vcpu.set_model(MODELS["power10"])
    result = run(native, [PADDI], s153=0)
    assert (FACILITY, 13) == (result.nia, int(result.state[0]["spr"][153]) >> 56)
    assert int(result.state[0]["spr"][27]) & SRR1_PREFIXED
    assert CODE + 8 == run(native, [PADDI], KERNEL, s153=0).nia


def test_prefixed_instructions_run_in_regions():
    """A loop of three: paddi r3,r3,65538; bdnz back."""
    bench = Bench("interp")
    bench.vcpu.set_model(MODELS["power10"])
    words = [0x06000001_38630002, 0x4200FFF8, HCALL]
    state = new_state()
    state[0]["msr"] = KERNEL
    for turn in range(2):
        state[0]["spr"][9] = 1000
        bench.load_state(state)
        if turn == 0:
            bench.place(CODE, words)
        result = bench.run(CODE, 10_000)
        assert 1000 * 65538 == int(result.state[0]["gpr"][3])
        if turn == 0:
            assert bench.install_region(CODE)
    assert int(bench.vcpu.state["region_insns"]) >= 1900


RFEBB, MTBESCRS = 0x4C000124 | 1 << 11, 0x7C6003A6 | (800 & 31) << 16 | (800 >> 5) << 11
GE, PME, PMEO = 1 << 63, 1 << 32, 1


def test_an_event_that_is_due_branches_when_events_are_enabled(native):
    native.vcpu.set_model(MODELS["power9"])
    before = {"s153": 1 << 7, "s804": 0x5000, "s805": 0x6000}
    result = run(native, [RFEBB], s806=PME | PMEO, **before)
    spr = result.state[0]["spr"]
    assert (0x5000, 0x6000, PME | PMEO) == (result.nia, int(spr[805]), int(spr[806]))
    result = run(native, [RFEBB], s806=PME, **before)
    assert (0x6000, GE | PME) == (result.nia, int(result.state[0]["spr"][806]))


def test_enabling_an_event_that_is_due_branches(native):
    native.vcpu.set_model(MODELS["power9"])
    li = 0x38600000 | 1                                   # li r3,1
    words = [li, 0x7863F80E, MTBESCRS]                    # sldi r3,r3,63
    result = run(native, words, count=3, s153=1 << 7, s804=0x5000, s806=PME | PMEO)
    assert (0x5000, CODE + 12) == (result.nia, int(result.state[0]["spr"][805]))


@pytest.mark.parametrize(("model", "size"), [("power5+", 64), ("power7", 32)])
def test_the_segment_buffer_has_as_many_entries_as_the_processor(native, model, size):
    """Number 40 is number 8 where there are 32."""
    native.vcpu.set_model(MODELS[model])
    esid = 0x5000_0000 | 1 << 27
    state = new_state()
    state[0]["msr"] = KERNEL
    state[0]["gpr"][4], state[0]["gpr"][5] = 0x1234_0000, esid | 40
    native.load_state(state)
    native.place(CODE, [0x7C802B24, STAY])                # slbmte r4,r5
    native.run(CODE, 1)
    assert esid == int(native.vcpu.state["slb"][40 % size][0])
