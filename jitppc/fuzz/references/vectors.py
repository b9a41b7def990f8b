"""All recorded vectors of the package one behind the other."""

from __future__ import annotations

import numpy as np

from jitppc.errors import ReferenceFailure
from jitppc.fuzz.cases import CASE, OUTCOME, USER_FIELDS, Batch
from jitppc.fuzz.reference import Recording

from .dectest import DectestRecording
from .ieee754 import Ieee754Recording
from .power9 import FixedRecording


class VectorsRecording:
    """POWER9's results, the IEEE 754 vectors, then decTest."""

    name = "vectors"
    is_independent = True
    fields: tuple[str, ...] = USER_FIELDS
    version: tuple[int, ...] = ()

    def __init__(self, model: str) -> None:
        if model != "power9":
            raise ReferenceFailure(f"the recorded vectors are of power9, not of {model}")
        self.model = model
        self.parts: tuple[Recording, ...] = (
            FixedRecording(model), Ieee754Recording(model), DectestRecording(model),
        )

    def identity(self) -> dict[str, str]:
        files = [part.identity()["file"] for part in self.parts]
        return {"program": "recorded vectors", "files": ", ".join(files)}

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def part(self, start: int, stop: int) -> tuple[Batch, np.ndarray, np.ndarray | None]:
        cases, outcomes, undefined = [], [], []
        before = 0
        for recording in self.parts:
            first, last = max(start - before, 0), min(stop - before, len(recording))
            before += len(recording)
            if first >= last:
                continue
            batch, answers, open_bits = recording.part(first, last)
            cases.append(batch.cases)
            outcomes.append(answers)
            undefined.append(np.zeros(len(batch), OUTCOME) if open_bits is None else open_bits)
        if not cases:
            return Batch(np.zeros(0, CASE), self.model), np.zeros(0, OUTCOME), None
        batch = Batch(np.concatenate(cases), self.model)
        return batch, np.concatenate(outcomes), np.concatenate(undefined)
