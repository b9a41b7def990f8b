"""The fixed code around handlers: entering, leaving, jumping between pages, decoding on first
execution.

All functions but `jit_enter` have the handlers' signature (see tier0.py); `rt_*` are the native
routines of the runtime room, C calling convention.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jitppc.ir.layout import (
    CELL_BYTES,
    CODE_MASK,
    CODE_SHIFT,
    COUNTER,
    CROSSING,
    MSR,
    PAGE_INFO,
    PAGE_INFO_OFFSET,
    PREFIXING,
    offset,
)

from .cells import ARGS, HANDLER_AT, TYPES, arrive, tail
from .lower import host_flags, vector_host
from .lower.effects import METADATA, EffectEmitter
from .lower.emitter import Emitter

#: native routines every handler module may call: name -> LLVM parameter types
ROUTINES = {
    "rt_load": "ptr, i64, i64", "rt_store": "ptr, i64, i64, i64, i64",
    "rt_load_reserve": "ptr, i64, i64", "rt_store_conditional": "ptr, i64, i64, i64, i64",
    "rt_zero_block": "ptr, i64", "rt_touch": "ptr, i64, i64",
    "rt_timebase": "ptr", "rt_random": "ptr", "rt_fetch": "ptr", "rt_raise": "ptr",
    "rt_hot": "ptr, ptr",
}
#: handler number 0: what a region runs where it leaves at a cell that is not decoded
UNDECODED = "decode_beside"
#: how regions leave; behind the name stands WATCHED if they watch the host's flags
WAYS_OUT, WATCHED = ("side_exit", "near_arrive", "far_jump", "slice_end"), "_watched"
SHARED = ("dispatch", "slice_end", "far_jump", "raise_interrupt", "hot")


@dataclass(frozen=True, slots=True)
class Match:
    """One entry of a decode chain."""

    mask: int
    value: int
    name: str
    number: int
    models: int


def declarations(helpers: Sequence[str]) -> str:
    """What every module that holds handlers declares."""
    lines = [f"declare i64 @{name}({types})" for name, types in ROUTINES.items()]
    lines += [f"declare preserve_nonecc void @{name}({TYPES})" for name in SHARED]
    lines += [f"declare preserve_nonecc void @help_{name}({TYPES})" for name in helpers]
    return "\n".join(lines) + "\n"


def _at(field: str) -> str:
    return f"getelementptr i8, ptr %cpu, i64 {offset(field)}"


CIA = """ %cell_n = ptrtoint ptr %cell to i64
 %cell_q = lshr i64 %cell_n, 3
 %cia = add i64 %cell_q, %delta
"""


def _publish(nia: str, icount: str) -> str:
    return f""" %p_nia = {_at('nia')}
 store i64 {nia}, ptr %p_nia
 %p_icount = {_at('icount')}
 store i64 {icount}, ptr %p_icount
"""


def _probe(target: str) -> str:
    """Look up the code TLB: defines %hit, and in block `hit:` goes to the cell."""
    return f""" %page = and i64 {target}, -4096
 %line = lshr i64 {target}, {CODE_SHIFT}
 %at = and i64 %line, {CODE_MASK}
 %p_itlb = {_at('itlb')}
 %itlb = load ptr, ptr %p_itlb
 %entry = getelementptr i8, ptr %itlb, i64 %at
 %tag = load i64, ptr %entry
 %is_hit = icmp eq i64 %tag, %page
 br i1 %is_hit, label %hit, label %miss
hit:
 %p_cells = getelementptr i8, ptr %entry, i64 8
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
 %p_mask = {_at('ea_mask')}
 %mask = load i64, ptr %p_mask
 %target = and i64 %delta, %mask
{_probe('%target')}
{chr(10).join(e.lines)}
miss:
{_publish('%target', '%icount')}
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
 %p_fault = {_at('fault')}
 store i64 0, ptr %p_fault
 %p_reason = {_at('exit_reason')}
 %reason = load i64, ptr %p_reason
 %p_left = {_at('icount')}
 %left = load i64, ptr %p_left
 %wants_out = icmp ne i64 %reason, 0
 %used_up = icmp sle i64 %left, 0
 %leave = or i1 %wants_out, %used_up
 br i1 %leave, label %out, label %on
out:
 ret void
on:
 %p_nia = {_at('nia')}
 %nia = load i64, ptr %p_nia
 %p_dtlb = {_at('dtlb')}
 %new_dtlb = load ptr, ptr %p_dtlb
 %p_dmask = {_at('dtlb_mask')}
 %new_dmask = load i64, ptr %p_dmask
{_probe('%nia')}
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
{CIA} %p_cia = {_at('cia')}
 store i64 %cia, ptr %p_cia
 %next = add i64 %cia, 4
 %left = add i64 %icount, -1
{_publish('%next', '%left')}
 %ignored = call i64 @rt_{name}(ptr %cpu)
 {tail('@dispatch')}
}}
"""


def _decode_me(name: str, mode: str, keeps_region: bool = False) -> str:
    """What an undecoded cell runs: decode the word, then run it.

    Where a region begins at a cell that was never decoded, the cell goes on to lead there.
    """
    swaps = mode != "le64"
    keep = (
        f""" %is_region = icmp ne ptr %before, @decode_me_{mode}
 %after = select i1 %is_region, ptr %before, ptr %code
 store ptr %after, ptr %cell
"""
        if keeps_region
        else ""
    )
    info = {field: PAGE_INFO_OFFSET + offset(field, PAGE_INFO) for field in ("host", "active")}
    swap = (
        f""" %p_little = {_at("little")}
 %little = load i8, ptr %p_little
 %is_big = icmp eq i8 %little, 0
 %swapped = call i32 @llvm.bswap.i32(i32 %raw)
 %word = select i1 %is_big, i32 %swapped, i32 %raw
"""
        if swaps
        else " %word = add i32 %raw, 0\n"
    )
    swap += " %plain_32 = lshr i32 %word, 26\n %primary = zext i32 %plain_32 to i64\n"
    swap_suffix = (
        """ %swapped_suffix = call i32 @llvm.bswap.i32(i32 %raw_suffix)
 %suffix = select i1 %is_big, i32 %swapped_suffix, i32 %raw_suffix
"""
        if swaps
        else " %suffix = add i32 %raw_suffix, 0\n"
    )
    return f"""define preserve_nonecc void @{name}({ARGS}) nounwind {{
{CIA} %low = and i64 %cia, 4092
 %index = lshr i64 %low, 2
 %back = mul i64 %index, -{CELL_BYTES}
 %cells = getelementptr i8, ptr %cell, i64 %back
 %p_active = getelementptr i8, ptr %cells, i64 {info["active"]}
 %active = load i64, ptr %p_active
 %is_cold = icmp eq i64 %active, 0
 br i1 %is_cold, label %cold, label %warm
cold:
{_publish("%cia", "%icount")} %ignored = call i64 @rt_fetch(ptr %cpu)
 {tail("@dispatch")}
warm:
 %p_host = getelementptr i8, ptr %cells, i64 {info["host"]}
 %host = load ptr, ptr %p_host
 %p_word = getelementptr i8, ptr %host, i64 %low
 %raw = load i32, ptr %p_word
{swap} %before = load ptr, ptr %cell
 %plain = zext i32 %word to i64
 %p_msr = {_at("msr")}
 %msr = load i64, ptr %p_msr
 %problem = and i64 %msr, {MSR.PR}
 %is_privileged = icmp eq i64 %problem, 0
 %p_models = {_at("models")}
 %p_problem = {_at("problem_models")}
 %p_valid = select i1 %is_privileged, ptr %p_models, ptr %p_problem
 %models = load i64, ptr %p_valid
 %is_prefix = icmp eq i64 %primary, 1
 %prefixing = and i64 %models, {PREFIXING}
 %knows = icmp ne i64 %prefixing, 0
 %is_prefixed = and i1 %is_prefix, %knows
 br i1 %is_prefixed, label %prefixed, label %known
prefixed:
 %in_block = and i64 %low, 60
 %crosses = icmp eq i64 %in_block, 60
 br i1 %crosses, label %known, label %joined
joined:
 %p_suffix = getelementptr i8, ptr %p_word, i64 4
 %raw_suffix = load i32, ptr %p_suffix
{swap_suffix} %suffix64 = zext i32 %suffix to i64
 %prefix64 = shl i64 %plain, 32
 %whole = or i64 %prefix64, %suffix64
 br label %known
known:
 %full = phi i64 [%plain, %warm], [{CROSSING}, %prefixed], [%whole, %joined]
 call void @predecode_{mode}(ptr %cell, i64 %full, i64 %index, i64 %models)
 %p_count = getelementptr i8, ptr %cpu, i64 {offset("counters") + 8 * COUNTER["decoded"]}
 %count = load i64, ptr %p_count
 %count1 = add i64 %count, 1
 store i64 %count1, ptr %p_count
 %code = load ptr, ptr %cell
{keep} {tail("%code")}
}}
"""


def _predecode(mode: str) -> str:
    """Fill a cell from a word; `index` is the word's number in its page, which branches need, and
    `models` what the processor is. The chain of a prefixed word is found by its suffix.
    """
    return f"""define void @predecode_{mode}(
 ptr %cell, i64 %word, i64 %index, i64 %models) nounwind {{
 %primary_32 = lshr i64 %word, 26
 %primary = and i64 %primary_32, 63
 %primary_11 = shl i64 %primary, 11
 %extended = and i64 %word, 2047
 %plain_key = or i64 %primary_11, %extended
 %prefix_key = or i64 %primary, {1 << 11}
 %is_prefixed = icmp ugt i64 %word, 4294967295
 %key64 = select i1 %is_prefixed, i64 %prefix_key, i64 %plain_key
 %p_first = getelementptr i16, ptr @first_{mode}, i64 %key64
 %first = load i16, ptr %p_first
 %first64 = zext i16 %first to i64
 %start = getelementptr {CHAIN}, ptr @chains_{mode}, i64 %first64
 br label %try
try:
 %candidate = phi ptr [%start, %0], [%after, %no]
 %mask = load i64, ptr %candidate
 %p_value = getelementptr i8, ptr %candidate, i64 8
 %value = load i64, ptr %p_value
 %p_valid = getelementptr i8, ptr %candidate, i64 24
 %valid = load i32, ptr %p_valid
 %valid64 = zext i32 %valid to i64
 %masked = and i64 %word, %mask
 %same = icmp eq i64 %masked, %value
 %own = and i64 %models, %valid64
 %exists = icmp ne i64 %own, 0
 %matches = and i1 %same, %exists
 br i1 %matches, label %yes, label %no
no:
 %after = getelementptr {CHAIN}, ptr %candidate, i64 1
 br label %try
yes:
 %p_predecode = getelementptr i8, ptr %candidate, i64 16
 %predecode = load ptr, ptr %p_predecode
 %p_number = getelementptr i8, ptr %candidate, i64 28
 %number = load i16, ptr %p_number
 call void %predecode(ptr %cell, i64 %word, i64 %index, i16 %number)
 ret void
}}
"""


def _step() -> str:
    """`jit_step(cpu, cells, word, mode, models)`: one instruction at nia, for
    runtime/native/trace.py.

    The word is predecoded into cells of its own, as of a page so far away that every branch takes
    its far form; the cells behind it end the slice.
    """
    return f"""define i64 @jit_step(
 ptr %cpu, ptr %cell, i64 %word, i64 %mode, i64 %models) nounwind {{
 %is_le64 = icmp eq i64 %mode, 0
 br i1 %is_le64, label %le64, label %any
le64:
 call void @predecode_le64(ptr %cell, i64 %word, i64 1073741824, i64 %models)
 br label %go
any:
 call void @predecode_any(ptr %cell, i64 %word, i64 1073741824, i64 %models)
 br label %go
go:
 %next = getelementptr i8, ptr %cell, i64 {CELL_BYTES}
 store ptr @slice_end, ptr %next
 %behind = getelementptr i8, ptr %cell, i64 {2 * CELL_BYTES}
 store ptr @slice_end, ptr %behind
 %p_nia = {_at("nia")}
 %nia = load i64, ptr %p_nia
 %cell_n = ptrtoint ptr %cell to i64
 %cell_q = lshr i64 %cell_n, 3
 %delta = sub i64 %nia, %cell_q
 %p_dtlb = {_at("dtlb")}
 %dtlb = load ptr, ptr %p_dtlb
 %p_dmask = {_at("dtlb_mask")}
 %dmask = load i64, ptr %p_dmask
 %code = load ptr, ptr %cell
 call preserve_nonecc void %code(ptr %cpu, ptr %cell, ptr %dtlb, i64 %dmask, i64 1, i64 %delta)
 ret i64 0
}}
"""


#: LLVM type of one candidate of a decode chain: mask, value, predecoder, models, handler number
CHAIN = "{i64, i64, ptr, i32, i16}"


def chain_tables(mode: str, matches: Sequence[Match]) -> str:
    """The decode tables: for each primary opcode and low 11 bits, where its chain of candidates is.
    Primary opcode 1 has the prefixed words, by the primary opcode of the suffix.

    `matches` come in order of precedence. The last matches everything: the unknown word ends every
    chain.
    """
    *matches, unknown = matches
    by_primary: list[list[Match]] = [[] for _ in range(64)]
    for match in matches:
        by_primary[1 if match.mask >> 32 else match.value >> 26].append(match)
    starts: dict[tuple[Match, ...], int] = {}
    entries: list[str] = []
    first: list[int] = []
    for primary in range(64):
        for low in range(2048):
            if primary == 1:
                chain = _prefixed_chain(by_primary[1], low)
            else:
                chain = _plain_chain(by_primary[primary], low, unknown.models)
            key = tuple(chain)
            if key not in starts:
                starts[key] = len(entries)
                entries += [_entry(m) for m in chain]
                entries.append(_entry(unknown))
            first.append(starts[key])
    if len(entries) >= 1 << 16:
        raise ValueError("decode chains need more than 16 bits")
    numbers = [f"i16 {n}" for n in first]
    return _constant(f"first_{mode}", "i16", numbers) + _constant(f"chains_{mode}", CHAIN, entries)


def _plain_chain(matches: Sequence[Match], low: int, every_model: int) -> list[Match]:
    """Those that may match a word with these low 11 bits, up to one that does so surely."""
    chain = []
    for match in matches:
        if not (low ^ match.value) & match.mask & 0x7FF:
            chain.append(match)
            if not match.mask & 0x3FFF800 and match.models == every_model:
                break
    return chain


def _prefixed_chain(matches: Sequence[Match], suffix: int) -> list[Match]:
    """Those that may match a prefixed word whose suffix has this primary opcode."""
    return [m for m in matches if not (suffix << 26 ^ m.value) & m.mask & 0xFC000000]


def _entry(m: Match) -> str:
    number = f"i32 {m.models}, i16 {m.number}"
    return f"{CHAIN} {{i64 {m.mask}, i64 {m.value}, ptr @p_{m.name}, {number}}}"


def _constant(name: str, kind: str, items: Sequence[str]) -> str:
    return f"@{name} = constant [{len(items)} x {kind}] [{', '.join(items)}]\n"


def _simple() -> str:
    return f"""define preserve_nonecc void @slice_end({ARGS}) noinline nounwind {{
{CIA}{_publish('%cia', '%icount')} ret void
}}
define preserve_nonecc void @page_end({ARGS}) nounwind {{
{CIA} {tail('@far_jump', delta='%cia')}
}}
define preserve_nonecc void @raise_interrupt({ARGS}) cold noinline nounwind {{
{CIA} %p_cia = {_at('cia')}
 store i64 %cia, ptr %p_cia
{_publish('%cia', '%icount')} %ignored = call i64 @rt_raise(ptr %cpu)
 {tail('@dispatch')}
}}
define preserve_nonecc void @hot({ARGS}) cold noinline nounwind {{
{CIA}{_publish('%cia', '%icount')} %ignored = call i64 @rt_hot(ptr %cpu, ptr %cell)
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
        text.append(_constant(name, "ptr", [f"ptr @{item}" for item in items]))
    text += [chain_tables(mode, chain) for mode, chain in matches.items()]
    text += [_simple(), _far_jump(), _near_arrive(), _side_exit(), _dispatch()]
    text += [_helper(name) for name in helpers]
    text += [_decode_me(f"decode_me_{mode}", mode) for mode in matches]
    text.append(_decode_me(UNDECODED, "le64", keeps_region=True))
    text += [_predecode(mode) for mode in matches]
    text += [_step(), _float_mode()]
    text += [_watched_exit(name) for name in WAYS_OUT]
    text.append(METADATA)
    return "\n".join(text)
