"""When the run loop looks whether something else is to be done."""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir.layout import MSR

from . import pmu
from .host import I, U

EE = U(MSR.EE)


@njit
def end_slice(cpu: Any) -> None:
    """Return to the run loop at the next dispatch; instructions that did not run do not count."""
    cpu.slice -= cpu.icount
    cpu.icount = I(0)


@njit
def check_soon(cpu: Any) -> None:
    """Something may be deliverable now: let the run loop look."""
    pending = (cpu.external | cpu.dec_pending | cpu.doorbell) != U(0) or pmu.is_due(cpu)
    if cpu.msr & EE != U(0) and pending:
        end_slice(cpu)
