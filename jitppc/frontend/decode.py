"""From a word to its row, among all rows of frontend/isa. One rule: more opcode bits win."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from dataclasses import dataclass

from . import isa
from .rows import ROWS, Row


@functools.cache
def rows() -> dict[str, Row]:
    """All rows, by key; the first call imports every file of frontend/isa."""
    for module in sorted(pkgutil.iter_modules(isa.__path__), key=lambda m: m.name):
        importlib.import_module(f"{isa.__name__}.{module.name}")
    return ROWS


@functools.cache
def _by_primary() -> list[list[Row]]:
    table: list[list[Row]] = [[] for _ in range(64)]
    for row in sorted(rows().values(), key=lambda r: (-r.picture.mask.bit_count(), r.key)):
        if row.picture.mask >> 26 != 63:
            raise ValueError(f"{row.key}: the primary opcode must be fixed")
        table[row.picture.value >> 26].append(row)
    return table


@dataclass(frozen=True, slots=True)
class Insn:
    """A decoded word."""

    word: int
    row: Row

    @property
    def flags(self) -> dict[str, int]:
        """The flags as they stand in the word."""
        return self.row.flag_values(self.word)


def decode(word: int) -> Insn | None:
    """The instruction a word encodes, or None when no row matches."""
    for row in _by_primary()[word >> 26]:
        if word & row.picture.mask == row.picture.value:
            return Insn(word, row)
    return None


def nearest(word: int) -> Row | None:
    """For a word without a row: the row of the same primary opcode with the fewest differing
    opcode bits.
    """

    def difference(row: Row) -> int:
        return ((word ^ row.picture.value) & row.picture.mask).bit_count()

    return min(_by_primary()[word >> 26], key=difference, default=None)
