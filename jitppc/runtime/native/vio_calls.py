"""Hypercalls to virtual devices that have a record of their own, whichever it is.

What is not plainly right is left to Python (`spapr/hcall/`), which knows what is wrong.
Ref: LoPAR 17.2.1.3 (H_VIO_SIGNAL), 16.6.2 (H_PUT_TERM_CHAR).
"""

from __future__ import annotations

from typing import Any

from numba import carray, njit

from jitppc.ir import vio_layout
from jitppc.ir.hcalls import Hcall
from jitppc.ir.layout import COUNTER
from jitppc.ir.vio_layout import VIO_DEVICE

from .crq_calls import crq_at, send_element
from .host import U, fence, pointer_of, shared_of
from .lan_calls import lan_call
from .lan_record import lan_at
from .status import SUCCESS
from .vty_calls import put_text, vty_at

SIGNAL, ADD, SEND_FRAME, SEND_ELEMENT, PUT_TEXT = (
    U(call) for call in (
        Hcall.H_VIO_SIGNAL, Hcall.H_ADD_LOGICAL_LAN_BUFFER, Hcall.H_SEND_LOGICAL_LAN,
        Hcall.H_SEND_CRQ, Hcall.H_PUT_TERM_CHAR))
LAN_DEVICE, CRQ_DEVICE, VTY_DEVICE = (
    U(kind) for kind in (vio_layout.LAN_DEVICE, vio_layout.CRQ_DEVICE, vio_layout.VTY_DEVICE))
CALLS = COUNTER["vio_calls"]


@njit(inline="always")
def _device_at(address: Any) -> Any:
    """The VIO_DEVICE at a host address."""
    return carray(pointer_of(address), 1, VIO_DEVICE)[0]


@njit
def vio_call(cpu: Any) -> Any:
    """Answer the hypercall in r3 if it is one of ours; 1 if it was."""
    call = cpu.gpr[3]
    if call not in (SIGNAL, ADD, SEND_FRAME, SEND_ELEMENT, PUT_TEXT):
        return U(0)
    where = shared_of(cpu).vio
    while where != U(0):
        device = _device_at(where)
        if device.unit == cpu.gpr[4]:
            is_answered = _answer(cpu, device, call)
            cpu.counters[CALLS] += is_answered
            return is_answered
        where = device.next
    return U(0)


@njit
def _answer(cpu: Any, device: Any, call: Any) -> Any:
    kind = device.kind
    is_done = U(0)
    if kind == VTY_DEVICE:
        if call == PUT_TEXT:
            is_done = put_text(vty_at(device.here), cpu.gpr[5], cpu.gpr[6], cpu.gpr[7])
    elif call == SIGNAL:
        if cpu.gpr[5] <= U(1):
            device.signals = cpu.gpr[5]
            fence()                      # before the guest looks at its queue once more
            is_done = U(1)
    elif kind == LAN_DEVICE:
        if call in (ADD, SEND_FRAME):
            return lan_call(cpu, lan_at(device.here), call == ADD)
    elif kind == CRQ_DEVICE and call == SEND_ELEMENT:
        is_done = send_element(crq_at(device.here), cpu.gpr[5], cpu.gpr[6])
    if is_done != U(0):
        cpu.gpr[3] = SUCCESS
    return is_done
