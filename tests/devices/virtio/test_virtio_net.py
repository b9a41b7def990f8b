"""virtio-net: frames both ways, filters, several queues, offloads by the back end, the cable."""

import random
import struct
import threading
import time

import pytest
from devices.fake_ram import FakeRam
from virtio_driver import Driver

from jitppc.devices.ports import NetOffloads
from jitppc.devices.virtio import net
from jitppc.devices.virtio.net import NetShape, VirtioNet

MAC = bytes.fromhex("525400123456")
OTHER = bytes.fromhex("525400aaaaaa")
BROADCAST = b"\xff" * 6
MULTICAST = bytes.fromhex("01005e000001")
HEADER = 12
OK, ERR = b"\0", b"\1"


class Cable:
    """A back end in memory."""

    def __init__(self):
        self.sent = []
        self.receive = self.link = None
        self.arrived = threading.Condition()

    def start(self, receive, link):
        self.receive, self.link = receive, link

    def send(self, frame):
        with self.arrived:
            self.sent.append(bytes(frame))
            self.arrived.notify_all()

    def wait_sent(self, count):
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.sent) >= count, 20)
        return self.sent

    def close(self):
        pass


class Offloader(Cable):
    """A back end that works on frames."""

    def __init__(self, offloads, is_trusted=False):
        super().__init__()
        self.offloads, self.is_trusted = offloads, is_trusted
        self.accepted = []

    def accept(self, offloads):
        self.accepted.append(offloads)


def frame(target=MAC, size=60, fill=7, kind=b"\x08\x06"):
    return (target + OTHER + kind).ljust(size, bytes([fill]))


def give_buffers(driver, count, size, index=0):
    """Receive buffers; their addresses."""
    made = []
    for _ in range(count):
        address = driver.bump(size)
        driver.send(index, [(address, size, True)])
        made.append(address)
    return made


@pytest.fixture
def cable():
    return Cable()


@pytest.fixture
def driver(cable):
    with Driver(VirtioNet(cable, NetShape(MAC)), ram=FakeRam(1 << 20, 1 << 20)) as made:
        yield made


@pytest.mark.parametrize("cut", [(), (12,), (5, 12, 30), (20, 21, 22)])
def test_frames_of_the_guest_are_sent_without_their_header(driver, cable, cut):
    driver.request(1, bytes(HEADER) + frame(), 0, cut)
    assert [frame()] == cable.sent


def test_what_is_no_frame_is_not_sent(driver, cable):
    for size in (1, 5, 12, 25):
        driver.request(1, bytes(size), 0)
    driver.request(1, bytes(12 + net.MAX_FRAME + 1), 0)
    driver.request(1, bytes(12) + frame(), 0)
    assert [frame()] == cable.sent


def test_a_frame_comes_with_a_header_that_counts_its_buffers(driver, cable):
    (address,) = give_buffers(driver, 1, 1526)
    cable.receive(frame(size=1514))
    ((_, length),) = driver.wait_used(0)
    assert 12 + 1514 == length
    assert struct.pack("<BBHHHHH", 0, 0, 0, 0, 0, 0, 1) == driver.ram.read(address, 12)
    assert frame(size=1514) == driver.ram.read(address + 12, 1514)


def test_large_frames_are_spread_over_buffers(driver, cable):
    addresses = give_buffers(driver, 5, 600)
    data = random.Random(1).randbytes(2000)
    cable.receive(BROADCAST + data)
    used = driver.wait_used(0, 4)
    assert [600, 600, 600, 218] == [length for _, length in used]
    whole = b"".join(driver.ram.read(at, 600) for at in addresses)
    assert 4 == int.from_bytes(whole[10:12], "little")
    assert BROADCAST + data == whole[12 : 12 + 2006]


def test_without_mergeable_buffers_a_frame_that_does_not_fit_is_dropped(cable):
    device = VirtioNet(cable, NetShape(MAC))
    with Driver(device, features=device.features & ~net.F_MRG_RXBUF) as driver:
        (address,) = give_buffers(driver, 1, 100)
        cable.receive(frame(size=89))
        cable.receive(frame(size=88))
        assert 100 == driver.wait_used(0)[0][1]
        assert frame(size=88) == driver.ram.read(address + 12, 88)
        assert 1 == device.dropped


def test_a_frame_longer_than_the_whole_ring_is_dropped(cable):
    device = VirtioNet(cable, NetShape(MAC, queue_size=4))
    with Driver(device) as driver:
        give_buffers(driver, 4, 20)
        cable.receive(frame(size=200))
        assert 1 == device.dropped
        cable.receive(frame(size=60))
        assert 4 == len(driver.wait_used(0, 4))


def test_the_back_end_waits_for_buffers_and_a_reset_frees_it(driver, cable):
    thread = threading.Thread(target=cable.receive, args=(frame(),))
    thread.start()
    time.sleep(0.05)
    assert thread.is_alive()
    give_buffers(driver, 1, 100)
    driver.wait_used(0)
    thread.join(20)
    thread = threading.Thread(target=cable.receive, args=(frame(),))
    thread.start()
    time.sleep(0.05)
    driver.device.reset()
    thread.join(20)
    assert not thread.is_alive()
    cable.receive(frame())  # goes nowhere, and returns


def command(driver, kind, number, data=b"", index=2):
    return driver.request(index, bytes([kind, number]) + data, 1, cut=(2,))


def test_everything_is_heard_until_the_guest_says_otherwise(driver, cable):
    give_buffers(driver, 3, 128)
    for target in (OTHER, MULTICAST, BROADCAST):
        cable.receive(frame(target))
    assert 3 == len(driver.wait_used(0, 3))


FILTERS = [
    # (rx modes turned on, tables set) -> heard of OTHER, MULTICAST, BROADCAST, MAC
    ((), None, (0, 0, 1, 1)),
    ((1,), None, (0, 1, 1, 1)),
    ((2,), None, (1, 0, 1, 1)),
    ((1, 3), None, (0, 0, 1, 1)),
    ((5,), None, (0, 0, 0, 1)),
    ((4,), None, (0, 0, 1, 0)),
    ((), ([OTHER], []), (1, 0, 1, 1)),
    ((), ([], [MULTICAST]), (0, 1, 1, 1)),
    ((), ([bytes([2, 0, 0, 0, 0, n]) for n in range(65)], []), (1, 0, 1, 1)),
]


@pytest.mark.parametrize(("modes", "tables", "expected"), FILTERS)
def test_filters_let_through_what_was_asked_for(driver, modes, tables, expected):
    assert OK == command(driver, 0, 0, b"\0")
    for mode in modes:
        assert OK == command(driver, 0, mode, b"\1")
    if tables is not None:
        data = b"".join(struct.pack("<I", len(table)) + b"".join(table) for table in tables)
        assert OK == command(driver, 1, 0, data)
    passes = driver.device.filter.passes
    targets = (OTHER, MULTICAST, BROADCAST, MAC)
    assert [bool(n) for n in expected] == [passes(memoryview(frame(t))) for t in targets]


def test_vlans_are_filtered_once_the_guest_names_one(driver):
    def tagged(vlan):
        return memoryview(MAC + OTHER + b"\x81\x00" + struct.pack(">H", vlan | 0x6000) + bytes(50))

    passes = driver.device.filter.passes
    assert passes(tagged(5))
    assert OK == command(driver, 2, 0, struct.pack("<H", 5))
    assert (True, False) == (passes(tagged(5)), passes(tagged(6)))
    assert OK == command(driver, 2, 1, struct.pack("<H", 5))
    assert not passes(tagged(5))
    assert passes(memoryview(frame()))
    assert ERR == command(driver, 2, 0, struct.pack("<H", 4096))


def test_the_guest_may_change_its_address_and_a_reset_brings_it_back(driver):
    assert MAC == driver.device.config()[:6]
    assert OK == command(driver, 1, 1, OTHER)
    assert OTHER == driver.device.config()[:6]
    driver.device.reset()
    assert MAC == driver.device.config()[:6]


@pytest.mark.parametrize(
    "request_bytes",
    [b"", b"\0", b"\0\7\1", b"\0\0", b"\0\0\1\1", b"\1\0", b"\1\0\1\0\0\0", b"\1\1\1", b"\x63\0",
     b"\1\0" + b"\xff" * 4 + bytes(40), b"\1\0" + bytes(9), b"\2\0\1", b"\3\0", b"\4\0\1\0"],
)  # fmt: skip
def test_a_command_that_makes_no_sense_is_refused(driver, request_bytes):
    assert ERR == driver.request(2, request_bytes, 1)


def test_the_link_is_reported_and_announced(driver, cable):
    def status():
        return struct.unpack("<H", driver.device.read_config(6, 2))[0]

    assert net.S_LINK_UP == status()
    cable.link(False)
    assert (0, 1) == (status(), driver.transport.config_changes)
    driver.request(1, bytes(12) + frame(), 0)
    cable.receive(frame())
    assert [] == cable.sent
    cable.link(True)
    assert net.S_LINK_UP | net.S_ANNOUNCE == status()
    assert OK == command(driver, 3, 0)
    assert net.S_LINK_UP == status()
    driver.device.set_link(False)
    assert 0 == status()


def ipv4(source, target, from_port, to_port, mac=MAC):
    body = bytes([0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0]) + source + target
    return mac + OTHER + b"\x08\x00" + body + struct.pack(">HH", from_port, to_port) + bytes(30)


def test_answers_come_on_the_queue_that_asked(cable):
    device = VirtioNet(cable, NetShape(MAC, pairs=3))
    with Driver(device) as driver:
        assert ERR == command(driver, 4, 0, struct.pack("<H", 4), index=6)
        assert ERR == command(driver, 4, 0, struct.pack("<H", 0), index=6)
        assert OK == command(driver, 4, 0, struct.pack("<H", 3), index=6)
        here, there = b"\x0a\0\0\1", b"\x0a\0\0\2"
        for pair in (2, 0, 1):
            driver.request(2 * pair + 1, bytes(12) + ipv4(here, there, 1000 + pair, 80), 0)
        for pair in (1, 2, 0):
            give_buffers(driver, 1, 200, index=2 * pair)
            cable.receive(ipv4(there, here, 80, 1000 + pair))
            driver.wait_used(2 * pair)
        assert struct.pack("<H", 3) == device.read_config(8, 2)


def test_without_several_queues_control_is_the_third(cable):
    device = VirtioNet(cable, NetShape(MAC, pairs=2))
    with Driver(device, features=device.features & ~net.F_MQ) as driver:
        assert OK == command(driver, 0, 0, b"\0")
        assert ERR == command(driver, 4, 0, struct.pack("<H", 2))


def test_offloads_are_those_of_the_back_end():
    every = NetOffloads(header=True, checksum=True, tso4=True, tso6=True, ecn=True)
    tx = net.F_CSUM | net.F_HOST_TSO4 | net.F_HOST_TSO6 | net.F_HOST_ECN
    rx = net.F_GUEST_CSUM | net.F_GUEST_TSO4 | net.F_GUEST_TSO6 | net.F_GUEST_ECN
    features = {
        Cable(): 0,
        Offloader(NetOffloads()): 0,
        Offloader(every): tx | rx,
        Offloader(NetOffloads(checksum=True, tso4=True)): net.F_CSUM | net.F_HOST_TSO4,
        Offloader(NetOffloads(), is_trusted=True): net.F_GUEST_CSUM,
    }
    for backend, expected in features.items():
        assert expected == VirtioNet(backend, NetShape(MAC)).features & (tx | rx)


def test_a_back_end_with_headers_gets_and_gives_them():
    every = NetOffloads(header=True, checksum=True, tso4=True, tso6=True, ecn=True)
    cable = Offloader(every)
    with Driver(VirtioNet(cable, NetShape(MAC))) as driver:
        assert [every] == cable.accepted
        header = struct.pack("<BBHHHHH", 1, 1, 54, 1448, 34, 16, 0)
        driver.request(1, header + frame(size=3000), 0, cut=(12,))
        assert [header + frame(size=3000)] == cable.sent
        (address,) = give_buffers(driver, 1, 4000)
        cable.receive(header + frame(size=3000))
        driver.wait_used(0)
        assert header[:10] + b"\1\0" + frame(size=3000) == driver.ram.read(address, 3012)
        driver.device.reset()
        assert NetOffloads() == cable.accepted[-1]


def test_frames_of_a_trusted_back_end_are_marked_valid():
    cable = Offloader(NetOffloads(), is_trusted=True)
    with Driver(VirtioNet(cable, NetShape(MAC))) as driver:
        (address,) = give_buffers(driver, 1, 100)
        cable.receive(frame())
        driver.wait_used(0)
        assert 2 == driver.ram.read(address, 1)[0]


def test_thousands_of_frames_both_ways_arrive_in_order(driver, cable):
    count, size = 3000, 300
    expected = [frame(fill=n & 255, size=60 + n % 200) for n in range(count)]
    feeder = threading.Thread(target=lambda: [cable.receive(one) for one in expected])
    feeder.start()
    area, found, slots = driver.next, [], []
    for n in range(64):
        slots.append(area + n * size)
        driver.send(0, [(slots[-1], size, True)])
    driver.next = area + 64 * size
    at = 0
    while len(found) < count:
        for _, length in driver.wait_used(0):
            found.append(driver.ram.read(slots[at % 64] + 12, length - 12))
            driver.send(0, [(slots[at % 64], size, True)])
            at += 1
    feeder.join(20)
    assert expected == found
    for one in expected[:500]:
        driver.request(1, bytes(12) + one, 0)
    assert expected[:500] == cable.sent
