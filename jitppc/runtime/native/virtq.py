"""Split virtqueues in native code: chains are taken and given back, without Python and its lock.

What is not plainly right is left where it is for Python (`devices/virtio/queue.py`), which knows
what is wrong. All that the driver says is copied before it is looked at: it runs meanwhile.

    while waiting(q):
        take(q)             the chain is in q.pieces: those to read, then those to write
        give_back(q, n)     it is in the used ring
    publish(q)              the driver sees what was given back; does it want an interrupt?

Ref: virtio 1.2, 2.7 (split virtqueues), 2.7.5.3 (indirect descriptors), 2.7.7 and 2.7.10
(notification suppression).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit, types

from jitppc.ir import virtq_layout
from jitppc.ir.layout import offset
from jitppc.ir.virtq_layout import NEXT, SIGNALLED, USED, VIRTQ

from .host import (
    U,
    fence,
    load16_acquire,
    load_acquire,
    memmove,
    pointer_of,
    store16_release,
    store64,
)
from .window import changed

_memset = types.ExternalFunction(
    "memset", types.voidptr(types.voidptr, types.int32, types.uint64))
DESC_BYTES, F_NEXT, F_WRITE, F_INDIRECT, NO_INTERRUPT, NO_NOTIFY, MAX_CHAIN_BYTES, MAX_PIECES = (
    U(getattr(virtq_layout, name)) for name in (
        "DESC_BYTES", "DESC_F_NEXT", "DESC_F_WRITE", "DESC_F_INDIRECT", "AVAIL_F_NO_INTERRUPT",
        "USED_F_NO_NOTIFY", "MAX_CHAIN_BYTES", "MAX_PIECES"))
PIECES = U(offset("pieces", VIRTQ))
#: in both rings: where the index is, and what is behind it
INDEX, ENTRIES, AVAILABLE_BYTES, USED_BYTES = U(2), U(4), U(2), U(8)
M16, M32 = U(0xFFFF), U(0xFFFF_FFFF)


@njit(inline="always")
def virtq_at(address: Any) -> Any:
    """The VIRTQ record at a host address."""
    return carray(pointer_of(address), 1, VIRTQ)[0]


@njit
def waiting(q: Any) -> Any:
    """Chains that nobody has taken. More than the queue has room for: the driver is wrong."""
    return (load16_acquire(q.available + INDEX) - q.state[NEXT]) & M16


@njit
def take(q: Any) -> Any:
    """The next chain is in the pieces; False if it is not plainly right.

    It is still waiting until it is given back.
    """
    slot = q.state[NEXT] & (q.size - U(1))
    q.head = index = load16_acquire(q.available + ENTRIES + slot * AVAILABLE_BYTES)
    q.count = q.readable = q.out_bytes = q.in_bytes = U(0)
    table, size, left, is_outer = q.descriptors, q.size, q.limit, True
    while index < size and left != U(0):
        at = table + index * DESC_BYTES
        address, rest = load_acquire(at), load_acquire(at + U(8))
        length, flags = rest & M32, (rest >> U(32)) & M16
        if flags & F_INDIRECT != U(0):
            is_possible = is_outer and q.indirect != U(0) and flags & F_NEXT == U(0)
            is_sound = address % DESC_BYTES == U(0) and length % DESC_BYTES == U(0)
            size, index, is_outer = length // DESC_BYTES, U(0), False
            if not is_possible or not is_sound or size > q.limit or not _is_ram(q, address, length):
                return False
            table = q.ram + address
        elif not _add(q, address, length, flags & F_WRITE):
            return False
        elif flags & F_NEXT == U(0):
            return True
        else:
            left -= U(1)
            index = rest >> U(48)
    return False


@njit
def _is_ram(q: Any, address: Any, length: Any) -> Any:
    return address <= q.ram_size and length <= q.ram_size - address


@njit
def _add(q: Any, address: Any, length: Any, is_writable: Any) -> Any:
    """One more buffer of the chain; False if none may be there. Side by side they are one piece."""
    if is_writable != U(0):
        q.in_bytes += length
    else:
        q.out_bytes += length
        if q.in_bytes != U(0):
            return False
    if q.in_bytes + q.out_bytes > MAX_CHAIN_BYTES:
        return False
    if length == U(0):
        return True
    if not _is_ram(q, address, length):
        return False
    host, last = q.ram + address, q.count - U(1)
    first = q.readable if is_writable != U(0) else U(0)
    if q.count > first and q.pieces[last, 0] + q.pieces[last, 1] == host:
        q.pieces[last, 1] += length
    elif q.count < MAX_PIECES:
        q.pieces[q.count, 0], q.pieces[q.count, 1] = host, length
        q.count += U(1)
    else:
        return False
    if is_writable == U(0):
        q.readable = q.count
    return True


@njit
def piece(q: Any, number: Any) -> Any:
    """The host address of a piece's struct iovec."""
    return q.here + PIECES + number * U(16)


@njit
def divide(q: Any, first: Any, count: Any) -> Any:
    """The number of the piece that begins `count` bytes behind the beginning of another one.

    There are that many; a piece that has the place inside is cut.
    """
    at = first
    while count != U(0):
        length = q.pieces[at, 1]
        if count < length:
            source = piece(q, at)
            memmove(pointer_of(source + U(16)), pointer_of(source), (q.count - at) * U(16))
            q.pieces[at, 1] = count
            q.pieces[at + U(1), 0] += count
            q.pieces[at + U(1), 1] = length - count
            q.count += U(1)
            if at < q.readable:
                q.readable += U(1)
            return at + U(1)
        count -= length
        at += U(1)
    return at


@njit
def copy(q: Any, first: Any, end: Any, to: Any) -> None:
    """What is in these pieces is at a host address."""
    while first != end:
        memmove(pointer_of(to), pointer_of(q.pieces[first, 0]), q.pieces[first, 1])
        to += q.pieces[first, 1]
        first += U(1)


@njit
def clear(q: Any, first: Any, end: Any) -> None:
    """These pieces hold zeroes."""
    while first != end:
        _memset(pointer_of(q.pieces[first, 0]), np.int32(0), q.pieces[first, 1])
        changed(q, q.pieces[first, 0], q.pieces[first, 1])
        first += U(1)


@njit
def give_back(q: Any, written: Any) -> None:
    """The driver may have the chain back, as soon as that is published."""
    at = q.used + ENTRIES + (q.state[USED] & (q.size - U(1))) * USED_BYTES
    store64(at, q.head | written << U(32))
    q.state[NEXT] = (q.state[NEXT] + U(1)) & M16
    q.state[USED] = (q.state[USED] + U(1)) & M16
    q.done += U(1)


@njit
def publish(q: Any) -> Any:
    """The driver sees all that was given back; whether it wants an interrupt for it."""
    store16_release(q.used + INDEX, q.state[USED])
    fence()
    given = (q.state[USED] - q.state[SIGNALLED]) & M16
    q.state[SIGNALLED] = q.state[USED]
    if given == U(0):
        return False
    if q.event_index != U(0):
        event = load16_acquire(q.available + ENTRIES + q.size * AVAILABLE_BYTES)
        return (q.state[USED] - event - U(1)) & M16 < given
    return load16_acquire(q.available) & NO_INTERRUPT == U(0)


@njit
def silence(q: Any) -> None:
    """The driver need not ring the doorbell for what it makes available from now on."""
    if q.event_index == U(0):
        store16_release(q.used, NO_NOTIFY)


@njit
def listen(q: Any) -> Any:
    """The driver rings the doorbell for the next chain; False when one is there already."""
    if q.event_index != U(0):
        store16_release(q.used + ENTRIES + q.size * USED_BYTES, q.state[NEXT])
    else:
        store16_release(q.used, U(0))
    fence()
    return waiting(q) == U(0)
