"""The decTest suite as a recording: each case once for each instruction that it judges.

Ref: General Decimal Arithmetic testcases; see jitppc/fuzz/data/README.md.
"""

from __future__ import annotations

import functools

import numpy as np

from jitppc.frontend.decode import rows
from jitppc.fuzz.cases import OUTCOME, USER_FIELDS, Batch, Kind, ends, new_cases
from jitppc.ir.fpscr import FPSCR

from . import dectest_file
from .dectest_forms import CR_FIELD, Run, runs_of
from .words import word_of

#: registers of the words, by the field that names them without a p
REGISTERS = {"FRT": 2, "FRA": 4, "FRB": 6}
ALL, LOW = (1 << 128) - 1, (1 << 64) - 1
U64 = np.uint64


@functools.cache
def runs() -> tuple[Run, ...]:
    """All instructions that a case judges, in the order of the file."""
    return tuple(run for case in dectest_file.read() for run in runs_of(case))


class DectestRecording:
    """Results, condition codes, exceptions and classes of results. What decTest does not say is
    open: FR, and which cause an invalid operation has.
    """

    name = "dectest"
    is_independent = True
    fields: tuple[str, ...] = USER_FIELDS
    version: tuple[int, ...] = ()

    def __init__(self, model: str) -> None:
        self.model = model

    def identity(self) -> dict[str, str]:
        return {"program": "General Decimal Arithmetic testcases", "version": "2.59",
                "file": "dectest.txt.xz"}  # fmt: skip

    def __len__(self) -> int:
        return len(runs())

    def part(self, start: int, stop: int) -> tuple[Batch, np.ndarray, np.ndarray | None]:
        chosen = runs()[start:stop]
        cases = new_cases(len(chosen))
        outcomes, undefined = np.zeros(len(cases), OUTCOME), np.zeros(len(cases), OUTCOME)
        for case, run in zip(cases, chosen, strict=True):
            _fill(case, run)
        outcomes["state"] = cases["state"]
        for run, after, open_bits in zip(chosen, outcomes, undefined, strict=True):
            _expect(run, after["state"], open_bits["state"])
        outcomes["state"]["nia"], outcomes["kind"] = ends(cases), Kind.NEXT
        return Batch(cases, self.model), outcomes, undefined


def _place(state: np.void, key: str, stem: str, value: int) -> dict[str, int]:
    """Put a number where the field FRA, FRB, FRT or its pair names registers."""
    names, register = rows()[key].picture.fields, REGISTERS[stem]
    if stem + "p" in names:
        state["vsr"][register] = (0, value >> 64)
        state["vsr"][register + 1] = (0, value & LOW)
        return {stem + "p": register}
    if stem in names:
        state["vsr"][register] = (0, value & LOW)
        return {stem: register}
    return {}


def _fill(case: np.void, run: Run) -> None:
    state, fields = case["state"], dict(run.fields)
    for stem, value in (("FRA", run.a), ("FRB", run.b), ("FRT", ALL // 3)):
        fields |= _place(state, run.key, stem, value)
    state["fpscr"] = run.fpscr
    case["words"][0], case["count"] = word_of(run.key, **fields), 1


def _expect(run: Run, state: np.void, open_bits: np.void) -> None:
    said = ~(FPSCR.INVALID | FPSCR.FR) & LOW
    fpscr = run.fpscr | run.flags | (FPSCR.FX if run.flags else 0)
    if run.tests:
        state["cr"] = U64(run.expected << (28 - 4 * CR_FIELD))
        fpscr |= run.expected << 12
    else:
        _place(state, run.key, "FRT", run.expected)
        fpscr |= FPSCR.FI if run.flags & FPSCR.XX else 0
        fpscr |= (run.fprf or 0) << 12
        said &= LOW if run.fprf is not None else ~FPSCR.FPRF
    state["fpscr"], open_bits["fpscr"] = U64(fpscr), U64(~said & LOW)
