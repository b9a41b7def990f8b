"""Lowering of the o_ ops: the number of an ordinary case, in as few host instructions as will do.

Arithmetic has two ways. On the short one XX is set, RN is nearest, and the result's exponent says
that all is well: neither a zero nor near the ends of the range. Otherwise the long one looks at all
that floating_fast.py knows, and goes on or leaves. The two conditions of the short way are one
comparison: what is added to the exponent is out of range unless the FPSCR is as it should be.

In regions that watch the host's flags there is but one way, for normal numbers, zeros and
infinities.
"""

from __future__ import annotations

from collections.abc import Callable

from jitppc.ir.block import Value
from jitppc.ir.builder import OpsMixin
from jitppc.ir.fpscr import FPSCR
from jitppc.ir.ops.floating_ordinary import NAMES
from jitppc.ir.types import I64

from . import floating_fast as fast
from . import floating_watched as watched
from .effects import UNLIKELY, EffectEmitter, effect
from .floating_functions import FAST, PARAMETER, emit_body, parameters_of

#: the least exponent field of a result that cannot have been rounded up from a tiny number, and how
#: many there are
RANGE = {64: (2, 2045), 32: (fast.SINGLE_LOWEST + 1, 253)}
#: added instead of a negated exponent when the FPSCR forbids the short way
FORBIDDEN = 4096
#: half a unit in the last place of a single, in a double, and the bits below a single's last
TIE, BELOW_SINGLE = 1 << 28, (1 << 29) - 1
B = OpsMixin

#: the operation on the host, to nearest
NEAR: dict[str, Callable[..., Value]] = {
    "o_add": lambda b, _a, x, y: b.d_add(x, y),
    "o_sub": lambda b, _a, x, y: b.d_sub(x, y),
    "o_mul": lambda b, _a, x, y: b.d_mul(x, y),
    "o_div": lambda b, _a, x, y: b.d_div(x, y),
    "o_sqrt": lambda b, _a, x: b.d_sqrt(x),
    "o_fma": lambda b, a, x, z, y: b.d_fma(x, z, b.xor(y, fast.SIGN) if "msub" in a[0] else y),
    "o_narrow": lambda b, _a, x: x,
}


def is_single(value: Value) -> bool:
    """The double is known to be a single's number."""
    if value.op.name == "double_of_single":
        return True
    if value.op.name.startswith("o_") and value.op.name not in ("o_to_int", "o_compare"):
        return precision_of(value) == 32
    return value.constant == 0


def precision_of(v: Value) -> int:
    """64 or 32."""
    attr = v.attr[-1] if isinstance(v.attr, tuple) else v.attr
    return 32 if attr == 32 else 64


def doubtful(b: B, v: Value, operands: list[Value], near: Value) -> list[Value]:
    """Conditions (i1) under which rounding `near` to single might round a second time.

    A double has room enough for that not to happen when both operands are singles, and otherwise
    `near` must not lie in the middle between two singles.
    """
    if v.op.name == "o_narrow":
        return []
    if v.op.name == "o_fma":
        return [b.eq(b.and_(near, BELOW_SINGLE), TIE)]
    unknown = [p for p, a in zip(operands, v.args, strict=False) if not is_single(a)]
    if not unknown:
        return []
    bits = unknown[0] if len(unknown) == 1 else b.or_(*unknown)
    return [b.ne(b.and_(bits, BELOW_SINGLE), 0)]


def near(b: B, v: Value, operands: list[Value]) -> tuple[Value, list[Value]]:
    """The host's result, and what is doubtful about it (i1)."""
    exact = NEAR[v.op.name](b, v.attr, *operands)
    if precision_of(v) == 64:
        return exact, []
    return b.d_single(exact), doubtful(b, v, operands, exact)


def signed(b: B, v: Value, bits: Value) -> Value:
    """The result of an operation whose host's result is this."""
    is_negated = v.op.name == "o_fma" and v.attr[0].startswith("n")
    return b.xor(bits, fast.SIGN) if is_negated else bits


def watched_way(e: EffectEmitter, v: Value, operands: list[Value]) -> str:
    """The result, in a region that watches the host's flags. What might be rounded a second time
    leaves before it is: the host could tell of an overflow that is none.
    """
    b = OpsMixin()
    bits = NEAR[v.op.name](b, v.attr, *operands)
    if precision_of(v) == 32:
        doubts = doubtful(b, v, operands, bits)
        emit_body(e, b, (bits, *doubts))
        for doubt in doubts:
            e.leave_if(e.of(doubt))
        b = OpsMixin()
        bits = b.d_single(bits)
    result = signed(b, v, bits)
    emit_body(e, b, (result, bits))
    watched.leave_unless_ordinary(e, e.of(bits), RANGE[precision_of(v)][0])
    return e.of(result)


def short_way(e: EffectEmitter, v: Value, operands: list[Value], fpscr: Value) -> tuple[str, str]:
    """The result, and the i1 that it may not be used."""
    b, precision = OpsMixin(), precision_of(v)
    bits, doubts = near(b, v, operands)
    least, count = RANGE[precision]

    def shift_of(fpscr: str) -> str:
        state = e.tmp(f"and i64 {fpscr}, {FPSCR.FEX | FPSCR.XX | fast.ROUNDING}")
        is_plain = e.tmp(f"icmp eq i64 {state}, {FPSCR.XX}")
        return e.tmp(f"select i1 {is_plain}, i64 {-least}, i64 {FORBIDDEN}")

    shift = Value(PARAMETER, I64, (), 64, False)
    e.names[shift] = e.steady(f"shift{precision}", e.of(fpscr), shift_of)
    unusual = b.ule(b.const(count), b.add(fast.exponent(b, bits), shift))
    for doubt in doubts:
        unusual = b.or_(unusual, doubt)
    result = signed(b, v, bits)
    emit_body(e, b, (result, unusual))
    return e.of(result), e.of(unusual)


def long_way(e: EffectEmitter, v: Value, operands: list[Value], fpscr: Value) -> str:
    """The result; leaves unless this is an ordinary case."""
    b = OpsMixin()
    form = FAST["f" + v.op.name[1:]](v.attr, b, *operands)
    assert form is not None
    news = form.first_inexact(b, fpscr, FPSCR.XX)
    conditions = form.unusual(b, fpscr) + ([] if news is None else [news])
    unusual = conditions[0]
    for condition in conditions[1:]:
        unusual = b.or_(unusual, condition)
    emit_body(e, b, (form.bits, unusual))
    e.leave_if(e.of(unusual))
    return e.of(form.bits)


def _lower(e: EffectEmitter, v: Value) -> str:
    parameters = parameters_of(v.op.name)
    for parameter, argument in zip(parameters, v.args, strict=True):
        e.names[parameter] = e.of(argument)
    *operands, fpscr = parameters
    if v.op.name not in NEAR:
        return watched.other(e, v, operands) if e.watches else long_way(e, v, operands, fpscr)
    if e.watches:
        return watched_way(e, v, operands)
    result, unusual = short_way(e, v, operands, fpscr)
    short, long, after, go = (e.fresh(stem) for stem in ("short", "long", "after", "go"))
    e.line(f"br label %{short}")
    e.line(f"{short}:")
    e.line(f"br i1 {unusual}, label %{long}, label %{go}, {UNLIKELY}")
    e.line(f"{long}:")
    other = long_way(e, v, operands, fpscr)
    e.line(f"br label %{after}")
    e.line(f"{after}:")
    e.line(f"br label %{go}")
    e.line(f"{go}:")
    return e.tmp(f"phi i64 [{result}, %{short}], [{other}, %{after}]")


for _name in NAMES:
    effect("o" + _name[1:])(_lower)


@effect("leave_if")
def _leave_if(e: EffectEmitter, v: Value) -> None:
    e.leave_if(e.of(v.args[0]))
