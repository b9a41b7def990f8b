"""Algebra on single ops as they are built: identities that shorten code for both tiers.

Each rule says its law. A rule gives an older value, a constant, or fewer and cheaper ops than it
takes away, always in the same direction, so that no two rules undo each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .ops import Op
from .types import I1, I32, Type

if TYPE_CHECKING:
    from .block import Value
    from .builder import OpsMixin

Rule = Callable[..., "Value | None"]

_RULES: dict[str, list[Rule]] = {}


def simplify(
    b: OpsMixin, row: Op, args: tuple[Value, ...], attr: Any, result: Type
) -> Value | None:
    """An existing or simpler value equal to the op, or None.

    Only pure ops come here, and not all operands are constants. `b` has `const` and `emit`,
    nothing more.
    """
    for rule in _RULES.get(row.name, ()):
        found = rule(b, row.name, args, attr, result)
        if found is not None:
            return found
    return None


def _rule(*names: str) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        for name in names:
            _RULES.setdefault(name, []).append(rule)
        return rule

    return register


# --- what is known of a value ----------------------------------------------------------------

#: registers that hold less than their type could
_REGISTER_BITS = {
    "so": 1,
    "ov": 1,
    "ca": 1,
    "ov32": 1,
    "ca32": 1,
    "little": 1,
    "sixty_four": 1,
    "crf": 0xF,
    "xer_low": 0x7F,
    "zero": 0,
}


def possible_bits(value: Value, depth: int = 4) -> int:
    """A mask of the bits that may be 1."""
    name, everything = value.op.name, value.type.mask
    if name == "const":
        return value.attr[0]
    if name == "get":
        return _REGISTER_BITS.get(value.attr, everything)
    if name == "field":
        return (1 << value.attr[1]) - 1
    if depth and name in _BITS_OF_OPERANDS:
        bits = [possible_bits(arg, depth - 1) for arg in value.args]
        return _BITS_OF_OPERANDS[name](*bits) & everything
    if depth and name in ("shl", "lshr") and value.args[1].constant is not None:
        shifted, amount = possible_bits(value.args[0], depth - 1), value.args[1].constant
        return shifted << min(amount, 128) & everything if name == "shl" else shifted >> amount
    return everything


_BITS_OF_OPERANDS: dict[str, Callable[..., int]] = {
    "zext": lambda x: x,
    "and": lambda x, y: x & y,
    "or": lambda x, y: x | y,
    "xor": lambda x, y: x | y,
    "select": lambda _c, x, y: x | y,
}


def _is_choice_of_constants(value: Value, depth: int = 3) -> bool:
    """True for a select between constants, or between such selects."""
    return (
        value.op.name == "select"
        and depth > 0
        and all(
            arm.constant is not None or _is_choice_of_constants(arm, depth - 1)
            for arm in value.args[1:]
        )
    )


def _choose(b: OpsMixin, value: Value, change: Callable[[int], Value]) -> Value:
    """The same choice between changed constants."""
    if value.constant is not None:
        return change(value.constant)
    condition, x, y = value.args
    return b.emit("select", condition, _choose(b, x, change), _choose(b, y, change))


# --- choice ----------------------------------------------------------------------------------
@_rule("select")
def _select(b, _name, args, _attr, _result):
    condition, x, y = args
    if condition.constant is not None:  # select 1 x y == x
        return x if condition.constant else y
    if x is y or (x.constant is not None and x.constant == y.constant):  # select c x x == x
        return x
    if condition.op.name == "not":  # select (not c) x y == select c y x
        return b.emit("select", condition.args[0], y, x)
    if x.type == I1:
        if x.constant == 1:  # select c 1 y == c | y
            return b.emit("or", condition, y)
        if y.constant == 0:  # select c x 0 == c & x
            return b.emit("and", condition, x)
        if x.constant == 0 and y.constant == 1:  # select c 0 1 == not c
            return b.emit("not", condition)
    return None


# --- bitwise ---------------------------------------------------------------------------------
_WORD = (1 << 32) - 1


def _rotated_word(b, rotated, mask):
    """rotl(w | w << 32, n) & m for a word w and a mask of words: a shift, if m has bits from one
    end of w alone, or else the rotated word.
    """
    twice, amount = rotated.args
    if amount.constant is None or twice.op.name != "or":
        return None
    low, high = twice.args if twice.args[1].op.name == "shl" else twice.args[::-1]
    is_twice = high.op.name == "shl" and high.args[0] is low and high.args[1].constant == 32
    if not is_twice or possible_bits(low) > _WORD:
        return None
    n = amount.constant % 32
    below = (1 << n) - 1
    if mask.constant & below == 0:
        whole = low.args[0] if low.op.name == "and" and low.args[1].constant == _WORD else low
        return b.emit("and", b.emit("shl", whole, b.const(n)), mask)
    if mask.constant & ~below == 0:
        return b.emit("and", b.emit("lshr", low, b.const(32 - n)), mask)
    word = b.emit("rotl", b.emit("trunc", low, attr=32), b.const(n, I32))
    return b.emit("and", b.emit("zext", word, attr=64), mask)


@_rule("and")
def _and(b, _name, args, _attr, _result):
    x, y = args
    if x is y:  # x & x == x
        return x
    if x.constant is not None:
        x, y = y, x
    mask = y.constant
    if mask is None:
        return None
    possible = possible_bits(x)
    if possible & mask == 0:  # no bit in common: 0
        return b.const(0, x.type)
    if possible & ~mask == 0:  # the mask takes nothing away: x
        return x
    if x.op.name == "and" and x.args[1].constant is not None:  # (x & c) & d == x & (c & d)
        return b.emit("and", x.args[0], b.const(x.args[1].constant & mask, x.type))
    if x.op.name == "add":  # (x + c) & -2**n == (x & -2**n) + c when 2**n divides c
        addend, grain = x.args[1].constant, -mask & x.type.mask
        if addend is not None and grain & grain - 1 == 0 and addend % grain == 0:
            return b.emit("add", b.emit("and", x.args[0], y), x.args[1])
    if x.op.name == "rotl" and mask >> 32 == 0:
        turned = _rotated_word(b, x, y)
        if turned is not None:
            return turned
    if x.op.name == "or":  # (x | z) & c == x & c when z & c == 0
        for this, other in (x.args, x.args[::-1]):
            if possible_bits(other) & mask == 0:
                return b.emit("and", this, y)
    if _is_choice_of_constants(x):  # (select p c d) & e == select p (c & e) (d & e)
        return _choose(b, x, lambda leaf: b.const(leaf & mask, y.type))
    return None


@_rule("or")
def _or(_b, _name, args, _attr, _result):
    x, y = args
    if x is y:  # x | x == x
        return x
    for this, other in ((x, y), (y, x)):
        if this.constant == this.type.mask:  # x | ~0 == ~0
            return this
        if this.constant == 0:  # x | 0 == x
            return other
    return None


@_rule("xor", "sub")
def _cancel(b, _name, args, _attr, result):
    return b.const(0, result) if args[0] is args[1] else None  # x ^ x == x - x == 0


@_rule("not", "neg", "bswap")
def _involution(_b, name, args, _attr, _result):
    return args[0].args[0] if args[0].op.name == name else None  # f(f(x)) == x


#: comparison that is true exactly when the other is false, and whether its operands are swapped
_OPPOSITE = {
    "eq": ("ne", False),
    "ne": ("eq", False),
    "ult": ("ule", True),
    "ule": ("ult", True),
    "slt": ("sle", True),
    "sle": ("slt", True),
}


@_rule("not")
def _not_of_comparison(b, _name, args, _attr, _result):
    inner = args[0]
    if inner.op.name not in _OPPOSITE:
        return None
    name, swapped = _OPPOSITE[inner.op.name]  # not (x < y) == y <= x
    return b.emit(name, *(inner.args[::-1] if swapped else inner.args))


# --- sums, products, shifts ------------------------------------------------------------------
@_rule("add", "xor")
def _zero_on_either_side(_b, _name, args, _attr, _result):
    x, y = args
    if x.constant == 0:  # 0 + x == x
        return y
    return x if y.constant == 0 else None  # x + 0 == x


@_rule("add")
def _sum_of_constants(b, _name, args, _attr, _result):
    x, y = args
    if x.constant is not None:
        x, y = y, x
    if y.constant is not None and x.op.name == "add" and x.args[1].constant is not None:
        return b.emit("add", x.args[0], b.const(x.args[1].constant + y.constant, x.type))
    return None  # (x + c) + d == x + (c + d)


@_rule("mul")
def _one_on_either_side(_b, _name, args, _attr, _result):
    for this, other in (args, args[::-1]):
        if this.constant == 1:  # x * 1 == x
            return other
        if this.constant == 0:  # x * 0 == 0
            return this
    return None


@_rule("sub", "shl", "lshr", "ashr", "rotl")
def _right_zero(_b, _name, args, _attr, _result):
    return args[0] if args[1].constant == 0 else None  # x - 0, x << 0, ... == x


@_rule("shl", "lshr", "ashr", "rotl")
def _left_zero(_b, _name, args, _attr, _result):
    return args[0] if args[0].constant == 0 else None  # 0 << n == 0


@_rule("shl", "lshr")
def _all_shifted_out(b, _name, args, _attr, result):
    x, n = args
    if n.constant is None:
        return None
    kept = possible_bits(x) >> n.constant if _name == "lshr" else n.constant < result.bits
    return None if kept else b.const(0, result)  # x >> n == 0 when no bit is left


# --- widths ----------------------------------------------------------------------------------
@_rule("zext")
def _zext(b, _name, args, attr, _result):
    inner = args[0]
    if inner.op.name == "zext":  # zext(zext(x)) == zext(x)
        return b.emit("zext", inner.args[0], attr=attr)
    return None


@_rule("sext")
def _sext(b, _name, args, attr, _result):
    inner = args[0]
    if inner.op.name in ("sext", "zext"):  # sext(ext(x)) == ext(x), for zext widens with a 0
        return b.emit(inner.op.name, inner.args[0], attr=attr)
    return None


@_rule("trunc")
def _trunc(b, _name, args, attr, _result):
    inner = args[0]
    if inner.op.name in ("zext", "sext", "trunc"):
        source = inner.args[0]
        if source.type.bits == attr:  # trunc(ext(x)) == x
            return source
        if source.type.bits > attr:  # trunc(trunc(x)) == trunc(x)
            return b.emit("trunc", source, attr=attr)
        return b.emit(inner.op.name, source, attr=attr)  # trunc(ext(x)) == a narrower ext(x)
    return None


# --- halves ----------------------------------------------------------------------------------
@_rule("hi")
def _hi(b, _name, args, _attr, _result):
    inner = args[0]
    if inner.op.name == "pack":  # hi(pack(h, l)) == h
        return inner.args[0]
    if inner.op.name == "zext":  # hi(zext(x)) == 0
        return b.const(0)
    return None


@_rule("lo")
def _lo(b, _name, args, _attr, _result):
    inner = args[0]
    if inner.op.name == "pack":  # lo(pack(h, l)) == l
        return inner.args[1]
    if inner.op.name in ("zext", "sext"):
        source = inner.args[0]  # lo(ext(x)) == x, or a narrower ext(x)
        return source if source.type.bits == 64 else b.emit(inner.op.name, source, attr=64)
    return None


@_rule("pack")
def _pack(_b, _name, args, _attr, _result):
    high, low = args
    if high.op.name == "hi" and low.op.name == "lo" and high.args[0] is low.args[0]:
        return high.args[0]  # pack(hi(x), lo(x)) == x
    return None


# --- comparisons -----------------------------------------------------------------------------
@_rule("eq", "ne", "ult", "ule", "slt", "sle")
def _compare_same(b, name, args, _attr, _result):
    if args[0] is args[1]:  # x == x, x <= x; never x < x
        return b.const(int(name in ("eq", "ule", "sle")), I1)
    return None


@_rule("eq", "ne")
def _equality(b, name, args, _attr, _result):
    x, y = args
    if x.constant is not None:
        x, y = y, x
    constant, wanted = y.constant, int(name == "eq")
    if constant is None:
        return None
    if constant & ~possible_bits(x):  # x == c is false when c has a bit that x cannot have
        return b.const(1 - wanted, I1)
    if x.op.name == "zext":  # zext(x) == c is x == c
        return b.emit(name, x.args[0], b.const(constant, x.args[0].type))
    if x.type == I1:  # (x == 1) is x, (x == 0) is not x
        return x if constant == wanted else b.emit("not", x)
    if _is_choice_of_constants(x):  # (select p c d) == e  is  select p (c == e) (d == e)
        return _choose(b, x, lambda leaf: b.const(int((leaf == constant) == bool(wanted)), I1))
    return None
