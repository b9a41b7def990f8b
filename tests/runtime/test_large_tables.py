"""Two addresses in use that have one place in the data TLB, and more in use than it has places."""

from __future__ import annotations

import pytest
from bench import CODE, STAY, Bench
from isa.vectors import new_state

from jitppc.ir.layout import (
    COUNTER,
    DATA_TABLE_ENTRIES,
    GRANULE_LOG2,
    KERNEL_TABLE_ENTRIES,
    MOST_EVICTIONS,
    MSR,
)

GRANULE = 1 << GRANULE_LOG2
APART = DATA_TABLE_ENTRIES * GRANULE
RAM = 2 * APART
ROUNDS = 20_000
LBZ_R6_R4, STB_R7_R5, LBZ_R8_R5, ADD_R3_R6, ADD_R3_R8, ADDI_R7, BDNZ = (
    0x88C40000, 0x98E50000, 0x89050000, 0x7C633214, 0x7C634214, 0x38E70001, 0x42000000)
#: r3 += [r4]; [r5] = r7; r3 += [r5]; r7 += 1
LOOP = [LBZ_R6_R4, ADD_R3_R6, STB_R7_R5, LBZ_R8_R5, ADD_R3_R8, ADDI_R7, BDNZ | (-24 & 0xFFFC), STAY]


@pytest.mark.parametrize("strategy", ["interp", "exact"])
def test_two_addresses_that_share_an_entry_do_not_for_long(strategy):
    native = Bench(strategy, RAM)
    here = GRANULE + 5
    native.memory.write(here, b"\x03")
    native.place(CODE, LOOP)
    state = new_state()
    state["msr"] = MSR.SF | MSR.LE
    state["spr"][0][9] = ROUNDS
    state["gpr"][0][4], state["gpr"][0][5] = here, here + APART
    native.load_state(state)
    native.run(CODE, 7 * ROUNDS)
    assert 3 * ROUNDS + sum(n & 255 for n in range(ROUNDS)) == native.vcpu.gpr[3]
    counters = native.vcpu.state["counters"]
    assert 1 == counters[COUNTER["grown_tables"]]
    # until the slice ends the old table is asked, which is empty; a slice is 20,000 instructions
    assert counters[COUNTER["dtlb_misses"]] < 2 * MOST_EVICTIONS + 20_000
    assert int(native.vcpu.state["dtlb_mask"]) == (KERNEL_TABLE_ENTRIES - 1) * 32


def test_code_in_a_granule_of_a_large_table_takes_the_right_to_store():
    """What loses the right in the old table loses it in the new one."""
    native = Bench("interp", RAM)
    target = GRANULE + APART
    native.place(CODE, LOOP)
    state = new_state()
    state["msr"] = MSR.SF | MSR.LE
    state["spr"][0][9] = ROUNDS
    state["gpr"][0][4], state["gpr"][0][5] = GRANULE, target
    native.load_state(state)
    native.run(CODE, 7 * ROUNDS)
    native.place(target + 0x1000, [0x38600007, STAY])       # li r3,7
    native.vcpu.nia = target + 0x1000
    native.vcpu.run_for(2)
    assert 7 == native.vcpu.gpr[3]
    native.place(CODE, [0x90A40000, 0x4E800020])            # stw r5,0(r4), and there
    state["gpr"][0][4], state["gpr"][0][5] = target + 0x1000, 0x38600009
    state["spr"][0][8] = target + 0x1000
    native.load_state(state)
    native.run(CODE, 4)
    assert 9 == native.vcpu.gpr[3]
