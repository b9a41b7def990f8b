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


def after_the_loop(strategy, here):
    """A vCPU that has read at `here` and what shares its entry, by turns."""
    native = Bench(strategy, RAM)
    native.memory.write(here, b"\x03")
    native.place(CODE, LOOP)
    go(native, 7 * ROUNDS, here, here + APART, ctr=ROUNDS)
    return native


def go(native, limit, r4, r5, ctr=0, lr=0):
    """Execute what is at CODE."""
    state = new_state()
    state["msr"] = MSR.SF | MSR.LE
    state["spr"][0][8], state["spr"][0][9] = lr, ctr
    state["gpr"][0][4], state["gpr"][0][5] = r4, r5
    native.load_state(state)
    native.run(CODE, limit)


@pytest.mark.parametrize("strategy", ["interp", "exact"])
def test_two_addresses_that_share_an_entry_do_not_for_long(strategy):
    native = after_the_loop(strategy, GRANULE + 5)
    assert 3 * ROUNDS + sum(n & 255 for n in range(ROUNDS)) == native.vcpu.gpr[3]
    counters = native.vcpu.state["counters"]
    assert 1 == counters[COUNTER["grown_tables"]]
    # until the slice ends the old table is asked, which is empty; a slice is 20,000 instructions
    assert counters[COUNTER["dtlb_misses"]] < 2 * MOST_EVICTIONS + 20_000
    assert int(native.vcpu.state["dtlb_mask"]) == (KERNEL_TABLE_ENTRIES - 1) * 32


def test_code_in_a_granule_of_a_large_table_takes_the_right_to_store():
    """What loses the right in the old table loses it in the new one."""
    native = after_the_loop("interp", GRANULE)
    code = GRANULE + APART + 0x1000
    native.place(code, [0x38600007, STAY])                  # li r3,7
    native.vcpu.nia = code
    native.vcpu.run_for(2)
    assert 7 == native.vcpu.gpr[3]
    native.place(CODE, [0x90A40000, 0x4E800020])            # stw r5,0(r4), and there
    go(native, 4, r4=code, r5=0x38600009, lr=code)
    assert 9 == native.vcpu.gpr[3]
