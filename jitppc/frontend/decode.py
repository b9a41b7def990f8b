"""From a word to its row, among all rows of frontend/isa that the processor model executes.

One rule: more opcode bits win; of equals, the one that came later.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from dataclasses import dataclass

from . import isa
from .levels import Model, in_model, rank
from .rows import ROWS, Row


@functools.cache
def rows() -> dict[str, Row]:
    """All rows, by key; the first call imports every file of frontend/isa."""
    for module in sorted(pkgutil.iter_modules(isa.__path__), key=lambda m: m.name):
        importlib.import_module(f"{isa.__name__}.{module.name}")
    return ROWS


def precedence(row: Row) -> tuple[int, int, str]:
    """Sorts rows: of those that match a word, the first one counts."""
    return -row.picture.mask.bit_count(), -rank(row.since), row.key


@functools.cache
def _by_primary(model: Model | None) -> list[list[Row]]:
    """By primary opcode; prefixed rows by that of their prefix, which is 1."""
    table: list[list[Row]] = [[] for _ in range(64)]
    for row in sorted(rows().values(), key=precedence):
        shift = row.picture.bits - 6
        if row.picture.mask >> shift != 63:
            raise ValueError(f"{row.key}: the primary opcode must be fixed")
        if model is None or in_model(row, model):
            table[row.picture.value >> shift].append(row)
    return table


def _candidates(word: int, model: Model | None) -> list[Row]:
    return _by_primary(model)[word >> (58 if word >> 32 else 26)]


def is_prefix(word: int) -> bool:
    """True for the first word of a prefixed instruction. Ref: Book I 1.6.3."""
    return word >> 26 == 1


@dataclass(frozen=True, slots=True)
class Insn:
    """A decoded word; of a prefixed instruction `word` is prefix << 32 | suffix."""

    word: int
    row: Row

    @property
    def flags(self) -> dict[str, int]:
        """The flags as they stand in the word."""
        return self.row.flag_values(self.word)


def decode(word: int, model: Model | None = None) -> Insn | None:
    """The instruction a word encodes on a model (None: on any), or None when no row matches."""
    bits = 64 if word >> 32 else 32
    for row in _candidates(word, model):
        if row.picture.bits == bits and word & row.picture.mask == row.picture.value:
            return Insn(word, row)
    return None


def nearest(word: int) -> Row | None:
    """For a word without a row: the row of the same primary opcode with the fewest differing
    opcode bits.
    """

    def difference(row: Row) -> int:
        return ((word ^ row.picture.value) & row.picture.mask).bit_count()

    bits = 64 if word >> 32 else 32
    same = (row for row in _candidates(word, None) if row.picture.bits == bits)
    return min(same, key=difference, default=None)


def is_hidden(row: Row) -> bool:
    """True if a later row has the same opcode bits: only models before that one know this row."""
    same = (row.picture.mask, row.picture.value)
    first = min(
        (r for r in rows().values() if (r.picture.mask, r.picture.value) == same), key=precedence
    )
    return first is not row
