"""Hashed page table translation: segments, the search, permissions.

An entry of the table is two doublewords, kept in the host's byte order: the guest reaches it by
hypercalls only. It has the format of ISA 2.07 on every processor, as the reference has it.
Ref: Power ISA 2.07 Book III-S 5.7.6 (SLB), 5.7.7 (hashed page table), 5.7.9 (protection).
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir import layout

from .host import I, U, load64, machine_of, store64
from .radix import (
    AMR,
    FETCH,
    IAMR,
    KEY,
    NO_EXECUTE,
    NO_PTE,
    PROTECTED,
    READ,
    SEGMENT,
    WRITE,
    Walked,
)

LARGE_SLB = U(layout.LARGE_SLB)

# of a segment: RB and RS of slbmte
ESID, ESID_1T, SLB_VALID = U(0xFFFF_FFFF_F000_0000), U(0xFFFF_FF00_0000_0000), U(1 << 27)
IS_1T = U(1 << 62)
SUPERVISOR_KEY, PROBLEM_KEY, SEGMENT_NO_EXECUTE = U(0x800), U(0x400), U(0x200)
PAGE_BITS = U(0x130)                     # L, LP
VSID_256M, VSID_1T = U(0x3FFF_FFFF_FFFF_F000), U(0x3FFF_FFFF_FF00_0000)
B = U(3 << 62)

# of an entry of the table
VALID, SECONDARY, LARGE = U(1), U(2), U(4)
AVPN = U(0x3FFF_FFFF_FFFF_FF80)
PP0, PP, NO_EXEC, GUARDED = U(1 << 63), U(3), U(4), U(8)
R, C = U(0x100), U(0x80)
KEY_HIGH, KEY_LOW = U(0x3000_0000_0000_0000), U(0xE00)
RPN = U(0x0FFF_FFFF_FFFF_F000)
M60 = U((1 << 60) - 1)
GROUP_BYTES = U(128)


@njit
def covers(cpu: Any, number: Any, ea: Any) -> Any:
    """True if this SLB entry is valid and has the segment of ea."""
    entry = cpu.slb[number, 0]
    mask = ESID_1T if cpu.slb[number, 1] & IS_1T != U(0) else ESID
    return entry & SLB_VALID != U(0) and (entry ^ ea) & mask == U(0)


@njit
def slb_size(cpu: Any) -> Any:
    """How many entries the processor's segment look-aside buffer has, a power of two."""
    return U(64) if cpu.models & LARGE_SLB != U(0) else U(32)


@njit
def segment_of(cpu: Any, ea: Any) -> Any:
    """Number of the SLB entry that translates ea, or -1."""
    for n in range(I(slb_size(cpu))):
        if covers(cpu, n, ea):
            return I(n)
    return I(-1)


@njit
def base_shift(attributes: Any) -> Any:
    """log2 of a segment's base page size; 0 for one that does not exist."""
    bits = attributes & PAGE_BITS
    if bits == U(0):
        return U(12)
    if bits == U(0x110):
        return U(16)
    if bits == U(0x100):
        return U(24)
    return U(34) if bits == U(0x120) else U(0)


@njit
def _encoded(low: Any, shift: Any, code: Any) -> Any:
    mask = (U(1) << shift) - U(1)
    return low & mask & RPN == code << U(12)


@njit
def page_shift(base: Any, high: Any, low: Any) -> Any:
    """log2 of the size of an entry's page in a segment of this base size; 0 when it is none.

    Ref: reference §4.3.1 (ibm,segment-page-sizes).
    """
    if high & LARGE == U(0):
        return U(12) if base == U(12) else U(0)
    if base == U(12):
        if _encoded(low, U(16), U(7)):
            return U(16)
        return U(24) if _encoded(low, U(24), U(0x38)) else U(0)
    if base == U(16):
        if _encoded(low, U(16), U(1)):
            return U(16)
        return U(24) if _encoded(low, U(24), U(8)) else U(0)
    if base == U(24):
        return U(24) if _encoded(low, U(24), U(0)) else U(0)
    return U(34) if base == U(34) and _encoded(low, U(34), U(3)) else U(0)


@njit
def base_of(high: Any, low: Any) -> Any:
    """log2 of the base page size of the segments that an entry is for; 0 for none."""
    for base in (12, 16, 24, 34):
        if page_shift(U(base), high, low) != U(0):
            return U(base)
    return U(0)


@njit
def _find(cpu: Any, group: Any, wanted: Any, secondary: Any, base: Any) -> Any:
    """Host address of the entry in a group, or 0."""
    machine = machine_of(cpu)
    address = machine.hpt + (group & machine.hpt_mask) * GROUP_BYTES
    for _ in range(8):
        high = load64(address)
        is_there = high & (VALID | SECONDARY) == VALID | secondary
        if is_there and (high ^ wanted) & (B | AVPN) == U(0) and (
                page_shift(base, high, load64(address + U(8))) != U(0)):
            return address
        address += U(16)
    return U(0)


@njit
def walk_hash(cpu: Any, ea: Any, access: Any, problem: Any) -> Walked:
    """Translate; as `radix.walk`. Sets R and C."""
    zero = U(0)
    number = segment_of(cpu, ea)
    if number < I(0):
        return SEGMENT, zero, zero, zero
    attributes = cpu.slb[number, 1]
    base = base_shift(attributes)
    if base == zero:
        return SEGMENT, zero, zero, zero
    if access == FETCH and attributes & SEGMENT_NO_EXECUTE != zero:
        return NO_EXECUTE, zero, zero, zero
    if attributes & IS_1T != zero:
        offset = ea & ~ESID_1T
        vsid = attributes & VSID_1T
        number_of_segment = vsid >> U(24)
        hashed = number_of_segment ^ (number_of_segment << U(25)) ^ (offset >> base)
    else:
        offset = ea & ~ESID
        vsid = attributes & VSID_256M
        hashed = (vsid >> U(12)) ^ (offset >> base)
    aligned = offset & ~((U(1) << base) - U(1))
    wanted = (attributes & B) | vsid | ((aligned >> U(16)) & AVPN)
    address = _find(cpu, hashed, wanted, zero, base)
    if address == zero:
        address = _find(cpu, ~hashed, wanted, SECONDARY, base)
    if address == zero:
        return NO_PTE, zero, zero, zero
    return _use(cpu, ea, access, problem, attributes, base, address)


@njit
def _use(
    cpu: Any, ea: Any, access: Any, problem: Any, attributes: Any, base: Any, address: Any
) -> Walked:
    """Permission, R and C, and the real address of an entry."""
    zero = U(0)
    low = load64(address + U(8))
    is_keyed = attributes & (PROBLEM_KEY if problem else SUPERVISOR_KEY) != zero
    pp = low & PP
    if low & PP0 != zero:
        may_read, may_write = pp == U(2) and not is_keyed, False
    elif is_keyed:
        may_read, may_write = pp != zero, pp == U(2)
    else:
        may_read, may_write = True, pp != U(3)
    may_fetch = may_read and low & (NO_EXEC | GUARDED) == zero and (
        attributes & SEGMENT_NO_EXECUTE == zero)
    cause = zero
    key = ((low & KEY_HIGH) >> U(57)) | ((low & KEY_LOW) >> U(9))
    amr = (cpu.spr[AMR] >> (U(62) - U(2) * key)) & U(3)
    if access == FETCH:
        if (cpu.spr[IAMR] >> (U(62) - U(2) * key)) & U(1) != zero and may_fetch:
            may_fetch, cause = False, KEY
    else:
        if amr & U(1) != zero:
            if access == READ and may_read:
                cause = KEY
            may_read = False
        if amr & U(2) != zero:
            if access == WRITE and may_write:
                cause = KEY
            may_write = False
    allowed = may_fetch if access == FETCH else (may_read if access == READ else may_write)
    if not allowed:
        if cause == zero:
            cause = NO_EXECUTE if access == FETCH and may_read else PROTECTED
        return cause, zero, zero, zero
    used = low | R | (C if access == WRITE else zero)
    if used != low:
        store64(address + U(8), used)
    shift = page_shift(base, load64(address), low)
    inside = (U(1) << shift) - U(1)
    real = (low & RPN & M60 & ~inside) | (ea & inside)
    flags = zero
    if may_read:
        flags |= U(1)
    if may_write and used & C != zero:
        flags |= U(2)
    return zero, real, shift, flags
