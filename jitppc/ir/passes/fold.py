"""Constants are folded, identities applied, and common subexpressions made once."""

from __future__ import annotations

from typing import Any, cast

from jitppc.ir.block import Block, Value
from jitppc.ir.builder import Operand, OpsMixin
from jitppc.ir.ops import OPS, Op
from jitppc.ir.simplify import simplify
from jitppc.ir.types import BY_BITS, I1, I64, I128, Type

from .rebuild import with_starts

_CONST, _INTERRUPT_IF = OPS["const"], OPS["interrupt_if"]
#: where the operand stands that gives the type T
_SHARED = {row.name: row.args.index("T") if "T" in row.args else 0 for row in OPS.values()}


def fold(block: Block) -> Block:
    """Every pure op is a constant, an older equal value, or the simplest op that `simplify` knows.

    Behind an `interrupt_if` its condition is known to be 0, so a repeated check goes away.
    """
    folder = _Folder()
    replaced, values = folder.replaced, folder.block.values
    at: list[int] = []
    for old in block.values:
        at.append(len(values))
        args = tuple([replaced.get(a) or folder.operand(a) for a in old.args])
        row = old.op
        if row.evaluate is not None:
            replaced[old] = folder.pure(row, args, old.attr, old.type)
            continue
        new = old
        if args != old.args:
            new = Value(row, old.type, args, old.attr, old.is_static)
            replaced[old] = new
        if row is _INTERRUPT_IF:
            if args[0].constant == 0:
                continue
            folder.settle(args[0])
        values.append(new)
    return with_starts(values, block, at)


class _Folder(OpsMixin):
    """A builder that makes each value once; `replaced` says what became of the old values."""

    def __init__(self) -> None:
        super().__init__()
        self.replaced: dict[Value, Value] = {}
        self._made: dict[tuple, Value] = {}

    def const(self, value: int, type_: Type = I64) -> Value:
        """The one Value of a constant, so that equal operands are the same object."""
        value &= type_.mask
        key = ("const", value, type_.bits)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = Value(_CONST, type_, (), (value, type_.bits), True)
        return made

    def operand(self, value: Value) -> Value:
        """The one Value of a constant; any other operand that was not replaced is itself."""
        if value.op is not _CONST:
            return value
        made = self.replaced[value] = self.const(value.attr[0], value.type)
        return made

    def settle(self, condition: Value) -> None:
        """From here on the condition is 0: in operands, and when an equal op is asked for."""
        if condition.op is _CONST:
            return
        zero = self.const(0, I1)
        self.replaced |= {old: zero for old, new in self.replaced.items() if new is condition}
        self._made |= {key: zero for key, made in self._made.items() if made is condition}
        self.replaced[condition] = zero

    def emit(self, name: str, *operands: Operand, attr: Any = None) -> Value:
        """For `simplify`, which asks for pure ops only, and with Values."""
        row, args = OPS[name], cast("tuple[Value, ...]", operands)
        result = row.result
        if not isinstance(result, Type):
            result = BY_BITS[attr] if result == "attr" else args[_SHARED[name]].type
        return self.pure(row, args, attr, result)

    def pure(self, row: Op, args: tuple[Value, ...], attr: Any, result: Type) -> Value:
        """A constant, a simpler or older value, or a new one at the block's end."""
        key = (row.name, attr, *args)
        made = self._made.get(key)
        if made is None and row.commutative:
            made = self._made.get((row.name, attr, args[1], args[0], *args[2:]))
        if made is not None:
            return made
        for arg in args:
            if arg.op is not _CONST:
                made = simplify(self, row, args, attr, result) or self._new(row, args, attr, result)
                break
        else:
            assert row.evaluate is not None
            kind = args[_SHARED[row.name]].type if args else I64
            made = self.const(row.evaluate(kind, attr, *[a.attr[0] for a in args]), result)
        self._made[key] = made
        return made

    def _new(self, row: Op, args: tuple[Value, ...], attr: Any, result: Type) -> Value:
        is_static = result is not I128 and all(a.is_static for a in args)
        value = Value(row, result, args, attr, is_static)
        self.block.values.append(value)
        return value
