"""Regions that are there before their words were ever executed."""

from __future__ import annotations

import pytest
from bench import CODE, STAY, WINDOW, bench
from test_code_changes import run
from test_code_churn import ROOM, VERSIONS, Churn, expected

from jitppc.runtime.page_profile import Profile
from jitppc.runtime.region_store import RegionStore

LI_R3, ADDI_R3, ADD_R3_R8 = 0x38600000, 0x38630000, 0x7C634214
LWZ_R8, BDNZ = 0x81040000, 0x42000000          # lwz r8,0(r4)
KEY = "k" * 40


@pytest.mark.parametrize("leaves_at", ["head", "middle"])
def test_a_region_may_leave_where_nothing_was_decoded(leaves_at):
    """Its load misses the TLB: the instruction is decoded then, and the region stays in place."""
    native = bench("interp")
    native.vcpu.reset()                          # the processor model that it will have below
    words = [LWZ_R8, ADD_R3_R8, BDNZ | (-8 & 0xFFFC), STAY]
    words = words if leaves_at == "head" else [ADDI_R3 | 1, *words[:2], BDNZ | (-12 & 0xFFFC), STAY]
    load = words.index(LWZ_R8)
    native.memory.write(WINDOW, (5).to_bytes(4, "little"))
    native.place(CODE, words)
    native.place(CODE + 0x800, [STAY])
    run(native, CODE, 40, r3=0, r4=WINDOW, ctr=5)
    assert native.install_region(CODE)
    region = int(native.cells(CODE)["entry"][0])
    native.place(CODE, words)                    # a store: the cells are undecoded again
    run(native, CODE + 0x800, 2)                 # the page is active, by another word
    cells = native.cells(CODE)
    assert not cells["handler"][:len(words)].any()
    cells["entry"][0] = region
    native.engine.call("rt_forget_all", native.vcpu.address)
    native.vcpu.reset()
    before = int(native.vcpu.state["region_insns"])
    each = 5 if leaves_at == "head" else 6
    assert run(native, CODE, 40, r3=0, r4=WINDOW, ctr=9) == 9 * each
    assert int(native.vcpu.state["region_insns"]) - before > 8
    assert int(cells["entry"][0]) == region
    assert cells["handler"][load]


def test_the_next_machine_starts_with_what_this_one_translated(tmp_path):
    first = Churn(ROOM, RegionStore(tmp_path, KEY))
    assert expected(1, VERSIONS // 4) == first.churn(1, VERSIONS // 4)
    assert first.pool.compiled > VERSIONS // 8
    first.translator._remember()
    first.translator._store.save()
    second = Churn(ROOM, RegionStore(tmp_path, KEY))
    assert expected(1, VERSIONS // 4) == second.churn(1, VERSIONS // 4)
    assert second.pool.compiled <= 2
    assert second.translator.kept > VERSIONS // 8
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
