"""POWER9's own results, natively: whole random programs. Single instructions: tests/fuzz."""

from __future__ import annotations

import numpy as np
import pytest
from bench import STAY, Bench, bench
from isa.vectors import FSCR, new_state, registers

from jitppc.fuzz.references.power9 import PROGRAM_AT, PROGRAM_BYTES, PROGRAM_END, programs
from jitppc.ir.layout import MSR


def start_state() -> np.ndarray:
    state = new_state()
    state["msr"] = MSR.SF | MSR.LE | MSR.FP | MSR.VEC | MSR.VSX | MSR.PR
    state["spr"][0][FSCR] = (1 << 64) - 1
    return state


def run_program(native: Bench, words: list[int], data: bytes, with_regions: bool) -> dict:
    """The registers at the end; with regions, at places that the program runs through."""
    native.memory.write(PROGRAM_AT, data)
    native.load_state(start_state())
    native.run(PROGRAM_AT, 20 * len(words))
    if with_regions:
        native.memory.write(PROGRAM_AT + 4 * len(words), data[4 * len(words) :])
        for index in (0, len(words) // 2):
            native.install_region(PROGRAM_AT + 4 * index)
        before = int(native.vcpu.state["region_insns"])
        native.load_state(start_state())
        native.run(PROGRAM_AT, 20 * len(words))
        assert int(native.vcpu.state["region_insns"]) > before
    return registers(native.vcpu._record)


@pytest.mark.parametrize("tier", ["interp", "exact", "regions"])
def test_random_programs_end_natively_as_on_POWER9(tier):
    native = bench("exact" if tier == "exact" else "interp")
    native.place_vectors(little=False)
    judged = 0
    for program in programs():
        words = list(program.words)
        end = words.index(PROGRAM_END)
        data = program.memory()
        data[4 * end : 4 * end + 4] = STAY.to_bytes(4, "little")
        found = run_program(native, words, bytes(data), with_regions=tier == "regions")
        assert native.vcpu.nia == PROGRAM_AT + 4 * end, f"program {program.number}"
        expected = {name: found[name] for name in program.after}
        assert program.after == expected, f"program {program.number}"
        judged += 1
    assert judged == 100


def test_the_programs_do_not_overlap_the_vectors():
    assert PROGRAM_AT + PROGRAM_BYTES <= bench("interp").memory.size
