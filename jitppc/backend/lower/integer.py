"""Lowering of integer ops."""

from __future__ import annotations

from jitppc.ir.block import Value

from . import vector_host
from .emitter import Emitter, lowers


def _declare(e: Emitter, name: str, kind: str, extra: str = "") -> None:
    operands = ", ".join([kind] * {"fshl": 3}.get(name, 1))
    e.need(f"llvm.{name}.{kind}", f"declare {kind} @llvm.{name}.{kind}({operands}{extra})")


@lowers("add", "sub", "mul", "and", "or", "xor")
def _plain(e: Emitter, v: Value) -> str:
    x, y = (e.of(a) for a in v.args)
    if e.has_vectors and v.type.bits == 128 and v.op.name in ("and", "or", "xor"):
        x, y = (e.tmp(f"bitcast i128 {text} to <2 x i64>") for text in (x, y))
        result = e.tmp(f"{v.op.name} <2 x i64> {x}, {y}")
        return e.tmp(f"bitcast <2 x i64> {result} to i128")
    return e.tmp(f"{v.op.name} {v.type} {x}, {y}")


@lowers("not")
def _not(e: Emitter, v: Value) -> str:
    return e.tmp(f"xor {v.type} {e.of(v.args[0])}, -1")


@lowers("neg")
def _neg(e: Emitter, v: Value) -> str:
    return e.tmp(f"sub {v.type} 0, {e.of(v.args[0])}")


@lowers("shl", "lshr", "ashr")
def _shift(e: Emitter, v: Value) -> str:
    kind, bits = v.type, v.type.bits
    x, n = v.args
    if n.constant is not None:
        if n.constant >= bits and v.op.name != "ashr":
            return "0"
        return e.tmp(f"{v.op.name} {kind} {e.of(x)}, {min(n.constant, bits - 1)}")
    # an LLVM shift by the width or more is poison: keep it away with a select on either side
    within = e.tmp(f"icmp ult {kind} {e.of(n)}, {bits}")
    if v.op.name == "ashr":
        amount = e.tmp(f"select i1 {within}, {kind} {e.of(n)}, {kind} {bits - 1}")
        return e.tmp(f"ashr {kind} {e.of(x)}, {amount}")
    amount = e.tmp(f"and {kind} {e.of(n)}, {bits - 1}")
    shifted = e.tmp(f"{v.op.name} {kind} {e.of(x)}, {amount}")
    if n.op.name == "and" and any(arg.constant == 2 * bits - 1 for arg in n.args):
        # one bit says that all goes; what it says is made once for a loop with one amount
        far = e.tmp(f"lshr {kind} {e.of(n)}, {bits.bit_length() - 1}")
        kept = e.tmp(f"add {kind} {far}, -1")
        return e.tmp(f"and {kind} {shifted}, {kept}")
    return e.tmp(f"select i1 {within}, {kind} {shifted}, {kind} 0")


@lowers("rotl")
def _rotl(e: Emitter, v: Value) -> str:
    x, n = (e.of(a) for a in v.args)
    _declare(e, "fshl", str(v.type))
    return e.tmp(f"call {v.type} @llvm.fshl.{v.type}({v.type} {x}, {v.type} {x}, {v.type} {n})")


@lowers("udiv", "urem", "sdiv", "srem")
def _divide(e: Emitter, v: Value) -> str:
    kind, name = v.type, v.op.name
    x, y = (e.of(a) for a in v.args)
    bad = e.tmp(f"icmp eq {kind} {y}, 0")
    if name[0] == "s":
        # the most negative number by -1 is undefined too; dividing by 1 instead wraps as we say
        minus = e.tmp(f"icmp eq {kind} {y}, -1")
        unsafe = e.tmp(f"or i1 {bad}, {minus}")
        divisor = e.tmp(f"select i1 {unsafe}, {kind} 1, {kind} {y}")
        plain = e.tmp(f"{name} {kind} {x}, {divisor}")
        negated = e.tmp(f"sub {kind} 0, {x}") if name == "sdiv" else "0"
        plain = e.tmp(f"select i1 {minus}, {kind} {negated}, {kind} {plain}")
    else:
        divisor = e.tmp(f"select i1 {bad}, {kind} 1, {kind} {y}")
        plain = e.tmp(f"{name} {kind} {x}, {divisor}")
    return e.tmp(f"select i1 {bad}, {kind} 0, {kind} {plain}")


@lowers("ctlz", "cttz")
def _zeros(e: Emitter, v: Value) -> str:
    _declare(e, v.op.name, str(v.type), ", i1")
    return e.tmp(f"call {v.type} @llvm.{v.op.name}.{v.type}({v.type} {e.of(v.args[0])}, i1 false)")


@lowers("popcnt")
def _popcnt(e: Emitter, v: Value) -> str:
    _declare(e, "ctpop", str(v.type))
    return e.tmp(f"call {v.type} @llvm.ctpop.{v.type}({v.type} {e.of(v.args[0])})")


#: bit by bit from the right: what the mask's lowest one names goes to, or comes from, the next one
_BITS = """define internal i64 @jitppc.{name}(i64 %x, i64 %m) {{
entry:
 br label %test
test:
 %mask = phi i64 [ %m, %entry ], [ %fewer, %loop ]
 %place = phi i64 [ 1, %entry ], [ %next, %loop ]
 %total = phi i64 [ 0, %entry ], [ %more, %loop ]
 %none = icmp eq i64 %mask, 0
 br i1 %none, label %done, label %loop
loop:
 %less = sub i64 %mask, 1
 %fewer = and i64 %mask, %less
 %low = xor i64 %mask, %fewer
 %next = shl i64 %place, 1
 %bit = and i64 %x, {source}
 %is_zero = icmp eq i64 %bit, 0
 %chosen = select i1 %is_zero, i64 0, i64 {target}
 %more = or i64 %total, %chosen
 br label %test
done:
 ret i64 %total
}}"""


@lowers("pext", "pdep")
def _bits_under_mask(e: Emitter, v: Value) -> str:
    name = v.op.name
    operands = ", ".join(f"i64 {e.of(a)}" for a in v.args)
    if vector_host.has("bmi2"):
        symbol = f"llvm.x86.bmi.{name}.64"
        e.need(symbol, f"declare i64 @{symbol}(i64, i64)")
        return e.tmp(f"call i64 @{symbol}({operands})")
    source, target = ("%low", "%place") if name == "pext" else ("%place", "%low")
    e.need(f"jitppc.{name}", _BITS.format(name=name, source=source, target=target))
    return e.tmp(f"call i64 @jitppc.{name}({operands})")


#: long division, a bit of the quotient at a time; `%part` says which of the two results is wanted
_DIVISION = """define internal i128 @jitppc.division(
 i128 %high, i128 %low, i128 %divisor, i1 %part) noinline {
entry:
 %fits = icmp ult i128 %high, %divisor
 br i1 %fits, label %loop, label %none
none:
 ret i128 0
loop:
 %rest = phi i128 [ %high, %entry ], [ %new, %loop ]
 %shifting = phi i128 [ %low, %entry ], [ %shifted, %loop ]
 %quotient = phi i128 [ 0, %entry ], [ %longer, %loop ]
 %count = phi i64 [ 128, %entry ], [ %left, %loop ]
 %carry = icmp slt i128 %rest, 0
 %doubled = shl i128 %rest, 1
 %next = lshr i128 %shifting, 127
 %shifted = shl i128 %shifting, 1
 %wide = or i128 %doubled, %next
 %enough = icmp uge i128 %wide, %divisor
 %takes = or i1 %carry, %enough
 %less = sub i128 %wide, %divisor
 %new = select i1 %takes, i128 %less, i128 %wide
 %digit = zext i1 %takes to i128
 %room = shl i128 %quotient, 1
 %longer = or i128 %room, %digit
 %left = sub i64 %count, 1
 %more = icmp ne i64 %left, 0
 br i1 %more, label %loop, label %done
done:
 %result = select i1 %part, i128 %new, i128 %longer
 ret i128 %result
}"""


@lowers("quotient", "remainder")
def _wide_division(e: Emitter, v: Value) -> str:
    e.need("jitppc.division", _DIVISION)
    operands = ", ".join(f"i128 {e.of(a)}" for a in v.args)
    part = int(v.op.name == "remainder")
    return e.tmp(f"call i128 @jitppc.division({operands}, i1 {part})")


@lowers("bswap")
def _bswap(e: Emitter, v: Value) -> str:
    _declare(e, "bswap", str(v.type))
    return e.tmp(f"call {v.type} @llvm.bswap.{v.type}({v.type} {e.of(v.args[0])})")


@lowers("eq", "ne", "ult", "ule", "slt", "sle")
def _compare(e: Emitter, v: Value) -> str:
    x, y = (e.of(a) for a in v.args)
    return e.tmp(f"icmp {v.op.name} {v.args[0].type} {x}, {y}")


@lowers("select")
def _select(e: Emitter, v: Value) -> str:
    condition, x, y = (e.of(a) for a in v.args)
    return e.tmp(f"select i1 {condition}, {v.type} {x}, {v.type} {y}")


@lowers("zext", "sext", "trunc")
def _resize(e: Emitter, v: Value) -> str:
    return e.tmp(f"{v.op.name} {v.args[0].type} {e.of(v.args[0])} to {v.type}")


@lowers("pack")
def _pack(e: Emitter, v: Value) -> str:
    high = e.tmp(f"zext i64 {e.of(v.args[0])} to i128")
    low = e.tmp(f"zext i64 {e.of(v.args[1])} to i128")
    return e.tmp(f"or i128 {e.tmp(f'shl i128 {high}, 64')}, {low}")


@lowers("hi")
def _hi(e: Emitter, v: Value) -> str:
    shifted = e.tmp(f"lshr i128 {e.of(v.args[0])}, 64")
    return e.tmp(f"trunc i128 {shifted} to i64")


@lowers("lo")
def _lo(e: Emitter, v: Value) -> str:
    return e.tmp(f"trunc i128 {e.of(v.args[0])} to i64")
