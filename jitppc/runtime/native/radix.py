"""Radix translation: the walk. The accepted tree shape and causes are those of the reference.

Ref: Book III 5.7.10.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir.layout import MSR

from .host import U, bswap64, load64, machine_of

DIRECT = U(MSR.DR)
PR = U(MSR.PR)
FETCH, READ, WRITE = U(0), U(1), U(2)

# causes, as DSISR bits (for a fetch: SRR1 bits)
NO_PTE, PROTECTED, STORE = U(0x4000_0000), U(0x0800_0000), U(0x0200_0000)
KEY, BAD_TREE, NEEDS_RC = U(0x0020_0000), U(0x0008_0000), U(0x0004_0000)
NO_EXECUTE = U(0x1000_0000)
SEGMENT = U(1)               # not a DSISR bit: a segment interrupt
NOT_RAM = U(2)               # not a DSISR bit: the real address is not memory

QUADRANT_HOLE = U(0x3FF0_0000_0000_0000)
REAL_MASK = U(0x0FFF_FFFF_FFFF_FFFF)
ROOT_BASE = U(0x0FFF_FFFF_FFFF_FF00)
RPN = U(0x01FF_FFFF_FFFF_F000)
AMR, IAMR, PIDR = 29, 61, 48

#: cause or 0, real address, log2 of the page size, what else is allowed (1 read, 2 write)
Walked = tuple[Any, Any, Any, Any]


@njit
def real_doubleword(cpu: Any, gra: Any) -> Any:
    """A big-endian doubleword of guest memory, 0 (an invalid entry) outside it."""
    machine = machine_of(cpu)
    if gra + U(8) > machine.ram_size or gra + U(8) < gra:
        return U(0)
    return bswap64(load64(machine.ram + gra))


@njit
def walk(cpu: Any, ea: Any, access: Any, problem: Any) -> Walked:
    """Translate in radix mode."""
    cause, entry, shift = find_leaf(cpu, ea)
    if cause != U(0):
        return cause, U(0), U(0), U(0)
    return _check(cpu, ea, access, problem, entry, shift)


@njit
def find_leaf(cpu: Any, ea: Any) -> tuple[Any, Any, Any]:
    """Cause or 0, the leaf entry of an address, log2 of its page's size."""
    zero = U(0)
    if ea & QUADRANT_HOLE != zero:
        return SEGMENT, zero, zero
    quadrant = ea >> U(62)
    if quadrant == U(0):
        pid = cpu.spr[PIDR] & U(0xFFFF_FFFF)
    elif quadrant == U(3):
        pid = zero
    else:
        return SEGMENT, zero, zero
    table = cpu.process_table
    size = U(1) << (U(12) + (table & U(0x1F)))
    base = table & U(0x0FFF_FFFF_FFFF_F000)
    if base & (size - U(1)) != zero:
        return BAD_TREE, zero, zero
    if pid * U(16) >= size:
        return NO_PTE, zero, zero
    root = real_doubleword(cpu, base + pid * U(16))
    if root == zero:
        return BAD_TREE, zero, zero
    space = ((root >> U(58)) & U(0x18)) | ((root >> U(5)) & U(7))
    if space + U(31) != U(52):
        return BAD_TREE, zero, zero
    return _descend(cpu, ea, root & ROOT_BASE, root & U(0x1F))


@njit
def _descend(cpu: Any, ea: Any, base: Any, bits: Any) -> tuple[Any, Any, Any]:
    zero = U(0)
    below = U(52)
    for _level in range(4):
        if bits < U(5) or bits > U(16) or below < bits + U(12):
            return BAD_TREE, zero, zero
        below -= bits
        index = (ea >> below) & ((U(1) << bits) - U(1))
        entry = real_doubleword(cpu, base + index * U(8))
        if entry >> U(63) == zero:
            return NO_PTE, zero, zero
        if entry & U(1 << 62) != zero:
            return zero, entry, below
        base = entry & ROOT_BASE
        bits = entry & U(0x1F)
    return BAD_TREE, zero, zero


@njit
def _check(cpu: Any, ea: Any, access: Any, problem: Any, entry: Any, shift: Any) -> Walked:
    """Permission and reference/change rules of a leaf entry."""
    zero = U(0)
    attributes = entry & U(0x30)
    may_read, may_write = entry & U(6) != zero, entry & U(2) != zero
    may_fetch = entry & U(1) != zero and attributes != U(0x20)
    is_privileged = entry & U(8) != zero
    cause = zero
    if problem:
        if is_privileged:
            may_read = may_write = may_fetch = False
    elif not is_privileged:      # key 0 guards the supervisor's access to user pages
        if access == FETCH:
            if cpu.spr[IAMR] & U(1 << 62) != zero:
                may_fetch = False
                cause = KEY
        else:
            if cpu.spr[AMR] & U(1 << 62) != zero:
                if access == READ and may_read:
                    cause = KEY
                may_read = False
            if cpu.spr[AMR] & U(1 << 63) != zero:
                if access == WRITE and may_write:
                    cause = KEY
                may_write = False
    allowed = may_fetch if access == FETCH else (may_read if access == READ else may_write)
    if not allowed:
        if cause == zero:
            cause = NO_EXECUTE if access == FETCH else PROTECTED
        return cause, zero, zero, zero
    if entry & U(0x100) == zero or (access == WRITE and entry & U(0x80) == zero):
        return NEEDS_RC, zero, zero, zero
    page = U(1) << shift
    real = (entry & RPN & ~(page - U(1))) | (ea & (page - U(1)))
    flags = zero
    if may_read:
        flags |= U(1)
    if may_write and entry & U(0x80) != zero:
        flags |= U(2)
    return zero, real, shift, flags


