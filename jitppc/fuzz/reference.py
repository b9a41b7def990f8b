"""What judges: one small interface for everything that can say what a case does."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from jitppc.frontend.rows import Row

from .cases import Batch


class Reference(Protocol):
    """Something that runs cases. State and words in, state and how it ended out."""

    #: short and unique: `evaluator`, `interp`, `qemu-user`, ...
    name: str
    #: processor models that it can be, out of `frontend.levels.MODELS`
    models: tuple[str, ...]
    #: nobody here wrote what it does: its agreement is a judgement
    is_independent: bool

    #: fields of a state that it knows; all others of its answers are as the cases began
    fields: tuple[str, ...]

    @property
    def version(self) -> tuple[int, ...]:
        """The version of its program, for waivers; empty when there is none."""

    def identity(self) -> dict[str, str]:
        """Where its answers come from: program, version, processor. For ledgers and traces."""

    def can_judge(self, row: Row, model: str) -> bool:
        """It can say what this row does on this model."""

    def run(self, batch: Batch) -> np.ndarray:
        """An OUTCOME for each case, in their order.

        A case that kills the reference has the kind CRASH, and the others are answered all the
        same. Raises ReferenceFailure when it cannot go on at all.
        """

    def undefined(self, batch: Batch, outcomes: np.ndarray) -> np.ndarray | None:
        """Bits of the outcomes that mean nothing, as an array of OUTCOME; None when all do."""

    def close(self) -> None:
        """Its processes and memory are given back. It may be called twice."""


class Recording(Protocol):
    """Answers that were written down: cases with their outcomes, in an order of their own."""

    name: str
    model: str
    is_independent: bool
    fields: tuple[str, ...]

    @property
    def version(self) -> tuple[int, ...]:
        """As of a reference."""

    def identity(self) -> dict[str, str]:
        """Where its answers come from."""

    def __len__(self) -> int:
        """How many cases there are."""

    def part(self, start: int, stop: int) -> tuple[Batch, np.ndarray, np.ndarray | None]:
        """Some of the cases, their outcomes, and the bits of them that mean nothing."""
