"""Pages that have their first place in the code TLB in common."""

from __future__ import annotations

import pytest
from bench import CODE, STAY, Bench
from isa.vectors import new_state

from jitppc.ir.layout import CODE_PAGE_LOG2, COUNTER, ITLB_ENTRIES, MSR
from jitppc.runtime.region_pages import leads_to

APART = ITLB_ENTRIES << CODE_PAGE_LOG2
ROUNDS = 1000
MTLR_R5, MTLR_R6, BLRL, BDNZ = 0x7CA803A6, 0x7CC803A6, 0x4E800021, 0x42000000
#: both are called in each turn
LOOP = [MTLR_R5, BLRL, MTLR_R6, BLRL, BDNZ | (-16 & 0xFFFC), STAY]


@pytest.mark.parametrize("strategy", ["interp", "exact"])
@pytest.mark.parametrize("others", [(1,), (1, 2)])
def test_they_do_not_drive_each_other_out(strategy, others):
    native = Bench(strategy, (len(others) + 1) * APART)
    pages = [CODE + n * APART for n in others]
    native.place(CODE, LOOP)
    for number, page in enumerate(pages):
        native.place(page, [0x38630001 + number, 0x4E800020])       # addi r3,r3,1 + number; blr
    state = new_state()
    state["msr"] = MSR.SF | MSR.LE
    state["spr"][0][9] = ROUNDS
    state["gpr"][0][5], state["gpr"][0][6] = pages[0], pages[-1]
    native.load_state(state)
    native.run(CODE, 9 * ROUNDS)
    vcpu = native.vcpu
    assert (2 if len(pages) == 1 else 3) * ROUNDS == vcpu.gpr[3]
    assert vcpu.state["counters"][COUNTER["itlb_misses"]] == 1 + len(pages)
    table = int(vcpu.state["itlb"])
    assert [int(vcpu.space.code_pages[p >> CODE_PAGE_LOG2]) for p in (CODE, *pages)] == [
        leads_to(table, p & -4096) for p in (CODE, *pages)]
    assert 0 == leads_to(table, CODE + 5 * APART & -4096)
