"""H_PUT_TCE, H_STUFF_TCE and H_PUT_TCE_INDIRECT on tables that never move, those of the virtual I/O
bus: its drivers in Linux map and unmap every buffer.

What is not plainly right is left to Python (`spapr/hcall/tce.py`), which knows what is wrong.
Ref: LoPAR 14.5.4.2.2, 14.5.4.2.4, 14.5.4.2.5; reference §2.5.
"""

from __future__ import annotations

from typing import Any

from numba import carray, njit

from jitppc.ir.hcalls import Hcall
from jitppc.ir.layout import COUNTER
from jitppc.ir.tce_layout import MAX_TABLES, TCE_TABLE

from .host import U, bswap64, load64, machine_of, pointer_of, shared_of, store64
from .status import SUCCESS

PUT, STUFF, INDIRECT = (
    U(call) for call in (Hcall.H_PUT_TCE, Hcall.H_STUFF_TCE, Hcall.H_PUT_TCE_INDIRECT))
MAX_INDIRECT = U(512)
REAL, LIST_BYTES = U((1 << 60) - 1), U(4096)
TABLE_BYTES = U(TCE_TABLE.itemsize)
CALLS = COUNTER["tce_calls"]


@njit(inline="always")
def _table_at(address: Any) -> Any:
    return carray(pointer_of(address), 1, TCE_TABLE)[0]


@njit
def tce_call(cpu: Any) -> Any:
    """Answer the hypercall in r3 if it is one of ours; 1 if it was."""
    call, where = cpu.gpr[3], shared_of(cpu).tces
    if (call != PUT and call != STUFF and call != INDIRECT) or where == U(0):
        return U(0)
    for _ in range(MAX_TABLES):
        table = _table_at(where)
        if table.page_count == U(0):
            return U(0)
        if table.liobn == cpu.gpr[4]:
            return _put(cpu, table, call)
        where += TABLE_BYTES
    return U(0)


@njit
def _put(cpu: Any, table: Any, call: Any) -> Any:
    count = U(1) if call == PUT else cpu.gpr[7]
    index = (cpu.gpr[5] - table.bus_offset) >> table.page_shift
    if cpu.gpr[5] < table.bus_offset or index >= table.page_count:
        return U(0)
    if count > table.page_count - index:
        return U(0)
    at = table.entries + index * U(8)
    end = at + count * U(8)
    table.is_touched = U(1)
    if call == INDIRECT:
        machine, real = machine_of(cpu), cpu.gpr[6] & REAL
        if count > MAX_INDIRECT or real % LIST_BYTES != U(0):
            return U(0)
        if real >= machine.ram_size:
            return U(0)
        source = machine.ram + real
        while at != end:
            store64(at, bswap64(load64(source)))
            at += U(8)
            source += U(8)
    else:
        while at != end:
            store64(at, cpu.gpr[6])
            at += U(8)
    cpu.counters[CALLS] += U(1)
    cpu.gpr[3] = SUCCESS
    return U(1)
