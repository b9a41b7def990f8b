"""What one row of the op table says."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jitppc.ir.types import Type


class Effect(enum.Flag):
    """What an op does besides computing its result."""

    NONE = 0
    READS_STATE = enum.auto()
    WRITES_STATE = enum.auto()
    READS_MEMORY = enum.auto()
    WRITES_MEMORY = enum.auto()
    MAY_INTERRUPT = enum.auto()  # may leave before the instruction has done anything
    ENDS_BLOCK = enum.auto()  # control never falls out of the op


@dataclass(frozen=True, slots=True)
class Op:
    """One operation.

    `args` are the operand types: a `Type`, or "T" for the type all "T" operands share, or None
    for any type. `result` is a `Type` (NOTHING for no result), "T", or "attr" (the attribute is
    the result type's width in bits). `evaluate(type, attr, *ints) -> int` is present exactly when
    the op is pure; operands and result are unsigned Python ints, `type` is the type T (or of the
    first operand).
    """

    name: str
    args: tuple[Type | str | None, ...]
    result: Type | str
    says: str
    evaluate: Callable[..., int] | None = None
    effects: Effect = Effect.NONE
    commutative: bool = False
    attr: Any = None  # the kind of attribute: None, "width", "lane", "register", "bits", ...

    @property
    def is_pure(self) -> bool:
        """True when the result depends on the operands alone and nothing else happens."""
        return self.evaluate is not None
