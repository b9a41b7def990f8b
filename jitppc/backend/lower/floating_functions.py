"""The f_ ops as LLVM functions: a fast one that is inlined, and a slow one it calls in unusual
cases.

Both are made from the builder's text of floating_fast.py and floating_soft.py. The fast one is
internal to each module that needs it; the slow one is declared there, and defined once
(floating_slow.py).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from jitppc.ir.block import Block, Value
from jitppc.ir.builder import OpsMixin
from jitppc.ir.ieee import DOUBLE, HALF, SINGLE
from jitppc.ir.ops import OPS
from jitppc.ir.ops.row import Op
from jitppc.ir.types import Type

from . import floating_fast as fast
from . import floating_soft as state
from . import floating_soft_arith as soft
from . import floating_soft_convert as convert
from .emitter import LOWER, Emitter, lowers

FORMAT = {64: DOUBLE, 32: SINGLE, 16: HALF}
PARAMETER = Op("parameter", (), "attr", "An operand of a function; the attribute is its width.")

SLOW = ".slow"
B = OpsMixin
#: op -> (attribute, builder, operands) -> (i1 ok, result), and the same without ok
FAST: dict[str, Callable[..., tuple[Value, Value]]] = {
    "f_add": lambda a, b, *v: fast.add(b, a, *v),
    "f_sub": lambda a, b, *v: fast.add(b, a, *v, subtract=True),
    "f_mul": lambda a, b, *v: fast.multiply(b, a, *v),
    "f_div": lambda a, b, *v: fast.divide(b, a, *v),
    "f_sqrt": lambda a, b, *v: fast.square_root(b, a, *v),
    "f_fma": lambda a, b, *v: fast.multiply_add(b, *a, *v),
    "f_narrow": lambda a, b, *v: fast.narrow(b, a, *v),
    "f_from_int": lambda a, b, *v: fast.from_integer(b, *a, *v),
    "f_to_int": lambda a, b, *v: fast.to_integer(b, *a, *v),
    "f_to_integral": lambda a, b, *v: fast.to_integral(b, a, *v),
    "f_compare": lambda a, b, *v: fast.compare(b, *v),
    "f_extremum": lambda a, b, *v: fast.extremum(b, a, *v),
}
SOFT: dict[str, Callable[..., Value]] = {
    "f_add": lambda a, b, *v: soft.add(b, FORMAT[a], *v),
    "f_sub": lambda a, b, *v: soft.add(b, FORMAT[a], *v, subtract=True),
    "f_mul": lambda a, b, *v: soft.multiply(b, FORMAT[a], *v),
    "f_div": lambda a, b, *v: state.finished(b, v[-1], soft.divide(b, FORMAT[a], *v)),
    "f_sqrt": lambda a, b, *v: state.finished(b, v[-1], soft.square_root(b, FORMAT[a], *v)),
    "f_fma": lambda a, b, *v: soft.multiply_add(b, FORMAT[a[1]], a[0], *v),
    "f_narrow": lambda a, b, *v: soft.narrow(b, FORMAT[a], *v),
    "f_from_int": lambda a, b, *v: convert.from_integer(b, FORMAT[a[1]], a[0], *v),
    "f_to_int": lambda a, b, *v: convert.to_integer(b, *a, *v),
    "f_to_integral": lambda a, b, *v: convert.to_integral(b, a, *v),
    "f_compare": lambda a, b, *v: convert.compare(b, bool(a), *v),
    "f_extremum": lambda a, b, *v: convert.extremum(b, a, *v),
    "f_reciprocal": lambda a, b, *v: soft.reciprocal(b, FORMAT[a], *v),
    "f_reciprocal_root": lambda a, b, *v: soft.reciprocal_root(b, FORMAT[a], *v),
}


def parameters_of(name: str) -> list[Value]:
    """Values that stand for the parameters of an op's function."""
    types = [kind for kind in OPS[name].args if isinstance(kind, Type)]
    return [Value(PARAMETER, type_, (), type_.bits, False) for type_ in types]


def _live(block: Block, results: tuple[Value, ...]) -> list[Value]:
    live = set(results)
    for value in reversed(block.values):
        if value in live:
            live.update(value.args)
    return [value for value in block.values if value in live]


def emit_body(e: Emitter, b: OpsMixin, parameters: list[Value], results: tuple[Value, ...]) -> None:
    """Lower what the results need."""
    for number, parameter in enumerate(parameters):
        e.names[parameter] = f"%x{number}"
    for value in _live(b.block, results):
        text = LOWER[value.op.name](e, value)
        assert text is not None
        e.names[value] = text


def symbol(name: str, attr: Any) -> str:
    """The function's name for an op with this attribute."""
    parts = attr if isinstance(attr, tuple) else (attr,)
    return ".".join((name, *(str(int(p)) if isinstance(p, bool) else str(p) for p in parts)))


def _signature(name: str) -> str:
    """Parameters of the functions of an op."""
    return ", ".join(f"i64 %x{n}" for n in range(len(OPS[name].args)))


def _of_symbol(text: str) -> tuple[str, Any]:
    """The inverse of `symbol`, but for True and False, which come back as 1 and 0."""
    name, *parts = text.split(".")
    values = tuple(int(part) if part.isdigit() else part for part in parts)
    return name, values if len(values) > 1 else values[0]


@functools.cache
def functions(name: str, attr: Any) -> dict[str, str]:
    """Everything a module needs to call `symbol(name, attr)`, by name."""
    slow = symbol(name, attr) + SLOW
    call = f'call i128 @"{slow}"({_signature(name)})'
    declaration = f'declare i128 @"{slow}"({_signature(name)}) cold nounwind memory(none)'
    head = (
        f'define internal i128 @"{symbol(name, attr)}"({_signature(name)}) '
        "alwaysinline nounwind memory(none)"
    )
    needs = {slow: declaration}
    if name not in FAST:
        return needs | {symbol(name, attr): f"{head} {{\n %r = {call}\n ret i128 %r\n}}"}
    b, e, values = OpsMixin(), Emitter(), parameters_of(name)
    ok, result = FAST[name](attr, b, *values)
    emit_body(e, b, values, (ok, result))
    lines = "\n".join(e.lines)
    needs[symbol(name, attr)] = (
        f"{head} {{\n{lines}\n br i1 {e.of(ok)}, label %fast, label %slow\n"
        f"fast:\n ret i128 {e.of(result)}\nslow:\n %slowly = {call}\n ret i128 %slowly\n}}"
    )
    return needs | e.declarations


def definition(name: str, attr: Any) -> tuple[str, dict[str, str]]:
    """The slow function, and what it needs declared."""
    b, e, values = OpsMixin(), Emitter(), parameters_of(name)
    result = SOFT[name](attr, b, *values)
    emit_body(e, b, values, (result,))
    e.line(f"ret i128 {e.of(result)}")
    head = f'i128 @"{symbol(name, attr)}{SLOW}"({_signature(name)}) cold nounwind memory(none)'
    return e.definition(head), e.declarations


@lowers(*SOFT)
def _call(e: Emitter, v: Value) -> str:
    for name, text in functions(v.op.name, v.attr).items():
        e.need(name, text)
    operands = ", ".join(f"i64 {e.of(a)}" for a in v.args)
    return e.tmp(f'call i128 @"{symbol(v.op.name, v.attr)}"({operands})')
