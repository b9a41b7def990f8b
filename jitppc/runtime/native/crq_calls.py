"""H_SEND_CRQ and H_VIO_SIGNAL where `sc` is executed: an element waits for the device's thread.

What is not plainly right is left to Python (`spapr/hcall/crq.py`, `vio.py`), which knows what is
wrong. Ref: LoPAR 17.2.1.6.7 (H_SEND_CRQ), 17.2.1.3 (H_VIO_SIGNAL); reference §2.10.
"""

from __future__ import annotations

from typing import Any

from numba import carray, njit

from jitppc.ir import crq_layout
from jitppc.ir.crq_layout import CRQ
from jitppc.ir.layout import COUNTER, offset

from . import bells, spin
from .host import U, bswap64, fence, load_acquire, pointer_of, shared_of, store64, store_release

SEND, SIGNAL = U(0x108), U(0x104)
SUCCESS = U(0)
CALLS = COUNTER["crq_calls"]
MAX_WAITING, ELEMENT_SIZE = U(crq_layout.MAX_WAITING), U(crq_layout.ELEMENT_SIZE)
LOCK, PUT, TAKEN, ELEMENTS = (
    U(offset(name, CRQ)) for name in ("lock", "put", "taken", "elements"))


@njit(inline="always")
def crq_at(address: Any) -> Any:
    """The CRQ record at a host address."""
    return carray(pointer_of(address), 1, CRQ)[0]


@njit
def put(crq: Any, high: Any, low: Any) -> Any:
    """1 when the element waits for the device; 0 when that is closed, or many are waiting."""
    spin.take(crq.here + LOCK)
    count = crq.put
    is_taken = U(0)
    if crq.open != U(0) and count - load_acquire(crq.here + TAKEN) < MAX_WAITING:
        where = crq.here + ELEMENTS + count % MAX_WAITING * ELEMENT_SIZE
        store64(where, bswap64(high))
        store64(where + U(8), bswap64(low))
        store_release(crq.here + PUT, count + U(1))
        is_taken = U(1)
    spin.give(crq.here + LOCK)
    if is_taken != U(0):
        bells.ring(crq.bell)
    return is_taken


@njit
def crq_call(cpu: Any) -> Any:
    """Answer the hypercall in r3 if it is one of ours; 1 if it was."""
    call = cpu.gpr[3]
    if call != SEND and call != SIGNAL:
        return U(0)
    where = shared_of(cpu).crqs
    while where != U(0):
        crq = crq_at(where)
        if crq.unit == cpu.gpr[4]:
            return _answer(cpu, crq, call)
        where = crq.next
    return U(0)


@njit
def _answer(cpu: Any, crq: Any, call: Any) -> Any:
    if call == SEND:
        if put(crq, cpu.gpr[5], cpu.gpr[6]) == U(0):
            return U(0)
    else:
        if cpu.gpr[5] > U(1):
            return U(0)
        crq.signals = cpu.gpr[5]
        fence()                          # before the guest looks at its ring once more
    cpu.counters[CALLS] += U(1)
    cpu.gpr[3] = SUCCESS
    return U(1)
