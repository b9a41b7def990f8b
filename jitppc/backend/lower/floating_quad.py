"""Lowering of quad-precision ops: one function for number and FPSCR, called by both ops of a pair.

LLVM makes one call of the two. The functions are all slow ones (floating_slow.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jitppc.ir.block import Value
from jitppc.ir.builder import OpsMixin
from jitppc.ir.ops import OPS

from . import floating_soft_quad as state
from . import floating_soft_quad_arith as arith
from . import floating_soft_quad_convert as convert
from .effects import EffectEmitter
from .emitter import Emitter, lowers
from .floating_functions import (
    SLOW,
    can_leave,
    emit_body,
    leave_if_exceptional,
    parameters_of,
    symbol,
)

STATUS = "_status"
Pair = tuple[Value, Value]


def _binary(a: Any, b: state.B, x: Value, y: Value, fpscr: Value) -> state.Outcome:
    kind, odd = a
    if kind in ("add", "sub"):
        return arith.add(b, kind == "sub", bool(odd), x, y, fpscr)
    return (arith.multiply if kind == "mul" else arith.divide)(b, bool(odd), x, y, fpscr)


#: op -> (attribute, builder, operands) -> what `finished` takes
OUTCOMES: dict[str, Callable[..., state.Outcome]] = {
    "q_binary": _binary,
    "q_fma": lambda a, b, *v: arith.multiply_add(b, a[0], bool(a[1]), *v),
    "q_sqrt": lambda a, b, *v: arith.square_root(b, bool(a), *v),
    "q_integral": lambda a, b, *v: convert.integral(b, bool(a), *v),
    "q_extended": lambda a, b, *v: convert.extended(b, *v),
    "q_to_double": lambda a, b, *v: convert.to_double(b, bool(a), *v),
    "q_of_double": lambda a, b, *v: convert.of_double(b, *v),
    "q_of_int": lambda a, b, *v: convert.of_integer(b, bool(a), *v),
    "q_of_int128": lambda a, b, *v: convert.of_quad_integer(b, bool(a), *v),
}


NAMES = (*OUTCOMES, "q_to_int", "q_to_int128", "q_extremum", "q_compare")


def computed(name: str, attr: Any, b: state.B, *operands: Value) -> Pair:
    """Number and FPSCR of an operation."""
    if name == "q_to_int":
        return convert.to_integer(b, *attr, *operands)
    if name == "q_to_int128":
        return convert.to_quad_integer(b, bool(attr), *operands)
    if name == "q_extremum":
        return convert.extremum(b, attr, *operands)
    if name == "q_compare":
        return convert.compare(b, bool(attr), *operands)
    return state.finished(b, operands[-1], OUTCOMES[name](attr, b, *operands))


def number_type(name: str) -> str:
    """The type of the number an op gives."""
    return str(OPS[name].result)


def declaration(name: str, attr: Any) -> str:
    """The function of a pair of ops, for a module that calls it."""
    parameters = ", ".join(str(t) for t in OPS[name].args)
    return (
        f'declare {{{number_type(name)}, i64}} @"{symbol(name, attr)}{SLOW}"({parameters}) '
        "cold nounwind memory(none)"
    )


def definition(name: str, attr: Any) -> tuple[str, dict[str, str]]:
    """The function of a pair of ops, and what it needs declared."""
    b, e, kinds = OpsMixin(), Emitter(), OPS[name].args
    values = parameters_of(name)
    number, status = computed(name, attr, b, *values)
    e.names.update((value, f"%x{n}") for n, value in enumerate(values))
    emit_body(e, b, (number, status))
    pair = f"{{{number.type}, i64}}"
    first = e.tmp(f"insertvalue {pair} undef, {number.type} {e.of(number)}, 0")
    both = e.tmp(f"insertvalue {pair} {first}, i64 {e.of(status)}, 1")
    e.line(f"ret {pair} {both}")
    signature = ", ".join(f"{kind} %x{n}" for n, kind in enumerate(kinds))
    head = f'{pair} @"{symbol(name, attr)}{SLOW}"({signature}) cold nounwind memory(none)'
    return e.definition(head), e.declarations


@lowers(*(name + suffix for name in NAMES for suffix in ("", STATUS)))
def _call(e: Emitter, v: Value) -> str:
    name = v.op.name.removesuffix(STATUS)
    if can_leave(e):
        assert isinstance(e, EffectEmitter)
        leave_if_exceptional(e, e.of(v.args[-1]))
    callee = symbol(name, v.attr) + SLOW
    e.need(callee, declaration(name, v.attr))
    operands = ", ".join(f"{a.type} {e.of(a)}" for a in v.args)
    pair = f"{{{number_type(name)}, i64}}"
    result = e.tmp(f'call {pair} @"{callee}"({operands})')
    return e.tmp(f"extractvalue {pair} {result}, {int(v.op.name.endswith(STATUS))}")
