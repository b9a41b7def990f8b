"""Floating point in regions that watch the host's flags (host_flags.py): the number, and the check
that it is one, and neither tiny nor nearly. Nothing else needs to be looked at.
"""

from __future__ import annotations

from jitppc.ir.block import Value
from jitppc.ir.builder import OpsMixin

from . import floating_fast as fast
from .effects import UNLIKELY, EffectEmitter
from .floating_functions import FAST, emit_body

B = OpsMixin


def leave_unless_ordinary(e: EffectEmitter, bits: str, least: int) -> None:
    """Leave if the number is no number, or less than one with this exponent field and no zero,
    which is looked at last.
    """
    odd, on = e.fresh("odd"), e.fresh("on")
    e.need("fabs64", "declare double @llvm.fabs.f64(double)")
    number = e.tmp(f"bitcast i64 {bits} to double")
    magnitude = e.tmp(f"call double @llvm.fabs.f64(double {number})")
    is_odd = e.tmp(f"fcmp ult double {magnitude}, 0x{least << 52:016X}")
    e.line(f"br i1 {is_odd}, label %{odd}, label %{on}, {UNLIKELY}")
    e.line(f"{odd}:")
    e.leave_if(e.tmp(f"icmp ne i64 {e.tmp(f'shl i64 {bits}, 1')}, 0"))
    e.line(f"br label %{on}")
    e.line(f"{on}:")


def in_range(b: B, is_signed: bool, bits: int, truncates: bool, x: Value) -> list[Value]:
    """Conditions under which a conversion to integer does not fit, or might not: then the host's
    conversion, which sees 64 bits, would note something else.
    """
    whole = bits if is_signed else bits + 1
    largest = min(whole - 1, 62 if truncates else 50)
    bad = [b.ule(b.const(1023 + largest), fast.exponent(b, x))]
    return bad if is_signed else [*bad, b.slt(x, 0)]


def other(e: EffectEmitter, v: Value, operands: list[Value]) -> str:
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
    bad = [condition for condition in form.bad if condition.constant != 0]
    emit_body(e, b, (form.bits, *bad))
    for condition in bad:
        e.leave_if(e.of(condition))
    return e.of(form.bits)
