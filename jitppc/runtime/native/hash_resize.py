"""A hashed page table of another size: bolted entries move, the guest enters the others again.

Ref: LoPAR 14.5.4.1 (H_RESIZE_HPT_COMMIT); Power ISA 2.07 Book III-S 5.7.7 (the hash).
"""

from __future__ import annotations

from typing import Any

from numba import njit

from .hash import AVPN, GROUP_BYTES, IS_1T, SECONDARY, VALID, base_of
from .host import I, U, load64, machine_of, store64

BOLTED = U(0x10)
KNOWN_BITS = U(23)                       # an entry has the address bits above these
ENTRIES = U(8)


@njit
def resize(cpu: Any) -> Any:
    """The bolted entries are in another table, too; 0 when one has no room there.

    scratch[0], [1] = host address of the other table, which is empty, and its groups - 1.
    """
    machine = machine_of(cpu)
    table, mask = cpu.scratch[0], cpu.scratch[1]
    for number in range(I((machine.hpt_mask + U(1)) * ENTRIES)):
        address = machine.hpt + U(number) * U(16)
        high, low = load64(address), load64(address + U(8))
        base = base_of(high, low)
        if high & (VALID | BOLTED) != VALID | BOLTED or base == U(0):
            continue
        hashed = _hash(high, U(number) // ENTRIES, machine.hpt_mask, base)
        primary = table + (hashed & mask) * GROUP_BYTES
        secondary = table + (~hashed & mask) * GROUP_BYTES
        if not _put(primary, high & ~SECONDARY, low) and not _put(secondary, high | SECONDARY, low):
            return U(0)
    return U(1)


@njit
def _hash(high: Any, group: Any, mask: Any, base: Any) -> Any:
    """The hash of an entry that was in this group: with it come the address bits it has not."""
    known = high & AVPN
    if high & IS_1T != U(0):
        segment = known >> U(24)
        hashed, offset = segment ^ (segment << U(25)), (known & U(0xFF_FF80)) << U(16)
    else:
        hashed, offset = known >> U(12), (known & U(0xF80)) << U(16)
    if base < KNOWN_BITS:
        if high & SECONDARY != U(0):
            group = ~group
        page = (hashed ^ group) & mask
        offset |= (page << base) & ((U(1) << KNOWN_BITS) - U(1))
    return hashed ^ (offset >> base)


@njit
def _put(group: Any, high: Any, low: Any) -> Any:
    """True when the group had room for the entry."""
    for n in range(8):
        address = group + U(16 * n)
        if load64(address) & VALID == U(0):
            store64(address + U(8), low)
            store64(address, high)
            return True
    return False
