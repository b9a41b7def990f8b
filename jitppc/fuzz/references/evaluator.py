"""The evaluator as a reference: the rows themselves on Python ints, a thousand times slower."""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np

from jitppc import __version__
from jitppc.frontend.decode import decode, is_prefix
from jitppc.frontend.levels import MODELS, in_model, model_named
from jitppc.frontend.rows import Row
from jitppc.frontend.translate import emit
from jitppc.fuzz.cases import (
    BORDER,
    CODE,
    CODE_BYTES,
    LOOP_LIMIT,
    MEMORY,
    MEMORY_BYTES,
    OUTCOME,
    USER_FIELDS,
    Batch,
    Flag,
    Kind,
)
from jitppc.ir.block import Block
from jitppc.ir.builder import ANY, LE64, Builder, Mode
from jitppc.ir.interp import Evaluator, Outcome, StorageInterrupt
from jitppc.ir.layout import CPU_STATE, MSR

from . import records
from .routine_models import ROUTINES

GRANULE = 0x10000
#: what a hypercall of problem state gives. Ref: LoPAR 14.5.3
H_PRIVILEGE = 0xFFFF_FFFF_FFFF_FFFD
#: rows that read what is another number each time
CLOCKS = (
    "mftb", "mftb.TBU", "darn",
    *(f"mfspr.{name}" for name in ("TB", "TBU", "SPURR", "PURR", "VTB", "DEC")),
)  # fmt: skip
_KINDS = {
    "PROGRAM_TRAP": Kind.TRAP,
    "PROGRAM_ILLEGAL": Kind.ILLEGAL,
    "PROGRAM_PRIVILEGED": Kind.PRIVILEGED,
    "PROGRAM_FP_ENABLED": Kind.FLOATING,
    "STORAGE": Kind.STORAGE,
    "AMO_FUNCTION": Kind.STORAGE,
    "SYSTEM_CALL": Kind.SYSTEM_CALL,
}


class CaseMemory:
    """The address space of one case, for the evaluator."""

    def __init__(self, code: bytearray, memory: np.ndarray, *, is_wide: bool) -> None:
        self.mask = (1 << 64) - 1 if is_wide else (1 << 32) - 1
        self.code, self.data = code, bytearray(2 * GRANULE)
        self._at = MEMORY - BORDER + GRANULE
        self.data[self._at : self._at + MEMORY_BYTES] = memory.tobytes()

    @property
    def own(self) -> bytes:
        """The case's bytes."""
        return bytes(self.data[self._at : self._at + MEMORY_BYTES])

    @property
    def has_spilled(self) -> bool:
        """Something but zeros stands beside the case's bytes."""
        own = self.own
        return self.data.count(0) - own.count(0) != len(self.data) - len(own)

    def _find(self, ea: int) -> tuple[bytearray, int]:
        ea &= self.mask
        for start, area in ((CODE, self.code), (BORDER - GRANULE, self.data)):
            at = ea - (start & self.mask)
            if 0 <= at < len(area):
                return area, at
        raise StorageInterrupt(ea)

    def load(self, ea: int, size_bytes: int) -> bytes:
        first, at = self._find(ea)
        self._find(ea + size_bytes - 1)
        return bytes(first[at : at + size_bytes])

    def store(self, ea: int, data: bytes) -> None:
        area, at = self._find(ea)
        self._find(ea + len(data) - 1)
        area[at : at + len(data)] = data


@functools.lru_cache(1 << 16)
def _block(word: int, model: str, mode: Mode) -> Block | None:
    """The instruction's block; None when the model has no such instruction."""
    insn = decode(word, model_named(model))
    if insn is None:
        return None
    b = Builder(mode)
    emit(b, insn)
    return b.block


class EvaluatorReference:
    """One case after another."""

    name = "evaluator"
    is_independent = False
    fields: tuple[str, ...] = (*USER_FIELDS, "tar", "vrsave")
    version: tuple[int, ...] = ()
    models: tuple[str, ...] = tuple(MODELS)

    def identity(self) -> dict[str, str]:
        return {"program": "jitppc", "version": __version__, "tier": "evaluator"}

    def can_judge(self, row: Row, model: str) -> bool:
        return in_model(row, model) and row.key not in CLOCKS

    def undefined(self, batch: Batch, outcomes: np.ndarray) -> np.ndarray | None:
        return None

    def close(self) -> None:
        return

    def run(self, batch: Batch) -> np.ndarray:
        outcomes = np.zeros(len(batch), OUTCOME)
        states = records.to_cpu_states(batch.cases["state"])
        for number, case in enumerate(batch.cases):
            run = _Run(case, states[number : number + 1], batch.model)
            run.go()
            outcome = outcomes[number : number + 1]
            outcome["state"] = records.from_cpu_states(run.state)
            outcome["state"]["nia"] = run.nia
            outcome["kind"], outcome["retired"], outcome["ea"] = run.kind, run.retired, run.ea
            outcome["memory"] = np.frombuffer(run.memory.own, np.uint8)
        records.hide_newer(outcomes["state"], batch.model)
        return outcomes


class _Run:
    """One case on its way."""

    def __init__(self, case: np.void, state: np.ndarray, model: str) -> None:
        assert state.dtype == CPU_STATE
        self.state, self.model = state, model
        self.msr = int(case["state"]["msr"])
        self.order: Literal["little", "big"] = "little" if self.msr & MSR.LE else "big"
        self.is_wide = bool(self.msr & MSR.SF)
        self.mode = LE64 if self.is_wide and self.order == "little" else ANY
        self.nia = int(state["nia"][0])
        self.end = self.nia + 4 * int(case["count"])
        words = case["words"][: int(case["count"])]
        code = bytearray(CODE_BYTES)
        at = self.nia - CODE & CODE_BYTES - 1
        data = b"".join(int(word).to_bytes(4, self.order) for word in words)
        code[at : at + len(data)] = data
        self.memory = CaseMemory(code, case["memory"], is_wide=self.is_wide)
        self.evaluator = Evaluator(state, self.memory)
        self.limit = LOOP_LIMIT if int(case["flags"]) & Flag.MAY_LOOP else 1000
        self.kind, self.retired, self.ea = Kind.NEXT, 0, 0

    def go(self) -> None:
        """Until something ends it."""
        while self.nia != self.end:
            if self.retired >= self.limit:
                self.kind = Kind.TIMEOUT
                return
            word = self._fetch()
            if word is None:
                self.kind = Kind.LEFT
                return
            if not self._step(word):
                break
            self.retired += 1
        if self.memory.has_spilled:
            self.kind = Kind.SPILLED

    def _word(self, nia: int) -> int | None:
        at = (nia & self.memory.mask) - (CODE & self.memory.mask)
        if not 0 <= at < CODE_BYTES:
            return None
        return int.from_bytes(self.memory.code[at : at + 4], self.order)

    def _fetch(self) -> int | None:
        """The word at nia, or both words of a prefixed instruction."""
        word = self._word(self.nia)
        if word is None or not is_prefix(word):
            return word
        suffix = self._word(self.nia + 4)
        return None if suffix is None else word << 32 | suffix

    def _step(self, word: int) -> bool:
        """One instruction; False when it was the last."""
        block = _block(word, self.model, self.mode)
        if block is None:
            self.kind = Kind.ILLEGAL
            return False
        size = 8 if word >> 32 else 4
        try:
            outcome = self.evaluator.run(block, self.nia)
            if outcome.kind == "helper":
                outcome = self._routine(outcome)
        except StorageInterrupt as refused:
            self.ea, self.kind = refused.args[0], Kind.STORAGE
            return False
        if outcome.kind == "interrupt":
            self._interrupt(outcome)
            return False
        self.nia = outcome.nia & self.memory.mask
        if outcome.kind == "next" and size == 8 and outcome.nia == self.evaluator.cia + 4:
            self.nia = self.evaluator.cia + 8 & self.memory.mask
        return outcome.kind != "stop"

    def _interrupt(self, outcome: Outcome) -> None:
        name = outcome.detail
        self.kind = _KINDS[name] if name in _KINDS else Kind[name]
        if name in ("ALIGNMENT", "AMO_FUNCTION"):
            self.ea = outcome.value & self.memory.mask
        if self.kind is Kind.SYSTEM_CALL:
            self.nia = self.nia + 4 & self.memory.mask
        if self.kind is Kind.SYSTEM_CALL_VECTORED:
            self.nia = self.nia + 4 & self.memory.mask
            spr = self.state[0]["spr"]
            spr[8], spr[9] = self.nia, self.msr & ~0x783F0000

    def _routine(self, outcome: Outcome) -> Outcome:
        """A native routine's work, by its model."""
        name, operands = outcome.detail
        if name in ROUTINES:
            ROUTINES[name](self.state[0], self.memory, *operands)
            return Outcome("next", outcome.nia)
        if name == "sc" and operands[0] & 1 and self.msr & MSR.PR:
            self.state[0]["gpr"][3] = H_PRIVILEGE
            return Outcome("next", outcome.nia)
        if name == "sc":
            self.kind, self.nia = Kind.SYSTEM_CALL, outcome.nia & self.memory.mask
        elif name == "spr_other" and 808 <= operands[0] <= 811:  # Ref: Book III 5.4.4: reserved
            return Outcome("next", outcome.nia)
        elif name == "spr_other" and self.msr & MSR.PR:
            # Ref: Book III 5.4.4: an SPR that is not implemented
            self.kind = Kind.PRIVILEGED if operands[0] & 0x10 else Kind.ILLEGAL
            return Outcome("stop", self.evaluator.cia)
        else:
            self.kind = Kind.NOT_JUDGED
        return Outcome("stop", outcome.nia)
