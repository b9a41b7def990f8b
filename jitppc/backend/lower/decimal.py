"""Lowering of decimal operations: calls of a function for each operation and size, which hands on
to jitppc/ir/decimal, compiled (python_source.py).

Result and FPSCR come from one call: LLVM makes one of the two, because the function is pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jitppc.ir.block import Value
from jitppc.ir.decimal import OPERATIONS, WORKSPACE, operate

from .effects import EffectEmitter
from .emitter import Emitter, lowers
from .floating_functions import can_leave, leave_if_exceptional, symbol
from .python_source import functions_text, symbol_of

FUNCTION = "decimal"
#: what can have exceptions, and what cannot
TRAPPING, QUIET = ("dfp", "dfp_status"), ("dfp_test", "dfp_test_status", "dfp_move")
_PAIR = "{i128, i64}"
_HEAD = f'{_PAIR} @"%s"(%s) cold nounwind memory(none)'


def _name(attr: Any) -> str:
    return symbol(FUNCTION, attr)


def definition(attr: tuple[str, int]) -> str:
    """The function of an operation."""
    name, size = attr
    e = Emitter()
    work = e.tmp(f"alloca [{WORKSPACE} x i64]")
    halves = []
    for number in ("%x", "%y"):
        high = e.tmp(f"trunc i128 {e.tmp(f'lshr i128 {number}, 64')} to i64")
        halves += [high, e.tmp(f"trunc i128 {number} to i64")]
    numbers = [str(OPERATIONS[name]), str(size), *halves, "%control", "%fpscr"]
    operands = ", ".join(f"i64 {n}" for n in numbers)
    status = e.tmp(f'call i64 @"{symbol_of(operate)}"(ptr {work}, {operands})')
    high, low = (
        e.tmp(f"zext i64 {e.tmp(f'load i64, ptr {place}')} to i128")
        for place in (work, e.tmp(f"getelementptr i64, ptr {work}, i64 1"))
    )
    result = e.tmp(f"or i128 {e.tmp(f'shl i128 {high}, 64')}, {low}")
    first = e.tmp(f"insertvalue {_PAIR} poison, i128 {result}, 0")
    e.line(f"ret {_PAIR} {e.tmp(f'insertvalue {_PAIR} {first}, i64 {status}, 1')}")
    return e.definition(_HEAD % (_name(attr), "i128 %x, i128 %y, i64 %control, i64 %fpscr"))


def decimal_module(names: Iterable[str]) -> str:
    """Definitions of the functions among the names that modules need, and of all they call."""
    wanted = {name for name in names if name.startswith(FUNCTION + ".")}
    attrs = [(operation, int(size)) for _, operation, size in (n.split(".") for n in wanted)]
    return "\n".join([functions_text(operate), *map(definition, sorted(attrs))])


@lowers(*TRAPPING, *QUIET)
def _call(e: Emitter, v: Value) -> str:
    if v.op.name in TRAPPING and can_leave(e):
        assert isinstance(e, EffectEmitter)
        leave_if_exceptional(e, e.of(v.args[-1]))
    e.need(_name(v.attr), "declare " + _HEAD % (_name(v.attr), "i128, i128, i64, i64"))
    operands = ", ".join(f"{a.type} {e.of(a)}" for a in v.args)
    pair = e.tmp(f'call {_PAIR} @"{_name(v.attr)}"({operands})')
    return e.tmp(f"extractvalue {_PAIR} {pair}, {int(v.op.name.endswith('_status'))}")
