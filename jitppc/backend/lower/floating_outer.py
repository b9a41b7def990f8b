"""Lowering of rows of outer products of halfwords: one function for number and FPSCR, called by
both ops of the pair.
"""

from __future__ import annotations

from typing import Any

from jitppc.ir.block import Value
from jitppc.ir.builder import OpsMixin
from jitppc.ir.fpscr import FPSCR, NO_RESULT
from jitppc.ir.ieee import DOUBLE

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
from .floating_soft import flag, summarized
from .floating_vector import elements, joined

STATUS = "_status"
NAMES = ("fv_outer",)
PAIR = "{i128, i64}"


def _halves(b: OpsMixin, source: str, x: Value) -> list[tuple[Value, Value]]:
    """Of each word both halves as doubles."""
    words = [half for d in (b.hi(x), b.lo(x)) for half in (b.lshr(d, 32), d)]
    if source == "half":
        return [(b.double_of_half(b.lshr(w, 16)), b.double_of_half(w)) for w in words]
    tops = [(b.and_(w, 0xFFFF0000), b.and_(b.shl(w, 16), 0xFFFF0000)) for w in words]
    return [
        (b.double_of_single(b.trunc(p, 32)), b.double_of_single(b.trunc(q, 32))) for p, q in tops
    ]


def _signed(b: OpsMixin, x: Value, letter: str) -> Value:
    """The other sign for the letter n; NaNs keep theirs."""
    if letter != "n":
        return x
    is_nan = b.ult(b.const(DOUBLE.infinity), b.and_(x, DOUBLE.sign_bit - 1))
    return b.select(is_nan, x, b.xor(x, DOUBLE.sign_bit))


def computed(b: OpsMixin, attr: Any, *operands: Value) -> tuple[Value, Value]:
    """Vector and FPSCR, element by element."""
    source, kind = attr
    x, y, z, fpscr = operands
    controls, exceptions, results = b.and_(fpscr, FPSCR.CONTROLS), b.const(0), []
    rows = zip(_halves(b, source, x), _halves(b, source, y), elements(b, 32, z), strict=True)
    for (x0, x1), (y0, y1), addend in rows:
        steps = [b.emit("f_mul", x0, y0, controls, attr=64)]
        steps.append(b.emit("f_fma", x1, y1, b.lo(steps[0]), controls, attr=("madd", 32)))
        if kind:
            first, second = _signed(b, b.lo(steps[1]), kind[0]), _signed(b, addend, kind[1])
            steps.append(b.emit("f_add", first, second, controls, attr=32))
        for step in steps:
            exceptions = b.or_(exceptions, b.and_(b.hi(step), FPSCR.EXCEPTIONS))
        results.append(b.lo(steps[-1]))
    is_invalid = b.ne(b.and_(exceptions, FPSCR.INVALID), 0)
    causes = b.or_(exceptions, flag(b, is_invalid, FPSCR.VX))
    enabled = b.and_(b.and_(b.lshr(causes, FPSCR.ENABLE_SHIFT), fpscr), FPSCR.ENABLES)
    fresh = flag(b, b.ne(b.and_(exceptions, b.not_(fpscr)), 0), FPSCR.FX)
    plain = b.and_(b.or_(b.or_(fpscr, exceptions), fresh), ~(FPSCR.VX | FPSCR.FEX))
    status = b.or_(summarized(b, plain), flag(b, b.ne(enabled, 0), NO_RESULT))
    return joined(b, 32, results), status


def definition(name: str, attr: Any) -> tuple[str, dict[str, str]]:
    """The function of the pair of ops, and what it needs declared."""
    b, e, values = OpsMixin(), Emitter(), parameters_of(name)
    e.names.update((value, f"%x{n}") for n, value in enumerate(values))
    vector, status = computed(b, attr, *values)
    emit_body(e, b, (vector, status))
    first = e.tmp(f"insertvalue {PAIR} undef, i128 {e.of(vector)}, 0")
    e.line(f"ret {PAIR} {e.tmp(f'insertvalue {PAIR} {first}, i64 {e.of(status)}, 1')}")
    signature = "i128 %x0, i128 %x1, i128 %x2, i64 %x3"
    head = f'{PAIR} @"{symbol(name, attr)}{SLOW}"({signature}) cold nounwind memory(none)'
    return e.definition(head), e.declarations


@lowers(*(name + suffix for name in NAMES for suffix in ("", STATUS)))
def _call(e: Emitter, v: Value) -> str:
    if can_leave(e):
        assert isinstance(e, EffectEmitter)
        leave_if_exceptional(e, e.of(v.args[-1]))
    callee = symbol(v.op.name.removesuffix(STATUS), v.attr) + SLOW
    types = "i128, i128, i128, i64"
    e.need(callee, f'declare {PAIR} @"{callee}"({types}) cold nounwind memory(none)')
    operands = ", ".join(f"{a.type} {e.of(a)}" for a in v.args)
    result = e.tmp(f'call {PAIR} @"{callee}"({operands})')
    return e.tmp(f"extractvalue {PAIR} {result}, {int(v.op.name.endswith(STATUS))}")
