"""Code that changes, crosses pages, and slices that end anywhere."""

from __future__ import annotations

import pytest
from bench import CODE, STAY, WINDOW, Bench, bench
from hypothesis import given
from hypothesis import strategies as st
from isa.vectors import new_state

from jitppc.ir.layout import MSR

LI = 0x38600000  # addi r3,0,N
ADDI = 0x38630000  # addi r3,r3,N
STW = 0x90A40000  # stw r5,D(r4)
ISYNC, ICBI_R4 = 0x4C00012C, 0x7C0027AC
BLR, BDNZ = 0x4E800020, 0x42000000


def state_for(msr: int = MSR.SF | MSR.LE, **gprs: int):
    state = new_state()
    state["msr"] = msr | MSR.FP | MSR.VEC | MSR.VSX
    for name, value in gprs.items():
        if name == "ctr":
            state["spr"][0][9] = value
        elif name == "lr":
            state["spr"][0][8] = value
        else:
            state["gpr"][0][int(name[1:])] = value
    return state


def run(
    native: Bench, nia: int, limit: int, msr: int = MSR.SF | MSR.LE, **gprs: int
) -> int:
    """Run; returns r3."""
    native.load_state(state_for(msr, **gprs))
    native.run(nia, limit)
    return native.vcpu.gpr[3]


STRATEGIES = pytest.mark.parametrize("strategy", ["interp", "exact"])
SYNCS = pytest.mark.parametrize("sync", [[], [ISYNC], [ICBI_R4, ISYNC]], ids=len)


@STRATEGIES
@SYNCS
@pytest.mark.parametrize("distance", [4, 8, 512, 4096, 65536])
def test_a_stored_instruction_is_what_runs(strategy, sync, distance):
    """Linux counts on coherent instruction caches of this machine: a store is enough."""
    native = bench(strategy)
    target = CODE + 4 * (1 + len(sync)) + distance
    native.place(target, [LI | 1, STAY])
    words = [STW, *sync, 0x48000000 | (target - CODE - 4 * (1 + len(sync)))]
    native.place(CODE, words)
    for number in (7, 8, 9):
        found = run(native, CODE, 12, r4=target, r5=LI | number)
        assert found == number


@STRATEGIES
def test_a_loop_that_rewrites_itself_runs_each_version(strategy):
    """The loop's body adds N to r3 and stores the same instruction with N + 1 over itself."""
    native = bench(strategy)
    words = [
        ADDI | 1,
        STW,  # stw r5,0(r4): the word at CODE
        0x38A50001,  # addi r5,r5,1
        BDNZ | (-12 & 0xFFFC),
        STAY,
    ]
    native.place(CODE, words)
    found = run(native, CODE, 41, r3=0, r4=CODE, r5=ADDI | 2, ctr=10)
    assert found == sum(range(1, 11))


@pytest.mark.parametrize("where", [CODE, CODE + 8, CODE + 0x1000])
def test_a_region_is_gone_when_its_page_is_stored_to(where):
    native = bench("interp")
    native.place(CODE, [ADDI | 1, ADDI | 2, ADDI | 4, BDNZ | (-12 & 0xFFFC), STAY])
    native.place(CODE + 0x1000, [STAY])
    run(native, CODE, 8, r3=0, ctr=2)
    assert native.install_region(CODE)
    before = int(native.vcpu.state["region_insns"])
    assert run(native, CODE, 8, r3=0, ctr=2) == 14
    assert int(native.vcpu.state["region_insns"]) > before
    native.place(CODE + 0x2000, [STW, 0x48000000 | (-0x2004 & 0x03FFFFFC)])
    assert run(native, CODE + 0x2000, 10, r3=0, r4=where, r5=ADDI | 1, ctr=2) in (14, 8)
    expected = {CODE: 14, CODE + 8: 8, CODE + 0x1000: 14}[where]
    assert run(native, CODE, 8, r3=0, ctr=2) == expected


def test_a_region_that_stores_into_its_own_page_goes_on_in_the_new_code():
    native = bench("interp")
    words = [ADDI | 1, STW, 0x38A50001, BDNZ | (-12 & 0xFFFC), STAY]
    native.place(CODE, words)
    run(native, CODE, 8, r3=0, r4=WINDOW, r5=0, ctr=2)
    assert native.install_region(CODE)
    assert run(native, CODE, 41, r3=0, r4=CODE, r5=ADDI | 2, ctr=10) == sum(range(1, 11))


def test_python_that_changes_code_is_seen():
    native = bench("interp")
    for number in (3, 4, 5):
        native.memory.write(CODE, (LI | number).to_bytes(4, "little") + STAY.to_bytes(4, "little"))
        assert run(native, CODE, 2) == number


@STRATEGIES
@pytest.mark.parametrize("boundary", [CODE + 0x1000, CODE + 0x10000])
def test_execution_falls_through_into_the_next_page(strategy, boundary):
    native = bench(strategy)
    native.place(boundary - 8, [LI | 1, ADDI | 2, ADDI | 4, STAY])
    assert run(native, boundary - 8, 4) == 7
    native.place(boundary, [ADDI | 8])
    assert run(native, boundary - 8, 4) == 11


@STRATEGIES
def test_jumps_between_pages_come_back(strategy):
    native = bench(strategy)
    native.place(CODE, [LI | 0, 0x48001001 | 0, 0x48002001 - 4, ADDI | 1, STAY])
    native.place(CODE + 0x1004, [ADDI | 16, BLR])
    native.place(CODE + 0x2004, [ADDI | 32, BLR])
    assert run(native, CODE, 9) == 49


LOOP = [ADDI | 1, 0x7CA51A14, 0x78A5380C, 0x90A40000, BDNZ | (-16 & 0xFFFC), LI | 5, STAY]
LOOP_COUNT = 5 * 20 + 1
PARTS = st.lists(st.integers(1, 60), max_size=6)


def run_in_parts(native: Bench, parts: list[int]) -> tuple[list[int], int]:
    """The loop in slices of these sizes, and then to its end."""
    native.load_state(state_for(r3=0, r4=WINDOW, r5=1, ctr=20))
    native.vcpu.nia = CODE
    for part in parts:
        native.run(native.vcpu.nia, part)
    native.run(native.vcpu.nia, LOOP_COUNT + 2)
    return native.vcpu.gpr[:], native.vcpu.nia


@given(PARTS, st.sampled_from(("exact", "interp", "regions")))
def test_where_slices_end_does_not_matter(parts, strategy):
    reference, other = bench("exact"), bench("exact" if strategy == "exact" else "interp")
    reference.place(CODE, LOOP)
    expected = run_in_parts(reference, [])
    other.place(CODE, LOOP)
    if strategy == "regions":
        run_in_parts(other, [])
        assert other.install_region(CODE)
    assert expected == run_in_parts(other, parts)


# --- reservations
LWARX, STWCX = 0x7CC02028, 0x7CA0212D  # lwarx r6,0,r4; stwcx. r5,0,r4
CR0_EQ = 2


@STRATEGIES
def test_a_store_conditional_succeeds_once(strategy):
    native = bench(strategy)
    native.memory.write(WINDOW, bytes(16))
    native.place(CODE, [LWARX, STWCX, 0x7C600026, STWCX, STAY])  # mfcr r3 between
    first = run(native, CODE, 5, r4=WINDOW, r5=77)
    assert first >> 28 == CR0_EQ
    assert native.vcpu.cr >> 28 == 0
    assert native.memory.read(WINDOW, 4) == b"M\0\0\0"


@STRATEGIES
def test_a_store_conditional_fails_when_the_word_has_changed(strategy):
    native = bench(strategy)
    native.memory.write(WINDOW, bytes(16))
    stw_r7 = 0x90E40000
    native.place(CODE, [LWARX, stw_r7, STWCX, STAY])
    run(native, CODE, 4, r4=WINDOW, r5=77, r7=1)
    assert native.vcpu.cr >> 28 == 0
    assert native.memory.read(WINDOW, 4) == b"\1\0\0\0"


@STRATEGIES
@pytest.mark.parametrize("offset", [1, 2, 3])
def test_reserving_loads_want_alignment(strategy, offset):
    native = bench(strategy)
    native.place_vectors(little=False)
    native.place(CODE, [LWARX, STAY])
    run(native, CODE, 1, r4=WINDOW + offset)
    assert native.vcpu.nia == 0x600
    assert native.vcpu.spr["DAR"] == WINDOW + offset
