"""Floating point in regions that watch the host's flags (host_flags.py): the result, and the check
that it is a normal number, or a zero that nothing was lost on.

There is no status to compute, so the long way of floating_ordinary.py and floating_vector.py is not
needed either: what is neither normal nor such a zero leaves.
"""

from __future__ import annotations

from jitppc.ir.block import Value
from jitppc.ir.builder import OpsMixin
from jitppc.ir.fpscr import FPSCR

from . import floating_fast as fast
from . import host_flags
from .effects import UNLIKELY, EffectEmitter
from .floating_functions import FAST, emit_body

B = OpsMixin
#: with exponent fields of this sum at least, a product of doubles has no bit below the smallest
#: denormal: then what is exact or 0 in a sum with it is so in the end
WHOLE_PRODUCT = 2 * 1023 + 2 * 52 - 1074 + 4


def zero_is_exact(b: B, v: Value, operands: list[Value]) -> Value:
    """i1: nothing was lost, provided that the operation gave a zero."""
    def is_zero(x: Value) -> Value:
        return b.eq(b.shl(x, 1), 0)

    name = v.op.name
    if name in ("o_add", "o_sub", "o_sqrt"):
        return b.eq(b.const(0), 0)
    if name in ("o_div", "o_narrow"):
        return is_zero(operands[0])
    x, z = operands[:2]
    either = b.or_(is_zero(x), is_zero(z))
    if name == "o_mul":
        return either
    least = b.ule(b.const(WHOLE_PRODUCT), b.add(fast.exponent(b, x), fast.exponent(b, z)))
    return b.or_(either, least)


def zero_way(
    e: EffectEmitter, v: Value, operands: list[Value], near: Value, result: Value, fpscr: Value
) -> None:
    """Leave unless the number and what it was rounded from are zeros, and nothing was lost."""
    b = OpsMixin()
    is_zero = b.eq(b.shl(b.or_(near, result), 1), 0)
    exact = b.and_(is_zero, zero_is_exact(b, v, operands))
    emit_body(e, b, (exact,))
    host_flags.leave_if_forbidden(e, e.of(fpscr))
    e.leave_if(e.tmp(f"xor i1 {e.of(exact)}, true"))


def in_range(b: B, is_signed: bool, bits: int, truncates: bool, x: Value) -> list[Value]:
    """Conditions under which a conversion to integer does not fit, or might not: then the host's
    conversion, which sees 64 bits, would note something else.
    """
    whole = bits if is_signed else bits + 1
    largest = min(whole - 1, 62 if truncates else 50)
    bad = [b.ule(b.const(1023 + largest), fast.exponent(b, x))]
    return bad if is_signed else [*bad, b.slt(x, 0)]


def other(e: EffectEmitter, v: Value, operands: list[Value], fpscr: Value) -> str:
    """Conversions, comparisons and the like: as everywhere, without asking for news."""
    b = OpsMixin()
    if v.op.name == "o_to_int":
        is_signed, bits, truncates = v.attr
        bad = in_range(b, is_signed, bits, truncates, operands[0])
        emit_body(e, b, tuple(bad))
        for condition in bad:
            e.leave_if(e.of(condition))
        b = OpsMixin()
    form = FAST["f" + v.op.name[1:]](v.attr, b, *operands)
    assert form is not None
    bad = list(form.bad)
    emit_body(e, b, (form.bits, *bad))
    controls = host_flags.FORBIDDEN if form.controls else FPSCR.FEX
    state = e.tmp(f"and i64 {e.of(fpscr)}, {controls}")
    e.leave_if(e.tmp(f"icmp ne i64 {state}, 0"))
    for condition in bad:
        if condition.constant != 0:
            e.leave_if(e.of(condition))
    return e.of(form.bits)


def branch_to_zero_way(e: EffectEmitter, unusual: str) -> str:
    """Begin the code for results that are not normal; returns the label behind it."""
    zero, go = e.fresh("zero"), e.fresh("go")
    e.line(f"br i1 {unusual}, label %{zero}, label %{go}, {UNLIKELY}")
    e.line(f"{zero}:")
    return go

