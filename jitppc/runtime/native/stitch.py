"""Units: stencils of a straight line of instructions copied one behind the other, their holes
filled from the cells. See backend/stencils.py.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir.layout import (
    CELL_BYTES,
    CELLS_PER_PAGE,
    COUNTER,
    HOLE,
    HOLE_KINDS,
    STENCIL,
    UNIT_LIMIT,
    UNIT_ROOM,
    offset,
)

from .host import I, U, cell_at, load8, load16, load32, load64, machine_of, store32, store64

UNITS, UNIT_INSNS, UNIT_FLUSHES = (COUNTER[n] for n in ("units", "unit_insns", "unit_flushes"))
SLOT, NARROW, WIDE, DONE, AT, NEXT, _TARGET = (U(n) for n in range(len(HOLE_KINDS)))
CODE, SIZE, FIRST, HOLES = (U(offset(n, STENCIL)) for n in ("code", "size", "first", "holes"))
HOLE_AT, KIND, WHICH, ADDEND = (U(offset(n, HOLE)) for n in ("at", "kind", "which", "addend"))
ROW, HOLE_BYTES = U(STENCIL.itemsize), U(HOLE.itemsize)
GOES_ON, COUNT = U(1 << 16), U(0xFFFF)


@njit
def is_unit(cpu: Any, code: Any) -> Any:
    """True for the address of a unit."""
    machine = machine_of(cpu)
    return machine.units <= code < machine.units_end


@njit
def stitch(cpu: Any, address: Any, index: Any) -> Any:
    """Make the unit at a cell, the index-th of its page, its entry; False if there is none."""
    machine = machine_of(cpu)
    if machine.stencils == U(0):
        return False
    if machine.units_next + U(UNIT_ROOM) > machine.units_end:
        _forget_units(cpu)
    start = machine.units_next
    at, done = start, U(0)
    while True:
        cell = cell_at(address + done * U(CELL_BYTES))
        row = machine.stencils + (U(cell.handler) + U(1)) * ROW
        plain = load64(cpu.table + U(cell.handler) * U(8))
        stops = done == U(UNIT_LIMIT) or index + done == U(CELLS_PER_PAGE)
        if stops or cell.entry != plain or load32(row + SIZE) + load32(row + HOLES) == U(0):
            if done == U(0):
                return False
            at = _copy(cpu, machine.stencils, at, address, done)
            break
        at = _copy(cpu, row, at, address, done)
        done += U(1)
        if load32(row + HOLES) & GOES_ON == U(0):
            break
    machine.units_next = (at + U(15)) & ~U(15)
    cpu.counters[UNITS] += U(1)
    cpu.counters[UNIT_INSNS] += done
    cell_at(address).entry = start
    return True


@njit
def _copy(cpu: Any, row: Any, to: Any, head: Any, done: Any) -> Any:
    """Copy one stencil for the instruction `done` cells behind the head; returns its end."""
    machine = machine_of(cpu)
    source = machine.stencil_code + load32(row + CODE)
    end = to + load32(row + SIZE)
    for n in range(I((end - to + U(7)) >> U(3))):
        store64(to + U(n * 8), load64(source + U(n * 8)))
    address = head + done * U(CELL_BYTES)
    cell = cell_at(address)
    first = machine.stencil_holes + load32(row + FIRST) * HOLE_BYTES
    for n in range(I(load32(row + HOLES) & COUNT)):
        hole = first + U(n) * HOLE_BYTES
        kind, which = load8(hole + KIND), load8(hole + WHICH)
        place = to + load16(hole + HOLE_AT)
        value = _sign_extended(load32(hole + ADDEND))
        if kind == SLOT:
            value += U(cell.slot[which])
        elif kind == NARROW:
            value += cell.imm
        elif kind == WIDE:
            store64(place, value + cell.imm)
            continue
        elif kind == DONE:
            value += done
        elif kind == AT:
            value += done * U(CELL_BYTES)
        elif kind == NEXT:
            value += end - place
        else:
            value += load64(machine.stencil_targets + which * U(8)) - place
        store32(place, value)
    return end


@njit
def _sign_extended(word: Any) -> Any:
    return (word ^ U(0x8000_0000)) - U(0x8000_0000)


@njit
def _forget_units(cpu: Any) -> None:
    """Give every head its handler back, and begin the buffer afresh. No unit is running."""
    machine = machine_of(cpu)
    for page in range(I(machine.ram_size >> U(12))):
        cells = load64(machine.code_pages + U(page) * U(8))
        if cells == U(0):
            continue
        for n in range(CELLS_PER_PAGE):
            cell = cell_at(cells + U(n * CELL_BYTES))
            if is_unit(cpu, cell.entry):
                cell.entry = load64(cpu.table + U(cell.handler) * U(8))
    machine.units_next = machine.units
    cpu.counters[UNIT_FLUSHES] += U(1)
