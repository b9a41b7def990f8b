"""Decimal instructions in the evaluator against the decTest suite, flags included."""

import collections

import pytest
from dfp_dectest import runs_of
from dfp_insn import execute
from oracles import dectest

#: cases that the book answers in another way
DIFFERS: dict[str, str] = {}

BY_FILE = collections.defaultdict(list)
for _case in dectest.read():
    BY_FILE[_case.file].append(_case)


@pytest.mark.parametrize("file", BY_FILE)
def test_instructions_do_what_dectest_says(file):
    problems, judged = [], 0
    for case in BY_FILE[file]:
        for run in runs_of(case):
            judged += 1
            done = execute(run.key, run.a, run.b, run.fpscr, **run.fields)
            complaint = run.complaint(done)
            if bool(complaint) != (case.name in DIFFERS):
                problems.append(f"{case.name} {run.key}: {complaint or 'no difference any more'}")
    assert [] == problems
    assert judged, "no case was judged"
