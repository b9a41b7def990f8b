"""Regions that are there before their words were ever executed."""

from __future__ import annotations

import numpy as np
import pytest
from bench import CODE, STAY, WINDOW, bench
from test_code_changes import run
from test_code_churn import ROOM, VERSIONS, Churn, expected

from jitppc.ir.layout import INSTALL_RING, MSR
from jitppc.runtime.page_profile import Profile
from jitppc.runtime.region_pages import at
from jitppc.runtime.region_store import RegionStore

LI_R3, ADDI_R3, ADD_R3_R8 = 0x38600000, 0x38630000, 0x7C634214
LWZ_R8, BDNZ = 0x81040000, 0x42000000          # lwz r8,0(r4)
KEY = "k" * 40


@pytest.mark.parametrize("little", [True, False], ids=["little", "big"])
@pytest.mark.parametrize("leaves_at", ["head", "middle"])
def test_a_region_may_leave_where_nothing_was_decoded(leaves_at, little):
    """Its load misses the TLB: the instruction is decoded then, and the region stays in place."""
    native = bench("interp")
    order = "little" if little else "big"
    msr = MSR.SF | MSR.LE * little
    native.vcpu.reset()                          # the processor model that it will have below
    words = [LWZ_R8, ADD_R3_R8, BDNZ | (-8 & 0xFFFC), STAY]
    words = words if leaves_at == "head" else [ADDI_R3 | 1, *words[:2], BDNZ | (-12 & 0xFFFC), STAY]
    load = words.index(LWZ_R8)
    native.memory.write(WINDOW, (5).to_bytes(4, order))
    native.place(CODE, words, little)
    native.place(CODE + 0x800, [STAY], little)
    run(native, CODE, 40, msr, r3=0, r4=WINDOW, ctr=5)
    assert native.install_region(CODE)
    region = int(native.cells(CODE)["entry"][0])
    native.place(CODE, words, little)            # a store: the cells are undecoded again
    run(native, CODE + 0x800, 2, msr)            # the page is active, by another word
    cells = native.cells(CODE)
    assert not cells["handler"][:len(words)].any()
    cells["entry"][0] = region
    native.engine.call("rt_forget_all", native.vcpu.address)
    native.vcpu.reset()
    before = int(native.vcpu.state["region_insns"])
    each = 5 if leaves_at == "head" else 6
    assert run(native, CODE, 40, msr, r3=0, r4=WINDOW, ctr=9) == 9 * each
    assert int(native.vcpu.state["region_insns"]) - before > 8
    assert int(cells["entry"][0]) == region
    assert cells["handler"][load]


@pytest.mark.parametrize("little", [True, False], ids=["little", "big"])
def test_a_region_may_be_evicted_where_nothing_was_decoded(little):
    native, msr = bench("interp"), MSR.SF | MSR.LE * little
    words = [ADDI_R3 | 1, BDNZ | (-4 & 0xFFFC), STAY]
    native.place(CODE, words, little)
    native.place(CODE + 0x800, [STAY], little)
    run(native, CODE + 0x800, 2, msr)
    cells, machine = native.cells(CODE), native.memory.state[0]
    number = int(machine["install_head"])
    entry = native.engine.arena.symbols["slice_end"]        # stands for a region
    cells["entry"][0] = entry
    native.memory.installs[number % INSTALL_RING] = cells.ctypes.data, entry, 0, 0
    machine["install_head"] = number + 1
    native.vcpu.install_now()
    assert run(native, CODE, 40, msr, r3=0, ctr=9) == 9
    assert cells["handler"][0]
    handlers = np.frombuffer(at(native.engine.handlers, 1 << 16), np.uint64)
    assert int(cells["entry"][0]) == int(handlers[int(cells["handler"][0])])


#: read as these bytes, or as the same in the other order: addi r3,r3,0x643c; addis r3,r4,0x6338
EITHER = 0x3863643C
#: the same in both: ori r0,r0,0x60; bc 7,31,-192, which is always taken while XER[SO] is not in CR7
NOP_EITHER, BACK_EITHER = 0x60000060, 0x40FFFF40


def test_a_translation_is_not_taken_for_one_of_the_same_bytes_in_the_other_order():
    churn = Churn(ROOM)
    words = [EITHER, *[NOP_EITHER] * 47, BACK_EITHER]
    churn.memory.write(CODE, b"".join(word.to_bytes(4, "big") for word in words))
    for little in (True, False, True, False):
        churn.vcpu.msr = MSR.SF | MSR.LE * little
        churn.vcpu.cr, churn.vcpu.gpr[3], churn.vcpu.gpr[4] = 0, 0, 1
        churn.vcpu.nia, before = CODE, churn.vcpu.retired
        in_regions = int(churn.vcpu.state["region_insns"])
        for _ in range(200):
            churn.vcpu.run_for(1500)
            churn.translator.tick()
        rounds = (churn.vcpu.retired - before) // len(words)
        assert churn.vcpu.nia == CODE
        assert churn.vcpu.gpr[3] == (0x6338_0001 if little else 0x643C * rounds)
        assert int(churn.vcpu.state["region_insns"]) - in_regions > 40 * rounds // 2
    assert churn.pool.compiled == 2


def test_the_next_machine_starts_with_what_this_one_translated(tmp_path):
    first = Churn(ROOM, RegionStore(tmp_path, KEY))
    assert expected(1, VERSIONS // 4) == first.churn(1, VERSIONS // 4)
    assert first.pool.compiled > VERSIONS // 8
    first.translator._remember()
    first.translator._store.save()
    second = Churn(ROOM, RegionStore(tmp_path, KEY))
    assert expected(1, VERSIONS // 4) == second.churn(1, VERSIONS // 4)
    assert second.pool.compiled <= 2
    assert second.translator.statistics()["regions_kept"] > VERSIONS // 8
    share = [
        int(churn.vcpu.state["region_insns"]) / churn.vcpu.retired for churn in (first, second)
    ]
    assert share[0] < 0.5
    assert share[1] > 0.9


def test_what_was_wanted_is_compiled_by_the_next_machine(tmp_path):
    """The first ends before any region arrives; the second asks at once, without heat."""
    first = Churn(ROOM, RegionStore(tmp_path, KEY))
    translator = first.translator
    translator.tick = lambda: [translator._wanted.add(p, 3) for p in translator._requests()]
    assert expected(7, 1) == first.churn(7, 1)
    assert translator._wanted
    translator._remember()
    translator._store.save()
    second = Churn(ROOM, RegionStore(tmp_path, KEY))
    translator = second.translator
    translator.tick = translator._take_seen
    second.churn(7, 1)
    names = {place.name for _times, place in translator._wanted}
    profiles = [Profile.from_bytes(translator._store.profile(name)) for name in names]
    assert any(profile.wanted for profile in profiles)
    assert all(profile.has_run.any() for profile in profiles)
