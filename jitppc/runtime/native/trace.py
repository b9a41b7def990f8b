"""One instruction at a time, and the trace interrupt. Ref: Book III 7.5.16.

The instruction is predecoded into a pair of cells of the vCPU's own, whose second cell ends the
slice, so that nothing of tier 0 needs to know about stepping.
"""

from __future__ import annotations

from typing import Any

from numba import njit, types

from jitppc.ir.layout import CROSSING, MSR, PREFIXING, offset

from .code import INFO, fetch, has_own_handlers, mode_of, models_now
from .code_tables import first_place
from .host import I, U, address_of, code_entry, load32, page_info, pointer_of
from .interrupts import deliver
from .operand import LOADS, STORES, address_of_operand, kind_of
from .pmu import MMCR0, PMAE, SDAR, SIAR

SINGLE_STEP, BRANCH_TRACE = U(1 << 10), U(1 << 9)
TRACING = SINGLE_STEP | BRANCH_TRACE
#: a breakpoint behind an instruction; the low bits are the state: 1 problem, 2 privileged
CIABR, WHEREVER = 187, U(3)
#: SRR1 of a trace interrupt: always, after a load, after a store, and for CIABR
TRACED, LOADED, STORED, COMPLETED = (U(1 << (63 - bit)) for bit in (33, 35, 36, 43))
PROBLEM = U(MSR.PR)
CELLS_AT = U(offset("step_cells"))
_step = types.ExternalFunction(
    "jit_step", types.uint64(types.voidptr, types.voidptr, types.uint64, types.uint64, types.uint64)
)


@njit
def word_at_nia(cpu: Any) -> Any:
    """The word at nia, both of a prefixed instruction; 0 after delivering the fetch's interrupt."""
    before = cpu.deliveries
    fetch(cpu)
    if cpu.deliveries != before:
        return U(0)
    entry = code_entry(cpu.itlb + first_place(cpu.nia))
    host = page_info(entry.cells + INFO).host + (cpu.nia & U(4092))
    word = _in_order(cpu, load32(host))
    if word >> U(26) != U(1) or models_now(cpu) & U(PREFIXING) == U(0):
        return word
    if cpu.nia & U(60) == U(60):
        return U(CROSSING)
    return (word << U(32)) | _in_order(cpu, load32(host + U(4)))


@njit
def _in_order(cpu: Any, raw: Any) -> Any:
    """A word of memory as the mode's byte order has it."""
    if cpu.little != 0:
        return raw
    return ((raw >> U(24)) | ((raw >> U(8)) & U(0xFF00)) | ((raw << U(8)) & U(0xFF_0000))
            | ((raw << U(24)) & U(0xFF00_0000)))


@njit
def _trace(cpu: Any, cia: Any, kind: Any, operand: Any, causes: Any) -> None:
    """The trace interrupt; SIAR and SDAR tell of the instruction, unless the monitor wants them."""
    if kind & LOADS != 0:
        causes |= LOADED
    if kind & STORES != 0:
        causes |= STORED
    if cpu.spr[MMCR0] & PMAE == U(0):
        cpu.spr[SIAR] = cia
        if kind != 0:
            cpu.spr[SDAR] = operand
    deliver(cpu, U(0xD00), cpu.nia, TRACED | causes)


@njit
def step(cpu: Any, pointer: Any) -> None:
    """Execute the instruction at nia.

    The trace interrupt follows if MSR or CIABR ask for it and nothing else happened.
    """
    msr, start, before = cpu.msr, cpu.nia, cpu.deliveries
    cpu.slice = I(1)
    cpu.icount = I(1)
    cpu.fault = U(0)
    word = word_at_nia(cpu)
    if cpu.deliveries == before:
        kind = kind_of(word)
        operand = address_of_operand(cpu, word) if kind != 0 else U(0)
        cells = (address_of(pointer) + CELLS_AT + U(31)) & ~U(31)
        own = has_own_handlers(mode_of(cpu))
        _step(pointer, pointer_of(cells), word, U(0) if own else U(1), models_now(cpu))
        cpu.retired += U(1)
        opcode = word >> U(26) if word >> U(32) == U(0) else U(1)
        has_jumped = opcode == U(19) and cpu.nia != start + U(4)
        is_branch = opcode == U(16) or opcode == U(18) or has_jumped
        wanted = msr & SINGLE_STEP != U(0) or (msr & BRANCH_TRACE != U(0) and is_branch)
        here = (U(1) if msr & PROBLEM != U(0) else U(2)) | start
        matches = cpu.spr[CIABR] == here
        if (wanted or matches) and cpu.deliveries == before:
            _trace(cpu, start, kind, operand, COMPLETED if matches else U(0))
    cpu.slice = I(0)
    cpu.icount = I(0)
