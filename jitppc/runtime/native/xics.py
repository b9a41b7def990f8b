"""The PAPR interrupt controller: a presentation controller (server) for each vCPU, and the sources.

A source is delivered to its server when its priority is more favoured (smaller) than the server's
CPPR and than whatever is pending there; otherwise it is rejected and tried again when the CPPR
rises. Everything is under the controller's lock, which is held for less than a microsecond.
Ref: LoPAR 10.2.3 (PAPR interrupt controller), 14.5.4.6 (its hypercalls).
"""

from __future__ import annotations

from typing import Any

from numba import carray, njit

from jitppc.ir import xics_layout
from jitppc.ir.hcalls import Hcall
from jitppc.ir.layout import COUNTER, offset
from jitppc.ir.xics_layout import XICS_SERVER, XICS_SOURCE, XICS_STATE

from . import bells, spin
from .clock import timebase
from .host import (
    I,
    U,
    exchange,
    load64,
    load_acquire,
    machine_of,
    pointer_of,
    store64,
)
from .status import PARAMETER, SUCCESS

LOCK, ACTIVE = (U(offset(name, XICS_STATE)) for name in ("lock", "active"))
EXTERNAL = U(offset("external"))
SOURCE_BASE, SOURCE_COUNT, IPI, LEAST_FAVOURED = (
    I(getattr(xics_layout, name))
    for name in ("SOURCE_BASE", "SOURCE_COUNT", "IPI_SOURCE", "LEAST_FAVOURED"))
RESET, CLAIM, RELEASE, PULSE, LEVEL, SET_XIVE, GET_XIVE, MASK, UNMASK = (
    U(getattr(xics_layout, name)) for name in (
        "RESET", "CLAIM", "RELEASE", "PULSE", "LEVEL", "SET_XIVE", "GET_XIVE", "MASK", "UNMASK"))
SET_CPPR, SET_MFRR, ACCEPT, END, POLL = (
    U(getattr(xics_layout, name)) for name in ("SET_CPPR", "SET_MFRR", "ACCEPT", "END", "POLL"))
H_EOI, H_CPPR, H_IPI, H_IPOLL, H_XIRR, H_XIRR_X = (
    U(call) for call in (
        Hcall.H_EOI, Hcall.H_CPPR, Hcall.H_IPI, Hcall.H_IPOLL, Hcall.H_XIRR, Hcall.H_XIRR_X))
CALLS = COUNTER["xics_calls"]
SOURCE_BYTES, SERVER_BYTES = U(XICS_SOURCE.itemsize), U(XICS_SERVER.itemsize)


@njit(inline="always")
def xics_at(address: Any) -> Any:
    """The XICS_STATE at a host address."""
    return carray(pointer_of(address), 1, XICS_STATE)[0]


@njit
def _server(x: Any, number: Any) -> Any:
    return carray(pointer_of(x.servers + U(number) * SERVER_BYTES), 1, XICS_SERVER)[0]


@njit
def _source(x: Any, number: Any) -> Any:
    """The source of a number in the range."""
    at = x.sources + U(number - SOURCE_BASE) * SOURCE_BYTES
    return carray(pointer_of(at), 1, XICS_SOURCE)[0]


@njit
def _has_source(x: Any, number: Any) -> Any:
    if number < SOURCE_BASE or number >= SOURCE_BASE + SOURCE_COUNT:
        return False
    return _source(x, number).exists != I(0)


@njit
def xics_call(cpu: Any, pointer: Any) -> Any:
    """Answer the hypercall in r3 if it is one of XICS' and the guest uses it; 1 if it was."""
    call, address = cpu.gpr[3], machine_of(cpu).xics
    if call not in (H_EOI, H_CPPR, H_IPI, H_IPOLL, H_XIRR, H_XIRR_X):
        return U(0)
    if address == U(0) or load_acquire(address + ACTIVE) == U(0):
        return U(0)
    cpu.counters[CALLS] += U(1)
    own, argument = cpu.vcpu_id, cpu.gpr[4]
    cpu.gpr[3] = SUCCESS
    if call == H_EOI:
        ask(address, END, own, argument, U(0))
    elif call == H_CPPR:
        ask(address, SET_CPPR, own, argument, U(0))
    elif call in (H_XIRR, H_XIRR_X):
        cpu.gpr[4] = ask(address, ACCEPT, own, U(0), U(0))
        if call == H_XIRR_X:
            cpu.gpr[5] = timebase(cpu, pointer)
    elif argument >= U(xics_at(address).count):
        cpu.gpr[3] = PARAMETER
    elif call == H_IPI:
        ask(address, SET_MFRR, argument, cpu.gpr[5], U(0))
    else:
        found = ask(address, POLL, argument, U(0), U(0))
        cpu.gpr[4], cpu.gpr[5] = found & U(0xFFFF_FFFF), found >> U(32)
    return U(1)


@njit
def ask(address: Any, what: Any, a: Any, b: Any, c: Any) -> Any:
    """An operation under the lock, and its answer, mostly 0.

    RESET. CLAIM: number, whether it is of a level. RELEASE, PULSE, MASK, UNMASK: number. LEVEL:
    number, level. SET_XIVE: number, server, priority. GET_XIVE: number; server << 8 | priority.
    SET_CPPR, SET_MFRR: server, priority. ACCEPT: server; XIRR. END: server, XIRR. POLL: server;
    MFRR << 32 | XIRR. There must be such a server; of a source that is not there nothing is done.
    """
    spin.take(address + LOCK)
    x = xics_at(address)
    answer = U(0)
    if what == RESET:
        _reset(x)
    elif what == CLAIM:
        _claim(x, I(a), I(b))
    elif what == SET_CPPR:
        _set_cppr(x, I(a), I(b) & I(0xFF))
    elif what == SET_MFRR:
        _set_mfrr(x, I(a), I(b) & I(0xFF))
    elif what == ACCEPT:
        answer = U(_accept(x, I(a)))
    elif what == END:
        _end(x, I(a), I(b))
    elif what == POLL:
        server = _server(x, I(a))
        answer = U(server.mfrr << I(32) | _xirr(server))
    elif _has_source(x, I(a)):
        answer = U(_of_source(x, what, I(a), I(b), I(c)))
    spin.give(address + LOCK)
    return answer


@njit
def _of_source(x: Any, what: Any, number: Any, b: Any, c: Any) -> Any:
    """What devices and RTAS do with a source that is there."""
    source = _source(x, number)
    if what == RELEASE:
        _release(x, number)
    elif what == PULSE:
        if source.priority == LEAST_FAVOURED:
            source.is_masked_pending = I(1)
        else:
            _deliver(x, number)
    elif what == LEVEL:
        source.is_asserted = b
        _resend_source(x, number)
    elif what == SET_XIVE:
        source.server, source.priority, source.saved_priority = b, c, c
        _after_unmask(x, number)
    elif what == GET_XIVE:
        return source.server << I(8) | source.priority
    elif what == MASK:               # the priority is kept for UNMASK. Ref: LoPAR 7.3.10.3
        if source.priority != LEAST_FAVOURED:
            source.saved_priority, source.priority = source.priority, LEAST_FAVOURED
    elif what == UNMASK:
        source.priority = source.saved_priority
        _after_unmask(x, number)
    return I(0)


# What there is.


@njit
def _reset(x: Any) -> None:
    """No priority, nothing pending, all sources masked; levels of level sources stay."""
    for n in range(x.count):
        server = _server(x, n)
        _withdraw(x, n)
        server.cppr, server.mfrr = I(0), LEAST_FAVOURED
    for n in range(x.known):
        _empty(_source(x, _known(x, n)))


@njit
def _empty(source: Any) -> None:
    source.server = source.is_sent = source.is_rejected = source.is_masked_pending = I(0)
    source.priority = source.saved_priority = LEAST_FAVOURED


@njit
def _known(x: Any, n: Any) -> Any:
    """Number of one of the sources that exist."""
    return I(load64(x.numbers + U(n) * U(8)))


@njit
def _claim(x: Any, number: Any, is_level: Any) -> None:
    source = _source(x, number)
    source.exists, source.is_level, source.is_asserted = I(1), is_level, I(0)
    _empty(source)
    store64(x.numbers + U(x.known) * U(8), U(number))
    x.known += I(1)


@njit
def _release(x: Any, number: Any) -> None:
    """The source does not exist any more; what it still had pending is gone."""
    _source(x, number).exists = I(0)
    left = I(0)
    for n in range(x.known):
        if _known(x, n) != number:
            store64(x.numbers + U(left) * U(8), U(_known(x, n)))
            left += I(1)
    x.known = left
    for n in range(x.count):
        if _server(x, n).pending == number:
            _withdraw(x, n)


# Servers.


@njit
def _xirr(server: Any) -> Any:
    return server.cppr << I(24) | server.pending


@njit
def _set_line(x: Any, number: Any, level: Any) -> None:
    cpu = x.cpus[number]
    exchange(cpu + EXTERNAL, level)
    if level != U(0):
        bells.wake(cpu)


@njit
def _present(x: Any, number: Any, what: Any, priority: Any) -> None:
    """This source is pending; the one before is rejected."""
    server = _server(x, number)
    displaced = server.pending
    server.pending, server.pending_priority = what, priority
    _set_line(x, number, U(1))
    _reject(x, displaced)


@njit
def _withdraw(x: Any, number: Any) -> Any:
    """The line is down; the source that had it (0: none) comes back."""
    server = _server(x, number)
    was = server.pending
    server.pending, server.pending_priority = I(0), LEAST_FAVOURED
    _set_line(x, number, U(0))
    return was


@njit
def _bar(server: Any) -> Any:
    """What is more favoured than this priority is presented."""
    return min(server.cppr, server.pending_priority)


@njit
def _set_cppr(x: Any, number: Any, cppr: Any) -> None:
    server = _server(x, number)
    server.cppr = cppr
    if server.pending != I(0) and server.pending_priority >= cppr:
        _reject(x, _withdraw(x, number))
    if server.pending == I(0):
        _resend(x, number)


@njit
def _set_mfrr(x: Any, number: Any, mfrr: Any) -> None:
    server = _server(x, number)
    server.mfrr = mfrr
    if server.pending == IPI and mfrr >= server.pending_priority:
        _withdraw(x, number)
        _resend(x, number)
    else:
        _check_ipi(x, number)


@njit
def _accept(x: Any, number: Any) -> Any:
    """XIRR as it was; what was pending is now in service and sets the CPPR."""
    server = _server(x, number)
    xirr = _xirr(server)
    if server.pending != I(0):
        server.cppr = server.pending_priority
        _withdraw(x, number)
    return xirr


@njit
def _end(x: Any, server: Any, xirr: Any) -> None:
    number = xirr & I(0xFF_FFFF)
    if _has_source(x, number):
        _source(x, number).is_sent = I(0)
    _set_cppr(x, server, xirr >> I(24) & I(0xFF))


@njit
def _check_ipi(x: Any, number: Any) -> None:
    server = _server(x, number)
    if server.mfrr < _bar(server):
        _present(x, number, IPI, server.mfrr)


@njit
def _resend(x: Any, number: Any) -> None:
    """Whatever waits for this server is tried again."""
    _check_ipi(x, number)
    for n in range(x.known):
        which = _known(x, n)
        if _source(x, which).server == number:
            _resend_source(x, which)


# A source's way.


@njit
def _deliver(x: Any, number: Any) -> None:
    source = _source(x, number)
    source.is_sent = I(1)
    if source.priority < _bar(_server(x, source.server)):
        _present(x, source.server, number, source.priority)
    else:
        _reject(x, number)


@njit
def _reject(x: Any, number: Any) -> None:
    if _has_source(x, number):
        source = _source(x, number)
        source.is_sent = I(0)
        source.is_rejected = I(source.is_level == I(0))


@njit
def _after_unmask(x: Any, number: Any) -> None:
    source = _source(x, number)
    if source.priority == LEAST_FAVOURED:
        return
    if source.is_level != I(0):
        _resend_source(x, number)
    elif source.is_masked_pending != I(0):
        source.is_masked_pending = I(0)
        _deliver(x, number)
    else:                            # it may have a new server, or be more favoured now
        _resend_source(x, number)


@njit
def _resend_source(x: Any, number: Any) -> None:
    source = _source(x, number)
    if source.is_level != I(0):
        is_due = source.is_asserted != I(0) and source.is_sent == I(0)
        if is_due and source.priority != LEAST_FAVOURED:
            _deliver(x, number)
    elif source.is_rejected != I(0):
        source.is_rejected = I(0)
        if source.priority == LEAST_FAVOURED:
            source.is_masked_pending = I(1)
        else:
            _deliver(x, number)
