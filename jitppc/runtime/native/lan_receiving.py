"""The thread that puts frames of the host's stream into the buffers of a logical LAN's guest.

Ref: LoPAR 17.2.2.3 (the receive queue); reference §7.4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

from jitppc.ir import lan_layout
from jitppc.ir.lan_layout import LAN
from jitppc.ir.layout import offset

from . import bells, spin
from .clock import host_nanoseconds
from .host import (
    I,
    U,
    bswap64,
    fence,
    load8,
    load32,
    load64,
    memmove,
    pointer_of,
    store64,
    store_release,
)
from .host_errors import EAGAIN, EINTR, last_error
from .lan_buffers import NONE, first_of, pop, size_at
from .lan_record import NO_WAIT, lock, unlock
from .lan_sending import flush
from .window import IN_PAGE, PAGE_SIZE, TCE_WRITE, changed, is_mapped, place

_poll = types.ExternalFunction("poll", types.int32(types.voidptr, types.uint64, types.int32))
_recv = types.ExternalFunction(
    "recv", types.int64(types.int32, types.voidptr, types.uint64, types.int32))
POLLIN, POLLOUT, HUNG_UP = U(1 << 32), U(4 << 32), U(0x18 << 48)

STOPPED, INTERRUPT, ENDED = (
    U(n) for n in (lan_layout.STOPPED, lan_layout.INTERRUPT, lan_layout.ENDED))
#: what became of a frame
GONE, DELIVERED, NO_BUFFER = U(0), U(1), U(2)
HANDLE_SIZE, ENTRY_SIZE = U(lan_layout.HANDLE_SIZE), U(lan_layout.ENTRY_SIZE)
DROPPED_AT = U(lan_layout.DROPPED_OFFSET)
CONTROL_VALID, CONTROL_TOGGLE = U(lan_layout.CONTROL_VALID), U(lan_layout.CONTROL_TOGGLE)
MAX_STREAMED, INPUT_BYTES = U(lan_layout.MAX_STREAMED), U(lan_layout.INPUT_BYTES)
LEAST_ROOM = U(lan_layout.MAX_STREAMED + 4)
BUSY_AT, POLLS, TIME, RUNG = (
    U(offset(name, LAN)) for name in ("busy", "polls", "time", "rung"))
#: frames until the guest is interrupted though more are coming
MANY = U(32)
#: how long a frame waits for a buffer of its size while there are larger ones: those are dear to
#: the guest, which counts them whole against the window of a connection
PATIENCE_MS, FOR_EVER = I(10), I(-1)


@njit
def shut(lan: Any) -> None:
    """The adapter is shut and has no buffers; nothing of guest memory is written any more."""
    lock(lan)
    lan.open = lan.signals = lan.held = lan.fresh_nodes = lan.sizes_used = U(0)
    lan.free = NONE
    lan.starved = U(0)
    unlock(lan)
    bells.ring(lan.bell)
    looks = 0
    while load64(lan.here + BUSY_AT) != U(0):
        looks = spin.pause(looks)
        fence()


@njit
def _copy_in(lan: Any, buffer: Any, frame: Any, count: Any) -> Any:
    """The frame is in the buffer behind its handle; False when the buffer is not mapped."""
    address, left = buffer + HANDLE_SIZE, count
    if not is_mapped(lan, buffer, HANDLE_SIZE + count, TCE_WRITE):
        return False
    while left != U(0):
        host = place(lan, address, TCE_WRITE)
        if host == U(0):
            return False
        part = min(left, PAGE_SIZE - (address & IN_PAGE))
        memmove(pointer_of(host), pointer_of(frame), part)
        changed(lan, host, part)
        address += part
        frame += part
        left -= part
    return True


@njit
def _handle(lan: Any, buffer: Any) -> Any:
    """The first doubleword of a buffer, byte by byte as it may cross a page; mapped or not."""
    value = U(0)
    for n in range(8):
        host = place(lan, buffer + U(n), TCE_WRITE)
        if host != U(0):
            value |= load8(host) << U(8 * n)
    return value


@njit
def _enqueue(lan: Any, buffer: Any, frame: Any, count: Any) -> Any:
    """The guest has the frame; False when some of what it gave is not mapped."""
    entry = place(lan, lan.queue + lan.queue_at, TCE_WRITE)
    if entry == U(0) or not _copy_in(lan, buffer, frame, count):
        return False
    control = lan.queue_toggle | CONTROL_VALID
    store64(entry + U(8), _handle(lan, buffer))
    store_release(entry, bswap64(control << U(56) | HANDLE_SIZE << U(32) | count))
    changed(lan, entry, ENTRY_SIZE)
    lan.queue_at += ENTRY_SIZE
    if lan.queue_at >= lan.queue_size:
        lan.queue_at = U(0)
        lan.queue_toggle ^= CONTROL_TOGGLE
    return True


@njit
def _deliver(lan: Any, frame: Any, count: Any) -> Any:
    """What becomes of a frame at a host address."""
    lock(lan)
    if lan.open == U(0):
        unlock(lan)
        return GONE
    at = first_of(lan, count + HANDLE_SIZE)
    is_too_long = at == lan.sizes_used and at != U(0)
    while lan.is_urgent != U(0) and at < lan.sizes_used and size_at(lan, at).head == NONE:
        at += U(1)
    buffer = U(0)
    if at < lan.sizes_used and size_at(lan, at).head != NONE:
        buffer = pop(lan, at) & U(0xFFFF_FFFF)
    elif not is_too_long:
        lan.starved = count + HANDLE_SIZE
        unlock(lan)
        return NO_BUFFER
    lan.busy = U(1)
    unlock(lan)
    found = DELIVERED
    if is_too_long or not _enqueue(lan, buffer, frame, count):
        lan.dropped += U(1)
        where = place(lan, lan.list + DROPPED_AT, TCE_WRITE)
        if where != U(0):
            store64(where, bswap64(lan.dropped))
            changed(lan, where, U(8))
        found = GONE
    store_release(lan.here + BUSY_AT, U(0))
    return found


@njit
def _wait(lan: Any, listens: Any, milliseconds: Any) -> None:
    """Until somebody rings, time is up, the stream ends or, if it listens, has something."""
    lan.polls[0] = lan.bell | POLLIN
    lan.polls[1] = U(lan.fd) & U(0xFFFF_FFFF)
    if listens:
        lan.polls[1] |= POLLIN
    if lan.rest_at < lan.rest_end:
        lan.polls[1] |= POLLOUT
    _poll(pointer_of(lan.here + POLLS), U(2), np.int32(milliseconds))
    if lan.polls[0] >> U(48) != U(0):
        bells.hush(lan.bell, pointer_of(lan.here + RUNG))


@njit
def _wait_for_buffers(lan: Any) -> Any:
    """Until there may be some, or more of the stream; False when that has ended.

    The stream is read meanwhile: who is at its other end may drop what it has no room for.
    """
    _catch_up(lan)
    left = FOR_EVER
    if lan.is_urgent == U(0):
        now = _milliseconds(lan)
        if lan.waits_since == I(0):
            lan.waits_since = now
        left = lan.waits_since + PATIENCE_MS - now
        if left <= I(0):
            lan.is_urgent = U(1)
            return True
    has_room = _room(lan) != U(0)
    _wait(lan, has_room, left)
    return _fill(lan) >= I(0) if has_room else lan.polls[1] & HUNG_UP == U(0)


@njit
def _milliseconds(lan: Any) -> Any:
    """Of the host's clock."""
    return I(host_nanoseconds(lan.here + TIME) // U(1_000_000))


@njit
def _room(lan: Any) -> Any:
    """How many bytes of the stream can be taken; 0 while most of what was is not delivered."""
    left = lan.input_end - lan.input_at
    if left == U(0):
        lan.input_at = lan.input_end = U(0)
    elif INPUT_BYTES - lan.input_end < LEAST_ROOM and left <= INPUT_BYTES // U(2):
        memmove(pointer_of(lan.input), pointer_of(lan.input + lan.input_at), left)
        lan.input_at, lan.input_end = U(0), left
    room = INPUT_BYTES - lan.input_end
    return room if room >= LEAST_ROOM else U(0)


@njit
def _fill(lan: Any) -> Any:
    """More of the stream is there: how many bytes; 0 none now, below 0: it has ended."""
    room = _room(lan)
    n = _recv(np.int32(lan.fd), pointer_of(lan.input + lan.input_end), room, NO_WAIT)
    if n > 0:
        lan.input_end += U(n)
        return n
    if n < 0 and (last_error() == EAGAIN or last_error() == EINTR):
        return I(0)
    return I(-1)


@njit
def receive(lan: Any) -> Any:
    """Frames of the stream go to the guest until it is to be interrupted, somebody says stop, or
    the stream has ended.
    """
    while lan.stop == U(0):
        have = lan.input_end - lan.input_at
        count = bswap64(load32(lan.input + lan.input_at)) >> U(32) if have >= U(4) else U(0)
        if count > MAX_STREAMED:
            return ENDED
        if have >= U(4) and have - U(4) >= count:
            found = _deliver(lan, lan.input + lan.input_at + U(4), count)
            if found == NO_BUFFER:
                if _is_to_tell(lan, U(1)):
                    return INTERRUPT
                if not _wait_for_buffers(lan):
                    return ENDED
                continue
            lan.input_at += count + U(4)
            lan.waits_since, lan.is_urgent = I(0), U(0)
            if found == DELIVERED:
                lan.untold += U(1)
                if _is_to_tell(lan, MANY):
                    return INTERRUPT
            continue
        if _is_to_tell(lan, U(1)):
            return INTERRUPT
        _catch_up(lan)
        n = _fill(lan)
        if n < 0:
            return ENDED
        if n == 0:
            _wait(lan, True, FOR_EVER)
    return STOPPED


@njit
def _is_to_tell(lan: Any, many: Any) -> Any:
    """True if the guest wants to be told of so many frames; it is told then."""
    if lan.untold < many or lan.signals == U(0):
        return False
    lan.untold = U(0)
    return True


@njit
def _catch_up(lan: Any) -> None:
    """What a sender has left goes out as far as it can."""
    if lan.rest_at < lan.rest_end:
        lock(lan)
        flush(lan)
        unlock(lan)


@njit
def use(lan: Any, fd: Any) -> None:
    """This is the stream from now on; a negative number: there is none."""
    lock(lan)
    lan.fd = I(fd)
    lan.rest_at = lan.rest_end = U(0)
    unlock(lan)
    lan.input_at = lan.input_end = U(0)
    lan.waits_since, lan.is_urgent = I(0), U(0)
