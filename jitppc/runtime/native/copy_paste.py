"""Copy and paste between blocks of storage: a buffer of 128 bytes that nobody else sees.

Ref: Book II 4.4. Differs: there is no accelerator to paste to.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from .access import DEVICE, place, put, stored
from .host import I, U, load64
from .interrupts import data_interrupt
from .radix import READ, WRITE
from .watch import is_watched

BLOCK = I(128)
#: DSISR: storage that cannot be copied from or pasted to. Ref: Book III 7.5.3
BAD_COPY = U(1 << (63 - 60))


@njit
def _block(cpu: Any, ea: Any, access: Any) -> Any:
    """The host address of an aligned block of memory; 0 after an interrupt."""
    if is_watched(cpu, ea, BLOCK, access):
        return U(0)
    host = place(cpu, ea, access)
    if host == DEVICE:
        data_interrupt(cpu, BAD_COPY, ea, access)
        return U(0)
    return host


@njit
def copy(cpu: Any) -> None:
    """scratch[0] = the effective address of a block, which goes into the buffer."""
    host = _block(cpu, cpu.scratch[0], READ)
    if host != U(0):
        for n in range(16):
            cpu.copied[n] = load64(host + U(8 * n))
        cpu.has_copied = U(1)


@njit
def paste(cpu: Any) -> None:
    """scratch[0] = the effective address of a block, which the buffer goes to, and is empty then.

    CR0 is 0b001 || SO, or 0b000 || SO if the buffer was empty.
    """
    host = _block(cpu, cpu.scratch[0], WRITE)
    if host == U(0):
        return
    if cpu.has_copied != U(0):
        for n in range(8):
            put(cpu, host + U(16 * n), I(16), cpu.copied[2 * n], cpu.copied[2 * n + 1])
        stored(cpu, host)
    cpu.crf[0] = (2 if cpu.has_copied != U(0) else 0) | cpu.so
    cpu.has_copied = U(0)
