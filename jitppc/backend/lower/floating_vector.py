"""Lowering of arithmetic on vectors of numbers.

The ordinary case is the host's vector instruction: RN is nearest, XE and UE are off, no result can
have lost anything but its last bit, and none did or XX is set already: then the FPSCR stays as it
is. All other cases are a call of one function per pair of ops, which goes through the elements.
"""

from __future__ import annotations

from dataclasses import dataclass
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

STATUS = "_status"
NAMES = ("fv_binary", "fv_fma", "fv_sqrt")
#: what must be off
UNUSUAL = FPSCR.FEX | FPSCR.XE | FPSCR.UE | FPSCR.RN


@dataclass(frozen=True, slots=True)
class Lanes:
    """A vector type, and bounds as LLVM writes them: below `top` nothing overflows, from `safe` on
    remainders are exact, below `huge` error-free transformations are.
    """

    type: str
    count: int
    intrinsic: str
    top: str
    safe: str
    huge: str
    fraction_bits: int
    exponents: int

    @property
    def bits(self) -> str:
        """The type of the lanes' bits."""
        return f"<{self.count} x i{128 // self.count}>"

    def splat(self, constant: str) -> str:
        """A vector of equal constants."""
        element = self.type.split()[-1].rstrip(">")
        return "<" + ", ".join(f"{element} {constant}" for _ in range(self.count)) + ">"


def power_of_two(exponent: int) -> str:
    """LLVM's text of a power of two, for doubles and floats."""
    return f"0x{exponent + 1023 << 52:016X}"


LANES = {
    64: Lanes(
        "<2 x double>", 2, "v2f64", power_of_two(1023), power_of_two(-895), power_of_two(977), 52,
        2045,
    ),
    32: Lanes(
        "<4 x float>", 4, "v4f32", power_of_two(127), power_of_two(-100), power_of_two(100), 23,
        253,
    ),
}


class VectorText:
    """Writes LLVM's vector operations for one lane type."""

    def __init__(self, e: EffectEmitter, precision: int) -> None:
        self.e, self.lanes = e, LANES[precision]
        self.type, self.mask = self.lanes.type, f"<{self.lanes.count} x i1>"

    def operand(self, bits: str) -> str:
        """An i128 as a vector."""
        return self.e.tmp(f"bitcast i128 {bits} to {self.type}")

    def op(self, name: str, *operands: str) -> str:
        """An instruction, or an intrinsic when its name starts with llvm."""
        if name.startswith("llvm."):
            callee = f"{name}.{self.lanes.intrinsic}"
            kinds = ", ".join(self.type for _ in operands)
            self.e.need(callee, f"declare {self.type} @{callee}({kinds})")
            texts = ", ".join(f"{self.type} {operand}" for operand in operands)
            return self.e.tmp(f"call {self.type} @{callee}({texts})")
        return self.e.tmp(f"{name} {self.type} {', '.join(operands)}")

    def compare(self, predicate: str, x: str, constant: str = "0.0") -> str:
        """Lanes whose comparison with a constant holds."""
        return self.e.tmp(f"fcmp {predicate} {self.type} {x}, {self.lanes.splat(constant)}")

    def both(self, x: str, y: str) -> str:
        """Lanes in both masks."""
        return self.e.tmp(f"and {self.mask} {x}, {y}")

    def either(self, *masks: str) -> str:
        """Lanes in any mask."""
        text = masks[0]
        for other in masks[1:]:
            text = self.e.tmp(f"or {self.mask} {text}, {other}")
        return text

    def magnitude(self, x: str) -> str:
        """|x|."""
        return self.op("llvm.fabs", x)

    def negative(self, x: str) -> str:
        """-x."""
        return self.op("fneg", x)

    def leave_if_any(self, mask: str) -> None:
        """Leave if any lane is in the mask."""
        bits = self.e.tmp(f"bitcast {self.mask} {mask} to i{self.lanes.count}")
        self.e.leave_if(self.e.tmp(f"icmp ne i{self.lanes.count} {bits}, 0"))

    def sum_error(self, x: str, y: str, near: str) -> str:
        """What near = x + y is short of."""
        part = self.op("fsub", near, x)
        first = self.op("fsub", x, self.op("fsub", near, part))
        return self.op("fadd", first, self.op("fsub", y, part))


# --- one operation: what is not ordinary, and what the result is short of

class Operation:
    """An operation on vectors: `near` is the result, `unusual` the lanes that are no ordinary case,
    `error` writes what the result is short of (its being zero is what counts).
    """

    def __init__(self, t: VectorText, *operands: str) -> None:
        self.t, self.operands = t, operands
        self.near = self.compute()

    def compute(self) -> str:
        """Write the result."""
        raise NotImplementedError

    def unusual(self) -> str:
        """Write the lanes that must be done otherwise."""
        raise NotImplementedError

    def error(self) -> str:
        """Write the remainder."""
        raise NotImplementedError

    def too_large(self, x: str) -> str:
        """Lanes that may have overflowed, and NaNs."""
        return self.t.compare("uge", self.t.magnitude(x), self.t.lanes.top)

    def small_product(self, product: str, x: str, y: str) -> str:
        """Lanes whose product may have lost bits: small, and not zero because an operand is."""
        t = self.t
        small = t.compare("olt", t.magnitude(product), t.lanes.safe)
        return t.both(small, t.both(t.compare("one", x), t.compare("one", y)))


class Sum(Operation):
    def compute(self) -> str:
        return self.t.op("fadd", *self.operands)

    def unusual(self) -> str:
        return self.too_large(self.near)

    def error(self) -> str:
        x, y = self.operands
        return self.t.sum_error(x, y, self.near)


class Product(Operation):
    def compute(self) -> str:
        return self.t.op("fmul", *self.operands)

    def unusual(self) -> str:
        return self.t.either(
            self.too_large(self.near), self.small_product(self.near, *self.operands)
        )

    def error(self) -> str:
        return self.t.op("llvm.fma", *self.operands, self.t.negative(self.near))


class Quotient(Operation):
    def compute(self) -> str:
        return self.t.op("fdiv", *self.operands)

    def unusual(self) -> str:
        t, dividend = self.t, self.operands[0]
        small = t.either(
            t.compare("ult", t.magnitude(self.near), t.lanes.safe),
            t.compare("ult", t.magnitude(dividend), t.lanes.safe),
        )
        return t.either(self.too_large(self.near), t.both(small, t.compare("one", dividend)))

    def error(self) -> str:
        x, y = self.operands
        return self.t.op("llvm.fma", self.t.negative(self.near), y, x)


class Root(Operation):
    def compute(self) -> str:
        return self.t.op("llvm.sqrt", *self.operands)

    def unusual(self) -> str:
        t, [x] = self.t, self.operands
        outside = t.either(t.compare("ult", x, t.lanes.safe), t.compare("uge", x, t.lanes.top))
        return t.both(outside, t.compare("une", x))

    def error(self) -> str:
        return self.t.op("llvm.fma", self.t.negative(self.near), self.near, *self.operands)


class MultiplyAdd(Operation):
    """x * z + y; the operands come in that order."""

    product = ""

    def compute(self) -> str:
        return self.t.op("llvm.fma", *self.operands)

    def unusual(self) -> str:
        t, (x, z, y) = self.t, self.operands
        self.product = t.op("fmul", x, z)
        huge = [t.compare("uge", t.magnitude(v), t.lanes.huge) for v in (y, self.product)]
        return t.either(
            self.too_large(self.near), *huge, self.small_product(self.product, x, z)
        )

    def error(self) -> str:
        """Ref: Boldo & Muller, ErrFma."""
        t, (x, z, y) = self.t, self.operands
        low = t.op("llvm.fma", x, z, t.negative(self.product))
        a1 = t.op("fadd", y, low)
        a2 = t.sum_error(y, low, a1)
        b1 = t.op("fadd", self.product, a1)
        b2 = t.sum_error(self.product, a1, b1)
        return t.op("fadd", t.op("fadd", t.op("fsub", b1, self.near), b2), a2)


def operation_of(t: VectorText, name: str, attr: Any, operands: list[str]) -> Operation:
    """The operation of an op, its operands bent so that one class does for several kinds."""
    if name == "fv_sqrt":
        return Root(t, *operands)
    kind = attr[0]
    if kind in ("sub", "msub", "nmsub"):
        operands[-1] = t.negative(operands[-1])
    if name == "fv_fma":
        return MultiplyAdd(t, *operands)
    return {"add": Sum, "sub": Sum, "mul": Product, "div": Quotient}[kind](t, *operands)


def doubtful(t: VectorText, near: str, fpscr: str) -> str:
    """i1: the short way will not do. It is for results with exponents from 2 on, which cannot have
    been rounded up from tiny numbers, while XX is set and all else as it mostly is.
    """
    e, lanes, element = t.e, t.lanes, f"i{128 // t.lanes.count}"
    unit = 1 << lanes.fraction_bits + 1            # of the exponent, with the sign shifted out
    sign = 1 << (128 // lanes.count - 1)           # turned, so that comparisons may be signed

    def limits_of(fpscr: str) -> str:
        state = e.tmp(f"and i64 {fpscr}, {UNUSUAL | FPSCR.XX}")
        is_plain = e.tmp(f"icmp eq i64 {state}, {FPSCR.XX}")
        some = f"{element} {lanes.exponents * unit ^ sign}, {element} {sign}"
        limit = e.tmp(f"select i1 {is_plain}, {some}")
        first = e.tmp(f"insertelement {lanes.bits} poison, {element} {limit}, i64 0")
        mask = f"<{lanes.count} x i32> zeroinitializer"
        return e.tmp(f"shufflevector {lanes.bits} {first}, {lanes.bits} poison, {mask}")

    limits = e.steady(f"limits{lanes.count}", fpscr, limits_of)
    bits = e.tmp(f"bitcast {t.type} {near} to {lanes.bits}")
    doubled = e.tmp(f"add {lanes.bits} {bits}, {bits}")
    least = "<" + ", ".join([f"{element} {sign - 2 * unit}"] * lanes.count) + ">"
    above = e.tmp(f"add {lanes.bits} {doubled}, {least}")
    outside = e.tmp(f"icmp sge {lanes.bits} {above}, {limits}")
    number = e.tmp(f"bitcast {t.mask} {outside} to i{lanes.count}")
    return e.tmp(f"icmp ne i{lanes.count} {number}, 0")


def ordinary(e: EffectEmitter, v: Value) -> str:
    """The vector, in line; leaves when the case is not ordinary."""
    name, attr = v.op.name, v.attr
    t = VectorText(e, attr if isinstance(attr, int) else attr[1])
    fpscr = e.of(v.args[-1])
    operation = operation_of(t, name, attr, [t.operand(e.of(a)) for a in v.args[:-1]])
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
