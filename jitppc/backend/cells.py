"""The ABI of handlers: their arguments, the cells they run from, and how one goes on to another.

A handler is `void h(cpu, cell, dtlb, dmask, icount, delta)`, preserve_nonecc, and ends in a tail
call of another cell's entry. cia is `(cell >> 3) + delta`: cells are 32 bytes, instructions 4.
"""

from __future__ import annotations

from jitppc.ir.layout import CELL, CODE_MASK, CODE_SHIFT, offset

from .lower.effects import LIKELY, UNLIKELY, EffectEmitter
from .lower.emitter import Emitter

ARGS = "ptr noalias %cpu, ptr %cell, ptr %dtlb, i64 %dmask, i64 %icount, i64 %delta"
TYPES = "ptr, ptr, ptr, i64, i64, i64"
SLOT_AT, IMM_AT, HANDLER_AT, HEAT_AT, WORD_AT = (
    offset(name, CELL) for name in ("slot", "imm", "handler", "heat", "word")
)


def tail(callee: str, cell: str = "%cell", icount: str = "%icount", delta: str = "%delta") -> str:
    """A tail call of a handler, and the return LLVM wants after it."""
    operands = f"ptr %cpu, ptr {cell}, ptr %dtlb, i64 %dmask, i64 {icount}, i64 {delta}"
    return f"musttail call preserve_nonecc void {callee}({operands})\n ret void"


def arrive(e: Emitter, cell: str, left: str, delta: str) -> None:
    """Go on at a cell reached by a jump: end a slice that is used up, count the cell's heat."""
    stop, on, hot, go = e.fresh("stop"), e.fresh("on"), e.fresh("hot"), e.fresh("go")
    done = e.tmp(f"icmp sle i64 {left}, 0")
    e.line(f"br i1 {done}, label %{stop}, label %{on}, {UNLIKELY}")
    e.line(f"{stop}:")
    e.line(tail("@slice_end", cell, left, delta))
    e.line(f"{on}:")
    pointer = e.tmp(f"getelementptr i8, ptr {cell}, i64 {HEAT_AT}")
    heat = e.tmp(f"add i16 {e.tmp(f'load i16, ptr {pointer}')}, -1")
    e.line(f"store i16 {heat}, ptr {pointer}")
    is_hot = e.tmp(f"icmp eq i16 {heat}, 0")
    e.line(f"br i1 {is_hot}, label %{hot}, label %{go}, {UNLIKELY}")
    e.line(f"{hot}:")
    e.line(tail("@hot", cell, left, delta))
    e.line(f"{go}:")
    entry = e.tmp(f"load ptr, ptr {cell}")
    e.line(tail(entry, cell, left, delta))


def probe_code(e: EffectEmitter, target: str, left: str) -> None:
    """Go on at an effective address through the code TLB; a miss goes to far_jump."""
    address = e.tmp(f"and i64 {target}, {e.get_field('ea_mask')}")
    page = e.tmp(f"and i64 {address}, -4096")
    at = e.tmp(f"and i64 {e.tmp(f'lshr i64 {address}, {CODE_SHIFT}')}, {CODE_MASK}")
    entry = e.tmp(f"getelementptr i8, ptr {e.get_field('itlb', 'ptr')}, i64 {at}")
    hit, miss = e.fresh("hit"), e.fresh("miss")
    is_hit = e.tmp(f"icmp eq i64 {e.tmp(f'load i64, ptr {entry}')}, {page}")
    e.line(f"br i1 {is_hit}, label %{hit}, label %{miss}, {LIKELY}")
    e.line(f"{miss}:")
    e.line(tail("@far_jump", "%cell", left, target))
    e.line(f"{hit}:")
    cells = e.tmp(f"load ptr, ptr {e.tmp(f'getelementptr i8, ptr {entry}, i64 8')}")
    low = e.tmp(f"shl i64 {e.tmp(f'and i64 {address}, 4092')}, 3")
    cell = e.tmp(f"getelementptr i8, ptr {cells}, i64 {low}")
    base = e.tmp(f"lshr i64 {e.tmp(f'ptrtoint ptr {cells} to i64')}, 3")
    arrive(e, cell, left, e.tmp(f"sub i64 {page}, {base}"))


def at(field: str) -> str:
    """The address of a field of the state."""
    return f"getelementptr i8, ptr %cpu, i64 {offset(field)}"


#: defines %cia
CIA = """ %cell_n = ptrtoint ptr %cell to i64
 %cell_q = lshr i64 %cell_n, 3
 %cia = add i64 %cell_q, %delta
"""


def publish(nia: str, icount: str) -> str:
    """What native routines and whoever stops are to see."""
    return f""" %p_nia = {at('nia')}
 store i64 {nia}, ptr %p_nia
 %p_icount = {at('icount')}
 store i64 {icount}, ptr %p_icount
"""
