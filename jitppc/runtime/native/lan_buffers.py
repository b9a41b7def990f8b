"""The buffers that a guest has given to a logical LAN adapter, oldest first by size.

Ref: LoPAR 17.2.2.4 (H_ADD_LOGICAL_LAN_BUFFER, H_FREE_LOGICAL_LAN_BUFFER).
"""

from __future__ import annotations

from typing import Any

from numba import carray, njit

from jitppc.ir import lan_layout
from jitppc.ir.lan_layout import LAN_NODE, LAN_SIZE

from . import bells
from .host import U, memmove, pointer_of
from .lan_record import lock, unlock
from .status import PARAMETER, RESOURCE, SUCCESS
from .window import TCE_READ, TCE_WRITE, is_mapped

VALID = U(lan_layout.VALID)
MAX_BUFFERS, BUFFER_MIN = U(lan_layout.MAX_BUFFERS), U(lan_layout.BUFFER_MIN)
NONE = U(lan_layout.NO_NODE)
NODE_BYTES, SIZE_BYTES = U(LAN_NODE.itemsize), U(LAN_SIZE.itemsize)


@njit(inline="always")
def _node(lan: Any, number: Any) -> Any:
    return carray(pointer_of(lan.nodes + number * NODE_BYTES), 1, LAN_NODE)[0]


@njit(inline="always")
def size_at(lan: Any, number: Any) -> Any:
    """The record of a size by its place among them."""
    return carray(pointer_of(lan.sizes + number * SIZE_BYTES), 1, LAN_SIZE)[0]


@njit
def first_of(lan: Any, count: Any) -> Any:
    """The number of the smallest size that is not below count."""
    low, high = U(0), lan.sizes_used
    while low < high:
        middle = (low + high) >> U(1)
        if size_at(lan, middle).bytes < count:
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
    if not is_mapped(lan, address, count, TCE_READ | TCE_WRITE):
        return PARAMETER
    lock(lan)
    if lan.open == U(0) or lan.held >= MAX_BUFFERS:
        unlock(lan)
        return RESOURCE
    number = lan.free
    if number != NONE:
        lan.free = _node(lan, number).next
    else:
        number = lan.fresh_nodes
        lan.fresh_nodes += U(1)
    node = _node(lan, number)
    node.descriptor, node.next = descriptor, NONE
    at = first_of(lan, count)
    if at == lan.sizes_used or size_at(lan, at).bytes != count:
        here = lan.sizes + at * SIZE_BYTES
        rest = (lan.sizes_used - at) * SIZE_BYTES
        memmove(pointer_of(here + SIZE_BYTES), pointer_of(here), rest)
        lan.sizes_used += U(1)
        size = size_at(lan, at)
        size.bytes, size.head, size.tail = count, number, number
    else:
        size = size_at(lan, at)
        if size.head == NONE:
            size.head = number
        else:
            _node(lan, size.tail).next = number
        size.tail = number
    lan.held += U(1)
    is_awaited = lan.starved != U(0) and count >= lan.starved
    if is_awaited:
        lan.starved = U(0)
    unlock(lan)
    if is_awaited:
        bells.ring(lan.bell)
    return SUCCESS


@njit
def pop(lan: Any, at: Any) -> Any:
    """The oldest buffer of a size that has one, under the lock; its descriptor."""
    size = size_at(lan, at)
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
    lock(lan)
    at = first_of(lan, count)
    if at < lan.sizes_used and size_at(lan, at).bytes == count and size_at(lan, at).head != NONE:
        found = pop(lan, at)
    unlock(lan)
    return found
