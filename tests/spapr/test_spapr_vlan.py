"""The logical LAN against a guest that keeps its own buffers and queue."""

import struct
import threading
import time

import pytest
from devices.fake_ram import FakeRam

from jitppc.ir.hcalls import H
from jitppc.ir.lan_layout import VALID
from jitppc.spapr.fdt_values import get
from jitppc.spapr.tce import TCE_READ, TCE_WRITE, TceTables
from jitppc.spapr.vio.bus import Slot
from jitppc.spapr.vio.vlan import Vlan
from jitppc.spapr.vio.window import DmaWindow

UNIT = 0x71000003
RAM, PAGE = 1 << 20, 4096
LIST, FILTERS, QUEUE, QUEUE_SIZE = 0x1000, 0x2000, 0x3000, 16 * 4
BUFFERS = 0x10000
MAC = bytes.fromhex("525400123456")


class Cable:
    """The host's end: keeps what was sent."""

    def __init__(self):
        self.frames, self.arrived = [], threading.Event()
        self.hold = threading.Event()
        self.hold.set()

    def start(self, receive, link):
        self.receive, self.link = receive, link

    def send(self, frame):
        self.hold.wait()
        self.frames.append(bytes(frame))
        self.arrived.set()

    def close(self):
        pass


def descriptor(address, size):
    return VALID | size << 32 | address


class LanGuest:
    def __init__(self):
        self.ram, self.cable, self.pulses = FakeRam(RAM), Cable(), []
        window = DmaWindow(UNIT, TceTables(), self.ram)
        window.table.put(0, [n * PAGE | TCE_READ | TCE_WRITE for n in range(RAM // PAGE)])
        slot = Slot(UNIT, 0x1103, lambda: self.pulses.append(1))
        self.vlan = Vlan(slot, window, self.cable, MAC)
        self.vlan.start()
        self.at, self.toggle = 0, 0x80

    def open(self):
        queue = descriptor(QUEUE, QUEUE_SIZE)
        return self.vlan.register(LIST, queue, FILTERS, int.from_bytes(MAC, "big"))

    def add(self, number, size=2048):
        where = BUFFERS + number * 0x1000
        self.ram.memory[where : where + 8] = number.to_bytes(8, "big")
        return self.vlan.add_buffer(descriptor(where, size))

    def take(self):
        """(handle, frame) of the next entry of the queue, or None."""
        where = QUEUE + self.at
        entry = bytes(self.ram.memory[where : where + 16])
        control, offset, size, handle = struct.unpack(">BxHIQ", entry)
        if control & 0x80 != self.toggle:
            return None
        assert control & 0x40
        self.at += 16
        if self.at == QUEUE_SIZE:
            self.at, self.toggle = 0, self.toggle ^ 0x80
        start = BUFFERS + handle * 0x1000 + offset
        return handle, bytes(self.ram.memory[start : start + size])


@pytest.fixture
def guest():
    made = LanGuest()
    yield made
    made.cable.hold.set()
    made.vlan.close()


def test_frames_come_in_order_through_many_rounds_of_the_queue(guest):
    assert guest.open() == H.SUCCESS
    for n in range(200):
        frame = bytes((n,)) * (60 + n)
        assert guest.add(n % 7) == H.SUCCESS
        guest.cable.receive(frame)
        assert (n % 7, frame) == guest.take()
        assert None is guest.take()


def test_the_smallest_buffer_that_fits_is_taken(guest):
    guest.open()
    for number, size in ((0, 2048), (1, 512), (2, 1024)):
        guest.add(number, size)
    for frame, number in ((bytes(505), 2), (bytes(504), 1), (bytes(100), 0)):
        guest.cable.receive(frame)
        assert (number, frame) == guest.take()


def test_interrupts_come_only_while_signals_are_on(guest):
    guest.open()
    for n in range(2):
        guest.add(n)
        guest.cable.receive(bytes(60))
        assert n == len(guest.pulses)
        assert guest.vlan.set_signal(1)
    assert not guest.vlan.set_signal(2)


def test_a_frame_waits_for_a_buffer(guest):
    guest.open()
    thread = threading.Thread(target=guest.cable.receive, args=(b"waited" * 20,))
    thread.start()
    time.sleep(0.05)
    assert thread.is_alive()
    guest.add(3)
    thread.join(5)
    assert (3, b"waited" * 20) == guest.take()


@pytest.mark.parametrize("end", ["free", "reset", "close"])
def test_a_frame_that_waits_is_dropped_when_the_adapter_is_shut(guest, end):
    guest.open()
    thread = threading.Thread(target=guest.cable.receive, args=(bytes(60),))
    thread.start()
    time.sleep(0.05)
    getattr(guest.vlan, end)()
    thread.join(5)
    assert not thread.is_alive()
    assert H.RESOURCE == guest.vlan.free()


def test_a_frame_too_long_for_every_buffer_is_counted(guest):
    guest.open()
    guest.add(0, 512)
    for n in range(1, 4):
        guest.cable.receive(bytes(600))
        assert n == int.from_bytes(guest.ram.memory[LIST + PAGE - 8 : LIST + PAGE], "big")
    assert None is guest.take()


def test_frames_to_an_adapter_that_is_shut_are_dropped(guest):
    guest.cable.receive(bytes(60))
    assert not any(guest.ram.memory)


def test_up_to_six_pieces_make_a_frame(guest):
    guest.open()
    guest.ram.memory[BUFFERS : BUFFERS + 600] = bytes(range(200)) * 3
    pieces = tuple(descriptor(BUFFERS + 100 * n, 100) for n in range(6))
    assert H.SUCCESS == guest.vlan.send(pieces)
    assert guest.cable.arrived.wait(5)
    assert [bytes(range(200)) * 3] == guest.cable.frames
    assert H.SUCCESS == guest.vlan.send((pieces[0], 0, pieces[2], 0, 0, 0))
    guest.vlan._sending.drop()
    time.sleep(0.05)
    assert guest.cable.frames[1:] in ([], [bytes(range(100))])


def test_sending_is_refused_for_good_reasons(guest):
    piece = descriptor(BUFFERS, 100)
    assert H.DROPPED == guest.vlan.send((piece,))
    guest.open()
    assert H.PARAMETER == guest.vlan.send((descriptor(0x900000, 100),))
    assert H.RESOURCE == guest.vlan.send((descriptor(0, 40000),) * 2)
    assert H.SUCCESS == guest.vlan.send((0,) * 6)


def test_a_host_that_takes_nothing_slows_the_guest_and_loses_frames_in_the_end(guest):
    guest.open()
    guest.cable.hold.clear()
    results = [guest.vlan.send((descriptor(BUFFERS, 60),)) for _ in range(262)]
    assert H.DROPPED == results[-1]
    assert H.SUCCESS == results[255]


def test_what_is_registered_must_be_aligned_and_mapped(guest):
    vlan = guest.vlan
    queue = descriptor(QUEUE, QUEUE_SIZE)
    wrong = [
        (LIST + 8, queue, FILTERS),
        (LIST, queue, FILTERS + 1),
        (LIST, queue & ~VALID, FILTERS),
        (LIST, descriptor(QUEUE + 8, QUEUE_SIZE), FILTERS),
        (LIST, descriptor(QUEUE, 24), FILTERS),
        (LIST, descriptor(QUEUE, 0), FILTERS),
        (LIST, descriptor(0x900000, 64), FILTERS),
        (0x900000, queue, FILTERS),
    ]
    for buffer_list, queue_descriptor, filters in wrong:
        assert H.PARAMETER == vlan.register(buffer_list, queue_descriptor, filters, 0)
    assert H.RESOURCE == guest.add(0)
    assert H.SUCCESS == guest.open()
    assert H.RESOURCE == guest.open()
    assert VALID | QUEUE_SIZE << 32 | QUEUE == int.from_bytes(
        guest.ram.memory[LIST : LIST + 8], "big"
    )
    for bad in (descriptor(BUFFERS, 12), descriptor(BUFFERS + 2, 64), BUFFERS | 64 << 32):
        assert H.PARAMETER == vlan.add_buffer(bad)


def test_a_buffer_can_be_taken_back_by_its_size(guest):
    guest.open()
    guest.add(5, 1024)
    assert None is guest.vlan.free_buffer(512)
    assert 5 == guest.vlan.free_buffer(1024)
    assert None is guest.vlan.free_buffer(1024)


def test_a_number_of_buffers_is_enough(guest):
    guest.open()
    results = {guest.vlan.add_buffer(descriptor(BUFFERS, 16)) for _ in range(5 * 4096)}
    assert {H.SUCCESS} == results
    assert H.RESOURCE == guest.vlan.add_buffer(descriptor(BUFFERS, 16))


def test_its_node_is_that_of_the_reference(guest):
    node = guest.vlan.tree_node()
    assert "l-lan@71000003" == node.name
    assert MAC == get(node, "local-mac-address")
    guest.vlan.change_mac(0x020000000001)
    assert b"\2\0\0\0\0\1" == guest.vlan.mac
    guest.vlan.reset()
    assert MAC == guest.vlan.mac
