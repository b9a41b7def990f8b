"""Loads and stores whose length is in a register: move assist, multiple, and VSX with length.

scratch = first register, effective address, number of bytes.
Ref: Book I 3.3.6, 3.3.7, 7.6.3 (lxvl).
All of the storage is checked before any register or byte changes.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from .access import host_address, put, stored
from .host import I, U, load8
from .radix import READ, WRITE
from .watch import is_watched


@njit
def _reaches(cpu: Any, ea: Any, count: Any, access: Any) -> Any:
    """True if every byte may be accessed; else the interrupt is delivered."""
    if count == U(0):
        return True
    if is_watched(cpu, ea, count, access):
        return False
    if host_address(cpu, ea, access) == U(0):
        return False
    return host_address(cpu, (ea + count - U(1)) & cpu.ea_mask, access) != U(0)


@njit
def load_string(cpu: Any) -> None:
    """Bytes into the low words of consecutive GPRs, left to right, the last word's rest zero."""
    register, ea, count = cpu.scratch[0], cpu.scratch[1], cpu.scratch[2]
    if not _reaches(cpu, ea, count, READ):
        return
    for start in range(0, I(count), 4):
        word = U(0)
        for n in range(4):
            word <<= U(8)
            if start + n < I(count):
                word |= load8(host_address(cpu, (ea + U(start + n)) & cpu.ea_mask, READ))
        cpu.gpr[(I(register) + start // 4) % 32] = word


@njit
def store_string(cpu: Any) -> None:
    """The other way round."""
    register, ea, count = cpu.scratch[0], cpu.scratch[1], cpu.scratch[2]
    if not _reaches(cpu, ea, count, WRITE):
        return
    for n in range(I(count)):
        word = cpu.gpr[(I(register) + n // 4) % 32]
        host = host_address(cpu, (ea + U(n)) & cpu.ea_mask, WRITE)
        put(cpu, host, I(1), (word >> U(24 - 8 * (n % 4))) & U(255), U(0))
        stored(cpu, host)


@njit
def _place(little: Any, n: Any) -> tuple[Any, Any]:
    """Where byte n from the start, right end or left, lies in a VSR: (doubleword, shift)."""
    from_right = n if little else I(15) - n
    return from_right >> I(3), U((from_right & I(7)) * I(8))


@njit
def _load(cpu: Any, little: Any) -> None:
    register, ea, count = cpu.scratch[0], cpu.scratch[1], cpu.scratch[2]
    if not _reaches(cpu, ea, count, READ):
        return
    low, high = U(0), U(0)
    for n in range(I(count)):
        byte = load8(host_address(cpu, (ea + U(n)) & cpu.ea_mask, READ))
        half, shift = _place(little, I(n))
        if half == I(0):
            low |= byte << shift
        else:
            high |= byte << shift
    cpu.vsr[I(register), 0] = low
    cpu.vsr[I(register), 1] = high


@njit
def _store(cpu: Any, little: Any) -> None:
    register, ea, count = cpu.scratch[0], cpu.scratch[1], cpu.scratch[2]
    if not _reaches(cpu, ea, count, WRITE):
        return
    for n in range(I(count)):
        half, shift = _place(little, I(n))
        byte = (cpu.vsr[I(register), half] >> shift) & U(255)
        host = host_address(cpu, (ea + U(n)) & cpu.ea_mask, WRITE)
        put(cpu, host, I(1), byte, U(0))
        stored(cpu, host)


@njit
def lxvl(cpu: Any) -> None:
    """Load VSX vector with length, in the mode's byte order."""
    _load(cpu, cpu.little != 0)


@njit
def lxvll(cpu: Any) -> None:
    """Load VSX vector left-justified with length."""
    _load(cpu, False)


@njit
def stxvl(cpu: Any) -> None:
    """Store VSX vector with length, in the mode's byte order."""
    _store(cpu, cpu.little != 0)


@njit
def stxvll(cpu: Any) -> None:
    """Store VSX vector left-justified with length."""
    _store(cpu, False)
