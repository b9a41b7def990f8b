"""The host's sticky inexact flag as witness of the guest's: MXCSR[PE] for FPSCR[XX].

While XX is 0, what a result lost matters, and to compute that takes ten times as long as the
result. A region that *watches* leaves it to the host: it clears PE where it is entered, does each
operation of the guest exactly when the guest does it (LLVM's constrained intrinsics: nothing is
moved, dropped or done twice) and nothing else that could set PE, and whoever leaves sets XX if PE
is set.

That is right for operations to nearest while no exception of `FORBIDDEN` is enabled: then PE is set
when and only when XX would be, also by an operation that is left to be done afresh.

Where XX is 1, or something is forbidden, PE means nothing and is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable

from jitppc.ir.block import Block
from jitppc.ir.fpscr import FPSCR

from . import vector_host
from .effects import LIKELY, UNLIKELY, EffectEmitter
from .emitter import Emitter

#: MXCSR: nearest even, denormals kept, all exceptions masked and none noted
CLEAR_MODE = 0x1F80
PE = 1 << 5
#: in the FPSCR: what makes an operation of a region that watches leave
FORBIDDEN = FPSCR.FEX | FPSCR.OE | FPSCR.UE | FPSCR.XE | FPSCR.RN
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


def is_watching(e: EffectEmitter) -> str:
    """i1: XX follows from PE now."""
    state = e.tmp(f"and i64 {e.get_field('fpscr')}, {FPSCR.XX | FORBIDDEN}")
    return e.tmp(f"icmp eq i64 {state}, 0")


def begin_to_watch(e: EffectEmitter, then: str) -> None:
    """Clear PE if that is wanted, and branch to a label."""
    clear = e.fresh("clear")
    e.need("mxcsr", DECLARATIONS)
    mode = e.tmp("alloca i32")
    e.line(f"br i1 {is_watching(e)}, label %{clear}, label %{then}, {UNLIKELY}")
    e.line(f"{clear}:")
    e.line(f"store i32 {CLEAR_MODE}, ptr {mode}")
    e.line(f"call void @llvm.x86.sse.ldmxcsr(ptr {mode})")
    e.line(f"br label %{then}")


def end_watching(e: EffectEmitter, then: str) -> None:
    """Set XX, and FX with it, if PE says so; branch to a label."""
    look, tell = e.fresh("look"), e.fresh("tell")
    e.need("mxcsr", DECLARATIONS)
    mode = e.tmp("alloca i32")
    e.line(f"br i1 {is_watching(e)}, label %{look}, label %{then}, {UNLIKELY}")
    e.line(f"{look}:")
    e.line(f"call void @llvm.x86.sse.stmxcsr(ptr {mode})")
    lost = e.tmp(f"and i32 {e.tmp(f'load i32, ptr {mode}')}, {PE}")
    e.line(f"br i1 {e.tmp(f'icmp eq i32 {lost}, 0')}, label %{then}, label %{tell}, {LIKELY}")
    e.line(f"{tell}:")
    e.set_field("fpscr", e.tmp(f"or i64 {e.get_field('fpscr')}, {FPSCR.XX | FPSCR.FX}"))
    e.line(f"br label %{then}")


def leave_if_forbidden(e: EffectEmitter, fpscr: str) -> None:
    """Leave if the FPSCR is such that operations are not done here."""
    state = e.tmp(f"and i64 {fpscr}, {FORBIDDEN}")
    e.leave_if(e.tmp(f"icmp ne i64 {state}, 0"))
