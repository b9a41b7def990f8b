"""Random programs: instructions that the evaluator knows, accesses into the window, branches."""

from __future__ import annotations

import functools
import random

from bench import BASES, INDEX, STAY
from strategies import random_word

from jitppc.frontend.decode import is_hidden, rows
from jitppc.frontend.rows import Row
from jitppc.frontend.translate import translate_row
from jitppc.ir.block import Block
from jitppc.ir.ops import Effect

#: ops that only native routines, or only a clock, can do
FOREIGN = {"helper", "timebase", "random"}
MEMORY = Effect.READS_MEMORY | Effect.WRITES_MEMORY


def _blocks(row: Row) -> list[Block]:
    return [translate_row(row, flags) for flags in row.variants()]


@functools.cache
def plain_rows() -> tuple[Row, ...]:
    """Rows without memory, jumps, or anything foreign."""
    found = []
    for row in (row for row in rows().values() if not is_hidden(row)):
        ops = {value.op.name for b in _blocks(row) for value in b.values}
        is_plain = not any(b.ends for b in _blocks(row))
        if is_plain and not ops & FOREIGN and row not in memory_rows():
            found.append(row)
    return tuple(found)


@functools.cache
def memory_rows() -> tuple[Row, ...]:
    """Rows that load or store through RA."""
    found = []
    for row in (row for row in rows().values() if not is_hidden(row)):
        values = [value for b in _blocks(row) for value in b.values]
        touches = any(v.op.effects & MEMORY and v.args for v in values)
        if touches and "RA" in row.picture.fields and not {v.op.name for v in values} & FOREIGN:
            found.append(row)
    return tuple(found)


@functools.cache
def rows_of_lines(accesses: bool) -> tuple[Row, ...]:
    """What programs are made of; not prefixed, because branches count words."""
    of = memory_rows() if accesses else plain_rows()
    return tuple(row for row in of if row.size_bytes == 4)


def with_fields(row: Row, word: int, **fields: int) -> int:
    """The word with these fields, as far as the row has them."""
    for name, value in fields.items():
        if name in row.picture.fields:
            shift, width = row.picture.fields[name]
            word = word & ~((1 << width) - 1 << shift) | (value & (1 << width) - 1) << shift
    return word


def access(source: random.Random) -> int:
    """A load or store whose address is a base register plus something small."""
    row = source.choice(rows_of_lines(accesses=True))
    word = random_word(row, source, near=True)
    wide = source.getrandbits(11)
    word = with_fields(row, word, RA=source.choice(BASES), RB=INDEX, D=wide, DS=wide >> 2)
    return with_fields(row, word, DQ=wide >> 4)


def branch(source: random.Random, here: int, length: int) -> int:
    """A branch to another instruction of the program, mostly conditional."""
    distance = source.randrange(length) - here
    if source.randrange(6) == 0:
        return 0x48000000 | (4 * max(distance, 1)) & 0x03FFFFFC
    options = source.choice((16, 18, 12, 4, 8, 0))
    condition = source.randrange(32)
    return 16 << 26 | options << 21 | condition << 16 | (4 * distance) & 0xFFFC


def program(seed: int, length: int, branches: float = 0.12, accesses: float = 0.3) -> list[int]:
    """`length` random instructions and an end that stays where it is."""
    source = random.Random(seed)
    words = []
    for here in range(length):
        kind = source.random()
        if kind < branches:
            words.append(branch(source, here, length))
        elif kind < branches + accesses:
            words.append(access(source))
        else:
            row = source.choice(rows_of_lines(accesses=False))
            words.append(random_word(row, source, near=True))
    return [*words, STAY]
