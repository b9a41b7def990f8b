"""One decimal instruction through the evaluator: operands and result as bits of one number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from one_insn import CIA, window, word_of
from vectors import new_state

from jitppc.frontend.decode import rows
from jitppc.frontend.translate import translate_word
from jitppc.ir.interp import Evaluator
from jitppc.ir.layout import MSR

T, A, B = 2, 4, 6
#: what targets hold before, to see whether they are written
OLD = 0x5555_6666_7777_8888
MASK = (1 << 64) - 1
#: MSR bits that make an enabled exception an interrupt
PRECISE = MSR.FE0 | MSR.FE1


@dataclass(frozen=True, slots=True)
class Done:
    """What an instruction left behind."""

    result: int
    fpscr: int
    crf: tuple[int, ...]
    kind: str
    detail: object
    state: np.ndarray


def key_of(name: str, width: int) -> str:
    """The row for numbers of a width, by the name of the long form."""
    return f"{name}q" if width == 128 else name


def prepared(
    key: str, a: int = 0, b: int = 0, fpscr: int = 0, **fields: int
) -> tuple[int, np.ndarray]:
    """Word and state for an instruction with the operands (FRA) and (FRB)."""
    names = rows()[key].picture.fields
    state = new_state()
    vsr = state[0]["vsr"]
    for register, stem, value in ((T, "FRT", OLD << 64 | OLD), (A, "FRA", a), (B, "FRB", b)):
        if stem + "p" in names:
            fields[stem + "p"] = register
            vsr[register][1], vsr[register + 1][1] = value >> 64, value & MASK
        elif stem in names:
            fields[stem] = register
            vsr[register][1] = value & MASK
    if "VRB" in names:
        fields["VRB"] = B
        vsr[32 + B] = [b & MASK, b >> 64]
    if "VRT" in names:
        fields["VRT"] = T
        vsr[32 + T] = [OLD, OLD]
    state[0]["fpscr"] = fpscr
    return word_of(key, **fields), state


def done(key: str, state: np.ndarray, kind: str, detail: object = None) -> Done:
    """What the state shows after an instruction of a row."""
    names, vsr = rows()[key].picture.fields, state[0]["vsr"]
    if "FRTp" in names:
        result = int(vsr[T][1]) << 64 | int(vsr[T + 1][1])
    elif "VRT" in names:
        result = int(vsr[32 + T][1]) << 64 | int(vsr[32 + T][0])
    else:
        result = int(vsr[T][1])
    crf = tuple(int(n) for n in state[0]["crf"])
    return Done(result, int(state[0]["fpscr"]), crf, kind, detail, state)


def execute(key: str, a: int = 0, b: int = 0, fpscr: int = 0, msr: int = 0, **fields: int) -> Done:
    """Run an instruction; `msr` flips bits."""
    word, state = prepared(key, a, b, fpscr, **fields)
    state[0]["msr"] = int(state[0]["msr"]) ^ msr
    outcome = Evaluator(state, window()).run(translate_word(word), CIA)
    return done(key, state, outcome.kind, outcome.detail)
