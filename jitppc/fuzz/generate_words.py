"""Random words of rows, many at once: opcode bits from the picture, fields biased to what tells
instructions apart (equal and overlapping registers, register 0, extremes of immediates).

The rows are the only source. A word belongs to its row when no row of the model that comes before
it claims the word, and the row's `accept` allows it. Prefixed words are prefix << 32 | suffix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jitppc.frontend.decode import precedence, rows
from jitppc.frontend.levels import in_model
from jitppc.frontend.rows import Row

U64 = np.uint64
Array = np.ndarray
Source = np.random.Generator

#: fields that number a register
REGISTERS = frozenset(
    "RT RS RA RB RC FRT FRS FRA FRB FRC VRT VRS VRA VRB VRC T S A B C RTp RSp FRTp FRSp FRAp FRBp"
    " BF BFA AT AS".split()
)
#: the sixth bit of a VSX register's number: equal numbers need equal ones
SIXTH_BITS = frozenset("TX SX AX BX CX".split())
TRIES = 200


class WordTable:
    """The pictures of some rows of a model as arrays, and from them random words."""

    def __init__(self, chosen: Sequence[Row], model: str) -> None:
        self.rows = tuple(chosen)
        width = max((len(r.picture.fields) for r in self.rows), default=0)
        shape = (len(self.rows), width)
        self.value = np.array([r.picture.value for r in self.rows], U64)
        self.is_prefixed = np.array([r.picture.bits == 64 for r in self.rows], bool)
        self._shift, self._mask = np.zeros(shape, U64), np.zeros(shape, U64)
        self._is_register, self._is_sixth = np.zeros(shape, bool), np.zeros(shape, bool)
        self._fields = np.array([len(r.picture.fields) for r in self.rows], np.int64)
        for n, row in enumerate(self.rows):
            for k, (name, (shift, bits)) in enumerate(row.picture.fields.items()):
                self._shift[n, k], self._mask[n, k] = shift, (1 << bits) - 1
                self._is_register[n, k] = name in REGISTERS and bits > 1
                self._is_sixth[n, k] = name in SIXTH_BITS
        self._rivals = [_rivals(row, model) for row in self.rows]
        picky = [n for n, r in enumerate(self.rows) if r.accept or self._rivals[n]]
        self._picky = np.zeros(len(self.rows), bool)
        self._picky[picky] = True
        self.accesses: Array | None = None  # filled by generate_blocks

    def words(self, numbers: Array, source: Source, near: bool = False) -> Array:
        """One word for each row number of `numbers`; `near` keeps register numbers small, so
        that the instructions of a block read what others wrote.

        Raises LookupError when a row accepts nothing.
        """
        found = self._any_words(numbers, source, near)
        wrong = self._refused(numbers, found)
        for _ in range(TRIES):
            if not len(wrong):
                return found
            found[wrong] = self._any_words(numbers[wrong], source, near)
            wrong = wrong[self._refused(numbers[wrong], found[wrong])]
        key = self.rows[int(numbers[wrong[0]])].key
        raise LookupError(f"{key}: no acceptable word in {TRIES} tries")

    def with_field(self, numbers: Array, words: Array, name: str, values: Array | int) -> Array:
        """The words with this field, where their rows have it."""
        places = [row.picture.fields.get(name, (0, 0)) for row in self.rows]
        shift = np.array([shift for shift, _ in places], U64)[numbers]
        mask = np.array([(1 << width) - 1 for _, width in places], U64)[numbers]
        return words & ~(mask << shift) | (np.asarray(values, U64) & mask) << shift

    def _any_words(self, numbers: Array, source: Source, near: bool) -> Array:
        """Words as their fields come: all fields of all words at once, (count, fields)."""
        wide = int(self._fields[numbers].max(initial=1))
        mask, shift = self._mask[numbers, :wide], self._shift[numbers, :wide]
        register, is_sixth = self._is_register[numbers, :wide], self._is_sixth[numbers, :wide]
        style = source.integers(0, 16, (len(numbers), 1))
        # the register of those that are equal
        one = source.integers(0, 1 << 63, (len(numbers), 1), dtype=U64)
        bits = source.integers(0, 1 << 63, mask.shape, dtype=U64)
        equal = (style == 4) | (style == 5)
        bits = np.where(register & (near | (style < 4)), bits & U64(3), bits)
        bits = np.where(register & equal, one, bits)
        bits = np.where(is_sixth & (equal | (style < 4)), one >> U64(40), bits)
        bits = _extreme(bits, mask, ~register & ~is_sixth, source)
        fields = np.bitwise_or.reduce((bits & mask) << shift, axis=1)
        return np.asarray(self.value[numbers] | fields)

    def _refused(self, numbers: Array, words: Array) -> Array:
        """Places of the words that are not their row's."""
        wrong = np.zeros(len(words), bool)
        suspects = np.flatnonzero(self._picky[numbers])
        for number in np.unique(numbers[suspects]):
            places = suspects[numbers[suspects] == number]
            some = words[places]
            bad = np.zeros(len(some), bool)
            for mask, value in self._rivals[int(number)]:
                bad |= some & mask == value
            accept = self.rows[int(number)].accept
            if accept is not None:
                bad |= [not accept(int(word)) for word in some]
            wrong[places] = bad
        return np.flatnonzero(wrong)


def _extreme(bits: Array, mask: Array, where: Array, source: Source) -> Array:
    """In three of eight places: 0, 1, all ones, only the sign, or all but the sign."""
    kind = source.integers(0, 16, bits.shape, dtype=np.uint8)
    half = mask >> U64(1)
    for number, value in enumerate((U64(0), U64(1), mask, mask ^ half, half, mask - U64(1))):
        bits = np.where(where & (kind == number), value, bits)
    return bits


def _rivals(row: Row, model: str) -> list[tuple[Any, Any]]:
    """(mask, value) of the rows that take words away from this one."""
    mine, found = row.picture, []
    for other in rows().values():
        theirs = other.picture
        if theirs.bits != mine.bits or (mine.value ^ theirs.value) & mine.mask & theirs.mask:
            continue
        if precedence(other) < precedence(row) and in_model(other, model):
            found.append((U64(theirs.mask), U64(theirs.value)))
    return found
