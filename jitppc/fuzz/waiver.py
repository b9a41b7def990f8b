"""A known difference between a reference and POWER9 or the book: for which rows, where, why.

It explains differences in the parts it names, for the rows it names, in the cases for which its
condition holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from jitppc.frontend.forms import COMBINED
from jitppc.frontend.rows import Row

from .cases import Kind

EVERYTHING = ("*",)
ALL = 0xFFFF_FFFF_FFFF_FFFF


@dataclass(frozen=True, slots=True)
class Found:
    """Cases of one row that differ, and the bits in which they do, by field."""

    row: Row
    cases: np.ndarray
    ours: np.ndarray
    theirs: np.ndarray
    bits: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.cases)

    def field(self, name: str) -> np.ndarray:
        """An instruction field's bits."""
        picture, words = self.row.picture, self.cases["words"].astype(np.uint64)
        word = words[:, 0] if picture.bits == 32 else words[:, 0] << np.uint64(32) | words[:, 1]
        value = np.zeros(len(self), np.uint64)
        for piece in (name,) if name in picture.fields else COMBINED[name]:
            shift, width = picture.fields[piece]
            value = value << np.uint64(width)
            value |= word >> np.uint64(shift) & np.uint64((1 << width) - 1)
        return value

    def gpr(self, name: str) -> np.ndarray:
        """The contents of the GPR that a field names, before the instruction."""
        return self.cases["state"]["gpr"][np.arange(len(self)), self.field(name)]

    def vsr_high(self, name: str) -> np.ndarray:
        """The high doubleword of the VSR (VR for V fields) that a field names, before."""
        number = self.field(name) + np.uint64(32 if name.startswith("V") else 0)
        return self.cases["state"]["vsr"][np.arange(len(self)), number, 1]

    def we_say(self, kind: Kind) -> np.ndarray:
        """Our answer is of this kind."""
        return self.ours["kind"] == kind

    def they_say(self, kind: Kind) -> np.ndarray:
        """Their answer is of this kind."""
        return self.theirs["kind"] == kind


Condition = Callable[[Found], np.ndarray]


@dataclass(frozen=True, slots=True)
class Waiver:
    """`rows` are patterns of row keys. `parts` are fields of a state, `memory`, `outcome`, a CR
    field (`crf1`), or the name of an instruction field (`RT`) for the GPR that it names. With
    `fpscr`, only these bits of FPSCR are excused, and in CR1 their copies.
    """

    rows: tuple[str, ...]
    parts: tuple[str, ...]
    reason: str
    ref: str
    when: Condition | None = None
    fpscr: int = ALL
    fixed_in: tuple[int, ...] = (9999,)
    models: tuple[str, ...] = ()
    reference: str = "qemu-user"
    in_lines: bool = False  # does not keep a row out of lines of instructions

    def applies(self, key: str) -> bool:
        """The waiver is about this row."""
        return any(fnmatchcase(key, pattern) for pattern in self.rows)

    def clear(self, found: Found, model: str, *, counts: bool = True) -> bool:
        """The bits that are explained are cleared; True when there were any, if it `counts`."""
        if self.models and model not in self.models:
            return False
        holds = np.ones(len(found), bool) if self.when is None else self.when(found)
        before = _count(found) if counts else 0
        for part in found.bits if self.parts == EVERYTHING else self.parts:
            self._clear_part(found, part, holds)
        return counts and before != _count(found)

    def _clear_part(self, found: Found, part: str, holds: np.ndarray) -> None:
        bits = found.bits
        if part == "fpscr":
            bits[part][holds] &= np.uint64(~self.fpscr & ALL)
        elif part.startswith("crf"):
            shift = 28 - 4 * int(part[3:])
            copied = self.fpscr >> 28 & 15 if part == "crf1" else 15
            bits["cr"][holds] &= np.uint64(~(copied << shift) & ALL)
        elif part in bits:
            bits[part][holds] = 0
        elif part in found.row.picture.fields:
            which = np.flatnonzero(holds)
            bits["gpr"][which, found.field(part)[which]] = 0


def _count(found: Found) -> int:
    return sum(int(np.count_nonzero(bits)) for bits in found.bits.values())


def bits_of(found: Found, name: str, mask: int) -> np.ndarray:
    """We have one of these bits."""
    return found.ours["state"][name] & np.uint64(mask) != 0


def either_says(kind: Kind) -> Condition:
    """One of the two answers is of this kind."""
    return lambda found: found.we_say(kind) | found.they_say(kind)


def we_say(kind: Kind) -> Condition:
    """Our answer is of this kind."""
    return lambda found: found.we_say(kind)


def they_say(kind: Kind) -> Condition:
    """Their answer is of this kind."""
    return lambda found: found.they_say(kind)
