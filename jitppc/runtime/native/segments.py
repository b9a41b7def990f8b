"""The segment look-aside buffer as its instructions see it. Radix translation does not use it.

Dropping an entry drops what was translated through it; writing one drops nothing, as the book has
it.

Each entry keeps RB (ESID and V) and RS (VSID and attributes) as slbmte wrote them.
Ref: Book III 6.9.3.2.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from .contexts import forget_all, forget_user
from .hash import ESID, SLB_VALID, covers, slb_size
from .host import I, U

CLASS = U(0x80)


@njit
def slbmte(cpu: Any) -> None:
    """scratch = RS, RB: write the entry RB names."""
    rs, rb = cpu.scratch[0], cpu.scratch[1]
    index = I(rb & (slb_size(cpu) - U(1)))
    cpu.slb[index, 0] = rb & (ESID | SLB_VALID)
    cpu.slb[index, 1] = rs


@njit
def slbia(cpu: Any) -> None:
    """scratch[0] = IH: which entries are dropped.

    3 and 4 consider all entries, 7 none (only look-aside information, of which there is none), the
    others all but entry 0; 3 and 6 drop only entries of class 1.
    """
    hint = cpu.scratch[0]
    by_class = hint == U(3) or hint == U(6)
    are_users = by_class
    if hint != U(7):
        for n in range(0 if hint == U(3) or hint == U(4) else 1, I(slb_size(cpu))):
            if not by_class or cpu.slb[n, 1] & CLASS != U(0):
                if cpu.slb[n, 0] & SLB_VALID != U(0) and cpu.slb[n, 0] >> U(62) == U(3):
                    are_users = False
                cpu.slb[n, 0] &= ~SLB_VALID
    _forget(cpu, are_users)


@njit
def _forget(cpu: Any, are_users: Any) -> None:
    """Drop what was translated: only through user segments, or all of it."""
    if cpu.hash_mode != U(0):
        if are_users:
            forget_user(cpu)
        else:
            forget_all(cpu)


@njit
def slbie(cpu: Any) -> None:
    """scratch[0] = RB: drop the entry for that segment."""
    rb = cpu.scratch[0]
    for n in range(I(slb_size(cpu))):
        if covers(cpu, n, rb):
            cpu.slb[n, 0] &= ~SLB_VALID
    _forget(cpu, rb >> U(62) != U(3))


@njit
def slbfee(cpu: Any) -> None:
    """scratch = RT, RB: RT <- VSID and attributes of the entry for RB; CR0 says if there is one."""
    rb, found = cpu.scratch[1], U(0)
    cpu.gpr[I(cpu.scratch[0])] = U(0)
    for n in range(I(slb_size(cpu))):
        if covers(cpu, n, rb):
            found = U(2)
            cpu.gpr[I(cpu.scratch[0])] = cpu.slb[n, 1]
    cpu.crf[0] = found | U(cpu.so)


@njit
def slbmfee(cpu: Any) -> None:
    """scratch = RT, RB: RT <- ESID and V of the entry."""
    cpu.gpr[I(cpu.scratch[0])] = cpu.slb[I(cpu.scratch[1] & (slb_size(cpu) - U(1))), 0]


@njit
def slbmfev(cpu: Any) -> None:
    """scratch = RT, RB: RT <- VSID and attributes of the entry."""
    cpu.gpr[I(cpu.scratch[0])] = cpu.slb[I(cpu.scratch[1] & (slb_size(cpu) - U(1))), 1]
