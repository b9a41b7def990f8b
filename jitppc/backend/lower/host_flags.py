"""The host's sticky flags as witnesses of the guest's: MXCSR[PE, UE, OE, ZE] for FPSCR[XX, UX, OX,
ZX].

What a result lost matters for XX and UX, and to compute it takes ten times as long as the result. A
region that *watches* leaves it to the host: it clears the flags where it is entered, does each
operation of the guest exactly when the guest does it (LLVM's constrained intrinsics: nothing is
moved, dropped or done twice) and nothing else that could set them, and whoever leaves sets XX, UX,
OX and ZX as they say.

That is right for operations to nearest with results that are normal, zero or infinite. Then PE is
set when and only when XX would be, also by an operation that is left to be done afresh, and a zero
that is tiny sets UE. Infinities come from infinities, from overflow or from division by zero, of
which the host says the same as the guest. If any of these exceptions is enabled, the region is not
entered. Invalid operations have results that are no numbers, and leave.
"""

from __future__ import annotations

from collections.abc import Iterable

from jitppc.ir.block import Block
from jitppc.ir.fpscr import FPSCR
from jitppc.ir.layout import FLOAT_MODE

from . import vector_host
from .effects import LIKELY, EffectEmitter
from .emitter import Emitter

#: flags of MXCSR, and what is set in the FPSCR for them
ZE, OE, UE, PE = (1 << n for n in range(2, 6))
TOLD = {ZE: FPSCR.ZX, OE: FPSCR.OX, UE: FPSCR.UX, PE: FPSCR.XX}
#: in the FPSCR: with any of these a region that watches is not entered
FORBIDDEN = FPSCR.FEX | FPSCR.OE | FPSCR.UE | FPSCR.ZE | FPSCR.XE | FPSCR.RN
#: ops whose host arithmetic is the guest's, and whose lowering can do without the status
WATCHED = frozenset(("fv_binary", "fv_fma", "fv_sqrt"))
DISTURBING = ("f_", "d_", "vf")
NAMES = {"fadd": 2, "fsub": 2, "fmul": 2, "fdiv": 2, "sqrt": 1, "fma": 3}
SUFFIX = {"double": "f64", "<2 x double>": "v2f64", "<4 x float>": "v4f32"}
_HOW = 'metadata !"round.tonearest", metadata !"fpexcept.strict"'
_EXACTLY = 'metadata !"fpexcept.strict"'
DECLARATIONS = """declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)
"""


def can_watch(blocks: Iterable[Block]) -> bool:
    """A region of these blocks may watch, and there is something to watch.

    Nothing in it reads the FPSCR but operations, nothing writes it, and no op does host arithmetic
    that is not the guest's own.
    """
    found = False
    for block in blocks:
        status = {v for v in block.values if v.op.name == "get" and v.attr == "fpscr"}
        for value in block.values:
            name = value.op.name
            is_operation = name in WATCHED or name.startswith("o_")
            if name.startswith(DISTURBING) or name == "o_to_integral":
                return False
            if name == "set" and value.attr == "fpscr":
                return False
            operands = value.args[:-1] if is_operation else value.args
            if not status.isdisjoint(operands):
                return False
            found = found or is_operation
    return found and bool(vector_host.features())


def arithmetic(e: Emitter, name: str, kind: str, *operands: str) -> str:
    """An operation of `NAMES` on numbers or vectors of a kind."""
    texts = ", ".join(f"{kind} {x}" for x in operands)
    if e.watches:
        return _constrained(e, f"{name}.{SUFFIX[kind]}", kind, texts, [kind] * len(operands))
    if name.startswith("f") and name != "fma":
        return e.tmp(f"{name} {kind} {', '.join(operands)}")
    callee = f"llvm.{name}.{SUFFIX[kind]}"
    e.need(callee, f"declare {kind} @{callee}({', '.join(kind for _ in operands)})")
    return e.tmp(f"call {kind} @{callee}({texts})")


def _constrained(e: Emitter, name: str, kind: str, texts: str, kinds: list[str]) -> str:
    rounds = "fpto" not in name
    how, types = (_HOW if rounds else _EXACTLY), ["metadata"] * (1 + rounds)
    callee = f"llvm.experimental.constrained.{name}"
    e.need(callee, f"declare {kind} @{callee}({', '.join(kinds + types)})")
    return e.tmp(f"call {kind} @{callee}({texts}, {how}) strictfp")


def to_single(e: Emitter, double: str) -> str:
    """A double rounded to LLVM's float."""
    if e.watches:
        return _constrained(e, "fptrunc.f32.f64", "float", f"double {double}", ["double"])
    return e.tmp(f"fptrunc double {double} to float")


def of_integer(e: Emitter, bits: str) -> str:
    """A signed i64 as a double."""
    if e.watches:
        return _constrained(e, "sitofp.f64.i64", "double", f"i64 {bits}", ["i64"])
    return e.tmp(f"sitofp i64 {bits} to double")


def to_integer(e: Emitter, double: str) -> str:
    """A double as an i64, truncated."""
    if e.watches:
        return _constrained(e, "fptosi.i64.f64", "i64", f"double {double}", ["double"])
    return e.tmp(f"fptosi double {double} to i64")


def is_forbidden(e: EffectEmitter) -> str:
    """i1: a region must not watch now."""
    state = e.tmp(f"and i64 {e.get_field('fpscr')}, {FORBIDDEN}")
    return e.tmp(f"icmp ne i64 {state}, 0")


def clear(e: EffectEmitter, mode: str) -> None:
    """No flag is set; `mode` points to 32 bits of the function's own."""
    e.need("mxcsr", DECLARATIONS)
    e.line(f"store i32 {FLOAT_MODE}, ptr {mode}")
    e.line(f"call void @llvm.x86.sse.ldmxcsr(ptr {mode})")


def news(e: EffectEmitter, mode: str) -> str:
    """What the flags say is to be set in the FPSCR, and is not."""
    e.need("mxcsr", DECLARATIONS)
    e.line(f"call void @llvm.x86.sse.stmxcsr(ptr {mode})")
    flags = e.tmp(f"zext i32 {e.tmp(f'load i32, ptr {mode}')} to i64")
    told = "0"
    for flag, bit in TOLD.items():
        distance = bit.bit_length() - flag.bit_length()
        one = e.tmp(f"shl i64 {e.tmp(f'and i64 {flags}, {flag}')}, {distance}")
        told = e.tmp(f"or i64 {told}, {one}")
    known = e.tmp(f"xor i64 {e.get_field('fpscr')}, -1")
    return e.tmp(f"and i64 {told}, {known}")


def tell(e: EffectEmitter, mode: str, then: str) -> None:
    """Set XX, UX, OX and ZX as the flags say, and FX with them; branch to a label."""
    fresh, changed = news(e, mode), e.fresh("changed")
    e.line(f"br i1 {e.tmp(f'icmp eq i64 {fresh}, 0')}, label %{then}, label %{changed}, {LIKELY}")
    e.line(f"{changed}:")
    said = e.tmp(f"or i64 {fresh}, {FPSCR.FX}")
    e.set_field("fpscr", e.tmp(f"or i64 {e.get_field('fpscr')}, {said}"))
    e.line(f"br label %{then}")
