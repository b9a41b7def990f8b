"""What a difference looks like, so that many cases count as one finding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import differences
from .cases import Batch, Kind
from .program import rows_of


@dataclass(frozen=True, slots=True)
class Sign:
    """The rows of the case's words, the kinds of registers that differ, and how the sides ended."""

    rows: tuple[str, ...]
    parts: frozenset[str]
    ends: str

    @classmethod
    def of(
        cls, batch: Batch, ours: np.ndarray, theirs: np.ndarray, fields: tuple[str, ...]
    ) -> Sign:
        """Of a batch of one case."""
        found = differences.parts(batch, ours, theirs, 0, fields)
        kinds = [Kind(int(side["kind"][0])).name for side in (ours, theirs)]
        return cls(
            tuple(row.key for row in rows_of(batch.cases[0], batch.model)),
            frozenset(name.split()[0].rstrip("0123456789") for name in found),
            "" if kinds[0] == kinds[1] else f" {kinds[0]}/{kinds[1]}",
        )

    def __str__(self) -> str:
        return f"{'+'.join(self.rows)}: {','.join(sorted(self.parts))}{self.ends}"

    def explains(self, other: Sign) -> bool:
        """Longer lines with these rows, in which the same things differ, are this finding again."""
        return set(self.rows) <= set(other.rows) and self.parts <= other.parts
