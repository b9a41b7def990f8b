"""States for vector instructions: operands at the edges of what they distinguish."""

from __future__ import annotations

import random
from collections.abc import Callable
from fnmatch import fnmatchcase

import numpy as np
from strategies import random_state, random_word

from jitppc.frontend.rows import Row
from jitppc.fuzz.cases import MEMORY, MEMORY_BYTES, Flag, new_cases
from jitppc.fuzz.references import records
from jitppc.ir.ops.vector_lanes import join

M64, M128 = (1 << 64) - 1, (1 << 128) - 1
SINGLES = (
    0, 0x80000000, 0x3F800000, 0xBF800000, 0x7F800000, 0xFF800000, 0x7FC12345, 0xFF800001,
    0x7F812345, 1, 0x80000001, 0x7FFFFF, 0x800000, 0x800001, 0x80800000, 0x7F7FFFFF, 0x4F000000,
    0xCF000000, 0x4F800000, 0x3EFFFFFF, 0x4B000001, 0x4AFFFFFF, 0xBF000000, 0x3FC00000, 0x40200000,
    0x33800000, 0x73000000, 0x0C000000, 0xC3150000, 0x3F000000, 0x40490FDB, 0x00FFFFFF, 0x1F800000,
)  # fmt: skip


def a_single(source: random.Random) -> int:
    """A single, often a special one."""
    kind = source.randrange(4)
    if kind == 0:
        return source.choice(SINGLES)
    if kind == 1:
        return source.choice(SINGLES) + source.randrange(-2, 3) & 0xFFFFFFFF
    if kind == 2:
        return source.getrandbits(32)
    near_one = 127 + source.randrange(-12, 13)
    return source.getrandbits(1) << 31 | near_one << 23 | source.getrandbits(23)


def an_element(source: random.Random, lane: int) -> int:
    """An integer of `lane` bits, often at the edge of a range."""
    kind = source.randrange(6)
    top = 1 << lane - 1
    if kind == 0:
        return source.choice((0, 1, top, top - 1, 2 * top - 1))
    if kind == 1:
        return source.choice((1 << lane // 2, 1 << lane // 2 - 1)) + source.randrange(-2, 3)
    if kind == 2:
        return -source.choice((1 << lane // 2, 1 << lane // 2 - 1)) + source.randrange(-2, 3)
    if kind == 3:
        return source.randrange(2 * lane)
    return source.getrandbits(lane)


def digits(source: random.Random, count: int) -> list[int]:
    """Decimal digits, often few of them, often nines."""
    used = source.choice((0, 1, 2, count // 2, count - 1, count, source.randrange(count + 1)))
    some = [source.choice((0, 9, source.randrange(10))) for _ in range(used)]
    return [0] * (count - used) + some


def a_packed(source: random.Random) -> int:
    """A packed decimal number with any sign code."""
    return join([*digits(source, 31), source.choice((0xC, 0xD, *range(10, 16)))] * 2, 4) & M128


def a_national(source: random.Random) -> int:
    """Seven national digits and a sign."""
    return join([*(0x30 + d for d in digits(source, 7)), source.choice((0x2B, 0x2D))], 16)


def a_zoned(source: random.Random) -> int:
    """Sixteen zoned digits; the sign is in the last zone. Both sets of zones are made."""
    *most, last = digits(source, 16)
    zone = source.choice((0x30, 0xF0))
    sign = source.randrange(16) if zone == 0x30 else source.randrange(10, 16)
    return join([*(zone + d for d in most), sign << 4 | last], 8)


def a_count(source: random.Random) -> int:
    """A number of digits in halfword 3, where shifts (in its low byte) and truncations look."""
    return join(
        [0, 0, 0, source.randrange(-40, 41), *(source.getrandbits(16) for _ in range(4))], 16
    )


def an_unsigned(source: random.Random) -> int:
    """32 digits."""
    return join(digits(source, 32), 4)


def integers(source: random.Random) -> int:
    """Integers of some width."""
    lane = source.choice((8, 16, 32, 64, 128))
    return join([an_element(source, lane) for _ in range(128 // lane)], lane)


def singles(source: random.Random) -> int:
    """Four singles."""
    return join([a_single(source) for _ in range(4)], 32)


#: what fills the registers, by the row's key; the first that fits
STYLES = (
    ("bcdcfn.", (a_national,)),
    ("bcdcfz.", (a_zoned,)),
    ("bcdcfsq.", (integers, lambda s: s.getrandbits(103) * s.choice((1, -1)) & M128)),
    ("bcdu*", (an_unsigned, a_count)),
    ("bcds.", (a_packed, a_count)),
    ("bcdsr.", (a_packed, a_count)),
    ("bcdtrunc.", (a_packed, a_count)),
    ("bcd*", (a_packed, a_packed, a_packed, integers)),
    ("v*fp", (singles,)),
    ("vrfi?", (singles,)),
    ("vct?xs", (singles,)),
    ("*", (integers,)),
)


def styles_of(key: str) -> tuple[Callable[[random.Random], int], ...]:
    """The makers of a row's operands."""
    return next(makers for pattern, makers in STYLES if fnmatchcase(key, pattern))


def vector_cases(row: Row, source: random.Random, count: int) -> np.ndarray:
    """Cases of a row; operands are near each other, or the same, more often than chance has it."""
    cases = new_cases(count)
    for number in range(count):
        _fill(cases[number], row, source)
    return cases


def _fill(case: np.void, row: Row, source: random.Random) -> None:
    word, frame = random_word(row, source), case["state"].copy()
    state = records.from_cpu_states(random_state(source.getrandbits(32)))[0]
    for name in ("msr", "nia"):
        state[name] = frame[name]
    state["vrsave"] &= 0xFFFFFFFF
    makers = styles_of(row.key)
    values = [makers[n % len(makers)](source) for n in range(6)]
    if source.randrange(4) == 0:
        values[0] = values[1] ^ (source.choice((0, 0, 1, 0xFF)) << 8 * source.randrange(16))
    for number in range(32, 64):
        value = source.choice(values)
        state["vsr"][number] = value & M64, value >> 64 & M64
    numbers = {name: word >> shift & 31 for name, (shift, _) in row.picture.fields.items()}
    if {"RA", "RB"} <= numbers.keys() and numbers["RA"] != numbers["RB"]:
        state["gpr"][numbers["RA"]] = MEMORY + 128
        state["gpr"][numbers["RB"]] = source.randrange(256)
    case["state"], case["words"][0], case["count"] = state, word, 1
    case["flags"] = Flag.USES_MEMORY
    case["memory"] = np.frombuffer(source.randbytes(MEMORY_BYTES), np.uint8)
