"""The fixed code around handlers: entering, leaving, jumping between pages.

All functions but `jit_enter` have the handlers' signature (see tier0.py); `rt_*` are the native
routines of the runtime room, C calling convention.
"""

from __future__ import annotations

from collections.abc import Sequence

from jitppc.ir.layout import CODE_MASK, CODE_SHIFT, SECOND_MASK, SECOND_SHIFT, SECOND_START

from .cells import ARGS, CIA, HANDLER_AT, TYPES, arrive, at, publish, tail
from .decode_tables import Match, chain_tables, constant
from .decoding import UNDECODED, decode_beside, decode_me, predecode, step
from .lower import host_flags, vector_host
from .lower.effects import METADATA, EffectEmitter
from .lower.emitter import Emitter

#: native routines every handler module may call: name -> LLVM parameter types
ROUTINES = {
    "rt_load": "ptr, i64, i64", "rt_store": "ptr, i64, i64, i64, i64",
    "rt_load_reserve": "ptr, i64, i64", "rt_store_conditional": "ptr, i64, i64, i64, i64, i64",
    "rt_pair": "ptr, i64",
    "rt_zero_block": "ptr, i64", "rt_touch": "ptr, i64, i64",
    "rt_timebase": "ptr", "rt_random": "ptr", "rt_fetch": "ptr", "rt_raise": "ptr",
    "rt_hot": "ptr, ptr",
}
#: how regions leave; behind the name stands WATCHED if they watch the host's flags
WAYS_OUT, WATCHED = ("side_exit", "near_arrive", "far_jump", "slice_end"), "_watched"
SHARED = ("dispatch", "slice_end", "far_jump", "raise_interrupt", "hot")


def declarations(helpers: Sequence[str]) -> str:
    """What every module that holds handlers declares."""
    lines = [f"declare i64 @{name}({types})" for name, types in ROUTINES.items()]
    lines += [f"declare preserve_nonecc void @{name}({TYPES})" for name in SHARED]
    lines += [f"declare preserve_nonecc void @help_{name}({TYPES})" for name in helpers]
    return "\n".join(lines) + "\n"


def _probe(target: str, here: str) -> str:
    """Look both places of the code TLB up, in block `here`; in block `hit:` `there` is the cell."""
    return f""" %page = and i64 {target}, -4096
 %line = lshr i64 {target}, {CODE_SHIFT}
 %at = and i64 %line, {CODE_MASK}
 %p_itlb = {at('itlb')}
 %itlb = load ptr, ptr %p_itlb
 %entry = getelementptr i8, ptr %itlb, i64 %at
 %tag = load i64, ptr %entry
 %is_hit = icmp eq i64 %tag, %page
 br i1 %is_hit, label %hit, label %again
again:
 %line_up = lshr i64 %line, {SECOND_SHIFT}
 %mixed = xor i64 %line, %line_up
 %at_second = and i64 %mixed, {SECOND_MASK}
 %seconds = getelementptr i8, ptr %itlb, i64 {SECOND_START}
 %second = getelementptr i8, ptr %seconds, i64 %at_second
 %second_tag = load i64, ptr %second
 %is_second = icmp eq i64 %second_tag, %page
 br i1 %is_second, label %hit, label %miss
hit:
 %found = phi ptr [%entry, %{here}], [%second, %again]
 %p_cells = getelementptr i8, ptr %found, i64 8
 %cells = load ptr, ptr %p_cells
 %low = and i64 {target}, 4092
 %low8 = shl i64 %low, 3
 %there = getelementptr i8, ptr %cells, i64 %low8
 %cells_n = ptrtoint ptr %cells to i64
 %cells_q = lshr i64 %cells_n, 3
 %new_delta = sub i64 %page, %cells_q
"""


def _far_jump() -> str:
    e = Emitter()
    arrive(e, "%there", "%icount", "%new_delta")
    return f"""define preserve_nonecc void @far_jump({ARGS}) nounwind {{
start:
 %p_mask = {at('ea_mask')}
 %mask = load i64, ptr %p_mask
 %target = and i64 %delta, %mask
{_probe('%target', 'start')}
{chr(10).join(e.lines)}
miss:
{publish('%target', '%icount')}
 {tail('@dispatch')}
}}
"""


def _near_arrive() -> str:
    """Where regions go to reach a cell of their page that they do not contain."""
    e = Emitter()
    arrive(e, "%cell", "%icount", "%delta")
    return e.definition(f"preserve_nonecc void @near_arrive({ARGS}) nounwind")


def _side_exit() -> str:
    """Where regions leave in the middle: the cell's tier-0 handler, never a region's head."""
    return f"""define preserve_nonecc void @side_exit({ARGS}) nounwind {{
 %p_number = getelementptr i8, ptr %cell, i64 {HANDLER_AT}
 %number = load i16, ptr %p_number
 %number64 = zext i16 %number to i64
 %p_handler = getelementptr ptr, ptr @handlers, i64 %number64
 %handler = load ptr, ptr %p_handler
 {tail('%handler')}
}}
"""


def _watched_exit(name: str) -> str:
    """How regions that watch the host's flags leave (lower/host_flags.py); none do where the host
    has other flags.
    """
    if not vector_host.features():
        return ""
    e = EffectEmitter()
    host_flags.tell(e, e.tmp("alloca i32"), "on")
    e.line("on:")
    e.line(tail(f"@{name}"))
    return e.definition(f"preserve_nonecc void @{name}{WATCHED}({ARGS}) nounwind")


def _dispatch() -> str:
    return f"""define preserve_nonecc void @dispatch({ARGS}) nounwind {{
 %p_fault = {at('fault')}
 store i64 0, ptr %p_fault
 %p_reason = {at('exit_reason')}
 %reason = load i64, ptr %p_reason
 %p_left = {at('icount')}
 %left = load i64, ptr %p_left
 %wants_out = icmp ne i64 %reason, 0
 %used_up = icmp sle i64 %left, 0
 %leave = or i1 %wants_out, %used_up
 br i1 %leave, label %out, label %on
out:
 ret void
on:
 %p_nia = {at('nia')}
 %nia = load i64, ptr %p_nia
 %p_dtlb = {at('dtlb')}
 %new_dtlb = load ptr, ptr %p_dtlb
 %p_dmask = {at('dtlb_mask')}
 %new_dmask = load i64, ptr %p_dmask
{_probe('%nia', 'on')}
 %code = load ptr, ptr %there
 musttail call preserve_nonecc void %code(
  ptr %cpu, ptr %there, ptr %new_dtlb, i64 %new_dmask, i64 %left, i64 %new_delta)
 ret void
miss:
 %ignored = call i64 @rt_fetch(ptr %cpu)
 {tail('@dispatch')}
}}
"""


def _helper(name: str) -> str:
    return f"""define preserve_nonecc void @help_{name}({ARGS}) nounwind {{
{CIA} %p_cia = {at('cia')}
 store i64 %cia, ptr %p_cia
 %next = add i64 %cia, 4
 %left = add i64 %icount, -1
{publish('%next', '%left')}
 %ignored = call i64 @rt_{name}(ptr %cpu)
 {tail('@dispatch')}
}}
"""


def _simple() -> str:
    return f"""define preserve_nonecc void @slice_end({ARGS}) noinline nounwind {{
{CIA}{publish('%cia', '%icount')} ret void
}}
define preserve_nonecc void @page_end({ARGS}) nounwind {{
{CIA} {tail('@far_jump', delta='%cia')}
}}
define preserve_nonecc void @raise_interrupt({ARGS}) cold noinline nounwind {{
{CIA} %p_cia = {at('cia')}
 store i64 %cia, ptr %p_cia
{publish('%cia', '%icount')} %ignored = call i64 @rt_raise(ptr %cpu)
 {tail('@dispatch')}
}}
define preserve_nonecc void @hot({ARGS}) cold noinline nounwind {{
{CIA}{publish('%cia', '%icount')} %ignored = call i64 @rt_hot(ptr %cpu, ptr %cell)
 %code = load ptr, ptr %cell
 {tail('%code')}
}}
define i64 @jit_anchor(i64 %n) nounwind {{
 %p = getelementptr ptr, ptr @anchors, i64 %n
 %a = load i64, ptr %p
 ret i64 %a
}}
define void @jit_enter(ptr %cpu) nounwind {{
 call preserve_nonecc void @dispatch(ptr %cpu, ptr null, ptr null, i64 0, i64 0, i64 0)
 ret void
}}
declare i32 @llvm.bswap.i32(i32)
"""


def _float_mode() -> str:
    """`jit_float_mode(mode)`: how the host rounds from now on; returns how it did (0 where there is
    no MXCSR).
    """
    if not vector_host.features():
        return "define i64 @jit_float_mode(i64 %mode) nounwind {\n ret i64 0\n}\n"
    return host_flags.DECLARATIONS + """define i64 @jit_float_mode(i64 %mode) nounwind {
 %word = alloca i32
 call void @llvm.x86.sse.stmxcsr(ptr %word)
 %old = load i32, ptr %word
 %new = trunc i64 %mode to i32
 store i32 %new, ptr %word
 call void @llvm.x86.sse.ldmxcsr(ptr %word)
 %old64 = zext i32 %old to i64
 ret i64 %old64
}
"""


def glue_module(
    matches: dict[str, Sequence[Match]], helpers: Sequence[str], handlers: Sequence[str]
) -> str:
    """The module of fixed code and tables.

    `matches` go by mode; `handlers` are in the order of their numbers.
    """
    names = sorted({m.name for chain in matches.values() for m in chain})
    text = [f"declare i64 @{name}({types})" for name, types in ROUTINES.items()]
    text += [f"declare i64 @rt_{name}(ptr)" for name in helpers]
    text += [f"declare void @p_{name}(ptr, i64, i64, i16)" for name in names]
    elsewhere = [name for name in handlers if name != UNDECODED]
    text += [f"declare preserve_nonecc void @{name}({TYPES})" for name in elsewhere]
    anchors = [f"decode_me_{mode}" for mode in matches] + ["page_end", "handlers"]
    for name, items in (("handlers", handlers), ("anchors", anchors)):
        text.append(constant(name, "ptr", [f"ptr @{item}" for item in items]))
    text += [chain_tables(mode, chain) for mode, chain in matches.items()]
    text += [_simple(), _far_jump(), _near_arrive(), _side_exit(), _dispatch()]
    text += [_helper(name) for name in helpers]
    text += [decode_me(f"decode_me_{mode}", mode) for mode in matches]
    text.append(decode_beside(list(matches)))
    text += [predecode(mode) for mode in matches]
    text += [step(), _float_mode()]
    text += [_watched_exit(name) for name in WAYS_OUT]
    text.append(METADATA)
    return "\n".join(text)
