"""The logical LAN where frames are many: its hypercalls on the data path, answered where `sc` is
executed, and the thread that puts frames into the guest's buffers.

Whatever is not ordinary is left to Python (`spapr/vio/native_vlan.py`), which also has the rest of
the adapter's hypercalls. The lock is held for a few accesses, or for one system call that does not
block; who holds it waits for nothing. Ref: LoPAR 17.2.2.4; reference §7.4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit, types

from jitppc.ir.lan_layout import (
    INPUT_BYTES,
    LAN,
    LAN_NODE,
    LAN_SIZE,
    MAX_BUFFERS,
    MAX_PIECES,
    NO_NODE,
)
from jitppc.ir.layout import COUNTER, SHARED_STATE, offset

from . import bells, spin
from .code import forget_page_everywhere
from .exclusive import close, reopen
from .host import (
    I,
    U,
    address_of,
    bswap64,
    cpu_at,
    fence,
    load8,
    load32,
    load64,
    pointer_of,
    shared_of,
    store64,
    store_release,
)

_poll = types.ExternalFunction("poll", types.int32(types.voidptr, types.uint64, types.int32))
_recv = types.ExternalFunction(
    "recv", types.int64(types.int32, types.voidptr, types.uint64, types.int32))
_sendmsg = types.ExternalFunction(
    "sendmsg", types.int64(types.int32, types.voidptr, types.int32))
_memmove = types.ExternalFunction(
    "memmove", types.voidptr(types.voidptr, types.voidptr, types.uint64))
_errno = types.ExternalFunction("__errno_location", types.voidptr())
EINTR, EAGAIN = U(4), U(11)
NO_WAIT = np.int32(0x40 | 0x4000)               # MSG_DONTWAIT, MSG_NOSIGNAL
POLLIN, POLLOUT = U(1 << 32), U(4 << 32)

SUCCESS, HARDWARE, PARAMETER, DROPPED, RESOURCE = (
    U(n & (1 << 64) - 1) for n in (0, -1, -4, -12, -16))
#: the stream takes nothing now
BUSY = U(1)
ADD, SEND, SIGNAL = U(0x11C), U(0x120), U(0x104)
CALLS = COUNTER["lan_calls"]

VALID = U(1 << 63)
TCE_READ, TCE_WRITE = U(1), U(2)
REAL, PAGE_SIZE, IN_PAGE = U((1 << 60) - 1 & ~0xFFF), U(0x1000), U(0xFFF)
BUFFER_MIN, HANDLE_SIZE, ENTRY_SIZE = U(16), U(8), U(16)
DROPPED_AT = U(4096 - 8)
MAX_SENT, MAX_STREAMED = U(64 << 10), U(65536 + 64)
CONTROL_VALID, CONTROL_TOGGLE = U(0x40), U(0x80)
NONE = U(NO_NODE)
NODE_BYTES, SIZE_BYTES = U(LAN_NODE.itemsize), U(LAN_SIZE.itemsize)

GPR_5 = U(offset("gpr") + 8 * 5)
LOCK, BUSY_AT, POLLS, MESSAGE, PIECES, LENGTH = (
    U(offset(name, LAN))
    for name in ("lock", "busy", "polls", "message", "pieces", "length"))
OWNERS = U(offset("owners", SHARED_STATE))
CPUS = U(offset("cpus", SHARED_STATE))

#: why the receiving thread comes back, and what became of a frame
STOPPED, INTERRUPT, ENDED = U(0), U(1), U(2)
GONE, DELIVERED, NO_BUFFER = U(0), U(1), U(2)
#: frames until the guest is interrupted though more are coming
MANY = U(32)
#: how long a frame waits for a buffer of its size while there are larger ones: those are dear to
#: the guest, which counts them whole against the window of a connection
PATIENCE_MS, FOR_EVER = np.int32(10), np.int32(-1)


@njit(inline="always")
def lan_at(address: Any) -> Any:
    """The LAN record at a host address."""
    return carray(pointer_of(address), 1, LAN)[0]


@njit(inline="always")
def _node(lan: Any, number: Any) -> Any:
    return carray(pointer_of(lan.nodes + number * NODE_BYTES), 1, LAN_NODE)[0]


@njit(inline="always")
def _size(lan: Any, number: Any) -> Any:
    return carray(pointer_of(lan.sizes + number * SIZE_BYTES), 1, LAN_SIZE)[0]


# --- the window

@njit
def _place(lan: Any, address: Any, right: Any) -> Any:
    """The host address of a device address whose page allows this, or 0."""
    page = address >> U(12)
    if page >= lan.tce_count:
        return U(0)
    tce = load64(lan.tces + page * U(8))
    real = (tce & REAL) + (address & IN_PAGE)
    if tce & right == U(0) or real >= lan.ram_size:
        return U(0)
    return lan.ram + real


@njit
def _is_mapped(lan: Any, address: Any, count: Any, right: Any) -> Any:
    """Every page of these bytes, at least one, allows this (both, with both rights)."""
    last = address + count - U(1)
    at = address & ~IN_PAGE
    while at <= last:
        if _place(lan, at, right & TCE_READ) == U(0) and right & TCE_READ != U(0):
            return False
        if _place(lan, at, right & TCE_WRITE) == U(0) and right & TCE_WRITE != U(0):
            return False
        at += PAGE_SIZE
    return True


@njit
def _changed(lan: Any, host: Any, count: Any) -> None:
    """These bytes of a page of guest memory were written: nothing decoded from them is left."""
    fence()
    real = host - lan.ram
    owners = load64(lan.shared + OWNERS) + (real >> U(12)) * U(8)
    last = load64(lan.shared + OWNERS) + ((real + count - U(1)) >> U(12)) * U(8)
    while owners <= last:
        if load64(owners) != U(0):
            cpu = cpu_at(pointer_of(load64(lan.shared + CPUS)))
            close(cpu)
            forget_page_everywhere(cpu, real)
            reopen(cpu)
        owners += U(8)
        real += PAGE_SIZE


# --- buffers

@njit
def _first_of(lan: Any, count: Any) -> Any:
    """The number of the smallest size that is not below count."""
    low, high = U(0), lan.sizes_used
    while low < high:
        middle = (low + high) >> U(1)
        if _size(lan, middle).bytes < count:
            low = middle + U(1)
        else:
            high = middle
    return low


@njit
def add(lan: Any, descriptor: Any) -> Any:
    """A buffer is the adapter's; a status."""
    address, count = descriptor & U(0xFFFF_FFFF), (descriptor >> U(32)) & U(0xFF_FFFF)
    if descriptor & VALID == U(0) or count < BUFFER_MIN or (address | count) & U(3) != U(0):
        return PARAMETER
    if not _is_mapped(lan, address, count, TCE_READ | TCE_WRITE):
        return PARAMETER
    spin.take(lan.here + LOCK)
    if lan.open == U(0) or lan.held >= U(MAX_BUFFERS):
        spin.give(lan.here + LOCK)
        return RESOURCE
    number = lan.free
    if number != NONE:
        lan.free = _node(lan, number).next
    else:
        number = lan.fresh_nodes
        lan.fresh_nodes += U(1)
    node = _node(lan, number)
    node.descriptor, node.next = descriptor, NONE
    at = _first_of(lan, count)
    if at == lan.sizes_used or _size(lan, at).bytes != count:
        here = lan.sizes + at * SIZE_BYTES
        rest = (lan.sizes_used - at) * SIZE_BYTES
        _memmove(pointer_of(here + SIZE_BYTES), pointer_of(here), rest)
        lan.sizes_used += U(1)
        size = _size(lan, at)
        size.bytes, size.head, size.tail = count, number, number
    else:
        size = _size(lan, at)
        if size.head == NONE:
            size.head = number
        else:
            _node(lan, size.tail).next = number
        size.tail = number
    lan.held += U(1)
    is_awaited = lan.starved != U(0) and count >= lan.starved
    if is_awaited:
        lan.starved = U(0)
    spin.give(lan.here + LOCK)
    if is_awaited:
        ring(lan)
    return SUCCESS


@njit
def _pop(lan: Any, at: Any) -> Any:
    """The oldest buffer of a size that has one, under the lock; its descriptor."""
    size = _size(lan, at)
    number = size.head
    node = _node(lan, number)
    size.head = node.next
    node.next, lan.free = lan.free, number
    lan.held -= U(1)
    return node.descriptor


@njit
def take(lan: Any, count: Any) -> Any:
    """The descriptor of a buffer of so many bytes, which is the guest's again; or 0."""
    found = U(0)
    spin.take(lan.here + LOCK)
    at = _first_of(lan, count)
    if at < lan.sizes_used and _size(lan, at).bytes == count and _size(lan, at).head != NONE:
        found = _pop(lan, at)
    spin.give(lan.here + LOCK)
    return found


@njit
def shut(lan: Any) -> None:
    """The adapter is shut and has no buffers; nothing of guest memory is written any more."""
    spin.take(lan.here + LOCK)
    lan.open = lan.signals = lan.held = lan.fresh_nodes = lan.sizes_used = U(0)
    lan.free = NONE
    lan.starved = U(0)
    spin.give(lan.here + LOCK)
    ring(lan)
    looks = 0
    while load64(lan.here + BUSY_AT) != U(0):
        looks = spin.pause(looks)
        fence()


@njit
def ring(lan: Any) -> None:
    """The receiving thread looks around."""
    bells.ring(lan.bell)


# --- sending

@njit
def _refused() -> Any:
    """Why the last system call failed."""
    return load32(address_of(_errno()))


@njit
def flush(lan: Any) -> None:
    """As much as the stream takes of what is left of a frame; under the lock."""
    while lan.rest_at < lan.rest_end and lan.fd >= I(0):
        lan.pieces[0, 0], lan.pieces[0, 1] = lan.rest + lan.rest_at, lan.rest_end - lan.rest_at
        lan.message[2], lan.message[3] = lan.here + PIECES, U(1)
        n = _sendmsg(np.int32(lan.fd), pointer_of(lan.here + MESSAGE), NO_WAIT)
        if n > 0:
            lan.rest_at += U(n)
        elif _refused() == EAGAIN:
            return
        elif _refused() != EINTR:
            break
    lan.rest_at = lan.rest_end = U(0)


@njit
def send(lan: Any, descriptors: Any) -> Any:
    """A frame in up to six pieces is on its way; a status, or BUSY: again later.

    Args:
        descriptors: host address of u64[6].
    """
    if lan.open == U(0):
        return DROPPED
    total, wanted = U(0), 0
    while wanted < 6 and load64(descriptors + U(8 * wanted)) & VALID != U(0):
        total += (load64(descriptors + U(8 * wanted)) >> U(32)) & U(0xFF_FFFF)
        wanted += 1
    if total > MAX_SENT:
        return RESOURCE
    spin.take(lan.here + LOCK)
    status = _send_locked(lan, descriptors, wanted, total)
    has_rest = lan.rest_at < lan.rest_end
    spin.give(lan.here + LOCK)
    if has_rest:
        ring(lan)
    return status


@njit
def _send_locked(lan: Any, descriptors: Any, wanted: Any, total: Any) -> Any:
    flush(lan)
    if lan.rest_at < lan.rest_end:
        return BUSY
    lan.length = bswap64(total) >> U(32)
    lan.pieces[0, 0], lan.pieces[0, 1] = lan.here + LENGTH, U(4)
    used = 1
    for n in range(wanted):
        descriptor = load64(descriptors + U(8 * n))
        address, left = descriptor & U(0xFFFF_FFFF), (descriptor >> U(32)) & U(0xFF_FFFF)
        while left != U(0):
            host = _place(lan, address, TCE_READ)
            if host == U(0):
                return PARAMETER
            count = min(left, PAGE_SIZE - (address & IN_PAGE))
            if lan.pieces[used - 1, 0] + lan.pieces[used - 1, 1] == host and used > 1:
                lan.pieces[used - 1, 1] += count
            elif used <= MAX_PIECES:
                lan.pieces[used, 0], lan.pieces[used, 1] = host, count
                used += 1
            else:
                return RESOURCE
            address += count
            left -= count
    if total == U(0) or lan.fd < I(0):
        return SUCCESS
    lan.message[2], lan.message[3] = lan.here + PIECES, U(used)
    n = _sendmsg(np.int32(lan.fd), pointer_of(lan.here + MESSAGE), NO_WAIT)
    if n < 0:
        again = _refused() == EAGAIN or _refused() == EINTR
        return BUSY if again else SUCCESS
    _keep(lan, used, U(n))
    return SUCCESS


@njit
def _keep(lan: Any, used: Any, sent: Any) -> None:
    """What the stream has not taken of a frame goes there first, whatever comes next."""
    for n in range(used):
        at, count = lan.pieces[n, 0], lan.pieces[n, 1]
        skipped = min(sent, count)
        sent -= skipped
        _memmove(pointer_of(lan.rest + lan.rest_end), pointer_of(at + skipped), count - skipped)
        lan.rest_end += count - skipped


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


# --- receiving

@njit
def _copy_in(lan: Any, buffer: Any, frame: Any, count: Any) -> Any:
    """The frame is in the buffer behind its handle; False when the buffer is not mapped."""
    address, left = buffer + HANDLE_SIZE, count
    if not _is_mapped(lan, buffer, HANDLE_SIZE + count, TCE_WRITE):
        return False
    while left != U(0):
        host = _place(lan, address, TCE_WRITE)
        if host == U(0):
            return False
        part = min(left, PAGE_SIZE - (address & IN_PAGE))
        _memmove(pointer_of(host), pointer_of(frame), part)
        _changed(lan, host, part)
        address += part
        frame += part
        left -= part
    return True


@njit
def _handle(lan: Any, buffer: Any) -> Any:
    """The first doubleword of a buffer, byte by byte as it may cross a page; mapped or not."""
    value = U(0)
    for n in range(8):
        host = _place(lan, buffer + U(n), TCE_WRITE)
        if host != U(0):
            value |= load8(host) << U(8 * n)
    return value


@njit
def _enqueue(lan: Any, buffer: Any, frame: Any, count: Any) -> Any:
    """The guest has the frame; False when some of what it gave is not mapped."""
    entry = _place(lan, lan.queue + lan.queue_at, TCE_WRITE)
    if entry == U(0) or not _copy_in(lan, buffer, frame, count):
        return False
    control = lan.queue_toggle | CONTROL_VALID
    store64(entry + U(8), _handle(lan, buffer))
    store_release(entry, bswap64(control << U(56) | HANDLE_SIZE << U(32) | count))
    _changed(lan, entry, ENTRY_SIZE)
    lan.queue_at += ENTRY_SIZE
    if lan.queue_at >= lan.queue_size:
        lan.queue_at = U(0)
        lan.queue_toggle ^= CONTROL_TOGGLE
    return True


@njit
def _deliver(lan: Any, frame: Any, count: Any) -> Any:
    """What becomes of a frame at a host address."""
    spin.take(lan.here + LOCK)
    if lan.open == U(0):
        spin.give(lan.here + LOCK)
        return GONE
    at = _first_of(lan, count + HANDLE_SIZE)
    is_too_long = at == lan.sizes_used and at != U(0)
    while lan.is_urgent != U(0) and at < lan.sizes_used and _size(lan, at).head == NONE:
        at += U(1)
    buffer = U(0)
    if at < lan.sizes_used and _size(lan, at).head != NONE:
        buffer = _pop(lan, at) & U(0xFFFF_FFFF)
    elif not is_too_long:
        lan.starved = count + HANDLE_SIZE
        spin.give(lan.here + LOCK)
        return NO_BUFFER
    lan.busy = U(1)
    spin.give(lan.here + LOCK)
    found = DELIVERED
    if is_too_long or not _enqueue(lan, buffer, frame, count):
        lan.dropped += U(1)
        where = _place(lan, lan.list + DROPPED_AT, TCE_WRITE)
        if where != U(0):
            store64(where, bswap64(lan.dropped))
            _changed(lan, where, U(8))
        found = GONE
    store_release(lan.here + BUSY_AT, U(0))
    return found


@njit
def _wait(lan: Any, listens: Any, milliseconds: Any) -> Any:
    """Until somebody rings or, if it listens, the stream has something; False when time is up."""
    lan.polls[0] = lan.bell | POLLIN
    lan.polls[1] = U(lan.fd) & U(0xFFFF_FFFF)
    if listens:
        lan.polls[1] |= POLLIN
    if lan.rest_at < lan.rest_end:
        lan.polls[1] |= POLLOUT
    count = U(2) if lan.polls[1] >> U(32) != U(0) else U(1)
    ready = _poll(pointer_of(lan.here + POLLS), count, milliseconds)
    if ready > 0 and lan.polls[0] >> U(48) != U(0):
        bells.hush(lan.bell, pointer_of(lan.here + POLLS))
    return ready != 0


@njit
def _fill(lan: Any) -> Any:
    """More of the stream is there: how many bytes; 0 none now, below 0: it has ended."""
    if lan.input_at == lan.input_end:
        lan.input_at = lan.input_end = U(0)
    elif U(INPUT_BYTES) - lan.input_end < MAX_STREAMED + U(4):
        left = lan.input_end - lan.input_at
        _memmove(pointer_of(lan.input), pointer_of(lan.input + lan.input_at), left)
        lan.input_at, lan.input_end = U(0), left
    room = U(INPUT_BYTES) - lan.input_end
    n = _recv(np.int32(lan.fd), pointer_of(lan.input + lan.input_end), room, NO_WAIT)
    if n > 0:
        lan.input_end += U(n)
        return n
    if n < 0 and (_refused() == EAGAIN or _refused() == EINTR):
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
                _catch_up(lan)
                time = FOR_EVER if lan.is_urgent != U(0) else PATIENCE_MS
                if not _wait(lan, False, time):
                    lan.is_urgent = U(1)
                continue
            lan.input_at += count + U(4)
            lan.is_urgent = U(0)
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
        spin.take(lan.here + LOCK)
        flush(lan)
        spin.give(lan.here + LOCK)


@njit
def use(lan: Any, fd: Any) -> None:
    """This is the stream from now on; a negative number: there is none."""
    spin.take(lan.here + LOCK)
    lan.fd = I(fd)
    lan.rest_at = lan.rest_end = U(0)
    spin.give(lan.here + LOCK)
    lan.input_at = lan.input_end = U(0)
