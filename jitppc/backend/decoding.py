"""Decoding on first execution: what undecoded cells run, and how a cell is filled from a word."""

from __future__ import annotations

from collections.abc import Sequence

from jitppc.ir.layout import (
    CELL_BYTES,
    COUNTER,
    CROSSING,
    MSR,
    PAGE_INFO,
    PAGE_INFO_OFFSET,
    PREFIXING,
    offset,
)

from .cells import ARGS, CIA, at, publish, tail
from .decode_tables import CHAIN

#: handler number 0: what a region runs where it leaves at a cell that is not decoded
UNDECODED = "decode_beside"


def decode_me(name: str, mode: str, keeps_region: bool = False) -> str:
    """What an undecoded cell runs: decode the word, then run it.

    Where a region begins at a cell that was never decoded, the cell goes on to lead there, if it
    `keeps_region`.
    """
    swaps = mode != "le64"
    keep = (
        f""" %was_fresh = icmp eq ptr %before, @decode_me_{mode}
 %was_evicted = icmp eq ptr %before, @{UNDECODED}
 %is_undecoded = or i1 %was_fresh, %was_evicted
 %after = select i1 %is_undecoded, ptr %code, ptr %before
 store ptr %after, ptr %cell
"""
        if keeps_region
        else ""
    )
    info = {field: PAGE_INFO_OFFSET + offset(field, PAGE_INFO) for field in ("host", "active")}
    swap = (
        f""" %p_little = {at("little")}
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
{publish("%cia", "%icount")} %ignored = call i64 @rt_fetch(ptr %cpu)
 {tail("@dispatch")}
warm:
 %p_host = getelementptr i8, ptr %cells, i64 {info["host"]}
 %host = load ptr, ptr %p_host
 %p_word = getelementptr i8, ptr %host, i64 %low
 %raw = load i32, ptr %p_word
{swap} %before = load ptr, ptr %cell
 %plain = zext i32 %word to i64
 %p_msr = {at("msr")}
 %msr = load i64, ptr %p_msr
 %problem = and i64 %msr, {MSR.PR}
 %is_privileged = icmp eq i64 %problem, 0
 %p_models = {at("models")}
 %p_problem = {at("problem_models")}
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


def decode_beside(modes: Sequence[str]) -> str:
    """Decode as the first mode, that of little-endian regions, or as the second."""
    little, other = (f"{UNDECODED}_{mode}" for mode in modes)
    return f"""define preserve_nonecc void @{UNDECODED}({ARGS}) nounwind {{
 %p_little = {at("little")}
 %little = load i8, ptr %p_little
 %is_big = icmp eq i8 %little, 0
 br i1 %is_big, label %big, label %plain
plain:
 {tail(f"@{little}")}
big:
 {tail(f"@{other}")}
}}
""" + "".join(decode_me(f"{UNDECODED}_{mode}", mode, keeps_region=True) for mode in modes)


def predecode(mode: str) -> str:
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


def step() -> str:
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
 %p_nia = {at("nia")}
 %nia = load i64, ptr %p_nia
 %cell_n = ptrtoint ptr %cell to i64
 %cell_q = lshr i64 %cell_n, 3
 %delta = sub i64 %nia, %cell_q
 %p_dtlb = {at("dtlb")}
 %dtlb = load ptr, ptr %p_dtlb
 %p_dmask = {at("dtlb_mask")}
 %dmask = load i64, ptr %p_dmask
 %code = load ptr, ptr %cell
 call preserve_nonecc void %code(ptr %cpu, ptr %cell, ptr %dtlb, i64 %dmask, i64 1, i64 %delta)
 ret i64 0
}}
"""
