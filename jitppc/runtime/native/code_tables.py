"""Code TLBs: from the page of an effective address to its cells.

A table has one place for a page. What has to give way there goes to a second place, found by other
bits of its address, where `far_jump` and `dispatch` look next: two pages in use that have their
first place in common do not drive each other out.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir.layout import (
    CODE_MASK,
    CODE_SHIFT,
    FILL_LOG,
    ITLB_ENTRIES,
    NO_TAG,
    SECOND_ENTRIES,
    SECOND_MASK,
    SECOND_SHIFT,
    SECOND_START,
)

from .host import I, U, code_entry, mmu_of

NONE = U(NO_TAG)


@njit
def first_place(ea: Any) -> Any:
    """Where in a code table the entry for an effective address is."""
    return (ea >> U(CODE_SHIFT)) & U(CODE_MASK)


@njit
def second_place(ea: Any) -> Any:
    """... and where, when it had to give way to another."""
    line = ea >> U(CODE_SHIFT)
    return U(SECOND_START) + ((line ^ (line >> U(SECOND_SHIFT))) & U(SECOND_MASK))


@njit
def fill_code(cpu: Any, ea: Any, cells: Any) -> None:
    """The current code table leads from the page of an effective address to its cells."""
    entry, tag = code_entry(cpu.itlb + first_place(ea)), ea & ~U(4095)
    if entry.tag not in (NONE, tag):
        _fill_entry(cpu, cpu.itlb + second_place(entry.tag), entry.tag, entry.cells)
    _fill_entry(cpu, cpu.itlb + first_place(ea), tag, cells)


@njit
def _fill_entry(cpu: Any, address: Any, tag: Any, cells: Any) -> None:
    _log_code_fill(cpu, address)
    entry = code_entry(address)
    entry.tag = tag
    entry.cells = cells


@njit
def clear_code(cpu: Any, slot: Any) -> None:
    """Empty one code table."""
    mmu = mmu_of(cpu)
    address, fills = mmu.code_tables[slot], mmu.code_fills[slot]
    if fills <= U(FILL_LOG):
        for n in range(I(fills)):
            code_entry(address + U(mmu.code_log[slot, n]) * U(16)).tag = NONE
    else:
        for n in range(ITLB_ENTRIES + SECOND_ENTRIES):
            code_entry(address + U(n) * U(16)).tag = NONE
    mmu.code_fills[slot] = U(0)


@njit
def _log_code_fill(cpu: Any, address: Any) -> None:
    """An entry of the current code table was filled."""
    mmu = mmu_of(cpu)
    slot = I(cpu.code_slot)
    fills = mmu.code_fills[slot]
    if fills < U(FILL_LOG):
        mmu.code_log[slot, I(fills)] = (address - cpu.itlb) >> U(4)
    mmu.code_fills[slot] = fills + U(1)


@njit
def forget_code(table: Any, start: Any, pages: Any) -> None:
    """A code table leads nowhere from so many pages, the first of which is at `start`."""
    if pages > ITLB_ENTRIES:
        for n in range(ITLB_ENTRIES + SECOND_ENTRIES):
            code_entry(table + U(n) * U(16)).tag = NONE
        return
    for n in range(pages):
        tag = start + U(n) * U(4096)
        for place in (first_place(tag), second_place(tag)):
            entry = code_entry(table + place)
            if entry.tag == tag:
                entry.tag = NONE
