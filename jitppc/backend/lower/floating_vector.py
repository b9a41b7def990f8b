"""Lowering of arithmetic on vectors of numbers.

The ordinary case is the host's vector instruction: RN is nearest, XE and UE are off, no result can
have lost anything but its last bit, and none did or XX is set already: then the FPSCR stays as it
is. All other cases are a call of one function per pair of ops, which goes through the elements.
"""

from __future__ import annotations

from typing import Any

from jitppc.ir.block import Value
from jitppc.ir.builder import OpsMixin
from jitppc.ir.fpscr import FPSCR, NO_RESULT
from jitppc.ir.ops import OPS

from .effects import UNLIKELY, EffectEmitter
from .emitter import Emitter, lowers
from .floating_functions import (
    SLOW,
    can_leave,
    emit_body,
    parameters_of,
    symbol,
)
from .floating_soft import flag, summarized
from .vector_arithmetic import Operation, VectorText, operation_of

STATUS = "_status"
NAMES = ("fv_binary", "fv_fma", "fv_sqrt")
#: what must be off
UNUSUAL = FPSCR.FEX | FPSCR.XE | FPSCR.UE | FPSCR.RN


def doubtful(t: VectorText, near: str, fpscr: str) -> str:
    """i1: the short way will not do. It is for results with exponents from 2 on, which cannot have
    been rounded up from tiny numbers, while XX is set and all else is as it mostly is.
    """
    e, lanes, element = t.e, t.lanes, f"i{128 // t.lanes.count}"

    def limits_of(fpscr: str) -> str:
        state = e.tmp(f"and i64 {fpscr}, {UNUSUAL | FPSCR.XX}")
        is_plain = e.tmp(f"icmp eq i64 {state}, {FPSCR.XX}")
        some = f"{element} {lanes.range_turned}, {element} {lanes.sign}"
        limit = e.tmp(f"select i1 {is_plain}, {some}")
        first = e.tmp(f"insertelement {lanes.bits} poison, {element} {limit}, i64 0")
        mask = f"<{lanes.count} x i32> zeroinitializer"
        return e.tmp(f"shufflevector {lanes.bits} {first}, {lanes.bits} poison, {mask}")

    limits = e.steady(f"limits{lanes.count}", fpscr, limits_of)
    outside = e.tmp(f"icmp sge {lanes.bits} {t.exponents_turned(near)}, {limits}")
    return t.any(outside)


def watched(e: EffectEmitter, operation: Operation) -> None:
    """Leave if a lane is no number, or tiny or nearly and no zero (host_flags.py): one branch,
    since the host could not predict which lanes are zeros.
    """
    t, near = operation.t, operation.near
    outside = t.compare("ult", t.magnitude(near), t.lanes.least)
    t.leave_if_any(t.both(outside, t.compare("une", near)))


def unwatched(e: EffectEmitter, operation: Operation, fpscr: str) -> None:
    """Leave unless XX is set and all lanes are normal, or no lane has lost anything."""
    t = operation.t
    long, check, go = (e.fresh(stem) for stem in ("long", "check", "go"))
    doubt = doubtful(t, operation.near, fpscr)
    e.line(f"br i1 {doubt}, label %{long}, label %{go}, {UNLIKELY}")
    e.line(f"{long}:")
    e.leave_if(e.tmp(f"icmp ne i64 {e.tmp(f'and i64 {fpscr}, {UNUSUAL}')}, 0"))
    t.leave_if_any(operation.unusual())
    was = e.tmp(f"icmp ne i64 {e.tmp(f'and i64 {fpscr}, {FPSCR.XX}')}, 0")
    e.line(f"br i1 {was}, label %{go}, label %{check}")
    e.line(f"{check}:")
    t.leave_if_any(t.compare("one", operation.error()))
    e.line(f"br label %{go}")
    e.line(f"{go}:")


def ordinary(e: EffectEmitter, v: Value) -> str:
    """The vector, in line; leaves when the case is not ordinary."""
    name, attr = v.op.name, v.attr
    t = VectorText(e, attr if isinstance(attr, int) else attr[1])
    operation = operation_of(t, name, attr, [t.operand(e.of(a)) for a in v.args[:-1]])
    if e.watches:
        watched(e, operation)
    else:
        unwatched(e, operation, e.of(v.args[-1]))
    near = operation.near
    if name == "fv_fma" and attr[0].startswith("n"):
        near = t.negative(near)
    return e.tmp(f"bitcast {t.type} {near} to i128")


# --- all cases

def elements(b: OpsMixin, precision: int, value: Value) -> list[Value]:
    """The elements as doubles."""
    doublewords = [b.hi(value), b.lo(value)]
    if precision == 64:
        return doublewords
    words = [half for d in doublewords for half in (b.lshr(d, 32), d)]
    return [b.double_of_single(b.trunc(word, 32)) for word in words]


def joined(b: OpsMixin, precision: int, results: list[Value]) -> Value:
    """The inverse of `elements`."""
    if precision == 64:
        return b.pack(*results)
    words = [b.zext(b.single_of_double(r)) for r in results]
    return b.pack(*(b.or_(b.shl(words[n], 32), words[n + 1]) for n in (0, 2)))


def computed(b: OpsMixin, name: str, attr: Any, *operands: Value) -> tuple[Value, Value]:
    """Vector and FPSCR, element by element."""
    *vectors, fpscr = operands
    precision = attr if name == "fv_sqrt" else attr[1]
    scalar, scalar_attr = {
        "fv_sqrt": lambda: ("f_sqrt", precision),
        "fv_fma": lambda: ("f_fma", (attr[0], precision)),
        "fv_binary": lambda: (f"f_{attr[0]}", precision),
    }[name]()
    controls = b.and_(fpscr, FPSCR.CONTROLS)
    columns = zip(*(elements(b, precision, x) for x in vectors), strict=True)
    packed = [b.emit(scalar, *column, controls, attr=scalar_attr) for column in columns]
    exceptions = b.const(0)
    for one in packed:
        exceptions = b.or_(exceptions, b.and_(b.hi(one), FPSCR.EXCEPTIONS))
    is_invalid = b.ne(b.and_(exceptions, FPSCR.INVALID), 0)
    causes = b.or_(exceptions, flag(b, is_invalid, FPSCR.VX))
    enabled = b.and_(b.and_(b.lshr(causes, FPSCR.ENABLE_SHIFT), fpscr), FPSCR.ENABLES)
    fresh = flag(b, b.ne(b.and_(exceptions, b.not_(fpscr)), 0), FPSCR.FX)
    plain = b.and_(b.or_(b.or_(fpscr, exceptions), fresh), ~(FPSCR.VX | FPSCR.FEX))
    status = b.or_(summarized(b, plain), flag(b, b.ne(enabled, 0), NO_RESULT))
    return joined(b, precision, [b.lo(one) for one in packed]), status


def definition(name: str, attr: Any) -> tuple[str, dict[str, str]]:
    """The function of a pair of ops, and what it needs declared."""
    b, e, values = OpsMixin(), Emitter(), parameters_of(name)
    e.names.update((value, f"%x{n}") for n, value in enumerate(values))
    vector, status = computed(b, name, attr, *values)
    emit_body(e, b, (vector, status))
    first = e.tmp(f"insertvalue {{i128, i64}} undef, i128 {e.of(vector)}, 0")
    both = e.tmp(f"insertvalue {{i128, i64}} {first}, i64 {e.of(status)}, 1")
    e.line(f"ret {{i128, i64}} {both}")
    signature = ", ".join(f"{kind} %x{n}" for n, kind in enumerate(OPS[name].args))
    head = f'{{i128, i64}} @"{symbol(name, attr)}{SLOW}"({signature}) cold nounwind memory(none)'
    return e.definition(head), e.declarations


@lowers(*(name + suffix for name in NAMES for suffix in ("", STATUS)))
def _lower(e: Emitter, v: Value) -> str:
    is_status = v.op.name.endswith(STATUS)
    if can_leave(e):
        assert isinstance(e, EffectEmitter)
        if not is_status:
            return ordinary(e, v)
        # the other op of the pair has left unless the FPSCR stays
        return e.tmp(f"and i64 {e.of(v.args[-1])}, {FPSCR.IMPLEMENTED & ~FPSCR.FEX}")
    name = v.op.name.removesuffix(STATUS)
    callee = symbol(name, v.attr) + SLOW
    types = ", ".join(str(t) for t in OPS[name].args)
    e.need(callee, f'declare {{i128, i64}} @"{callee}"({types}) cold nounwind memory(none)')
    operands = ", ".join(f"{a.type} {e.of(a)}" for a in v.args)
    result = e.tmp(f'call {{i128, i64}} @"{callee}"({operands})')
    return e.tmp(f"extractvalue {{i128, i64}} {result}, {int(is_status)}")
