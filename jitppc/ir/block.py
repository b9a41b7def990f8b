"""Values and blocks: a block is a list of values in order.

Operands are earlier values of the same block.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .ops import OPS, Effect, Op
from .types import Type


class Value:
    """One op in a block, and its result. Identity matters; values are not compared by content."""

    __slots__ = ("args", "attr", "is_static", "op", "type")

    def __init__(
        self, op: Op, type_: Type, args: tuple[Value, ...], attr: Any, is_static: bool
    ) -> None:
        self.op, self.args, self.attr = op, args, attr
        #: of the result; NOTHING when there is none
        self.type = type_
        #: known from the instruction word alone: computed when the word is decoded, not when it
        #: runs
        self.is_static = is_static

    @property
    def constant(self) -> int | None:
        """The value if this is a constant, else None."""
        return self.attr[0] if self.op.name == "const" else None

    def __repr__(self) -> str:
        return f"<{self.op.name} {self.attr if self.attr is not None else ''}: {self.type}>"


@dataclass(slots=True)
class Block:
    """A straight line of ops.

    `starts` gives the index of each instruction's first op (with its offset in bytes), and
    `size_bytes` how long the last one is: 8 if it is prefixed.
    """

    values: list[Value] = field(default_factory=list)
    starts: list[tuple[int, int]] = field(default_factory=list)
    size_bytes: int = 4

    @property
    def ends(self) -> bool:
        """True when control does not fall out of the block's end."""
        return bool(self.values) and bool(self.values[-1].op.effects & Effect.ENDS_BLOCK)


def op(name: str) -> Op:
    """The row of an op; a KeyError names an op that does not exist."""
    return OPS[name]
