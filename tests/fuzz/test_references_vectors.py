"""Recorded results in every tier: POWER9's own, and the IEEE 754 vectors."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from jitppc.frontend.disasm import disassemble
from jitppc.fuzz import differences
from jitppc.fuzz.cases import Batch
from jitppc.fuzz.reference import Recording
from jitppc.fuzz.references import TIERS, open_reference
from jitppc.fuzz.references.ieee754 import Ieee754Recording, sections
from jitppc.fuzz.references.ieee754_forms import WITHOUT, forms_of
from jitppc.fuzz.references.power9 import FixedRecording, undefined_parts
from jitppc.fuzz.references.vectors import VectorsRecording

MODEL = "power9"
STEP = 8192


@functools.cache
def tier(name: str):
    return open_reference(name, MODEL)


@functools.cache
def recording(name: str) -> Recording:
    return {"power9": FixedRecording, "ieee754": Ieee754Recording}[name](MODEL)


def wrong(name: str, batch: Batch, theirs: np.ndarray, undefined, side: Recording) -> list[str]:
    ours = tier(name).run(batch)
    bad = np.flatnonzero(differences.differing(batch, ours, theirs, undefined, side))
    return [
        f"{disassemble(int(batch.cases['words'][n, 0]))}: "
        f"{differences.parts(batch, ours, theirs, n, side.fields)}"
        for n in bad[:20]
    ]


@pytest.mark.parametrize("name", ["evaluator", *TIERS])
def test_single_instructions_do_what_POWER9_does_also_where_the_book_leaves_it_open(name):
    side = recording("power9")
    assert len(side) == 9202
    assert [] == wrong(name, *side.part(0, len(side)), side)


def test_the_open_parts_are_among_what_is_compared():
    parts = undefined_parts()
    assert len(parts) == 9202
    assert {"-", "RT", "CR0"} <= {word for part in parts for word in part.replace(",", " ").split()}
    assert recording("power9").part(0, 9202)[2] is None


@pytest.mark.parametrize("eighth", range(8))
def test_every_line_of_the_ieee_vectors_holds_natively(eighth):
    side = recording("ieee754")
    assert len(side) > 690_000
    bounds = range(eighth * len(side) // 8, (eighth + 1) * len(side) // 8, STEP)
    for start in bounds:
        stop = min(start + STEP, (eighth + 1) * len(side) // 8)
        assert [] == wrong("interp", *side.part(start, stop), side)


@pytest.mark.parametrize("name", ["evaluator", "exact", "regions"])
def test_lines_of_every_section_hold_in_the_other_tiers(name):
    side = recording("ieee754")
    assert isinstance(side, Ieee754Recording)
    count = {"evaluator": 3, "exact": 60, "regions": 50}[name]
    cases, outcomes, undefined = [], [], []
    for number, start in enumerate(side._starts[:-1]):
        middle = int(start) + (number * 37) % (len(side.pieces[number][0]) - count + 1)
        batch, answers, open_bits = side.part(middle, middle + count)
        cases.append(batch.cases)
        outcomes.append(answers)
        undefined.append(open_bits)
    if name == "regions":  # a region for each word: some of the sections
        cases, outcomes, undefined = cases[::6], outcomes[::6], undefined[::6]
    batch = Batch(np.concatenate(cases), MODEL)
    found = wrong(name, batch, np.concatenate(outcomes), np.concatenate(undefined), side)
    assert [] == found


def test_every_section_has_an_instruction_or_a_reason():
    without = {s.function for s in sections() if not forms_of(s.function, s.mode)}
    assert set(WITHOUT) | {"f32_roundToInt", "f64_roundToInt"} >= without - nothing_for_mode()
    assert set(WITHOUT) <= without


def nothing_for_mode() -> set[str]:
    """Functions that have an instruction in other rounding modes."""
    return {s.function for s in sections() if forms_of(s.function, s.mode)}


def test_a_wrong_answer_is_seen():
    side = VectorsRecording(MODEL)
    batch, theirs, undefined = side.part(9202 - 2, 9202 + 2)
    assert undefined is not None
    ours = theirs.copy()
    ours["state"]["gpr"][0, 7] ^= 1
    ours["state"]["fpscr"][2] ^= 0x02000000
    ours["kind"][3] = 2
    found = differences.differing(batch, ours, theirs, undefined, side)
    assert [True, False, True, True] == found.tolist()
