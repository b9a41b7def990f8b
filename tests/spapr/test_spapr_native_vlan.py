"""The logical LAN in native code, with the one in Python (`test_spapr_vlan.py`) as its judge."""

import random
import socket
import struct
import threading
import time
from itertools import pairwise

import pytest
from devices.fake_ram import FakeRam

from jitppc.ir.hcalls import H
from jitppc.ir.lan_layout import VALID
from jitppc.runtime.engine import Engine
from jitppc.runtime.lan import NativeLan
from jitppc.runtime.memory import GuestMemory
from jitppc.runtime.vcpu import Vcpu
from jitppc.spapr.dma import RamDma
from jitppc.spapr.tce import TCE_READ, TCE_WRITE, TceTables
from jitppc.spapr.vio.bus import Slot
from jitppc.spapr.vio.native_vlan import NativeVlan
from jitppc.spapr.vio.vlan import Vlan
from jitppc.spapr.vio.window import DmaWindow

UNIT = 0x71000003
RAM, PAGE = 1 << 20, 4096
LIST, FILTERS, QUEUE, QUEUE_SIZE = 0x1000, 0x2000, 0x3000, 16 * 4
BUFFERS = 0x10000
MAC = bytes.fromhex("525400123456")
POWER9 = 0x004E1202
SECONDS = 20
LENGTH = struct.Struct(">I")


class Wire:
    """A back end whose other end is `far`."""

    def __init__(self):
        self._near, self.far = socket.socketpair()
        self.far.settimeout(SECONDS)

    def start(self, receive, link):
        raise AssertionError("the device carries its frames itself")

    def start_carried(self, carrier, link):
        self._thread = threading.Thread(target=carrier.carry, args=(self._near.fileno(),))
        self._thread.start()

    def send(self, frame):
        raise AssertionError("the device carries its frames itself")

    def give(self, frame):
        self.far.sendall(LENGTH.pack(len(frame)) + frame)

    def taken(self):
        """The next frame of the guest's."""
        (count,) = LENGTH.unpack(self._exactly(4))
        return self._exactly(count)

    def _exactly(self, count):
        found = b""
        while len(found) < count:
            found += self.far.recv(count - len(found))
        return found

    def close(self):
        self.far.close()
        self._thread.join(SECONDS)
        self._near.close()


class LanGuest:
    def __init__(self):
        self.memory, self.wire, self.pulses = GuestMemory(RAM), Wire(), []
        self.vcpu = Vcpu(Engine(), self.memory, 0, POWER9)
        window = DmaWindow(UNIT, TceTables(), RamDma(self.memory))
        self.table = window.table
        self.table.put(0, [n * PAGE | TCE_READ | TCE_WRITE for n in range(RAM // PAGE)])
        native = NativeLan(self.memory, UNIT, self.table.address, self.table.page_count)
        slot = Slot(UNIT, 0x1103, lambda: self.pulses.append(1))
        self.vlan = NativeVlan(slot, window, self.wire, MAC, native)
        self.vlan.start()
        self.at, self.toggle = 0, 0x80

    def open(self):
        self.at, self.toggle = 0, 0x80
        return self.vlan.register(LIST, descriptor(QUEUE, QUEUE_SIZE), FILTERS, 0)

    def add(self, number, size=2048):
        where = BUFFERS + number * 0x1000
        self.memory.write(where, number.to_bytes(8, "big"))
        return self.vlan.add_buffer(descriptor(where, size))

    def take(self, seconds=SECONDS):
        """(handle, frame) of the next entry of the queue, or None when none comes in time."""
        end = time.monotonic() + seconds
        while (entry := self.memory.read(QUEUE + self.at, 16))[0] & 0x80 != self.toggle:
            if time.monotonic() > end:
                return None
            time.sleep(0.001)
        control, offset, size, handle = struct.unpack(">BxHIQ", entry)
        assert control & 0x40
        self.at += 16
        if self.at == QUEUE_SIZE:
            self.at, self.toggle = 0, self.toggle ^ 0x80
        return handle, self.memory.read(BUFFERS + handle * 0x1000 + offset, size)

    def close(self):
        self.vlan.close()
        self.wire.close()


def descriptor(address, size):
    return VALID | size << 32 | address


def until(holds):
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.fixture(scope="module")
def made():
    guest = LanGuest()
    yield guest
    guest.close()


@pytest.fixture
def guest(made):
    made.vlan.reset()
    made.table.put(0, [n * PAGE | TCE_READ | TCE_WRITE for n in range(RAM // PAGE)])
    made.memory.write(0, bytes(RAM))
    made.pulses.clear()
    return made


def test_frames_come_in_order_through_many_rounds_of_the_queue(guest):
    assert guest.open() == H.SUCCESS
    for n in range(200):
        frame = bytes((n,)) * (60 + n)
        assert guest.add(n % 7) == H.SUCCESS
        guest.wire.give(frame)
        assert (n % 7, frame) == guest.take()


def test_frames_in_one_piece_of_the_stream_or_in_many_are_the_same(guest):
    guest.open()
    frames = [bytes((n,)) * (14 + n) for n in range(3)]
    stream = b"".join(LENGTH.pack(len(frame)) + frame for frame in frames)
    for size in (len(stream), 7, 1):
        for n in range(3):
            guest.add(n)
        for at in range(0, len(stream), size):
            guest.wire.far.sendall(stream[at : at + size])
        assert frames == [guest.take()[1] for _ in frames]


def test_the_smallest_buffer_that_fits_is_taken(guest):
    guest.open()
    for number, size in ((0, 2048), (1, 512), (2, 1024)):
        guest.add(number, size)
    for frame, number in ((bytes(505), 2), (bytes(504), 1), (bytes(100), 0)):
        guest.wire.give(frame)
        assert (number, frame) == guest.take()


def test_interrupts_come_only_while_signals_are_on(guest):
    guest.open()
    guest.add(0)
    guest.wire.give(bytes(60))
    assert guest.take() is not None
    assert [] == guest.pulses
    assert guest.vlan.set_signal(1)
    guest.add(1)
    guest.wire.give(bytes(60))
    until(lambda: guest.pulses)
    assert not guest.vlan.set_signal(2)


def test_a_frame_waits_for_a_buffer(guest):
    guest.open()
    guest.wire.give(b"waited" * 20)
    assert None is guest.take(0.05)
    guest.add(3)
    assert (3, b"waited" * 20) == guest.take()


@pytest.mark.parametrize("end", ["free", "reset", "quiesce"])
def test_a_frame_that_waits_is_dropped_when_the_adapter_is_shut(guest, end):
    guest.open()
    guest.wire.give(b"old" * 30)
    time.sleep(0.02)
    getattr(guest.vlan, end)()
    assert H.RESOURCE == guest.vlan.free()
    guest.table.put(0, [n * PAGE | TCE_READ | TCE_WRITE for n in range(RAM // PAGE)])
    time.sleep(0.02)
    guest.open()
    guest.add(1)
    guest.wire.give(b"new" * 30)
    assert (1, b"new" * 30) == guest.take()


def test_what_the_guest_has_unmapped_or_is_too_long_is_counted(guest):
    guest.open()
    guest.add(0, 512)
    guest.wire.give(bytes(600))
    until(lambda: guest.memory.read(LIST + PAGE - 8, 8)[7] == 1)
    guest.table.fill(BUFFERS // PAGE, 1, 0)
    guest.wire.give(bytes(100))
    until(lambda: guest.memory.read(LIST + PAGE - 8, 8)[7] == 2)
    assert None is guest.take(0.01)


def test_code_that_a_frame_overwrites_is_forgotten(guest):
    guest.open()
    pages = [BUFFERS // PAGE, BUFFERS // PAGE + 1, QUEUE // PAGE]
    for page in pages:
        guest.memory._owners_array[page] = 1
    where = BUFFERS + 0x800
    guest.vlan.add_buffer(descriptor(where, 4096))
    guest.wire.give(bytes(3000))
    assert guest.take() is not None
    until(lambda: not any(guest.memory._owners_array[page] for page in pages))


def test_up_to_six_pieces_in_scattered_pages_make_a_frame(guest):
    guest.open()
    pages = [*range(16, 48)]
    random.Random(1).shuffle(pages)
    guest.table.put(16, [page * PAGE | TCE_READ for page in pages])
    data = random.Random(2).randbytes(64 << 10)
    for n, page in enumerate(pages[:16]):
        guest.memory.write(page * PAGE, data[n * PAGE : (n + 1) * PAGE])
    base = 16 * PAGE
    cuts = [0, 14, 5000, 5001, 20000, 60000, 64 << 10]
    pieces = tuple(descriptor(base + a, b - a) for a, b in pairwise(cuts))
    assert H.SUCCESS == guest.vlan.send(pieces)
    assert data == guest.wire.taken()
    assert H.SUCCESS == guest.vlan.send((pieces[1], 0, pieces[3], 0, 0, 0))
    assert data[14:5000] == guest.wire.taken()


def test_a_host_that_takes_nothing_costs_frames_but_breaks_none(guest):
    """What was taken of a frame is followed by the rest of it, whoever asks for it."""
    guest.open()
    sizes = [1000 + 37 * n for n in range(400)]
    sent = []
    for n, size in enumerate(sizes):
        guest.memory.write(BUFFERS, n.to_bytes(4, "big") * (size // 4 + 1))
        status = guest.vlan.send((descriptor(BUFFERS, size),))
        if status == H.DROPPED:
            break
        assert status == H.SUCCESS
        sent.append((n.to_bytes(4, "big") * (size // 4 + 1))[:size])
    else:
        raise AssertionError("nothing was ever dropped")
    assert sent == [guest.wire.taken() for _ in sent]
    assert H.SUCCESS == guest.vlan.send((descriptor(BUFFERS, 60),))
    assert 60 == len(guest.wire.taken())


class Judge:
    """The adapter in Python, over memory of its own."""

    def __init__(self):
        ram = FakeRam(RAM)
        window = DmaWindow(UNIT, TceTables(), ram)
        self.ram, self.table = ram, window.table
        self.sent = []
        self.vlan = Vlan(Slot(UNIT, 0x1103, lambda: None), window, self, MAC)

    def send(self, frame):
        self.sent.append(bytes(frame))


def random_descriptor(rng):
    """Ordinary, at an edge, or anything."""
    kind = rng.random()
    if kind < 0.1:
        return rng.getrandbits(64)
    address = rng.choice((rng.randrange(RAM), RAM - 2048, RAM - 2044, 0xFFFFF000, 0))
    address = address & ~3 if kind < 0.8 else address
    size = rng.choice((0, 4, 12, 16, 20, 60, 512, 2048, 9000, 65536, 0xFFFFFF, rng.randrange(5000)))
    size = size & ~3 if kind < 0.8 else size
    return rng.choice((VALID, VALID, VALID, 0)) | size << 32 | address


def test_both_adapters_answer_the_same_whatever_they_are_asked(request):
    """Descriptors of every kind, pages with and without rights: the same status each time."""
    rng, judge, guest = random.Random(7), Judge(), LanGuest()
    data = rng.randbytes(RAM)
    guest.memory.write(0, data)
    judge.ram.memory[:] = data
    queue = descriptor(QUEUE, QUEUE_SIZE)
    reader = threading.Thread(target=drain, args=(guest.wire.far,), daemon=True)
    reader.start()
    for n in range(3000 * request.config.getoption("--hostile-rounds")):
        if n % 300 == 0:
            for adapter in (guest, judge):
                adapter.vlan.quiesce()
            tces = [
                rng.randrange(RAM // PAGE) * PAGE | rng.choice((0, 1, 2, 3, 3, 3, 3, 3, 3))
                for _ in range(RAM // PAGE)
            ]
            tces[1:4] = [page * PAGE | 3 for page in (1, 2, 3)]
            tces[200] = 1 << 40 | 3
            for adapter in (guest, judge):
                adapter.table.put(0, tces)
        a, b = guest.vlan, judge.vlan
        kind = rng.random()
        if kind < 0.05:
            assert b.register(LIST, queue, FILTERS, 0) == a.register(LIST, queue, FILTERS, 0)
        elif kind < 0.06:
            assert b.free() == a.free()
        elif kind < 0.5:
            one = random_descriptor(rng)
            assert b.add_buffer(one) == a.add_buffer(one)
        elif kind < 0.6:
            size = rng.choice((16, 20, 60, 512, 2048, 9000 & ~3, rng.getrandbits(24)))
            assert b.free_buffer(size) == a.free_buffer(size)
        else:
            pieces = tuple(random_descriptor(rng) for _ in range(6))
            assert b.send(pieces) == a.send(pieces)
    guest.close()
    judge.vlan.close()


def drain(far):
    """Takes what is sent, so that nothing is dropped."""
    try:
        while far.recv(1 << 20):
            pass
    except OSError:
        return
