"""Where instructions reach memory, found in their own bodies, and registers aimed so that they hit
the piece of memory that a case has: often its border between pages.

The effective address of a row is the operand of its first op that touches memory. As the body was
run with symbolic fields, that operand is an expression over fields and registers, which is
computed here for many words at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jitppc.frontend.rows import Row
from jitppc.frontend.translate import translate_row
from jitppc.ir.block import Value
from jitppc.ir.layout import REGISTERS
from jitppc.ir.ops import Effect

from .cases import BORDER, MEMORY, MEMORY_BYTES

U64 = np.uint64
Array = np.ndarray
Source = np.random.Generator
TOUCHES = Effect.READS_MEMORY | Effect.WRITES_MEMORY
#: the most that one instruction reaches at once, in bytes
REACH = 128


class Unknown(Exception):
    """The expression holds something that is not known before the instruction runs."""


def address(row: Row) -> Value | None:
    """The row's effective address as an expression; None when it has none or hides it."""
    for value in translate_row(row, next(iter(row.variants()))).values:
        if value.op.name == "helper":
            based = [a for a in value.args if "RA" in _fields(a) and _reads_gpr(a)]
            return based[0] if based else None
        if value.op.effects & TOUCHES and value.args:
            return value.args[0]
    return None


def touches_memory(row: Row) -> bool:
    """The row may load or store."""
    for flags in row.variants():
        for value in translate_row(row, flags).values:
            if value.op.effects & TOUCHES and value.args and value.op.name != "helper":
                return True
    return address(row) is not None


def _fields(value: Value) -> set[str]:
    if value.op.name == "field":
        return {value.attr[0]}
    return set().union(*(_fields(a) for a in value.args)) if value.args else set()


def _reads_gpr(value: Value) -> bool:
    return (value.op.name == "get" and value.attr == "gpr") or any(map(_reads_gpr, value.args))


def compute(value: Value, words: Array, gpr: Array, nia: Array) -> Array:
    """The expression for each case: `gpr` is (cases, 33), the last column zero.

    Raises Unknown.
    """
    known: dict[Value, Array] = {}

    def of(v: Value) -> Any:
        if v not in known:
            known[v] = _step(v, [of(a) for a in v.args], words, gpr, nia)
        return known[v]

    return np.broadcast_to(of(value), words.shape)


def _step(v: Value, args: list[Array], words: Array, gpr: Array, nia: Array) -> Any:
    name = v.op.name
    if name == "const":
        return U64(v.attr[0] & (1 << 64) - 1)
    if name == "field":
        _, width, shift = v.attr
        return words >> U64(shift) & U64((1 << width) - 1)
    if name == "cia":
        return nia
    if name == "get" and v.attr == "gpr":
        return gpr[np.arange(len(words)), args[0].astype(np.int64)]
    if name == "get" and v.attr == "ea_mask":
        return U64(REGISTERS["gpr"].type.mask)
    simple = _SIMPLE.get(name)
    if simple is None or v.type.bits > 64:
        raise Unknown(name)
    return simple(*args) & U64(v.type.mask)


def _signed_shift(a: Array, n: Array) -> Array:
    return (np.asarray(a).astype(np.int64) >> np.asarray(n).astype(np.int64)).astype(U64)


_SIMPLE: dict[str, Any] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "not": lambda a: ~a,
    "shl": lambda a, n: a << n,
    "lshr": lambda a, n: a >> n,
    "ashr": _signed_shift,
    "eq": lambda a, b: np.asarray(a == b).astype(U64),
    "ne": lambda a, b: np.asarray(a != b).astype(U64),
    "select": lambda c, a, b: np.where(c != 0, a, b),
    "zext": lambda a: a,
    "trunc": lambda a: a,
}


def targets(count: int, source: Source) -> Array:
    """Addresses worth hitting: in the case's memory, at the border in its middle, at the edges of
    what is mapped.
    """
    align = np.array([1, 1, 2, 4, 8, 16, 16, 32], U64)[source.integers(0, 8, count)]
    inside = U64(MEMORY) + source.integers(0, MEMORY_BYTES - REACH, count, dtype=U64)
    border = U64(BORDER - 40) + source.integers(0, 48, count, dtype=U64)
    edge = source.integers(0, 2, count, dtype=U64) * U64(2 << 16)
    outside = U64(BORDER - (1 << 16) - 20) + edge + source.integers(0, 24, count, dtype=U64)
    kind = source.integers(0, 16, count)
    chosen = np.select([kind < 8, kind < 15], [inside, border], outside)
    return chosen & ~(align - U64(1))


class Aimer:
    """Moves base registers so that accesses hit `targets`."""

    def __init__(self, rows: tuple[Row, ...]) -> None:
        self.touches = np.array([touches_memory(row) for row in rows], bool)
        self._address = [
            address(row) if hit else None for row, hit in zip(rows, self.touches, strict=True)
        ]
        fields = [row.picture.fields for row in rows]
        self._base = np.array([f["RA"][0] if "RA" in f else 0 for f in fields], U64)
        self._has_base = np.array(["RA" in f for f in fields], bool)
        self._index = np.array([f["RB"][0] if "RB" in f else 0 for f in fields], U64)
        self._has_index = np.array(["RB" in f for f in fields], bool)

    def aim(self, numbers: Array, words: Array, state: Array, source: Source) -> None:
        """Change GPRs of `state` (an array of STATE) so that most accesses are worth looking at."""
        chosen = self.touches[numbers] & (source.integers(0, 24, len(numbers)) != 0)
        for number in np.unique(numbers[chosen]):
            value = self._address[number]
            places = np.flatnonzero(chosen & (numbers == number))
            if value is None or not self._has_base[number]:
                continue
            base = (words[places] >> self._base[number] & U64(31)).astype(np.int64)
            index = (words[places] >> self._index[number] & U64(31)).astype(np.int64)
            if self._has_index[number]:
                self._shorten(state, places, index, source)
            gpr = np.concatenate(
                (state["gpr"][places], np.zeros((len(places), 1), U64)), axis=1
            )
            try:
                ea = compute(value, words[places], gpr, state["nia"][places])
            except Unknown:
                continue
            change = targets(len(places), source) - ea
            if self._has_index[number]:
                moved = np.where(base == 0, index, base)
                twice = (base == index) & (base != 0)
                change = np.where(twice, change >> U64(1), change)
            else:
                moved = base
            real = (base != 0) | self._has_index[number]
            state["gpr"][places[real], moved[real]] += change[real]

    @staticmethod
    def _shorten(state: Array, places: Array, index: Array, source: Source) -> None:
        """Index registers are often small, sometimes negative."""
        small = source.integers(0, 64, len(places), dtype=U64) - U64(16)
        use = source.integers(0, 2, len(places)) == 0
        state["gpr"][places[use], index[use]] = small[use]
