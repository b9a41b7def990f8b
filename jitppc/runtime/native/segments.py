"""The segment look-aside buffer as its instructions see it. Radix translation does not use it.

Each entry keeps RB (ESID and V) and RS (VSID and attributes) as slbmte wrote them.
Ref: Book III 6.9.3.2.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from .host import I, U

ESID, VALID = U(0xFFFF_FFFF_F000_0000), U(1 << 27)
CLASS = U(0x80)
SIZE_1T = U(1 << 62)


@njit
def slbmte(cpu: Any) -> None:
    """scratch = RS, RB: write the entry RB names."""
    rs, rb = cpu.scratch[0], cpu.scratch[1]
    index = I(rb & U(31))
    cpu.slb[index, 0] = rb & (ESID | VALID)
    cpu.slb[index, 1] = rs


@njit
def slbia(cpu: Any) -> None:
    """scratch[0] = IH: drop all entries, but entry 0 for 1 and 2, by class for 3, none for 4."""
    hint = cpu.scratch[0]
    for n in range(32):
        spared = n == 0 and (hint == U(1) or hint == U(2))
        if hint == U(3) and cpu.slb[n, 1] & CLASS == U(0):
            spared = True
        if hint == U(4):
            spared = True  # only look-aside information derived from the entries
        if not spared:
            cpu.slb[n, 0] &= ~VALID


@njit
def slbie(cpu: Any) -> None:
    """scratch[0] = RB: drop the entry for that segment."""
    rb = cpu.scratch[0]
    for n in range(32):
        mask = U(0xFFFF_FF00_0000_0000) if cpu.slb[n, 1] & SIZE_1T != U(0) else ESID
        if cpu.slb[n, 0] & VALID != U(0) and (cpu.slb[n, 0] ^ rb) & mask == U(0):
            cpu.slb[n, 0] &= ~VALID


@njit
def slbmfee(cpu: Any) -> None:
    """scratch = RT, RB: RT <- ESID and V of the entry."""
    cpu.gpr[I(cpu.scratch[0])] = cpu.slb[I(cpu.scratch[1] & U(31)), 0]


@njit
def slbmfev(cpu: Any) -> None:
    """scratch = RT, RB: RT <- VSID and attributes of the entry."""
    cpu.gpr[I(cpu.scratch[0])] = cpu.slb[I(cpu.scratch[1] & U(31)), 1]
