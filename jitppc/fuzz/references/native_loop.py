"""The loop that puts cases through native code: LLVM text, so that a case costs no Python.

`fuzz_cases(cpu, job, count, place)` runs `count` records of JOB in place: loads the state, memory
and words of one, enters the run loop, and stores back what came out.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from jitppc.backend.objects import compile_text
from jitppc.fuzz.cases import MAX_WORDS, MEMORY_BYTES
from jitppc.ir.layout import CPU_STATE, ExitReason, offset
from jitppc.runtime.engine import Engine

from .records import PREFIX

#: what the loop and a case exchange. Written by the loop: prefix, sprs, reason, retired, memory.
JOB = np.dtype([
    ("prefix", PREFIX),
    ("sprs", np.uint64, 1024),
    ("code_host", np.uint64),   # where the words go, in host memory
    ("code_real", np.uint64),   # the same place as a guest real address
    ("code_bytes", np.uint64),  # the words and the one that ends the case
    ("flags", np.uint64),
    ("reason", np.uint64),      # ExitReason, with SPILLED or'ed in
    ("retired", np.uint64),
    ("words", np.uint32, MAX_WORDS + 2),
    ("memory", np.uint8, MEMORY_BYTES),
])  # fmt: skip

#: host addresses and numbers that do not change between cases
PLACE = np.dtype([(name, np.uint64) for name in (
    "memory", "granules", "zeros", "code", "code_real", "limit", "keep_code")])  # fmt: skip

SPILLED = 1 << 32
#: a decrementer that no case meets: what an earlier one has set must not interrupt a later one
FOREVER = (1 << 63) - 1
#: bits of `keep_code`: the words are in place already; they stay there afterwards
IN_PLACE, STAYS = 1, 2
USES_MEMORY, STORES_TO_CODE = 1, 2
GRANULES_BYTES = 0x20000
SPRS_BYTES = 1024 * 8
SLB_BYTES = CPU_STATE["slb"].itemsize


def _job(name: str) -> int:
    return offset(name, JOB)


def _field(out: str, base: str, at: int) -> str:
    return f" %{out} = getelementptr i8, ptr %{base}, i64 {at}\n"


def _load(out: str, base: str, at: int, kind: str = "i64") -> str:
    return _field(f"p_{out}", base, at) + f" %{out} = load {kind}, ptr %p_{out}, align 1\n"


def _zero(field: str) -> str:
    return _field(f"z_{field}", "cpu", offset(field)) + f" store i64 0, ptr %z_{field}\n"


def loop_text() -> str:
    """The module."""
    cpu_retired, cpu_limit = offset("retired"), offset("retired_limit")
    place = {name: offset(name, PLACE) for name in PLACE.names or ()}
    return f"""
declare i64 @rt_run(ptr)
declare i64 @rt_switch_context(ptr)
declare i64 @rt_note_store(ptr, i64)
declare i32 @memcmp(ptr, ptr, i64)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

define void @fuzz_cases(ptr %cpu, ptr %jobs, i64 %count, ptr %place) nounwind {{
 %none = icmp eq i64 %count, 0
 br i1 %none, label %out, label %case
case:
 %n = phi i64 [0, %0], [%n1, %next]
 %at = mul i64 %n, {JOB.itemsize}
 %job = getelementptr i8, ptr %jobs, i64 %at
 call void @llvm.memcpy.p0.p0.i64(ptr %cpu, ptr %job, i64 {PREFIX.itemsize}, i1 false)
{_field("sprs", "job", _job("sprs"))}{_field("cpu_sprs", "cpu", offset("spr"))}
 call void @llvm.memcpy.p0.p0.i64(ptr %cpu_sprs, ptr %sprs, i64 {SPRS_BYTES}, i1 false)
{_zero("fault")}{_zero("exit_reason")}{_zero("stop_request")}{_zero("doorbell")}
{_zero("pmu_on")}{_zero("has_copied")}
{_zero("dec_pending")}{_zero("external")}{_zero("system_reset")}
{_field("p_slb", "cpu", offset("slb"))}
 call void @llvm.memset.p0.i64(ptr %p_slb, i8 0, i64 {SLB_BYTES}, i1 false)
{_field("p_deadline", "cpu", offset("dec_deadline"))} store i64 {FOREVER}, ptr %p_deadline
 %ignored = call i64 @rt_switch_context(ptr %cpu)
{_load("flags", "job", _job("flags"))}{_load("memory", "place", place["memory"], "ptr")}
{_field("job_memory", "job", _job("memory"))}
 %f_memory = and i64 %flags, {USES_MEMORY}
 %has_memory = icmp ne i64 %f_memory, 0
 br i1 %has_memory, label %fill, label %code
fill:
 call void @llvm.memcpy.p0.p0.i64(ptr %memory, ptr %job_memory, i64 {MEMORY_BYTES}, i1 false)
 br label %code
code:
{_load("keep", "place", place["keep_code"])}{_load("real", "job", _job("code_real"))}
{_load("bytes", "job", _job("code_bytes"))}{_load("host", "job", _job("code_host"), "ptr")}
 %last = add i64 %real, %bytes
 %in_place_bit = and i64 %keep, {IN_PLACE}
 %is_in_place = icmp ne i64 %in_place_bit, 0
 %stays_bit = and i64 %keep, {STAYS}
 %stays = icmp ne i64 %stays_bit, 0
 br i1 %is_in_place, label %run, label %place_code
place_code:
{_field("words", "job", _job("words"))}
 %i1 = call i64 @rt_note_store(ptr %cpu, i64 %real)
 %i2 = call i64 @rt_note_store(ptr %cpu, i64 %last)
 call void @llvm.memcpy.p0.p0.i64(ptr %host, ptr %words, i64 %bytes, i1 false)
 br label %run
run:
{_load("before", "cpu", cpu_retired)}{_load("limit", "place", place["limit"])}
 %until = add i64 %before, %limit
{_field("p_until", "cpu", cpu_limit)} store i64 %until, ptr %p_until
 br label %again
again:
 %i3 = call i64 @rt_run(ptr %cpu)
{_load("reason", "cpu", offset("exit_reason"))}
 %is_unknown = icmp eq i64 %reason, {ExitReason.UNKNOWN_WORD}
 br i1 %is_unknown, label %again, label %done
done:
{_load("after", "cpu", cpu_retired)}
 %retired = sub i64 %after, %before
{_field("p_job_retired", "job", _job("retired"))} store i64 %retired, ptr %p_job_retired
 call void @llvm.memcpy.p0.p0.i64(ptr %job, ptr %cpu, i64 {PREFIX.itemsize}, i1 false)
 call void @llvm.memcpy.p0.p0.i64(ptr %sprs, ptr %cpu_sprs, i64 {SPRS_BYTES}, i1 false)
 br i1 %has_memory, label %take, label %tidy
take:
{_load("granules", "place", place["granules"], "ptr")}
{_load("zeros", "place", place["zeros"], "ptr")}
 call void @llvm.memcpy.p0.p0.i64(ptr %job_memory, ptr %memory, i64 {MEMORY_BYTES}, i1 false)
 call void @llvm.memset.p0.i64(ptr %memory, i8 0, i64 {MEMORY_BYTES}, i1 false)
 %differs = call i32 @memcmp(ptr %granules, ptr %zeros, i64 {GRANULES_BYTES})
 %is_spilled = icmp ne i32 %differs, 0
 br i1 %is_spilled, label %wipe, label %tidy
wipe:
 call void @llvm.memset.p0.i64(ptr %granules, i8 0, i64 {GRANULES_BYTES}, i1 false)
 br label %tidy
tidy:
 %spilled = phi i64 [0, %done], [0, %take], [{SPILLED}, %wipe]
 %answer = or i64 %reason, %spilled
{_field("p_job_reason", "job", _job("reason"))} store i64 %answer, ptr %p_job_reason
 br i1 %stays, label %next, label %clear
clear:
 %f_code = and i64 %flags, {STORES_TO_CODE}
 %has_stored = icmp ne i64 %f_code, 0
 br i1 %has_stored, label %pages, label %words_away
words_away:
 %i4 = call i64 @rt_note_store(ptr %cpu, i64 %real)
 %i5 = call i64 @rt_note_store(ptr %cpu, i64 %last)
 call void @llvm.memset.p0.i64(ptr %host, i8 0, i64 %bytes, i1 false)
 br label %next
pages:
{_load("all_code", "place", place["code"], "ptr")}{_load("region", "place", place["code_real"])}
 br label %page
page:
 %k = phi i64 [0, %pages], [%k1, %page]
 %offset = shl i64 %k, 12
 %page_real = add i64 %region, %offset
 %i6 = call i64 @rt_note_store(ptr %cpu, i64 %page_real)
 %k1 = add i64 %k, 1
 %more = icmp ult i64 %k1, 16
 br i1 %more, label %page, label %erase
erase:
 call void @llvm.memset.p0.i64(ptr %all_code, i8 0, i64 65536, i1 false)
 br label %next
next:
 %n1 = add i64 %n, 1
 %goes_on = icmp ult i64 %n1, %count
 br i1 %goes_on, label %case, label %out
out:
 ret void
}}
"""


def load_loop(engine: Engine) -> Any:
    """The loop as a function of (cpu, jobs, count, place), placed beside the tier it enters."""
    placed = engine.arena.load([compile_text(loop_text(), 2)])[0]
    prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_uint64] * 4)
    return prototype(placed.symbols["fuzz_cases"])
