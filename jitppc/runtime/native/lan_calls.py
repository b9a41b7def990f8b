"""The hypercalls of a logical LAN's data path, answered where `sc` is executed.

Python (`spapr/vio/native_vlan.py`) has the rest of the adapter's hypercalls.
Ref: LoPAR 17.2.2.4; reference §7.4.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir import lan_layout
from jitppc.ir.layout import offset

from .host import U
from .lan_buffers import add
from .lan_sending import send
from .status import HARDWARE

BUSY = U(lan_layout.BUSY)
GPR_5 = U(offset("gpr") + 8 * 5)


@njit
def lan_call(cpu: Any, lan: Any, adds: Any) -> Any:
    """H_ADD_LOGICAL_LAN_BUFFER, or H_SEND_LOGICAL_LAN; 0: the stream takes nothing now."""
    if adds:
        cpu.gpr[3] = add(lan, cpu.gpr[5])
        return U(1)
    status = HARDWARE
    if cpu.gpr[11] == U(0):
        status = send(lan, cpu.here + GPR_5)
        if status == BUSY:
            return U(0)
        cpu.gpr[4] = U(0)
    cpu.gpr[3] = status
    return U(1)
