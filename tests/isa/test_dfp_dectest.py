"""Decimal instructions in every tier against the decTest suite, flags and classes included."""

import collections
import functools

import numpy as np
import pytest

from jitppc.frontend.disasm import disassemble
from jitppc.fuzz import differences
from jitppc.fuzz.references import TIERS, dectest_file, open_reference
from jitppc.fuzz.references.dectest import DectestRecording, runs
from jitppc.fuzz.references.dectest_forms import OPERATIONS, runs_of

MODEL = "power9"


@functools.cache
def tier(name: str):
    return open_reference(name, MODEL)


@pytest.mark.parametrize("quarter", range(4))
@pytest.mark.parametrize("name", ["evaluator", *TIERS])
def test_instructions_do_what_dectest_says(name, quarter):
    side = DectestRecording(MODEL)
    bounds = [len(side) * n // 4 for n in (quarter, quarter + 1)]
    batch, theirs, undefined = side.part(*bounds)
    ours = tier(name).run(batch)
    bad = np.flatnonzero(differences.differing(batch, ours, theirs, undefined, side))
    assert [] == [
        f"{disassemble(int(batch.cases['words'][n, 0]))}: "
        f"{differences.parts(batch, ours, theirs, n, side.fields)}"
        for n in bad[:10]
    ]


def test_every_case_with_an_instruction_is_used():
    cases = list(dectest_file.read())
    judged = {case.operation for case in cases if runs_of(case)}
    assert {*OPERATIONS, "apply"} == judged
    assert len(runs()) > 13_000
    left = collections.Counter(case.operation for case in cases if not runs_of(case))
    without = {"toeng", "copy", "copyabs", "copynegate", "copysign"}
    # operands that are no numbers ("#"); two NaNs in decTest's own order; distances that are none,
    # and NaNs, which Power shifts; text that no wider format has
    bad = dict.fromkeys("add subtract multiply divide compare comparesig".split(), 4)
    reasons = bad | {"quantize": 34, "shift": 204, "tosci": 436}
    assert reasons == {op: n for op, n in left.items() if op not in without}
