"""Contents of registers, many at once, biased to the edges of what instructions distinguish.

A row's flavours follow from the ops of its body: what computes with doubles meets NaN payloads,
denormals and infinities; what computes with decimals meets digits; everything meets carries and
sign edges. `pools` holds fresh values of each flavour; a case draws from those of its row.
"""

from __future__ import annotations

import numpy as np

from jitppc.frontend.rows import Row
from jitppc.frontend.translate import translate_row
from jitppc.ir.fpscr import FPSCR

U64 = np.uint64
Array = np.ndarray
Source = np.random.Generator
POOL = 4096
ALL = U64(0xFFFFFFFFFFFFFFFF)

#: doublewords at the edges of widths, signs and carries
INTEGERS = (
    0, 1, 2, 3, 7, 0x1F, 0x20, 0x3F, 0x40, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF,
    0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000, 0x7FFFFFFF00000000, 0x7FFFFFFFFFFFFFFF,
    0x8000000000000000, 0x80000000FFFFFFFF, 0xFFFFFFFF00000000, 0xFFFFFFFF7FFFFFFF,
    0xFFFFFFFF80000000, 0xFFFFFFFFFFFFFFFE, 0xFFFFFFFFFFFFFFFF, 0x0123456789ABCDEF,
    0x8080808080808080, 0x7F7F7F7F7F7F7F7F, 0x8000800080008000, 0x7FFF7FFF7FFF7FFF,
)  # fmt: skip
#: exponents of doubles: zero, denormal, least single denormals and normals, around 1, integers
#: at the ends of 32 and 64 bits, greatest single and double, infinity and NaN
DOUBLE_EXPONENTS = (
    0, 0, 0, 1, 2, 52, 53, 0x363, 0x369, 0x36A, 0x36B, 0x380, 0x381, 0x382, 0x3FD, 0x3FE, 0x3FF,
    0x400, 0x401, 0x41D, 0x41E, 0x41F, 0x432, 0x433, 0x434, 0x43D, 0x43E, 0x43F, 0x47D, 0x47E,
    0x47F, 0x7FD, 0x7FE, 0x7FF, 0x7FF, 0x7FF,
)  # fmt: skip
SINGLE_EXPONENTS = (
    0, 0, 0, 1, 2, 23, 24, 0x60, 0x7D, 0x7E, 0x7F, 0x80, 0x81, 0x95, 0x96, 0x9D, 0x9E, 0x9F, 0xBE,
    0xFD, 0xFE, 0xFF, 0xFF, 0xFF,
)  # fmt: skip
QUAD_EXPONENTS = (
    0, 0, 0, 1, 2, 112, 113, 0x3BCD, 0x3C00, 0x3C01, 0x3F80, 0x3FFE, 0x3FFF, 0x4000, 0x401E, 0x401F,
    0x403E, 0x403F, 0x407E, 0x407F, 0x43FE, 0x43FF, 0x7FFD, 0x7FFE, 0x7FFF, 0x7FFF, 0x7FFF,
)  # fmt: skip

FLAVOURS = ("random", "integer", "double", "single", "quad", "decimal", "few")
#: names of ops (beginnings) that show what a body computes with
_SIGNS = {
    "double": ("f_", "fv_", "double_", "single_of"),
    "single": ("f_narrow", "single_", "double_of_single", "vf", "fv_"),
    "quad": ("q_",),
    "decimal": ("decimal", "d_", "dfp"),
}


def flavours(row: Row) -> tuple[str, ...]:
    """What the row computes with, beside integers."""
    block = translate_row(row, next(iter(row.variants())))
    names = {value.op.name for value in block.values}
    found = [
        flavour
        for flavour, beginnings in _SIGNS.items()
        if any(name.startswith(beginnings) for name in names)
    ]
    if row.key.startswith(("bcd", "cbcdtd", "cdtbcd", "addg6s", "vmul10", "d")):
        found.append("decimal")
    return tuple(dict.fromkeys(found))


def shares(row: Row) -> Array:
    """How often each flavour is drawn for the row, of 16 draws: an array of flavour numbers."""
    special = flavours(row)
    number = {name: n for n, name in enumerate(FLAVOURS)}
    drawn = [number["random"]] * 3 + [number["integer"]] * 3 + [number["few"]] * 2
    if not special:
        drawn += [number["random"]] * 3 + [number["integer"]] * 5
    for k in range(16 - len(drawn)):
        drawn.append(number[special[k % len(special)]])
    return np.array(drawn, np.int64)


def pools(source: Source) -> Array:
    """Fresh values: POOL doublewords of each flavour."""
    table = np.empty((len(FLAVOURS), POOL), U64)
    for n, name in enumerate(FLAVOURS):
        table[n] = _MAKERS[name](source)
    return table


def _random(source: Source, count: int = POOL) -> Array:
    return source.integers(0, ALL, count, dtype=U64, endpoint=True)


def _integer(source: Source) -> Array:
    values = np.array(INTEGERS, U64)[source.integers(0, len(INTEGERS), POOL)]
    values = values + source.integers(0, 3, POOL, dtype=U64) - U64(1)
    narrow = _random(source) >> np.array([32, 48, 56, 57, 58], U64)[source.integers(0, 5, POOL)]
    bit = U64(1) << source.integers(0, 64, POOL, dtype=U64)
    kind = source.integers(0, 8, POOL)
    return np.select([kind < 5, kind == 5, kind == 6], [values, narrow, bit], ~bit)


def _fraction(source: Source, bits: int) -> Array:
    """Fractions: zero, all ones, only the quiet bit, one bit, one bit less than all, or random."""
    mask = U64((1 << bits) - 1)
    random = _random(source) & mask
    bit = U64(1) << source.integers(0, bits, POOL, dtype=U64)
    low = source.integers(0, 4, POOL, dtype=U64)
    kind = source.integers(0, 8, POOL)
    quiet = np.full(POOL, U64(1 << (bits - 1)))
    choices = [np.zeros(POOL, U64), np.full(POOL, mask), quiet, bit, mask ^ bit, low]
    return np.select([kind == k for k in range(6)], choices, random)


def _exponent(source: Source, exponents: tuple[int, ...], bits: int) -> Array:
    """Mostly an interesting exponent, sometimes any."""
    chosen = np.array(exponents, U64)[source.integers(0, len(exponents), POOL)]
    near = (chosen + source.integers(0, 4, POOL, dtype=U64)) & U64((1 << bits) - 1)
    anything = _random(source) >> U64(64 - bits)
    kind = source.integers(0, 8, POOL)
    return np.select([kind < 5, kind < 7], [chosen, near], anything)


def _double(source: Source) -> Array:
    sign = _random(source) & U64(1 << 63)
    value = sign | _exponent(source, DOUBLE_EXPONENTS, 11) << U64(52) | _fraction(source, 52)
    whole = source.integers(-40, 40, POOL).astype(np.float64).view(U64)
    return np.where(source.integers(0, 8, POOL) == 0, whole, value)


def _single(source: Source) -> Array:
    """Two singles in a doubleword, or one as the double that FPRs hold."""
    halves = []
    for _ in range(2):
        sign = _random(source) >> U64(63) << U64(31)
        exponent = _exponent(source, SINGLE_EXPONENTS, 8) << U64(23)
        halves.append(sign | exponent | _fraction(source, 23))
    with np.errstate(invalid="ignore"):
        widened = halves[0].astype(np.uint32).view(np.float32).astype(np.float64).view(U64)
    pair = halves[0] << U64(32) | halves[1]
    return np.where(source.integers(0, 2, POOL) == 0, pair, widened)


def _quad(source: Source) -> Array:
    """High doublewords of quad-precision numbers; low ones are drawn from here too."""
    sign = _random(source) & U64(1 << 63)
    exponent = _exponent(source, QUAD_EXPONENTS, 15) << U64(48)
    high = sign | exponent | _fraction(source, 48)
    kind = source.integers(0, 8, POOL)
    return np.select([kind == 0, kind == 1], [np.zeros(POOL, U64), _random(source)], high)


def _decimal(source: Source) -> Array:
    """Digits, some with a sign code at the end; numbers of the decimal formats; rarely no digit."""
    digits = np.zeros(POOL, U64)
    nines = source.integers(0, 4, POOL)
    for _ in range(16):
        digit = source.integers(0, 10, POOL, dtype=U64)
        digit = np.select([nines == 0, nines == 1], [U64(9), U64(0)], digit)
        digits = digits << U64(4) | digit
    signs = np.array([0xA, 0xB, 0xC, 0xD, 0xE, 0xF], U64)[source.integers(0, 6, POOL)]
    signed = digits & ~U64(15) | signs
    dense = _random(source) & U64(0x83FFFFFFFFFFFFFF) | _random(source) & U64(0x7C00000000000000)
    special = U64(0x7 << 60) | source.integers(0, 16, POOL, dtype=U64) << U64(57)
    centre = dense & U64(0x8003FFFFFFFFFFFF) | U64(0x2238000000000000)
    kind = source.integers(0, 8, POOL)
    return np.select(
        [kind < 2, kind < 4, kind == 4, kind == 5], [digits, signed, dense, special | dense], centre
    )


def _few(source: Source) -> Array:
    """Hardly any values at all, so that operands are often equal or each other's complement."""
    values = np.concatenate((np.array(INTEGERS, U64), _double(source)[:31]))
    some = source.choice(values, 3)
    some = np.concatenate((some, ~some[:1], some[:1] ^ U64(1 << 63), some[:1] + U64(1)))
    return some[source.integers(0, len(some), POOL)]


_MAKERS = {
    "random": _random,
    "integer": _integer,
    "double": _double,
    "single": _single,
    "quad": _quad,
    "decimal": _decimal,
    "few": _few,
}


class Values:
    """Draws register contents for the rows of a table."""

    def __init__(self, rows: tuple[Row, ...]) -> None:
        self._shares = np.array([shares(row) for row in rows]).reshape(len(rows), 16)
        self._pools = np.zeros(0, U64)

    def renew(self, source: Source) -> None:
        """What is drawn from now on comes from fresh values."""
        self._pools = pools(source).reshape(-1)

    def doublewords(self, numbers: Array, per_case: int, source: Source) -> Array:
        """An array (cases, per_case) of doublewords in the flavours of each case's row."""
        if not len(self._pools):
            self.renew(source)
        shape = (len(numbers), per_case)
        bits = source.integers(0, 1 << 16, shape, dtype=np.uint16)
        flavour = self._shares[numbers[:, None], bits & 15]
        return self._pools[flavour * POOL + (bits >> 4)]


def fpscr(count: int, source: Source, enables: float = 0.2) -> Array:
    """FPSCR values that a processor can hold while it runs; NI is 0."""
    bits = _random(source, count)
    enabled = source.random(count) < enables
    keep = np.where(enabled, U64(0x9FFFF7FB), U64(0x9FFFF703))
    none = source.integers(0, 4, count) == 0
    value = np.where(none, bits & U64(3), bits & keep)
    rounding = source.integers(0, 2, count) == 0
    value = np.where(rounding, value & ~U64(3), value)
    return legal_fpscr(value)


def legal_fpscr(value: Array) -> Array:
    """The nearest values that can be: VX is the or of its causes, bits that do not exist are 0, and
    no exception that is there already is enabled, because then the program would not run.
    Ref: Book I 4.2.2.
    """
    value = value & U64(FPSCR.IMPLEMENTED & ~(FPSCR.FEX | FPSCR.VX))
    value |= np.where(value & U64(0x01F80700) != 0, U64(0x20000000), U64(0))
    raised = (value >> U64(25)) & U64(0x1F) & (value >> U64(3))  # VX OX UX ZX XX, if enabled
    return value & ~(raised << U64(3))
