"""Cases out of rows: a batch is made from (seed, number) alone, so that any process can make it
again. Ref: Book I 1.6 (what a word is), 3.2.2 (XER), 4.2.2 (FPSCR).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from jitppc.frontend.levels import model_named, rank
from jitppc.frontend.rows import Row

from . import generate_blocks, generate_changing, generate_interrupted, generate_registers
from .cases import MAX_WORDS, USER_LE64, WORDS, Batch, Flag, new_cases, note_relative_stores
from .generate_memory import Aimer
from .generate_values import Values, fpscr
from .generate_words import WordTable

U64 = np.uint64
Array = np.ndarray
#: rows in one batch of single instructions: few, because each costs some time of its own
ROWS_PER_BATCH = 64
XER_BITS = U64(0xE000007F)  # SO OV CA, and the byte count
XER_BITS_32 = U64(0x000C0000)  # OV32 CA32, since ISA 3.0


@dataclass(frozen=True, slots=True)
class Generated:
    """A batch, and which row each word is of: (cases, words), -1 for words of no row's choosing."""

    batch: Batch
    numbers: Array


class Generator:
    """Makes batches out of some rows of one processor model.

    `in_lines` says of each row whether it may stand in a line with others: where a reference is
    known to be wrong, what follows would be wrong too. A line of words is run in `repeat` states.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        model: str,
        msr: Sequence[int] = (USER_LE64,),
        in_lines: Sequence[bool] | None = None,
        repeat: int = 1,
    ) -> None:
        if not rows:
            raise ValueError("no rows to make cases of")
        self.rows, self.model, self.repeat = tuple(rows), model, repeat
        self.table = WordTable(self.rows, model)
        self.values, self.aimer = Values(self.rows), Aimer(self.rows)
        self._msr = np.array(msr, U64)
        has_32 = rank(model_named(model).level) >= rank("3.0")
        self._xer = XER_BITS | XER_BITS_32 if has_32 else XER_BITS
        allowed = np.ones(len(self.rows), bool) if in_lines is None else np.array(in_lines, bool)
        self.pieces = generate_blocks.Pieces(self.rows, self.aimer.touches, allowed)

    def batch(self, strategy: str, count: int, seed: int, number: int) -> Generated:
        """`count` cases of a strategy; the same arguments give the same cases."""
        kind = list(STRATEGIES).index(strategy)
        key = [seed & (1 << 64) - 1, kind << 48 | number]
        source = np.random.Generator(np.random.Philox(key=key))
        self.values.renew(source)
        made = STRATEGIES[strategy].make(self, count, number, source)
        note_relative_stores(made.batch.cases)
        return made

    def lines(self, count: int) -> Array:
        """For each of `count` cases, which line of words it runs: 0, 0, ..., 1, 1, ..."""
        return np.arange(count) // self.repeat

    def states(self, numbers: Array, source: np.random.Generator) -> Array:
        """Cases without words whose registers suit the rows of these numbers."""
        count = len(numbers)
        cases = new_cases(count)
        state = cases["state"]
        drawn = self.values.doublewords(numbers, 32 + 128 + 3, source)
        state["gpr"] = drawn[:, :32]
        state["vsr"] = drawn[:, 32:160].reshape(count, 64, 2)
        state["lr"], state["ctr"], state["tar"] = drawn[:, 160], drawn[:, 161], drawn[:, 162]
        bits = source.integers(0, 1 << 32, (count, 3), dtype=U64)
        state["cr"], state["xer"] = bits[:, 0], bits[:, 1] & self._xer
        state["vscr"] = bits[:, 2] & U64(0x10001)
        state["fpscr"] = fpscr(count, source)
        state["msr"] = self._msr[source.integers(0, len(self._msr), count)]
        return cases

    def memory(self, cases: Array, numbers: Array, source: np.random.Generator) -> None:
        """Fill the memory of the cases, in the flavours of these rows."""
        drawn = self.values.doublewords(numbers, cases["memory"].shape[1] // 8, source)
        cases["memory"] = drawn.astype("<u8").view(np.uint8).reshape(len(numbers), -1)


def place(cases: Array, words: Array, prefixed: Array) -> None:
    """Put words (cases, n) of 32 or 64 bits into the cases, one behind the other."""
    count = np.zeros(len(cases), np.int64)
    everyone = np.arange(len(cases))
    for k in range(words.shape[1]):
        word, is_prefixed = words[:, k], prefixed[:, k]
        first = np.where(is_prefixed, word >> U64(32), word) & U64(0xFFFFFFFF)
        cases["words"][everyone, count] = first
        count += 1
        cases["words"][everyone[is_prefixed], count[is_prefixed]] = (
            word[is_prefixed] & U64(0xFFFFFFFF)
        )
        count += is_prefixed
    assert count.max(initial=0) <= MAX_WORDS
    cases["count"] = count


def _single(g: Generator, count: int, number: int, source: np.random.Generator) -> Generated:
    """One instruction in a random state."""
    line = g.lines(count)
    few = _spread(len(g.rows), int(line[-1]) + 1, number)
    numbers, words = few[line], g.table.words(few, source)[line]
    cases = g.states(numbers, source)
    state = cases["state"]
    away = source.integers(0, 8, len(few)) == 0
    offsets = source.integers(0, 3, len(few), dtype=U64) * U64(0x7FC) + U64(0x800)
    state["nia"] = np.where(away, U64(WORDS) + offsets & ~U64(63), U64(WORDS))[line]
    g.aimer.aim(numbers, words, state, source)
    place(cases, words[:, None], g.table.is_prefixed[numbers][:, None])
    touching = g.aimer.touches[numbers]
    cases["flags"] = np.where(touching, Flag.USES_MEMORY, 0)
    if touching.any():
        some = cases[touching]
        g.memory(some, numbers[touching], source)
        cases["memory"][touching] = some["memory"]
    return Generated(Batch(cases, g.model), numbers[:, None])


def _registers(g: Generator, count: int, number: int, source: np.random.Generator) -> Generated:
    """A special register or MSR is written, and read back if it can be."""
    line = g.lines(count)
    words, numbers = generate_registers.pairs(g.table, int(line[-1]) + 1, source)
    words, numbers = words[line], numbers[line]
    cases = g.states(numbers[:, 0], source)
    generate_registers.prepare(g.table, numbers, words, cases["state"], source)
    place(cases, words, np.zeros(words.shape, bool))
    cases["count"] -= numbers[:, 1] < 0
    return Generated(Batch(cases, g.model), numbers)


def _spread(rows: int, count: int, number: int) -> Array:
    """Row numbers of one batch: a few rows many times; consecutive batches reach all rows."""
    few = min(rows, ROWS_PER_BATCH)
    chosen = (number * few + np.arange(few)) * _step(rows) % rows
    return np.repeat(chosen, -(-count // few))[:count]


def _step(rows: int) -> int:
    """A number without a common factor with `rows`, so that neighbours are of different kinds."""
    step = max(1, int(rows * 0.618))
    while np.gcd(step, rows) != 1:
        step += 1
    return step


Make = Callable[[Generator, int, int, np.random.Generator], Generated]


@dataclass(frozen=True, slots=True)
class Strategy:
    """A way to make cases; `says` is for `--help` and the documentation."""

    make: Make
    says: str


def _from_words(make: generate_blocks.Maker) -> Make:
    """A strategy whose maker gives words and row numbers for prepared states."""

    def batch(g: Generator, count: int, number: int, source: np.random.Generator) -> Generated:
        line = g.lines(count)
        made = make(g.table, g.pieces, int(line[-1]) + 1, source)
        words, numbers = made.words[line], made.numbers[line]
        leading = np.where(numbers >= 0, numbers, 0)
        which = source.integers(0, leading.shape[1], count)
        flavour = leading[np.arange(count), which]
        cases = g.states(flavour, source)
        g.memory(cases, flavour, source)
        made.prepare(cases["state"], line, source)
        place(cases, words, g.table.is_prefixed[leading] & (numbers >= 0))
        cases["flags"] = made.flags
        return Generated(Batch(cases, g.model), numbers)

    return batch


STRATEGIES: dict[str, Strategy] = {
    "single": Strategy(_single, "one instruction"),
    "block": Strategy(
        _from_words(generate_blocks.straight), "straight lines of instructions, with accesses"
    ),
    "loop": Strategy(
        _from_words(generate_blocks.loop), "loops counted by CTR, with conditional branches"
    ),
    "pages": Strategy(
        _from_words(generate_blocks.across_pages), "accesses, and code, across page borders"
    ),
    "changing": Strategy(
        _from_words(generate_changing.changing), "code that changes an instruction of its own"
    ),
    "registers": Strategy(_registers, "privileged registers, written and read back (privileged)"),
    "interrupted": Strategy(
        _from_words(generate_interrupted.interrupted), "an interrupt in the middle (privileged)"
    ),
}
