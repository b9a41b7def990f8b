"""Constants are folded, identities applied, and common subexpressions made once."""

from __future__ import annotations

from typing import Any

from jitppc.ir.block import Block, Value
from jitppc.ir.builder import OpsMixin
from jitppc.ir.ops import OPS, Op
from jitppc.ir.simplify import simplify
from jitppc.ir.types import I1, I64, I128, Type

from .rebuild import with_starts

_INTERRUPT_IF = OPS["interrupt_if"]
_SHARED = {row.name: row.args.index("T") if "T" in row.args else 0 for row in OPS.values()}


def fold(block: Block) -> Block:
    """Every pure op is a constant, an older equal value, or the simplest op that `simplify` knows.

    Behind an `interrupt_if` its condition is known to be 0, so a repeated check goes away.
    """
    folder = _Folder()
    replaced: dict[Value, Value] = {}
    values, at = folder.block.values, []
    for old in block.values:
        at.append(len(values))
        args = tuple([replaced[a] if a in replaced else folder.canonical(a) for a in old.args])
        row = old.op
        if row.evaluate is not None:
            replaced[old] = folder.pure(row, args, old.attr, old.type)
            continue
        if args != old.args:
            new = Value(row, old.type, args, old.attr, old.is_static)
            replaced[old] = new
        else:
            new = old
        if row is _INTERRUPT_IF:
            condition = args[0]
            if condition.constant == 0:
                continue
            if condition.constant is None:
                for source in [o for o, n in replaced.items() if n is condition]:
                    replaced[source] = folder.const(0, I1)
                folder.settle(condition, 0)
        values.append(new)
    return with_starts(values, block, at)


class _Folder(OpsMixin):
    """A builder that makes each value once."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[tuple, Value] = {}

    def canonical(self, value: Value) -> Value:
        """The one Value of a constant, so that equal operands are the same object."""
        constant = value.constant
        return value if constant is None else self.const(constant, value.type)

    def settle(self, value: Value, constant: int) -> None:
        """From here on the value is this constant: later equal ops give it."""
        for key in [k for k, made in self._made.items() if made is value]:
            self._made[key] = self.const(constant, value.type)

    def emit(self, name: str, *operands: Value | int, attr: Any = None) -> Value:
        """As a builder's; for `simplify`, which only asks for pure ops."""
        row = OPS[name]
        args, shared = self._typed(row, operands)
        return self.pure(row, args, attr, self._result_type(row, shared, attr))

    def pure(self, row: Op, args: tuple[Value, ...], attr: Any, result: Type) -> Value:
        """A constant, a simpler or older value, or a new one at the block's end."""
        key = (row.name, attr, *args)
        made = self._made.get(key)
        if made is None and row.commutative:
            made = self._made.get((row.name, attr, args[1], args[0], *args[2:]))
        if made is not None:
            return made
        assert row.evaluate is not None
        constants = [a.constant for a in args]
        if None not in constants:
            kind = args[_SHARED[row.name]].type if args else I64
            made = self.const(row.evaluate(kind, attr, *constants), result)
        else:
            made = simplify(self, row, args, attr, result)
            if made is None:
                is_static = result is not I128 and all(a.is_static for a in args)
                made = Value(row, result, args, attr, is_static)
                self.block.values.append(made)
        self._made[key] = made
        return made
