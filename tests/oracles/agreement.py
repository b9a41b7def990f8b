"""One instruction run by the evaluator and by an oracle, and what differs afterwards."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from oracles.qemu_user import CIA, WINDOW, WINDOW_BYTES, Answer
from strategies import block_of, random_state, random_word
from window import Window

from jitppc.frontend.decode import Insn, decode
from jitppc.frontend.disasm import disassemble
from jitppc.frontend.forms import raw_field
from jitppc.frontend.translate import translate_word
from jitppc.fuzz.references.routine_models import ROUTINES
from jitppc.ir.interp import Evaluator, Outcome, StorageInterrupt
from jitppc.ir.layout import MSR
from jitppc.ir.ops import Effect

#: how the emulated process runs, beside what `random_state` sets
USER = MSR.PR | MSR.FE0 | MSR.FE1

#: the parts of the state that a user program sees
PARTS = (
    "gpr",
    "vsr",
    "crf",
    "so",
    "ov",
    "ca",
    "ov32",
    "ca32",
    "xer_low",
    "xer_mid",
    "fpscr",
    "vscr",
)

_INTERRUPTS = {
    "PROGRAM_TRAP": "trap",
    "PROGRAM_ILLEGAL": "illegal",
    "PROGRAM_PRIVILEGED": "privileged",
    "ALIGNMENT": "alignment",
    "PROGRAM_FP_ENABLED": "floating",
}


@dataclass(slots=True)
class Case:
    """A word, the state before it, and the result of a run."""

    word: int
    state: np.ndarray
    window: bytes

    @property
    def insn(self) -> Insn:
        found = decode(self.word)
        assert found is not None
        return found

    def field(self, name: str) -> int:
        """A field's bits."""
        return raw_field(self.insn.row.picture, self.word, name)

    def gpr(self, field: str) -> int:
        """The contents of the GPR that a field names, before the instruction."""
        return int(self.state[0]["gpr"][self.field(field)])

    def vsr(self, field: str) -> tuple[int, int]:
        """High and low doubleword of the VSR (VR for V fields) that a field names, before."""
        low, high = self.state[0]["vsr"][self.field(field) + (32 if field.startswith("V") else 0)]
        return int(high), int(low)

    def __str__(self) -> str:
        return f"{self.word:08x} {disassemble(self.word, CIA)}"


def evaluate_line(
    words: Sequence[int], state: np.ndarray, window: bytes
) -> tuple[Answer, int | None]:
    """The evaluator's answer for a line of words, and the effective address of the first access."""
    state, memory = state.copy(), Window(WINDOW, window)
    evaluator = Evaluator(state, memory)
    try:
        outcome = evaluator.run(block_of(words), CIA)
    except StorageInterrupt:
        outcome = Outcome("interrupt", evaluator.cia, "STORAGE")
    kind = outcome.kind
    if kind == "helper":
        outcome = _routine(outcome, evaluator, state, memory)
        kind = outcome.kind
    if kind == "interrupt":
        kind = _INTERRUPTS.get(outcome.detail, outcome.detail.lower())
    elif kind == "jump" and outcome.nia == CIA + 4 * len(words):
        kind = "next"
    return Answer(kind, outcome.nia, state, bytes(memory.data)), memory.first_ea


def _routine(
    outcome: Outcome, evaluator: Evaluator, state: np.ndarray, memory: Window
) -> Outcome:
    """A native routine's work, by its model."""
    name, operands = outcome.detail
    if name not in ROUTINES:
        return outcome
    try:
        ROUTINES[name](state[0], memory, *operands)
    except StorageInterrupt:
        return Outcome("interrupt", evaluator.cia, "STORAGE")
    return Outcome("next", outcome.nia)


def evaluate(case: Case) -> tuple[Answer, int | None]:
    """The evaluator's answer for a case."""
    return evaluate_line([case.word], case.state, case.window)


def touches_memory(word: int) -> bool:
    """The instruction may load or store."""
    effects = Effect.READS_MEMORY | Effect.WRITES_MEMORY
    return any(v.op.effects & effects and v.args for v in translate_word(word).values)


def make_case(insn_row, source: random.Random) -> Case:
    """A random case of a row. Accesses mostly fall into the window: RA is moved so that they do."""
    word = random_word(insn_row, source)
    state = random_state(source.getrandbits(32), msr=USER)
    case = Case(word, state, source.randbytes(WINDOW_BYTES))
    if touches_memory(word) and "RA" in insn_row.picture.fields and source.random() < 0.9:
        wanted = WINDOW + 2048 + source.choice((0, 16, 32, 64, 96, 112, source.randrange(128)))
        _, ea = evaluate(case)
        if ea is not None and case.field("RA"):
            gpr = state[0]["gpr"]
            number = case.field("RA")
            gpr[number] = int(gpr[number]) + wanted - ea & 0xFFFFFFFFFFFFFFFF
    return case


def differences(ours: Answer, theirs: Answer) -> dict[str, tuple]:
    """What differs, part by part: (ours, theirs)."""
    found: dict[str, tuple] = {}
    if (ours.kind, ours.nia) != (theirs.kind, theirs.nia):
        found["outcome"] = ((ours.kind, hex(ours.nia)), (theirs.kind, hex(theirs.nia)))
    a, b = ours.state[0], theirs.state[0]
    for part in PARTS:
        if np.array_equal(a[part], b[part]):
            continue
        if a[part].ndim == 0:
            found[part] = (hex(a[part]), hex(b[part]))
            continue
        for index in np.flatnonzero(np.any(np.atleast_2d((a[part] != b[part]).T), axis=0)):
            found[f"{part}{index}"] = tuple(_shown(s[part][index]) for s in (a, b))
    for name, number in (("lr", 8), ("ctr", 9)):
        if a["spr"][number] != b["spr"][number]:
            found[name] = (hex(a["spr"][number]), hex(b["spr"][number]))
    if ours.window != theirs.window:
        changed = [n for n in range(WINDOW_BYTES) if ours.window[n] != theirs.window[n]]
        piece = slice(changed[0], changed[-1] + 1)
        found["memory"] = (
            ours.window[piece].hex(),
            theirs.window[piece].hex(),
            hex(WINDOW + changed[0]),
        )
    return found


def _shown(value: np.ndarray) -> str:
    return hex(value) if value.ndim == 0 else f"0x{int(value[1]):016x}_{int(value[0]):016x}"
