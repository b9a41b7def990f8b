"""POWER9's own results, natively: single instructions and whole random programs."""

from __future__ import annotations

import numpy as np
import pytest
from bench import CODE as HERE
from bench import STAY, Bench, bench
from isa.vectors import (
    CODE,
    END,
    FSCR,
    MEMORY_BYTES,
    fixed_cases,
    new_state,
    programs,
    registers,
    set_registers,
)

from jitppc.ir.layout import MSR


def start_state() -> np.ndarray:
    state = new_state()
    state["msr"] = MSR.SF | MSR.LE | MSR.FP | MSR.VEC | MSR.VSX | MSR.PR
    state["spr"][0][FSCR] = (1 << 64) - 1
    return state


def run_case(native: Bench, word: int, state: np.ndarray) -> None:
    native.place(HERE, [word, STAY])
    native.load_state(state)
    native.run(HERE, 1)


@pytest.mark.parametrize("strategy", ["interp", "exact"])
def test_single_instructions_do_natively_what_POWER9_does(strategy):
    native = bench(strategy)
    wrong: dict[str, str] = {}
    count = 0
    for case in fixed_cases():
        state = start_state()
        set_registers(state, case.before)
        expected = registers(state) | case.after
        run_case(native, case.word, state)
        found = registers(native.vcpu._record)
        count += 1
        if found != expected or native.vcpu.nia != HERE + 4:
            changed = {n: f"{found[n]:x} not {v:x}" for n, v in expected.items() if found[n] != v}
            wrong[case.asm.split()[0]] = f"{case.asm} from {case.before}: {changed}"
    assert {} == wrong
    assert count == 9202


def run_program(native: Bench, words: list[int], data: bytes, with_regions: bool) -> dict:
    """The registers at the end; with regions, at every place that jumps lead to."""
    native.memory.write(CODE, data)
    native.load_state(start_state())
    native.run(CODE, 20 * len(words))
    if with_regions:
        native.memory.write(CODE + 4 * len(words), data[4 * len(words) :])
        for index in (0, len(words) // 3, 2 * len(words) // 3):
            native.install_region(CODE + 4 * index)
        before = int(native.vcpu.state["region_insns"])
        native.load_state(start_state())
        native.run(CODE, 20 * len(words))
        assert int(native.vcpu.state["region_insns"]) > before
    return registers(native.vcpu._record)


@pytest.mark.parametrize("with_regions", [False, True], ids=["tier0", "regions"])
def test_random_programs_end_natively_as_on_POWER9(with_regions):
    native = bench("interp")
    native.place_vectors(little=False)
    for program in programs():
        words = list(program.words)
        if with_regions and program.number % 5:
            continue
        end = words.index(END)
        data = program.memory()
        data[4 * end : 4 * end + 4] = STAY.to_bytes(4, "little")
        found = run_program(native, words, bytes(data), with_regions)
        assert native.vcpu.nia == CODE + 4 * end, f"program {program.number}"
        expected = {name: found[name] for name in program.after}
        assert program.after == expected, f"program {program.number}"


def test_the_programs_do_not_overlap_the_vectors():
    assert CODE + MEMORY_BYTES <= bench("interp").memory.size
