"""Hypercalls that are answered where `sc` is executed: those that wait or wake, on a hashed page
table, of XICS, and of virtual I/O for each request or frame. Python has the others.

Ref: LoPAR 14.5.1.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir.layout import ExitReason

from .hash_calls import hash_call
from .host import U, pointer_of
from .idle import CEDE, PROD, idle_call
from .slices import check_soon, end_slice
from .tce_calls import tce_call
from .vio_calls import vio_call
from .xics import xics_call

HCALL = U(ExitReason.HCALL)


@njit
def hypercall(cpu: Any) -> None:
    """The hypercall in r3 of privileged software: what there is native code for, unless somebody
    looks at all of them. The hashed page table is native code's alone.
    """
    if cpu.hash_mode != U(0) and hash_call(cpu) != U(0):
        return
    if cpu.shows_hcalls != U(0):
        cpu.exit_reason = HCALL
    elif CEDE <= cpu.gpr[3] <= PROD:
        if idle_call(cpu) != U(0):
            end_slice(cpu)
        else:
            cpu.exit_reason = HCALL
    elif xics_call(cpu, pointer_of(cpu.here)) != U(0):
        check_soon(cpu)
    elif tce_call(cpu) == U(0) and vio_call(cpu) == U(0):
        cpu.exit_reason = HCALL
