"""Branches: which are taken, where they go, and what they leave behind."""

import itertools

import pytest
from one_insn import CIA, Machine

from jitppc.ir.builder import ANY

M64 = 2**64 - 1


def expected(bo, bit, ctr, narrow=False):
    """Whether BO asks for the branch, and the new CTR. Ref: Book I figure 40."""
    bits = [bo >> 4 - n & 1 for n in range(5)]
    if not bits[2]:
        ctr = ctr - 1 & M64
    tested = ctr & 0xFFFFFFFF if narrow else ctr
    ctr_ok = bits[2] or (tested != 0) != bits[3]
    return bool(ctr_ok and (bits[0] or bit == bits[1])), ctr


CASES = list(itertools.product(range(32), (0, 1), (1, 2, 0, 1 << 32, (1 << 32) + 1)))


@pytest.mark.parametrize("narrow", [False, True])
def test_bc_is_taken_as_BO_says_and_always_writes_LR_when_LK(narrow):
    for bo, bit, ctr in CASES:
        machine = Machine(ANY)
        if narrow:
            machine.narrow()
        before = {"cr": bit << 31 - 6, "ctr": ctr, "lr": 0x1234}
        outcome = machine.run("bc", before, BO=bo, BI=6, BD=0x40, LK=1)
        taken, left = expected(bo, bit, ctr, narrow)
        assert outcome.nia == (CIA + 0x100 if taken else CIA + 4), (bo, bit, ctr)
        assert (machine["ctr"], machine["lr"]) == (left, CIA + 4)


def test_relative_branches_go_backwards_and_absolute_ones_from_0():
    assert Machine().run("b", LI=-2).nia == CIA - 8
    assert Machine().run("b", LI=-2, AA=1).nia == M64 - 7
    assert Machine().run("bc", BO=20, BD=-1).nia == CIA - 4
    assert Machine().run("bc", BO=20, BD=1, AA=1).nia == 4
    assert Machine().run("bc", {"cr": 0}, BO=12, BI=2, BD=1, AA=1).nia == CIA + 4


def test_register_branches_clear_the_low_bits_of_the_target():
    machine = Machine()
    machine.state["spr"][0][815] = 0x5557
    assert machine.run("bclr", {"lr": 0x1237}, BO=20).nia == 0x1234
    assert machine.run("bcctr", {"ctr": 0x2223}, BO=20).nia == 0x2220
    assert machine.run("bctar", BO=20).nia == 0x5554


def test_register_branches_are_truncated_in_32_bit_mode():
    machine = Machine(ANY)
    machine.narrow()
    assert machine.run("bclr", {"lr": 0x7_0000_1234}, BO=20).nia == 0x1234


def test_bclrl_goes_to_the_old_LR():
    machine = Machine()
    assert machine.run("bclr", {"lr": 0x4000}, BO=20, LK=1).nia == 0x4000
    assert machine["lr"] == CIA + 4


def test_bctar_is_refused_to_problem_state_when_FSCR_withholds_it():
    machine = Machine()
    machine.state["spr"][0][153] = 0
    outcome = machine.run("bctar", BO=20)
    assert (outcome.kind, outcome.detail, outcome.value) == ("interrupt", "FACILITY_UNAVAILABLE", 8)
