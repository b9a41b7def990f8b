"""Rows: one per instruction, written with the `@insn` decorator over the instruction's body.

A body is a function of a builder `b` and the fields `i`, and the only statement of the
instruction's meaning. `i.NAME` is a 64-bit Value (a constant when the word is known), except the
flags (OE, Rc, LK, AA and those the row lists under `static`), which are Python ints, because each
of their values is a variant of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .forms import BIASED, COMBINED, FLAGS, PAIRS, SIGNED, Picture, field_value, parse_picture

if TYPE_CHECKING:
    from jitppc.ir.block import Value
    from jitppc.ir.builder import Builder

Body = Callable[["Builder", "Fields"], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One instruction: its identity, encoding, printed operands, and meaning."""

    key: str            # unique; the mnemonic, except where one mnemonic has several rows
    name: str           # mnemonic without o . l a suffixes
    form: str
    picture: Picture
    asm: str            # printed operands, field names standing for their values
    since: str          # ISA level that brought it: see levels.LEVELS
    ref: str
    says: str
    body: Body
    flags: tuple[str, ...]
    # for randomly made words: which field values are valid forms
    accept: Callable[[int], bool] | None = None
    until: str | None = None    # the last ISA level that has it; None while it is there to stay

    @property
    def size_bytes(self) -> int:
        """8 of a prefixed instruction, whose word is prefix << 32 | suffix, else 4."""
        return self.picture.bits // 8

    def variants(self) -> Iterator[dict[str, int]]:
        """Every assignment of the flags."""
        ranges = (range(1 << self.picture.fields[f][1]) for f in self.flags)
        for values in itertools.product(*ranges):
            yield dict(zip(self.flags, values, strict=True))

    def flag_values(self, word: int) -> dict[str, int]:
        """The flags as they stand in a word."""
        return {f: field_value(self.picture, word, f) for f in self.flags}

    def mnemonic(self, flags: dict[str, int]) -> str:
        """The name with the suffixes its flags ask for."""
        suffixes = {"OE": "o", "LK": "l", "AA": "a", "Rc": "."}
        return self.name + "".join(s for flag, s in suffixes.items() if flags.get(flag))


ROWS: dict[str, Row] = {}


def insn(
    form: str, picture: str, asm: str = "", *, since: str = "PPC", ref: str,
    name: str | None = None, key: str | None = None, static: tuple[str, ...] = (),
    accept: Callable[[int], bool] | None = None, until: str | None = None,
) -> Callable[[Body], Body]:
    """Register a row. The mnemonic is `name`, or the function's without trailing underscores."""

    def register(body: Body) -> Body:
        parsed = parse_picture(picture)
        mnemonic = name or body.__name__.rstrip("_")
        unique = key or mnemonic
        if unique in ROWS:
            raise ValueError(f"instruction {unique} has two rows")
        flags = tuple(f for f in parsed.fields if f in FLAGS or f in static)
        says = (body.__doc__ or "").strip()
        ROWS[unique] = Row(
            unique, mnemonic, form, parsed, asm, since, ref, says, body, flags, accept, until
        )
        return body

    return register


class Fields:
    """The fields of one instruction for its body.

    They are those of a known word, or (word None) symbolic but for the flags.
    """

    def __init__(self, b: Builder, row: Row, flags: dict[str, int], word: int | None) -> None:
        self._b, self._row, self._flags, self._word = b, row, flags, word
        self._made: dict[str, Value] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._flags:
            return self._flags[name]
        picture = self._row.picture
        if not all(piece in picture.fields for piece in self._pieces(name)):
            raise AttributeError(f"{self._row.key} has no field {name}")
        if name not in self._made:
            self._made[name] = (
                self._symbolic(name)
                if self._word is None
                else self._b.const(field_value(picture, self._word, name))
            )
        return self._made[name]

    def _pieces(self, name: str) -> tuple[str, ...]:
        return (name,) if name in self._row.picture.fields else COMBINED.get(name, (name,))

    def _symbolic(self, name: str) -> Value:
        b, fields = self._b, self._row.picture.fields
        value, total = b.const(0), 0
        for piece in self._pieces(name):
            shift, width = fields[piece]
            value = b.or_(b.shl(value, width), b.field(piece, width, shift))
            total += width
        if name in SIGNED:
            extended = b.ashr(b.shl(value, 64 - total), 64 - total)
            value = b.shl(extended, SIGNED[name][1])
        if name in BIASED:
            bias, scale = BIASED[name]
            value = b.shl(b.add(value, bias), scale)
        return b.shl(value, 1) if name in PAIRS else value
