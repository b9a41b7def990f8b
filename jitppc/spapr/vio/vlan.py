"""spapr-vlan: an Ethernet adapter whose buffers and queue the guest hands over by hypercalls.

Received frames go into buffers that the guest has added, the smallest that fits; an entry of the
receive queue tells the guest which. Frames to send are copied in the hypercall.

    buffer descriptor, 64 bits: valid 1, toggle 1, flags 6, length 24, device address 32
    buffer list, one page:      +0 receive queue, +8 filter list, ... +4088 frames dropped
    receive queue entry, 16:    control 1, 0, offset of the frame 2, length 4, handle 8
    buffer:                     handle 8, frame

Ref: LoPAR 17.2.2 (interpartition logical LAN); reference §7.4.
Differs: buffers of any number of sizes; a frame waits for a buffer that would hold it.
"""

import struct
import threading
import time
from bisect import bisect_left
from collections import deque

from fdt import Node

from jitppc.devices.ports import DmaError, NetBackend
from jitppc.devices.scsi.task import DataBuffer
from jitppc.ir.hcalls import H
from jitppc.ir.lan_layout import (
    BUFFER_MIN,
    CONTROL_TOGGLE,
    CONTROL_VALID,
    DROPPED_OFFSET,
    ENTRY_SIZE,
    HANDLE_SIZE,
    MAX_BUFFERS,
    MAX_FRAME,
    TOGGLE,
    VALID,
)
from jitppc.spapr.fdt_values import cells, put
from jitppc.spapr.vio.bus import Slot, vio_node
from jitppc.spapr.vio.crq import PlainInbox, Serving
from jitppc.spapr.vio.window import PAGE_SIZE, DmaWindow

QUEUE_OFFSET, FILTERS_OFFSET = 0, 8
GATHER_S = 0.0005
SEND_PATIENCE_S, SEND_PAUSE_S = 0.1, 0.0005


def length_of(descriptor: int) -> int:
    return descriptor >> 32 & 0xFFFFFF


def address_of(descriptor: int) -> int:
    return descriptor & 0xFFFFFFFF


class ReceiveQueue:
    """Where the guest looks for frames: entries in a ring, whose toggle bit changes each round."""

    def __init__(self, descriptor: int) -> None:
        self.start = address_of(descriptor)
        self.size = length_of(descriptor) // ENTRY_SIZE * ENTRY_SIZE
        self.toggle = 0 if descriptor & TOGGLE else CONTROL_TOGGLE
        self.at = 0

    def advance(self) -> None:
        self.at += ENTRY_SIZE
        if self.at >= self.size:
            self.at, self.toggle = 0, self.toggle ^ CONTROL_TOGGLE


class Vlan:
    """The adapter. `receive` is called on the back end's thread, the rest on vCPUs' threads."""

    def __init__(self, slot: Slot, window: DmaWindow, backend: NetBackend, mac: bytes) -> None:
        self.slot, self.window, self._backend = slot, window, backend
        self.factory_mac = mac
        self.mac = mac
        self._dma = window.dma
        self._signals = False
        self._changed = threading.Condition()
        self._is_closed = self._is_starved = False
        self._sending = Serving(f"vlan-{slot.unit_address:x}", self._send, PlainInbox())
        self._list = 0
        self._queue: ReceiveQueue | None = None
        self._sizes: list[int] = []
        self._buffers: dict[int, deque[int]] = {}
        self._held = self._dropped = 0

    def start(self) -> None:
        """Frames may come from now on."""
        self._backend.start(self.receive, self._link)

    def tree_node(self) -> Node:
        made = vio_node(self.slot, "l-lan", "network", "IBM,l-lan")
        put(made, "local-mac-address", self.factory_mac)
        put(made, "ibm,mac-address-filters", cells(0))
        self.window.describe(made)
        return made

    # The guest's side.

    @property
    def is_open(self) -> bool:
        return self._queue is not None

    def set_signal(self, mode: int) -> bool:
        if mode > 1:
            return False
        self._signals = bool(mode)
        return True

    def _is_mapped(self, address: int, count: int, alignment: int) -> bool:
        """Both aligned, and the device may read and write there."""
        if address % alignment or count % alignment or not count:
            return False
        return self.window.is_mapped(address, count)

    def register(self, buffer_list: int, queue: int, filters: int, mac: int) -> H:
        """The adapter is open; its queue is empty and it has no buffers."""
        with self._changed:
            if self.is_open:
                return H.RESOURCE
            is_queue = bool(queue & VALID)
            is_queue &= self._is_mapped(address_of(queue), length_of(queue), ENTRY_SIZE)
            pages = all(self._is_mapped(at, PAGE_SIZE, PAGE_SIZE) for at in (buffer_list, filters))
            if not is_queue or not pages:
                return H.PARAMETER
            page = bytearray(PAGE_SIZE)
            page[QUEUE_OFFSET:FILTERS_OFFSET] = queue.to_bytes(8, "big")
            listed = VALID | PAGE_SIZE << 32 | filters
            page[FILTERS_OFFSET : FILTERS_OFFSET + 8] = (listed & (1 << 64) - 1).to_bytes(8, "big")
            self._dma.write(buffer_list, bytes(page))
            self._opened(ReceiveQueue(queue), buffer_list)
            self.mac = (mac & (1 << 48) - 1).to_bytes(6, "big")
        return H.SUCCESS

    def _opened(self, queue: ReceiveQueue, buffer_list: int) -> None:
        self._list, self._dropped = buffer_list, 0
        self._queue = queue

    def free(self) -> H:
        """The adapter is shut, and nothing of the guest's memory is written any more."""
        with self._changed:
            if not self.is_open:
                return H.RESOURCE
            self._shut()
        return H.SUCCESS

    def _shut(self) -> None:
        self._queue = None
        self._sizes.clear()
        self._buffers.clear()
        self._held = 0
        self._signals = False
        self._changed.notify_all()

    def add_buffer(self, descriptor: int) -> H:
        """PARAMETER for one that is too small or not mapped, RESOURCE when shut or too many."""
        size = length_of(descriptor)
        is_valid = descriptor & VALID and size >= BUFFER_MIN
        if not is_valid or not self._is_mapped(address_of(descriptor), size, 4):
            return H.PARAMETER
        with self._changed:
            if not self.is_open or self._held >= MAX_BUFFERS:
                return H.RESOURCE
            if size not in self._buffers:
                self._sizes.insert(bisect_left(self._sizes, size), size)
                self._buffers[size] = deque()
            self._buffers[size].append(descriptor)
            self._held += 1
            if self._is_starved:
                self._is_starved = False
                self._changed.notify_all()
        return H.SUCCESS

    def free_buffer(self, size: int) -> int | None:
        """The handle of a buffer of that size, which is the guest's again; None when none is."""
        with self._changed:
            pool = self._buffers.get(size)
            if not pool:
                return None
            descriptor = pool.popleft()
            self._held -= 1
        try:
            return int.from_bytes(self._dma.read(address_of(descriptor), HANDLE_SIZE), "big")
        except DmaError:
            return 0

    def send(self, descriptors: tuple[int, ...]) -> H:
        """A frame in up to six pieces is on its way; waits while many are.

        Returns:
            DROPPED when shut or when the host does not take it; RESOURCE above 64 KiB; PARAMETER
            for memory that is not mapped.
        """
        if not self.is_open:
            return H.DROPPED
        pieces = []
        for descriptor in descriptors:
            if not descriptor & VALID:
                break
            pieces.append((address_of(descriptor), length_of(descriptor)))
        if sum(count for _, count in pieces) > MAX_FRAME:
            return H.RESOURCE
        try:
            frame = b"".join([self._dma.read(at, count) for at, count in pieces if count])
        except DmaError:
            return H.PARAMETER
        if not frame:
            return H.SUCCESS
        end = time.monotonic() + SEND_PATIENCE_S
        while not self._sending.put(frame):
            if time.monotonic() > end:
                return H.DROPPED
            time.sleep(SEND_PAUSE_S)
        return H.SUCCESS

    def change_mac(self, mac: int) -> None:
        """Frames to any address are received, so only what the guest is told changes."""
        self.mac = (mac & (1 << 48) - 1).to_bytes(6, "big")

    def quiesce(self) -> None:
        """Shut; what the guest had sent and is not with the host yet is gone."""
        self._sending.drop()
        with self._changed:
            self._shut()
        self.window.table.reset()

    def reset(self) -> None:
        self.quiesce()
        self.mac = self.factory_mac

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._shut()
        self._sending.stop()

    # The device's side.

    def _send(self, frame: bytes) -> None:
        self._backend.send(frame)

    def _link(self, is_up: bool) -> None:
        """The adapter has no way to tell: frames just stay away."""

    def receive(self, frame: bytes) -> None:
        """The guest has the frame; or it is dropped because the adapter is shut or it is too long.

        Waits for a buffer of a size that the guest has given before.
        """
        with self._changed:
            while True:
                queue = self._queue
                if queue is None or self._is_closed:
                    return
                at = bisect_left(self._sizes, len(frame) + HANDLE_SIZE)
                fitting = self._sizes[at:]
                if not fitting and self._sizes:
                    self._count_dropped()
                    return
                size = next((size for size in fitting if self._buffers[size]), None)
                if size is not None:
                    break
                self._wait_for_buffers()
            descriptor = self._buffers[size].popleft()
            self._held -= 1
            try:
                self._deliver(queue, address_of(descriptor), frame)
            except DmaError:
                self._count_dropped()
                return
        if self._signals:
            self.slot.pulse()

    def _wait_for_buffers(self) -> None:
        """The guest has added some. It adds many at a time, and is given the time to."""
        self._is_starved = True
        self._changed.wait()
        if self.is_open:
            self._changed.wait(GATHER_S)

    def _deliver(self, queue: ReceiveQueue, buffer: int, frame: bytes) -> None:
        """The frame is behind its buffer's handle, and the queue says so, control byte last.

        Entries are aligned to their size, so each is in one piece of memory.
        """
        size = HANDLE_SIZE + len(frame)
        room = DataBuffer(self._dma.views(buffer, size, is_write=True))
        where = queue.start + queue.at
        entry = self._dma.views(where, ENTRY_SIZE, is_write=True)[0]
        handle = room.get(0, HANDLE_SIZE)
        room.put(frame, HANDLE_SIZE)
        self._dma.written(buffer, size)
        entry[1:] = struct.pack(">xHI", HANDLE_SIZE, len(frame)) + handle
        entry[:1] = bytes((queue.toggle | CONTROL_VALID,))
        self._dma.written(where, ENTRY_SIZE)
        queue.advance()

    def _count_dropped(self) -> None:
        self._dropped += 1
        try:
            self._dma.write(self._list + DROPPED_OFFSET, self._dropped.to_bytes(8, "big"))
        except DmaError:
            return
