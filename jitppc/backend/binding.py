"""Binding time: what of an instruction is known from its word, and where a cell keeps it.

Ops on instruction fields alone are static. The predecoder computes them once into the cell's four
16-bit slots and its one 64-bit immediate; what finds no place there is computed from the word.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from jitppc.ir.block import Block, Value
from jitppc.ir.layout import Register
from jitppc.ir.ops import OPS
from jitppc.ir.types import I64

from .lower.emitter import Emitter

SMALL_SLOTS = 4


class DoesNotFit(ValueError):
    """A body needs more slots than a cell has."""


@dataclass(slots=True)
class Slots:
    """Which static values of a block the cell holds, and where; found as the handler is emitted."""

    small: list[tuple[Value, Register | None]] = field(default_factory=list)
    wide: Value | None = None

    def small_slot(self, value: Value, register: Register | None) -> int:
        """Number of the u16 slot for a small value, or for the byte offset of that register."""
        key = (value, register)
        if key not in self.small:
            if len(self.small) == SMALL_SLOTS:
                raise DoesNotFit("more than four slots")
            self.small.append(key)
        return self.small.index(key)

    def has_room(self, value: Value, register: Register | None, is_small: bool) -> bool:
        """True if the value has a slot, or can get one."""
        if is_small or register is not None:
            return (value, register) in self.small or len(self.small) < SMALL_SLOTS
        return self.wide in (None, value) and value.type.bits <= 64

    def wide_slot(self, value: Value) -> None:
        """Claim the 64-bit slot."""
        if self.wide not in (None, value):
            raise DoesNotFit("more than one wide static value")
        self.wide = value


    def of_twin(self, block: Block) -> Slots:
        """The same slots for another block of the row, where other objects are the same values."""
        values = {_shape(value): value for value in block.values if value.is_static}
        unknown = Value(OPS["field"], I64, (), ("", 0, 0), is_static=True)
        small = [(values.get(_shape(value), unknown), register) for value, register in self.small]
        wide = self.wide and values.get(_shape(self.wide), unknown)
        return Slots(small, wide)

    def __len__(self) -> int:
        return len(self.small) + (self.wide is not None)


def _shape(value: Value) -> tuple:
    """What a static value is computed from, and how."""
    return (value.op.name, value.attr, *map(_shape, value.args))


def upper_bound(value: Value) -> int:
    """The largest number a static value can be."""
    name, full = value.op.name, value.type.mask
    bounds = [upper_bound(a) for a in value.args]
    if value.constant is not None:
        return value.constant
    if name == "field":
        return (1 << value.attr[1]) - 1
    if name == "and":
        return min(bounds)
    if name in ("or", "xor"):
        return (1 << max(b.bit_length() for b in bounds)) - 1
    if name == "add":
        return min(sum(bounds), full) if sum(bounds) <= full else full
    if name == "sub":
        whole = value.args[0].constant
        return whole if whole is not None and bounds[1] <= whole else full
    if name == "select":
        return max(bounds[1:])
    if name in ("zext", "trunc", "lshr", "udiv", "urem"):
        return min(bounds[0], full)
    if name == "shl" and value.args[1].constant is not None:
        return min(bounds[0] << value.args[1].constant, full)
    return full


def field_of_word(e: Emitter, value: Value, word: str) -> str:
    """A `field` taken out of the instruction word (i64)."""
    _, width, shift = value.attr
    return e.tmp(f"and i64 {e.tmp(f'lshr i64 {word}, {shift}')}, {(1 << width) - 1}")
