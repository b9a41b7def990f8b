"""Algebra on single ops as they are built: identities that shorten code for both tiers. Each rule says its law."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .ops import Op
from .types import Type

if TYPE_CHECKING:
    from .block import Value
    from .builder import OpsMixin


def simplify(b: OpsMixin, row: Op, args: tuple[Value, ...], attr: Any, result: Type | None) -> Value | None:
    """An existing or simpler value equal to the op, or None. Only pure ops come here; not all operands constant."""
    rule = _RULES.get(row.name)
    return rule(b, args, attr, result) if rule else None


def _select(b: OpsMixin, args: tuple[Value, ...], _attr: Any, _result: Any) -> Value | None:
    condition, x, y = args
    if condition.constant is not None:                 # select 1 x y == x
        return x if condition.constant else y
    if x is y:                                         # select c x x == x
        return x
    return None


def _neutral(identity: int) -> Any:
    def rule(b: OpsMixin, args: tuple[Value, ...], _attr: Any, _result: Any) -> Value | None:
        x, y = args
        if y.constant == identity:                     # x op identity == x
            return x
        if x.constant == identity:                     # identity op x == x
            return y
        return None
    return rule


def _and(b: OpsMixin, args: tuple[Value, ...], _attr: Any, _result: Any) -> Value | None:
    x, y = args
    for this, other in ((x, y), (y, x)):
        if this.constant == 0:                         # x & 0 == 0
            return this
        if this.constant == this.type.mask:            # x & ~0 == x
            return other
    return x if x is y else None


def _or(b: OpsMixin, args: tuple[Value, ...], _attr: Any, _result: Any) -> Value | None:
    x, y = args
    return x if x is y else _neutral(0)(b, args, _attr, _result)


def _right_zero(b: OpsMixin, args: tuple[Value, ...], _attr: Any, _result: Any) -> Value | None:
    return args[0] if args[1].constant == 0 else None  # x - 0, x << 0, ... == x


def _involution(name: str) -> Any:
    def rule(b: OpsMixin, args: tuple[Value, ...], _attr: Any, _result: Any) -> Value | None:
        return args[0].args[0] if args[0].op.name == name else None   # f(f(x)) == x
    return rule


def _trunc(b: OpsMixin, args: tuple[Value, ...], attr: Any, _result: Any) -> Value | None:
    inner = args[0]
    if inner.op.name in ("zext", "sext", "trunc"):
        source = inner.args[0]
        if source.type.bits == attr:                   # trunc(ext(x)) == x
            return source
        if source.type.bits > attr:                    # trunc(trunc(x)) == trunc(x)
            return b.emit("trunc", source, attr=attr)
    return None


def _hi(b: OpsMixin, args: tuple[Value, ...], _attr: Any, _result: Any) -> Value | None:
    inner = args[0]
    if inner.op.name == "pack":                        # hi(pack(h, l)) == h
        return inner.args[0]
    if inner.op.name == "zext":                        # hi(zext(x)) == 0
        return b.const(0)
    return None


def _lo(b: OpsMixin, args: tuple[Value, ...], _attr: Any, _result: Any) -> Value | None:
    inner = args[0]
    if inner.op.name == "pack":                        # lo(pack(h, l)) == l
        return inner.args[1]
    if inner.op.name in ("zext", "sext") and inner.args[0].type.bits == 64:
        return inner.args[0]                           # lo(ext(x)) == x
    return None


def _ne(b: OpsMixin, args: tuple[Value, ...], _attr: Any, _result: Any) -> Value | None:
    x, y = args
    if y.constant == 0 and x.op.name == "zext" and x.args[0].type.bits == 1:
        return x.args[0]                               # zext(bit) != 0 == bit
    return None


_RULES: dict[str, Any] = {
    "select": _select, "and": _and, "or": _or, "add": _neutral(0), "xor": _neutral(0), "mul": _neutral(1),
    "sub": _right_zero, "shl": _right_zero, "lshr": _right_zero, "ashr": _right_zero, "rotl": _right_zero,
    "not": _involution("not"), "neg": _involution("neg"), "bswap": _involution("bswap"),
    "trunc": _trunc, "hi": _hi, "lo": _lo, "ne": _ne,
}
