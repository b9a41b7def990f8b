"""The XIVE controller's events and pages: source, queue, context, line to the processor.

Everything here is under the controller's lock, which is held for less than a microsecond. What the
guest configures by hypercalls is written by spapr/xive/controller.py under the same lock.
Ref: reference §6.2 (ESB, EQ, TIMA).
"""

from __future__ import annotations

from typing import Any

from numba import carray, njit

from jitppc.ir import xive_layout
from jitppc.ir.layout import offset
from jitppc.ir.xive_layout import XIVE_CONTEXT, XIVE_QUEUE, XIVE_SOURCE, XIVE_STATE
from jitppc.ir.xive_places import (
    CONTEXT_PAGES_GRA,
    OS_PAGE_GRA,
    PAGE_SIZE,
    PAGES_END,
    PAGES_START,
    PAIR_LOG2,
    PRIORITIES,
    QUEUE_PAGES_GRA,
    SOURCE_PAGES_GRA,
    SOURCES,
    USER_PAGE_GRA,
)

from . import bells, spin
from .host import (
    I,
    U,
    bswap64,
    exchange,
    load64,
    load_acquire,
    pointer_of,
    store32,
)

LOCK, ACTIVE = (U(offset(name, XIVE_STATE)) for name in ("lock", "active"))
EXTERNAL = U(offset("external"))
START, END = U(PAGES_START), U(PAGES_END)
ALL_ONES = U((1 << 64) - 1)
#: P and Q: an event was sent on and is not ended yet; another one came meanwhile
READY, OFF, PENDING, QUEUED = I(0), I(1), I(2), I(3)
# What an offset in a management page asks for; bits 11:8 decide.
OFFSET_MASK, STORE_END, READ_STATE, SET_STATE = U(0xF00), U(0x400), U(0x800), U(0xC00)
# Offsets in the page of the operating system's context.
RING, CPPR, RING_LAST, RING_END = I(0x10), I(0x11), I(0x17), I(0x40)
SPECIAL, ACKNOWLEDGE, SET_PENDING = I(0x800), I(0x810), I(0x812)
LEAST_FAVOURED, PRESENTED = I(0xFF), I(0x80)
TOUCH, PULSE, LEVEL, STORE = (
    U(getattr(xive_layout, name)) for name in ("TOUCH", "PULSE", "LEVEL", "STORE"))


@njit(inline="always")
def xive_at(address: Any) -> Any:
    """The XIVE_STATE at a host address."""
    return carray(pointer_of(address), 1, XIVE_STATE)[0]


@njit
def _source(x: Any, number: Any) -> Any:
    return carray(pointer_of(x.sources + U(number) * U(64)), 1, XIVE_SOURCE)[0]


@njit
def _queue(x: Any, number: Any) -> Any:
    return carray(pointer_of(x.queues + U(number) * U(64)), 1, XIVE_QUEUE)[0]


@njit
def _context(x: Any, number: Any) -> Any:
    return carray(pointer_of(x.contexts + U(number) * U(32)), 1, XIVE_CONTEXT)[0]


@njit
def answers(address: Any, real: Any) -> Any:
    """A page of this controller is at a real address, and the guest uses it."""
    return address != U(0) and START <= real < END and load_acquire(address + ACTIVE) != U(0)


@njit
def ask(address: Any, what: Any, a: Any, b: Any, c: Any) -> Any:
    """An operation under the lock: its answer, and the real address + 1 of code written over, or 0.

    TOUCH: real address, bytes | 256 for a store | number of the vCPU << 32, value; the value loaded
    is as it would be in a register of a little-endian processor. PULSE: number of a source. LEVEL:
    number, level. RESET: no context has anything.
    """
    spin.take(address + LOCK)
    x = xive_at(address)
    x.hit = U(0)
    answer = U(0)
    if what == TOUCH:
        answer = _touch(x, a, b, c)
    elif what == PULSE:
        _pulse(x, a)
    elif what == LEVEL:
        _set_level(x, a, I(b))
    else:
        for target in range(x.count):
            context = _context(x, target)
            context.cppr = context.pending = I(0)
            _present(x, I(target))
    hit = x.hit
    spin.give(address + LOCK)
    return answer, hit


# Loads and stores.


@njit
def _swapped(value: Any, size: Any) -> Any:
    """The low bytes of a number the other way round."""
    return bswap64(value) >> (U(64) - size * U(8))


@njit
def _touch(x: Any, real: Any, kind: Any, value: Any) -> Any:
    size, vcpu = kind & U(255), I(kind >> U(32))
    if kind & STORE != U(0):
        _store(x, real, size, _swapped(value, size), vcpu)
        return U(0)
    return _swapped(_load(x, real, size, vcpu), size)


@njit
def _load(x: Any, real: Any, size: Any, vcpu: Any) -> Any:
    """All ones where nothing is."""
    inside = real & U(PAGE_SIZE - 1)
    if real >= U(CONTEXT_PAGES_GRA):
        page = real - inside
        if page == U(OS_PAGE_GRA):
            return _context_load(x, vcpu, I(inside), I(size))
        return U(0) if page == U(USER_PAGE_GRA) else ALL_ONES
    if real & U(PAGE_SIZE) == U(0):
        return ALL_ONES
    if real >= U(QUEUE_PAGES_GRA):
        index = (real - U(QUEUE_PAGES_GRA)) >> U(PAIR_LOG2)
        if I(index) >= x.count * I(PRIORITIES):
            return ALL_ONES
        value, again = _state_load(_queue(x, index), inside)
        if again:
            _tell(x, I(index))
        return value
    source = _source(x, (real - U(SOURCE_PAGES_GRA)) >> U(PAIR_LOG2))
    if source.exists == I(0):
        return ALL_ONES
    value, again = _state_load(source, inside)
    sent = _after(x, source, again)
    return value if inside & READ_STATE != U(0) else U(sent)


@njit
def _store(x: Any, real: Any, size: Any, value: Any, vcpu: Any) -> None:
    inside = real & U(PAGE_SIZE - 1)
    if real >= U(CONTEXT_PAGES_GRA):
        if real - inside == U(OS_PAGE_GRA):
            _context_store(x, vcpu, I(inside), I(size), value)
    elif real >= U(QUEUE_PAGES_GRA):
        index = (real - U(QUEUE_PAGES_GRA)) >> U(PAIR_LOG2)
        is_there = real & U(PAGE_SIZE) != U(0) and I(index) < x.count * I(PRIORITIES)
        if is_there and _state_store(_queue(x, index), inside):
            _tell(x, I(index))
    else:
        number = (real - U(SOURCE_PAGES_GRA)) >> U(PAIR_LOG2)
        if real & U(PAGE_SIZE) == U(0):
            _pulse(x, number)
            return
        source = _source(x, number)
        if source.exists != I(0):
            _after(x, source, _state_store(source, inside))


# The two bits of a source or a queue.


@njit
def _trigger(event: Any) -> Any:
    """An event; whether it is to be sent on."""
    was = event.pq
    if was == READY:
        event.pq = PENDING
    elif was != OFF:
        event.pq = QUEUED
    return was == READY


@njit
def _end(event: Any) -> Any:
    """The last event has been handled; whether a queued one comes next."""
    was = event.pq
    if was != OFF:
        event.pq = PENDING if was == QUEUED else READY
    return was == QUEUED


@njit
def _state_load(event: Any, inside: Any) -> Any:
    """What a load from the management page answers, and whether an event is to be sent on."""
    what = inside & OFFSET_MASK
    if what < READ_STATE:
        again = _end(event)
        return U(again), again
    old = U(event.pq)
    if what >= SET_STATE:
        event.pq = I(what >> U(8)) & I(3)
    return old, False


@njit
def _state_store(event: Any, inside: Any) -> Any:
    """A store to the management page; whether an event is to be sent on."""
    what = inside & OFFSET_MASK
    if what >= SET_STATE:
        event.pq = I(what >> U(8)) & I(3)
        return False
    if STORE_END <= what < READ_STATE:
        return _end(event)
    return _trigger(event)


# An event's way.


@njit
def _pulse(x: Any, number: Any) -> None:
    """Nothing happens when there is no such source."""
    if number < U(SOURCES):
        source = _source(x, number)
        if source.exists != I(0) and _trigger(source):
            _send(x, source)


@njit
def _set_level(x: Any, number: Any, level: Any) -> None:
    source = _source(x, number)
    source.is_asserted = level
    _trigger_level(x, source)


@njit
def _after(x: Any, source: Any, again: Any) -> Any:
    """The guest has touched the bits; whether an event was sent on now."""
    if again:
        _send(x, source)
        return True
    return _trigger_level(x, source)


@njit
def _trigger_level(x: Any, source: Any) -> Any:
    """A source that is still asserted when it is ready again has another event."""
    is_due = source.is_level != I(0) and source.is_asserted != I(0) and source.pq == READY
    if is_due and _trigger(source):
        _send(x, source)
    return is_due


@njit
def _send(x: Any, source: Any) -> None:
    if source.is_masked != I(0) or source.priority >= I(PRIORITIES):
        return
    index = source.target * I(PRIORITIES) + source.priority
    if _post(x, _queue(x, index), source.data):
        _tell(x, index)


@njit
def _post(x: Any, queue: Any, data: Any) -> Any:
    """The word is in memory; whether the processor is to hear of it."""
    if queue.size_log2 == I(0):
        return False
    real = U(queue.gra + queue.index * I(4))
    if real + U(4) <= x.ram_size:
        word = U(queue.generation << I(31) | data & I(0x7FFF_FFFF))
        store32(x.ram + real, bswap64(word) >> U(32))
        if x.owners != U(0) and load64(x.owners + (real >> U(12)) * U(8)) != U(0):
            x.hit = real + U(1)
    queue.index += I(1)
    if queue.index << I(2) == I(1) << queue.size_log2:
        queue.index = I(0)
        queue.generation ^= I(1)
    return queue.notifies_always != I(0) or _trigger(queue)


@njit
def _tell(x: Any, index: Any) -> None:
    """The processor of this queue has its priority pending."""
    _set_pending(x, index // I(PRIORITIES), index % I(PRIORITIES))


# The context of a processor.


@njit
def _most_favoured(pending: Any) -> Any:
    """The priority of the highest bit of a set of eight; LEAST_FAVOURED for none."""
    for priority in range(8):
        if pending & (I(0x80) >> I(priority)) != I(0):
            return I(priority)
    return LEAST_FAVOURED


@njit
def _present(x: Any, target: Any) -> None:
    """The line is up while a priority is pending that is more favoured than the CPPR."""
    context = _context(x, target)
    is_presented = _most_favoured(context.pending) < context.cppr
    context.is_presented = I(is_presented)
    cpu = x.cpus[target]
    exchange(cpu + EXTERNAL, U(is_presented))
    if is_presented:
        bells.wake(cpu)


@njit
def _set_pending(x: Any, target: Any, priority: Any) -> None:
    context = _context(x, target)
    context.pending |= I(0x80) >> priority
    _present(x, target)


@njit
def _nsr(context: Any) -> Any:
    return PRESENTED if context.is_presented != I(0) else I(0)


@njit
def _acknowledge(x: Any, target: Any) -> Any:
    """NSR << 8 | CPPR: what is presented is in service and sets the CPPR."""
    context = _context(x, target)
    nsr = _nsr(context)
    if nsr != I(0):
        context.cppr = _most_favoured(context.pending)
        context.pending &= ~(I(0x80) >> context.cppr)
        _present(x, target)
    return U(nsr << I(8) | context.cppr)


@njit
def _context_load(x: Any, target: Any, inside: Any, size: Any) -> Any:
    """NSR, CPPR, IPB, LSMFB, ACK#, INC, AGE, PIPR; the word behind them is not shown."""
    if inside >= SPECIAL:
        is_right = inside == ACKNOWLEDGE and size == I(2)
        return _acknowledge(x, target) if is_right else ALL_ONES
    if inside + size > RING_END:
        return ALL_ONES
    context, value = _context(x, target), U(0)
    for at in range(inside, inside + size):
        byte = I(0)
        if at == RING:
            byte = _nsr(context)
        elif at == CPPR:
            byte = context.cppr
        elif at == RING + I(2):
            byte = context.pending
        elif at == RING + I(3) or at == RING + I(4):
            byte = I(0xFF)
        elif at == RING_LAST:
            byte = _most_favoured(context.pending)
        value = value << U(8) | U(byte)
    return value


@njit
def _context_store(x: Any, target: Any, inside: Any, size: Any, value: Any) -> None:
    """In place only the CPPR can be written: smaller priorities are taken, above 7 all are."""
    if inside == SET_PENDING and size == I(1):
        if value < U(8):
            _set_pending(x, target, I(value))
    elif inside <= CPPR < inside + size:
        cppr = I(value >> U(I(8) * (inside + size - I(1) - CPPR))) & I(0xFF)
        _context(x, target).cppr = cppr if cppr < I(8) else LEAST_FAVOURED
        _present(x, target)
