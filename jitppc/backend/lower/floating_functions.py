"""Lowering of the f_ ops. Code that can leave computes the ordinary case in line (floating_fast.py)
and leaves to code that starts the instruction afresh in any other; that calls a function for all
cases (floating_soft*.py), which is defined once (floating_slow.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jitppc.ir.block import Block, Value
from jitppc.ir.builder import OpsMixin
from jitppc.ir.fpscr import FPSCR
from jitppc.ir.ieee import BFLOAT, DOUBLE, HALF, SINGLE
from jitppc.ir.ops import OPS
from jitppc.ir.ops.row import Op
from jitppc.ir.types import Type

from . import floating_fast as fast
from . import floating_soft as state
from . import floating_soft_arith as soft
from . import floating_soft_convert as convert
from .effects import EffectEmitter
from .emitter import LOWER, Emitter, lowers

FORMAT = {64: DOUBLE, 32: SINGLE, 16: HALF, "bfloat": BFLOAT}
PARAMETER = Op("parameter", (), "attr", "An operand of a function; the attribute is its width.")

SLOW = ".slow"
B = OpsMixin
#: op -> (attribute, builder, operands) -> ordinary case, None if there is none
FAST: dict[str, Callable[..., fast.Ordinary | None]] = {
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
#: op -> (attribute, builder, operands, FPSCR) -> pack(FPSCR, bits), in all cases
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


def emit_body(e: Emitter, b: OpsMixin, results: tuple[Value, ...]) -> None:
    """Lower what the results need."""
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


def definition(name: str, attr: Any) -> tuple[str, dict[str, str]]:
    """The slow function, and what it needs declared."""
    b, e, values = OpsMixin(), Emitter(), parameters_of(name)
    e.names.update((value, f"%x{n}") for n, value in enumerate(values))
    result = SOFT[name](attr, b, *values)
    emit_body(e, b, (result,))
    e.line(f"ret i128 {e.of(result)}")
    head = f'i128 @"{symbol(name, attr)}{SLOW}"({_signature(name)}) cold nounwind memory(none)'
    return e.definition(head), e.declarations


def can_leave(e: Emitter) -> bool:
    """The code may leave to code that starts the instruction afresh, and so is not that code."""
    return isinstance(e, EffectEmitter) and getattr(e, "cold", True) is not None


def leave_if_exceptional(e: EffectEmitter, fpscr: str) -> None:
    """Leave before a call after which an enabled exception might be an interrupt."""
    wanted = e.tmp(f"and i64 {fpscr}, {FPSCR.FEX | FPSCR.ENABLES}")
    e.leave_if(e.tmp(f"icmp ne i64 {wanted}, 0"))


def ordinary(e: EffectEmitter, v: Value) -> str | None:
    """The op in line, leaving in unusual cases; None when it has no such form."""
    b, parameters = OpsMixin(), parameters_of(v.op.name)
    *operands, fpscr = parameters
    form = FAST[v.op.name](v.attr, b, *operands) if v.op.name in FAST else None
    if form is None:
        return None
    bad, result = fast.complete(b, fpscr, form)
    for parameter, argument in zip(parameters, v.args, strict=True):
        e.names[parameter] = e.of(argument)
    emit_body(e, b, (*bad, result))
    for condition in bad:
        if condition.constant != 0:
            e.leave_if(e.of(condition))
    return e.of(result)


@lowers(*SOFT)
def _lower(e: Emitter, v: Value) -> str:
    if can_leave(e):
        assert isinstance(e, EffectEmitter)
        text = ordinary(e, v)
        if text is not None:
            return text
        leave_if_exceptional(e, e.of(v.args[-1]))
    name = symbol(v.op.name, v.attr) + SLOW
    types = ", ".join("i64" for _ in v.args)
    e.need(name, f'declare i128 @"{name}"({types}) cold nounwind memory(none)')
    operands = ", ".join(f"i64 {e.of(a)}" for a in v.args)
    return e.tmp(f'call i128 @"{name}"({operands})')
