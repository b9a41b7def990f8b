"""Interrupts: what each sets, which comes first, what holds them back. Ref: Book III 7."""

from __future__ import annotations

import pytest
from bench import BASE_MSR as BASE
from bench import CODE, STAY, Bench, bench, execute
from isa.vectors import new_state
from radix_model import LEAF, VALID, C, R, Trees

from jitppc.ir.layout import LPCR, MSR

RAM = 4 << 20
NOP, RFID, RFSCV, SC, SC1 = 0x60000000, 0x4C000024, 0x4C0000A4, 0x44000002, 0x44000022
ILLEGAL, TRAP, MFMSR_R3 = 0x00000000, 0x7FE00008, 0x7C6000A6
MTMSRD_R6, MTMSRD_R6_L1, MTMSR_R6 = 0x7CC00164, 0x7CC10164, 0x7CC00124
MTDEC_R6, MFDEC_R3 = 0x7CD603A6, 0x7C7602A6
FADD, VADD, XXLOR = 0xFC22182A, 0x10221800, 0xF0221C90
MFTAR, MFDSCR = 0x7C6FCAA6, 0x7C6302A6
KERNEL = 0xC000000000000000


def scv(level: int) -> int:
    return 0x44000001 | level << 5


def msgsndp(register: int) -> int:
    return 31 << 26 | register << 11 | 142 << 1


@pytest.fixture(params=["exact", "interp"])
def native(request) -> Bench:
    found = bench(request.param, RAM)
    found.load_state(new_state())
    found.vcpu.lpcr = LPCR.LD | LPCR.ILE
    found.vcpu.state["external"] = 0
    found.vcpu.state["dec_deadline"] = (1 << 63) - 1
    found.place_vectors(little=True)
    return found


CASES = [
    (ILLEGAL, BASE, 0x700, 0, 1 << (63 - 44)),
    (TRAP, BASE, 0x700, 0, 1 << (63 - 46)),
    (MFMSR_R3, BASE | MSR.PR, 0x700, 0, 1 << (63 - 45)),
    (RFID, BASE | MSR.PR, 0x700, 0, 1 << (63 - 45)),
    (FADD, BASE, 0x800, 0, 0),
    (VADD, BASE, 0xF20, 0, 0),
    (XXLOR, BASE | MSR.FP | MSR.VEC, 0xF40, 0, 0),
    (SC, BASE, 0xC00, 4, 0),
    (SC, BASE | MSR.PR | MSR.EE, 0xC00, 4, 0),
]


@pytest.mark.parametrize(("word", "msr", "vector", "skipped", "cause"), CASES)
@pytest.mark.parametrize("little", [True, False])
def test_what_an_interrupt_sets(native, word, msr, vector, skipped, cause, little):
    native.vcpu.set_ile(little)
    vcpu = execute(native, [word], msr | MSR.RI)
    assert vcpu.nia == vector
    assert vcpu.spr["SRR0"] == CODE + skipped
    assert vcpu.spr["SRR1"] == msr | MSR.RI | cause
    assert vcpu.msr == MSR.SF | MSR.ME | (MSR.LE if little else 0)


@pytest.mark.parametrize("facility", [(MFTAR, 8), (MFDSCR, 2)])
def test_facilities_that_FSCR_withholds_are_named_in_it(native, facility):
    word, number = facility
    native.vcpu.state["spr"][153] = 0
    vcpu = execute(native, [word], BASE | MSR.PR)
    assert vcpu.nia == 0xF60
    assert int(vcpu.state["spr"][153]) >> 56 == number


@pytest.mark.parametrize("level", [0, 1, 127])
def test_scv_uses_LR_and_CTR(native, level):
    native.place(0x17000 + 32 * level, [STAY])
    native.vcpu.spr["SRR0"] = native.vcpu.spr["SRR1"] = 0
    msr = BASE | MSR.PR | MSR.EE | MSR.RI
    vcpu = execute(native, [scv(level)], msr)
    assert vcpu.nia == 0x17000 + 32 * level
    assert (vcpu.lr, vcpu.ctr) == (CODE + 4, msr)
    assert vcpu.msr == BASE | MSR.EE | MSR.RI
    assert vcpu.spr["SRR0"] == vcpu.spr["SRR1"] == 0


def test_a_storm_of_scv_ends_with_the_slice(native):
    """An scv at its own vector: the processor can still be stopped."""
    native.place(0x17000, [scv(0)])
    execute(native, [scv(0)], count=100)
    assert native.vcpu.nia == 0x17000


def test_a_storm_of_faults_ends_with_the_slice(native):
    native.place(0x700, [ILLEGAL])
    execute(native, [ILLEGAL], count=100)
    assert native.vcpu.nia == 0x700
    native.place(0x700, [STAY])


# --- AIL
def map_kernel(native: Bench) -> None:
    """The first 2 MiB of RAM at the kernel's address and at 0, for PID 0."""
    trees = Trees(native.memory)
    trees.clear()
    leaf = VALID | LEAF | R | C | 7
    trees.put(trees.slot(0, KERNEL, 21), leaf | 8)
    trees.put(trees.slot(0, 0, 21), leaf)
    native.vcpu.set_process_table(0x100000)
    native.vcpu.spr["PIDR"] = 0
    for at in range(0x4000, 0x5000, 4):
        native.memory.write(at, STAY.to_bytes(4, "little"))
    native.memory.write(0x3000, STAY.to_bytes(4, "little"))


TRANSLATED = BASE | MSR.IR | MSR.DR


@pytest.mark.parametrize(("ail", "msr", "base"), [
    (0, TRANSLATED, 0),
    (3, TRANSLATED, KERNEL + 0x4000),
    (3, TRANSLATED & ~MSR.DR, 0),
    (3, BASE, 0),
])  # fmt: skip
def test_AIL_3_keeps_relocation_on_where_it_was_on(native, ail, msr, base):
    map_kernel(native)
    native.vcpu.set_ail(ail)
    vcpu = execute(native, [SC], msr)
    assert vcpu.nia == base + 0xC00
    assert vcpu.msr & (MSR.IR | MSR.DR) == (MSR.IR | MSR.DR if base else 0)
    native.vcpu.set_ail(0)


def test_scv_with_AIL_3_has_vectors_of_its_own(native):
    map_kernel(native)
    native.vcpu.set_ail(3)
    vcpu = execute(native, [scv(0)], TRANSLATED)
    assert vcpu.nia == KERNEL + 0x3000
    native.vcpu.set_ail(0)


def test_system_reset_ignores_AIL(native):
    map_kernel(native)
    native.vcpu.set_ail(3)
    native.vcpu.pend_system_reset()
    vcpu = execute(native, [NOP], TRANSLATED | MSR.EE)
    assert vcpu.nia == 0x100
    assert vcpu.spr["SRR0"] == CODE
    native.vcpu.set_ail(0)


# --- asynchronous interrupts
def test_system_reset_needs_no_EE_and_comes_once(native):
    native.vcpu.pend_system_reset()
    assert execute(native, [NOP]).nia == 0x100
    assert execute(native, [NOP]).nia == CODE + 4


def test_external_comes_before_decrementer_before_doorbell(native):
    vcpu = native.vcpu
    vcpu.state["external"] = 1
    vcpu.state["dec_deadline"], vcpu.state["doorbell"] = 0, 1
    assert execute(native, [NOP]).nia == CODE + 4  # EE is off
    assert execute(native, [NOP], BASE | MSR.EE).nia == 0x500
    vcpu.state["external"] = 0
    assert execute(native, [NOP], BASE | MSR.EE).nia == 0x900
    execute(native, [MTDEC_R6], r6=1 << 40)
    assert execute(native, [NOP], BASE | MSR.EE).nia == 0xA00
    assert execute(native, [NOP], BASE | MSR.EE).nia == CODE + 4


def test_the_external_line_is_a_level(native):
    native.vcpu.state["external"] = 1
    for _ in range(2):
        assert execute(native, [NOP], BASE | MSR.EE).nia == 0x500
    native.vcpu.state["external"] = 0
    assert execute(native, [NOP], BASE | MSR.EE).nia == CODE + 4


@pytest.mark.parametrize("word", [MTMSRD_R6, MTMSRD_R6_L1, MTMSR_R6])
def test_enabling_EE_takes_what_is_pending_at_once(native, word):
    native.vcpu.state["external"] = 1
    vcpu = execute(native, [word, 0x38600001], r3=0, r6=BASE | MSR.EE, count=3)
    assert vcpu.nia == 0x500
    assert vcpu.spr["SRR0"] == CODE + 4
    assert vcpu.gpr[3] == 0


def test_a_doorbell_to_this_thread_comes_when_EE_allows(native):
    vcpu = execute(native, [msgsndp(7), MFMSR_R3], BASE | MSR.EE, r7=5 << 27, count=3)
    assert vcpu.nia == 0xA00
    assert vcpu.spr["SRR0"] == CODE + 4
    vcpu = execute(native, [msgsndp(7)], BASE | MSR.EE, r7=5 << 27 | 1)
    assert vcpu.nia == CODE + 4  # another thread


# --- decrementer
@pytest.mark.parametrize("large", [True, False])
@pytest.mark.parametrize("value", [5, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 40, 1 << 55])
def test_the_decrementer_has_32_or_56_bits(native, large, value):
    native.vcpu.lpcr = native.vcpu.lpcr & ~LPCR.LD | (LPCR.LD if large else 0)
    vcpu = execute(native, [MTDEC_R6, MFDEC_R3], r6=value)
    width = 56 if large else 32
    low = value & (1 << width) - 1
    expected = low - (1 << width) if low >> width - 1 else low
    found = vcpu.gpr[3] - (1 << 64) if vcpu.gpr[3] >> 63 else vcpu.gpr[3]
    assert expected - 2 <= found <= expected
    assert bool(vcpu.state["dec_pending"]) == (expected < 0)


def test_the_decrementer_interrupts_after_that_many_ticks(native):
    """Two instructions a tick: see native/clock.py."""
    loop = [MTDEC_R6, 0x38630001, 0x4BFFFFFC]  # addi r3,r3,1; b -4
    vcpu = execute(native, loop, BASE | MSR.EE, r3=0, r6=50_000, count=160_000)
    assert vcpu.nia == 0x900
    assert 50_000 <= vcpu.gpr[3] <= 50_000 + 10_001  # a slice late at most


# --- returns
@pytest.mark.parametrize(("wanted", "found"), [
    (BASE, BASE),
    (BASE | MSR.PR, BASE | MSR.PR | MSR.EE | MSR.IR | MSR.DR),
    (MSR.SF | MSR.LE, BASE),
    (BASE | MSR.HV, BASE),
    ((1 << 64) - 1 & ~(MSR.PR | MSR.IR | MSR.DR | MSR.EE | 3 << 9), None),
])  # fmt: skip
def test_rfid_installs_what_the_guest_may_have(native, wanted, found):
    map_kernel(native)
    native.vcpu.spr["SRR0"], native.vcpu.spr["SRR1"] = CODE + 0x103, wanted
    native.place(CODE + 0x100, [STAY])
    vcpu = execute(native, [RFID])
    assert vcpu.nia == CODE + 0x100
    if found is None:
        assert not vcpu.msr & (MSR.HV | MSR.TS)
    else:
        assert vcpu.msr == found


def test_rfid_to_32_bit_mode_truncates_the_address(native):
    native.vcpu.spr["SRR0"], native.vcpu.spr["SRR1"] = 0x5_0000_0000 | CODE + 4, MSR.LE | MSR.ME
    vcpu = execute(native, [RFID])
    assert vcpu.nia == CODE + 4
    assert not vcpu.msr & MSR.SF


def test_rfscv_returns_by_LR_and_CTR(native):
    native.vcpu.lr, native.vcpu.ctr = CODE + 4, BASE | MSR.RI
    vcpu = execute(native, [RFSCV])
    assert (vcpu.nia, vcpu.msr) == (CODE + 4, BASE | MSR.RI)


def test_mtmsrd_keeps_byte_order_and_machine_check(native):
    vcpu = execute(native, [MTMSRD_R6], r6=MSR.SF)
    assert vcpu.msr == BASE
    vcpu = execute(native, [MTMSRD_R6_L1], r6=(1 << 64) - 1)
    assert vcpu.msr == BASE | MSR.EE | MSR.RI


def test_mtmsr_changes_the_low_word_only(native):
    vcpu = execute(native, [MTMSR_R6], r6=MSR.RI)
    assert vcpu.msr == BASE | MSR.RI


def test_a_hypercall_of_problem_state_is_refused(native):
    vcpu = execute(native, [SC1], BASE | MSR.PR, r3=0)
    assert vcpu.gpr[3] == (1 << 64) - 3
    assert vcpu.nia == CODE + 4


def test_fetches_outside_memory_are_machine_checks(native):
    vcpu = native.vcpu
    vcpu.msr, vcpu.nia = BASE, RAM + 0x1000
    vcpu.run_for(1)
    assert vcpu.nia == 0x200
    assert vcpu.spr["SRR0"] == RAM + 0x1000
