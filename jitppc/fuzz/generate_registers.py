"""Privileged registers: a special register written and read back, and MSR changed by each of the
instructions that can.

The cases are of one or two words, and end behind them in the same address space: MSR changes in
bits that leave fetching as it is. Ref: Book III 4.2.1, 4.3, 5.4.4.
"""

from __future__ import annotations

import numpy as np

from jitppc.frontend.rows import Row
from jitppc.ir.layout import MSR

from .cases import WORDS
from .generate_words import Array, Source, WordTable

U64 = np.uint64
#: bits of MSR that change nothing about where instructions come from
HARMLESS = MSR.FP | MSR.VEC | MSR.VSX | MSR.FE0 | MSR.FE1 | MSR.RI | MSR.EE
_READS, _WRITES = 339 << 1, 467 << 1
_RETURNS = {"rfid": ("srr0", "srr1"), "rfscv": ("lr", "ctr")}


def takes_part(row: Row) -> bool:
    """The row writes a special register or MSR."""
    return row.key.startswith("mtspr.") or row.key in ("mtmsr", "mtmsrd", *_RETURNS)


def pairs(table: WordTable, count: int, source: Source) -> tuple[Array, Array]:
    """Words and row numbers (cases, 2): one that writes, and the one that reads it again."""
    writers = np.array([n for n, row in enumerate(table.rows) if takes_part(row)], np.int64)
    if not len(writers):                     # nothing to write: the rows there are, one by one
        writers = np.flatnonzero(~table.is_prefixed)
    numbers = np.full((count, 2), -1)
    numbers[:, 0] = writers[source.integers(0, len(writers), count)]
    words = np.zeros((count, 2), U64)
    words[:, 0] = table.words(numbers[:, 0], source)
    readers = {
        row.picture.value ^ _READS: n for n, row in enumerate(table.rows) if row.name == "mfspr"
    }
    back = [readers.get(row.picture.value ^ _WRITES, -1) for row in table.rows]
    numbers[:, 1] = np.array(back)[numbers[:, 0]]
    target = source.integers(0, 32, count, dtype=U64) << U64(21)
    same = words[:, 0] & U64(0x001FF800)
    words[:, 1] = U64(31 << 26) | target | same | U64(_READS)
    words[numbers[:, 1] < 0, 1] = 0
    return words, numbers


def prepare(table: WordTable, numbers: Array, words: Array, state: Array, source: Source) -> None:
    """Privileged state; where an instruction takes MSR's next value, it is this one's with some
    bits changed.
    """
    state["nia"] = U64(WORDS)
    state["msr"] &= U64(~(MSR.PR | MSR.EE) & (1 << 64) - 1)
    change = source.integers(0, 1 << 63, len(state), dtype=U64) & U64(HARMLESS)
    after = state["msr"] ^ change
    keys = np.array([row.key for row in table.rows])[numbers[:, 0]]
    register = (words[:, 0] >> U64(21) & U64(31)).astype(np.int64)
    moves = np.flatnonzero(np.isin(keys, ("mtmsr", "mtmsrd")))
    state["gpr"][moves, register[moves]] = after[moves]
    for key, (where, what) in _RETURNS.items():
        mine = keys == key
        state[where][mine], state[what][mine] = U64(WORDS + 4), after[mine]
