"""The hypercalls of a logical LAN's data path, answered where `sc` is executed.

Whatever is not ordinary is left to Python (`spapr/vio/native_vlan.py`), which also has the rest of
the adapter's hypercalls. Ref: LoPAR 17.2.2.4; reference §7.4.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from jitppc.ir import lan_layout
from jitppc.ir.layout import COUNTER, offset

from .host import U, fence, shared_of
from .lan_buffers import PARAMETER, SUCCESS, add
from .lan_record import lan_at
from .lan_sending import send

ADD, SEND, SIGNAL = U(0x11C), U(0x120), U(0x104)
HARDWARE = U(-1 & (1 << 64) - 1)
BUSY = U(lan_layout.BUSY)
CALLS = COUNTER["lan_calls"]
GPR_5 = U(offset("gpr") + 8 * 5)


@njit
def lan_call(cpu: Any) -> Any:
    """Answer the hypercall in r3 if it is one of ours; 1 if it was."""
    call = cpu.gpr[3]
    if call != SEND and call != ADD and call != SIGNAL:
        return U(0)
    where = shared_of(cpu).lans
    while where != U(0):
        lan = lan_at(where)
        if lan.unit == cpu.gpr[4]:
            return _answer(cpu, lan, call)
        where = lan.next
    return U(0)


@njit
def _answer(cpu: Any, lan: Any, call: Any) -> Any:
    if call == SEND:
        status = HARDWARE
        if cpu.gpr[11] == U(0):
            status = send(lan, cpu.here + GPR_5)
            if status == BUSY:
                return U(0)
            cpu.gpr[4] = U(0)
    elif call == ADD:
        status = add(lan, cpu.gpr[5])
    elif cpu.gpr[5] > U(1):
        status = PARAMETER
    else:
        lan.signals = cpu.gpr[5]
        fence()                          # before the guest looks at its queue once more
        status = SUCCESS
    cpu.counters[CALLS] += U(1)
    cpu.gpr[3] = status
    return U(1)
