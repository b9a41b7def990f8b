"""Words of whole programs, many at once: lines of instructions whose accesses go through base
registers that nothing else writes, forward branches, and loops that CTR ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from jitppc.frontend.rows import Row
from jitppc.frontend.translate import translate_row
from jitppc.ir.ops import Effect

from .cases import BORDER, CODE, MEMORY, MEMORY_BYTES, WORDS, Flag
from .generate_words import Array, Source, WordTable

U64 = np.uint64
#: registers that accesses go through, and their index; `near` words write none of them
BASES, INDEX = (28, 29, 30), 27
#: ops whose result no two executors share
_ALIEN = {"helper", "timebase", "random"}
NOP = 0x60000000


class Pieces:
    """Which rows may stand in a line: row numbers by kind."""

    def __init__(self, rows: tuple[Row, ...], touches: Array, allowed: Array) -> None:
        plain, access = [], []
        for number, row in enumerate(rows):
            if not allowed[number] or not _stands_in_a_line(row):
                continue
            if not touches[number]:
                plain.append(number)
            elif "RA" in row.picture.fields:
                access.append(number)
        self.plain, self.access = np.array(plain, np.int64), np.array(access, np.int64)

    def only_plain(self, which: Array) -> Pieces:
        """The rows of these numbers, none of them an access."""
        pieces = Pieces((), which, which)
        pieces.plain = which
        return pieces

    def choose(self, shape: tuple[int, int], accesses: float, source: Source) -> Array:
        """Row numbers, of which this share loads or stores. LookupError when there are none."""
        if not len(self.plain) and not len(self.access):
            raise LookupError("none of these rows can stand in a line of instructions")
        kinds = [kind for kind in (self.plain, self.access) if len(kind)]
        first, last = kinds[0], kinds[-1]
        is_access = source.random(shape) < accesses
        return np.where(
            is_access,
            last[source.integers(0, len(last), shape)],
            first[source.integers(0, len(first), shape)],
        )


def _stands_in_a_line(row: Row) -> bool:
    """It neither jumps, nor needs a native routine, a clock, chance, or a privilege."""
    for flags in row.variants():
        for value in translate_row(row, flags).values:
            if value.op.name in _ALIEN or value.op.effects & Effect.ENDS_BLOCK:
                return False
            if value.op.name == "set" and value.attr in {"ctr", "spr"}:
                return False
            if value.attr in {"PROGRAM_PRIVILEGED", "SYSTEM_CALL", "SYSTEM_CALL_VECTORED"}:
                return False
    return True


@dataclass(frozen=True, slots=True)
class Made:
    """Words (lines, n) with their row numbers, and what the state must hold for them.

    `prepare(state, line, source)` gets the states of all cases, and which line each of them runs.
    """

    words: Array
    numbers: Array
    flags: int
    prepare: Callable[[Array, Array, Source], None]


Maker = Callable[[WordTable, Pieces, int, Source], Made]


def line(table: WordTable, numbers: Array, source: Source) -> Array:
    """Words of these rows that read what others wrote, and access memory through `BASES`."""
    flat = numbers.reshape(-1)
    words = table.words(flat, source, near=True)
    base = np.array(BASES, U64)[source.integers(0, len(BASES), len(flat))]
    is_access = np.isin(flat, _with_displacement(table))
    words = np.where(is_access, table.with_field(flat, words, "RA", base), words)
    words = np.where(is_access, table.with_field(flat, words, "RB", INDEX), words)
    small = source.integers(0, 64, len(flat), dtype=U64)
    for name, scale in (("D", 0), ("DS", 2), ("DQ", 4)):
        words = np.where(is_access, table.with_field(flat, words, name, small >> U64(scale)), words)
    for name in ("d0", "d0h"):  # of prefixed words: the high part of the displacement
        words = np.where(is_access, table.with_field(flat, words, name, 0), words)
    return words.reshape(numbers.shape)


def _with_displacement(table: WordTable) -> Array:
    """Numbers of the rows that load or store through RA."""
    from .generate_memory import touches_memory

    if table.accesses is None:
        table.accesses = np.array(
            [
                number
                for number, row in enumerate(table.rows)
                if "RA" in row.picture.fields and touches_memory(row)
            ],
            np.int64,
        )
    return table.accesses


def bases(state: Array, _line: Array, source: Source) -> None:
    """Base registers point into the case's memory, the last one near its border."""
    count = len(state)
    for number in BASES:
        inside = source.integers(0, MEMORY_BYTES - 192, count, dtype=U64) & ~U64(15)
        state["gpr"][:, number] = U64(MEMORY) + inside
    align = np.array([1, 16, 16, 16], U64)[source.integers(0, 4, count)]
    state["gpr"][:, BASES[0]] += source.integers(0, 16, count, dtype=U64) & ~(align - U64(1))
    near = U64(BORDER - 80) + source.integers(0, 64, count, dtype=U64)
    state["gpr"][:, BASES[-1]] = near & ~(align - U64(1))
    state["gpr"][:, INDEX] = source.integers(0, 64, count, dtype=U64) & ~(align - U64(1))


def straight(table: WordTable, pieces: Pieces, count: int, source: Source) -> Made:
    """Two to ten instructions in a row."""
    numbers = pieces.choose((count, int(source.integers(2, 11))), 0.3, source)
    return Made(line(table, numbers, source), numbers, Flag.USES_MEMORY, bases)


def across_pages(table: WordTable, pieces: Pieces, count: int, source: Source) -> Made:
    """Mostly accesses near the border, in code that itself runs across a page border."""
    numbers = pieces.choose((count, 8), 0.8, source)

    before = source.integers(1, 8, count, dtype=U64) * U64(4)

    def prepare(state: Array, line: Array, source: Source) -> None:
        bases(state, line, source)
        for number in BASES:
            near = source.integers(0, 2, len(state)) == 0
            address = U64(BORDER - 72) + source.integers(0, 72, len(state), dtype=U64)
            state["gpr"][near, number] = address[near]
        state["nia"] = U64(CODE + 0x3000) - before[line]

    return Made(line(table, numbers, source), numbers, Flag.USES_MEMORY, prepare)


def loop(table: WordTable, pieces: Pieces, count: int, source: Source) -> Made:
    """A loop with branches forward inside; CTR ends it after one to nine turns."""
    length = int(source.integers(3, 11))
    numbers = pieces.choose((count, length), 0.25, source)
    # a branch may jump over words, not into the middle of a prefixed one
    numbers = np.where(table.is_prefixed[numbers], numbers[:, :1], numbers)
    numbers[table.is_prefixed[numbers[:, 0]]] = pieces.plain[0] if len(pieces.plain) else -1
    words = line(table, np.where(numbers < 0, 0, numbers), source)
    words = np.where(numbers < 0, U64(NOP), words)
    for k in range(1, length - 1):
        is_branch = source.integers(0, 5, count) == 0
        distance = source.integers(1, length - k + 1, count, dtype=U64) * U64(4)
        words[:, k] = np.where(is_branch, _forward(distance, source), words[:, k])
        numbers[:, k] = np.where(is_branch, -1, numbers[:, k])
    back = U64(0x42000000 | -4 * length & 0xFFFC)  # bdnz to the first word
    words = np.concatenate((words, np.full((count, 1), back)), axis=1)
    numbers = np.concatenate((numbers, np.full((count, 1), -1)), axis=1)

    def prepare(state: Array, line: Array, source: Source) -> None:
        bases(state, line, source)
        state["ctr"] = source.integers(1, 10, len(state), dtype=U64)
        state["nia"] = U64(WORDS)

    return Made(words, numbers, Flag.USES_MEMORY | Flag.MAY_LOOP, prepare)


def _forward(distance: Array, source: Source) -> Array:
    """Branches forward by these distances in bytes: conditional ones, sometimes `b`."""
    count = len(distance)
    options = np.array([12, 4, 12, 4, 13, 5], U64)[source.integers(0, 6, count)]
    condition = source.integers(0, 32, count, dtype=U64)
    conditional = U64(16 << 26) | options << U64(21) | condition << U64(16) | distance
    return np.where(source.integers(0, 6, count) == 0, U64(18 << 26) | distance, conditional)
