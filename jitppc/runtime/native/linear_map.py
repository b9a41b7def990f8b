"""The kernel's linear map as one window: host memory at a constant distance, without a look-up.

Regions of kernel code load from `LINEAR_MAP + real` without asking the data TLB while the guest's
tree is known to map all of [0, window_known) so: read, privileged, ordinary storage, R set. Stores
are none of its business: they ask the TLB, which knows of code, read-only pages and C bits. The
window is forgotten by whatever drops a translation of it, and looked at again after some misses.

Ref: Book III 5.7.10 (radix tree translation), 5.7.12 (R, C), 5.8.2 (ATT). docs/regions.md.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir.layout import GRANULE_LOG2, LINEAR_MAP, MSR

from .host import U, machine_of
from .radix import PR, find_leaf

LINEAR = U(LINEAR_MAP)
GRANULE = U(1 << GRANULE_LOG2)
DR = U(MSR.DR)
#: misses that the window has to be wanted by: Linux drops all translations for each patched word
PATIENCE = U(64)
#: a leaf entry: its real page; R and privileged, attributes, reading
RPN = U(0x01FF_FFFF_FFFF_F000)
MUST, MUST_NOT, MAY_READ = U(0x108), U(0x30), U(6)


@njit
def in_window(cpu: Any, ea: Any) -> Any:
    """The address is in what is known of the linear map."""
    return ea - LINEAR < cpu.window_known


@njit
def forget_window(cpu: Any) -> None:
    """Nothing is known of the linear map."""
    cpu.window_known = U(0)
    cpu.window_size = U(0)
    cpu.window_misses = U(0)


@njit
def choose_window(cpu: Any) -> None:
    """The current context has the window or not: privileged, with translation, by a tree."""
    cpu.window_size = U(0)
    if cpu.window_known > GRANULE and cpu.msr & (DR | PR) == DR and cpu.hash_mode == U(0):
        cpu.window_size = cpu.window_known - GRANULE     # no access that begins there ends outside


@njit
def wants_window(cpu: Any, ea: Any) -> Any:
    """A miss of the data TLB: True if it is time to look whether there is a window."""
    if cpu.window_wanted == U(0) or cpu.window_known != U(0):
        return False
    if ea - LINEAR >= machine_of(cpu).ram_size or cpu.msr & (DR | PR) != DR:
        return False
    if cpu.hash_mode != U(0):
        return False
    cpu.window_misses += U(1)
    return cpu.window_misses % PATIENCE == U(0)


@njit
def open_window(cpu: Any) -> None:
    """Look how much of RAM is mapped one to one."""
    machine = machine_of(cpu)
    at, size = U(0), machine.ram_size
    while at < size:
        cause, entry, shift = find_leaf(cpu, LINEAR + at)
        plain = entry & (MUST | MUST_NOT) == MUST and entry & MAY_READ != U(0)
        if cause != U(0) or shift < U(GRANULE_LOG2) or not plain or entry & RPN != at:
            break
        at += U(1) << shift
    cpu.window_known = min(at, size)
    cpu.window_host = machine.ram - LINEAR
    choose_window(cpu)
