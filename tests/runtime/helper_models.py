"""What the native routines behind `b.helper` do, written from the book in plain Python.

Each model changes the state and memory and returns where execution goes on.
Ref: Book I 3.3.6 (move assist), 7.6.3 (lxvl, lxvll, stxvl, stxvll).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from bench import RealMemory, expect_interrupt

from jitppc.fuzz.references.routine_models import ROUTINES
from jitppc.ir.interp import StorageInterrupt
from jitppc.ir.layout import MSR

Model = Callable[..., int]
MODELS: dict[str, Model] = {}


def model(function: Model) -> Model:
    MODELS[function.__name__] = function
    return function


def _guarded(function: Callable[..., None]) -> Model:
    def run(state: np.ndarray, memory: RealMemory, cia: int, *args: int) -> int:
        try:
            function(state[0], memory, *args)
        except StorageInterrupt:
            return expect_interrupt(state, "STORAGE", cia)
        return cia + 4 & int(state[0]["ea_mask"])

    run.__name__ = function.__name__
    return model(run)


for _routine in ROUTINES.values():
    _guarded(_routine)


@model
def unknown(state: np.ndarray, memory: RealMemory, cia: int, word: int, *_rest: int) -> int:
    return expect_interrupt(state, "PROGRAM_ILLEGAL", cia)


@model
def spr_other(state: np.ndarray, memory: RealMemory, cia: int, number: int, *_rest: int) -> int:
    """Ref: Book III 5.4.4: an SPR that is not implemented."""
    if int(state[0]["msr"]) & MSR.PR:
        kind = "PROGRAM_PRIVILEGED" if number & 0x10 else "PROGRAM_ILLEGAL"
        return expect_interrupt(state, kind, cia)
    if number in (0, 4, 5, 6):
        return expect_interrupt(state, "PROGRAM_ILLEGAL", cia)
    return cia + 4 & int(state[0]["ea_mask"])
