"""What a campaign is: everything that decides which cases it runs and who judges them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from jitppc.errors import UserError
from jitppc.frontend.decode import rows
from jitppc.frontend.levels import in_model
from jitppc.frontend.rows import Row
from jitppc.option_values import suggestion

from .references import NAMES

VECTORS = "vectors"


@dataclass(frozen=True, slots=True)
class Plan:
    """A campaign without its length. The same plan makes the same batches, wherever it runs.

    Fields:
        strategies: names of `generate.STRATEGIES`; batch n is made by number n modulo their count.
        modes: names of `modes.MODES`, what MSR may be at the beginning of a case.
        rows: patterns of row keys, with commas; those behind a `!` are left out.
        batch: cases in a batch.
    """

    reference: str
    tiers: tuple[str, ...] = ("interp",)
    model: str = "power9"
    strategies: tuple[str, ...] = ("single",)
    modes: tuple[str, ...] = ("le64",)
    rows: str = "*"
    seed: int = 0
    batch: int = 2048

    def check(self) -> None:
        """UserError when the pieces do not fit together."""
        for name in ("interrupted", "registers"):
            if name in self.strategies and self.reference == "qemu-user":
                raise UserError(f"qemu-user runs user programs: it cannot judge -strategy {name}")
        is_known = self.reference in {*NAMES, VECTORS} or ":" in self.reference
        path = Path(self.reference)
        if not is_known and path.suffix != ".parquet" and not path.is_file():
            names = ", ".join((*NAMES, VECTORS))
            guess = suggestion(self.reference, NAMES) or ""
            raise UserError(
                f"unknown reference {self.reference!r}{guess}; there are {names}, trace files, "
                "and MODULE:CLASS"
            )
        self.chosen_rows()

    def chosen_rows(self) -> list[Row]:
        """The rows of the model that the pattern allows, in the order of their keys."""
        patterns = self.rows.split(",")
        unwanted = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
        wanted = [pattern for pattern in patterns if not pattern.startswith("!")] or ["*"]
        found = [
            row
            for key, row in sorted(rows().items())
            if in_model(row, self.model)
            and any(fnmatchcase(key, pattern) for pattern in wanted)
            and not any(fnmatchcase(key, pattern) for pattern in unwanted)
        ]
        if not found:
            raise UserError(f"no instruction of {self.model} is called {self.rows!r}")
        return found

    def strategy_of(self, number: int) -> tuple[str, int]:
        """Which strategy makes batch `number`, and the number of the batch for it."""
        kinds = len(self.strategies)
        return self.strategies[number % kinds], number // kinds

    def identity(self, keys: Sequence[str]) -> dict[str, Any]:
        """What a batch's number means depends on all of this; `keys` are the rows in use."""
        used = [rows()[key].picture for key in keys if key in rows()]
        text = "\n".join([*keys, *(f"{p.mask:x} {p.value:x}" for p in used)])
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return {**asdict(self), "pictures": digest}
