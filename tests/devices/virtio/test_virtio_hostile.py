"""A driver that writes anything anywhere: only its own device breaks.

Each round fills rings, tables and buffers with crafted and random values, lets the device's threads
work on them until they stand still, and resets it. Judged: no exception in any thread, no byte
changed beside guest memory, no thread that does not end. `--hostile-rounds N` does more.
"""

import random
import socket
import struct
import threading
import time

import pytest
from devices.fake_ram import FakeRam
from virtio_backends import Line, MemoryDisk
from virtio_driver import DESC, NotingTransport

from jitppc.devices.scsi.bus import Address
from jitppc.devices.scsi.disk import Disk
from jitppc.devices.scsi.unit import Identity
from jitppc.devices.virtio.balloon import VirtioBalloon
from jitppc.devices.virtio.blk import DiskShape, VirtioBlk
from jitppc.devices.virtio.console import VirtioConsole
from jitppc.devices.virtio.device import QueueSetup
from jitppc.devices.virtio.net import NetShape, VirtioNet
from jitppc.devices.virtio.p9 import Virtio9p
from jitppc.devices.virtio.rng import VirtioRng
from jitppc.devices.virtio.scsi import AdapterShape, VirtioScsi
from jitppc.ir.virtq_layout import NEXT

SIZE = 256  # of each queue, where it may be as long
RAM = 1 << 17
BASE = 1 << 20
PER_QUEUE = 0x2000  # descriptors, then the two rings
AVAILABLE, USED = 0x1000, 0x1400
TABLES = 0xE000
DATA = 0xF000
#: Thrown at each device type.
DESCRIPTORS = 100_000


class Cable:
    def start(self, receive, link):
        self.receive = receive

    def send(self, frame):
        bytes(frame)

    def close(self):
        pass


def echo(connection):
    """A 9P server that answers each message with itself, sometimes with nonsense."""
    chance, count = random.Random(1), 0
    with connection:
        while True:
            try:
                data = connection.recv(1 << 16)
                if not data:
                    return
                count += 1
                connection.sendall(chance.randbytes(20) if count % 50 == 0 else data)
            except OSError:
                return


class EchoServer:
    tree, user = "/", 0

    def connect(self):
        ours, theirs = socket.socketpair()
        threading.Thread(target=echo, args=(theirs,), daemon=True).start()
        return ours

    def close(self):
        pass


def make_blk(chance):
    disk = MemoryDisk(1 << 16, serial="s", read_only=chance.random() < 0.1)
    disk.log = type("NoLog", (), {"append": lambda self, entry: None})()
    return VirtioBlk(disk, DiskShape(queues=3, queue_size=SIZE))


def make_net(chance):
    return VirtioNet(Cable(), NetShape(b"\x52\x54\0\0\0\1", pairs=2, queue_size=SIZE))


def make_console(chance):
    device = VirtioConsole(max_ports=2)
    for _ in range(2):
        device.add_port(Line(), is_console=True)
    return device


def make_balloon(chance):
    def give_back(address, count):
        assert address % 4096 == 0 == count % 4096
        assert count > 0

    return VirtioBalloon(RAM, give_back, free_page_reporting=True)


def make_9p(chance):
    return Virtio9p("tag", EchoServer())


def make_rng(chance):
    return VirtioRng(bytes)


def make_scsi(chance):
    device = VirtioScsi(AdapterShape(queues=2, queue_size=SIZE))
    disk = MemoryDisk(1 << 16)
    disk.log = type("NoLog", (), {"append": lambda self, entry: None})()
    device.bus.attach(Disk(disk, Identity(), 512), 0, 0, 0)
    device.attached(Address(0, 0, 0))
    return device


MAKERS = {
    "scsi": make_scsi,
    "blk": make_blk,
    "net": make_net,
    "console": make_console,
    "balloon": make_balloon,
    "9p": make_9p,
    "rng": make_rng,
}

WORDS = (0, 1, 2, 4, 8, 11, 13, 511, 512, 4095, 4096, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 63)
KINDS = (0, 1, 4, 8, 10, 11, 13, 100, 104, 108, 0xFFFF)


def contents(chance):
    """What buffers hold: headers that mean something to some device, or anything."""
    draw = chance.random()
    if draw < 0.15:  # a SCSI command, or task management
        lun = chance.choice((b"\1" + bytes(7), b"\xc1\1" + bytes(6), chance.randbytes(8)))
        if chance.random() < 0.2:
            return struct.pack("<II", 0, chance.randrange(9)) + lun + bytes(8)
        cdb = bytes([chance.choice((0, 3, 0x12, 0x1A, 0x25, 0x28, 0x2A, 0x42, 0x88, 0x9E, 0xA0))])
        return lun + bytes(11) + cdb + chance.choice((bytes(31), chance.randbytes(31)))
    if draw < 0.4:  # a disk request, and its ranges
        data = struct.pack("<IIQ", chance.choice(KINDS), 0, chance.choice((0, 1, 60, 127, 1 << 60)))
        return data + struct.pack("<QII", chance.choice(WORDS), chance.choice((1, 8, 1 << 31)), 0)
    if draw < 0.6:  # a 9P message
        size = chance.choice((7, 11, 30, 0xFFFFFFFF))
        tag = chance.randrange(20)
        return struct.pack("<IBHQ", size, chance.choice((100, 104, 108)), tag, chance.choice(WORDS))
    if draw < 0.8:  # a message of the console, or a command of the network
        return bytes(chance.choice((0, 1, 2, 3, 4, 6)) for _ in range(12))
    return chance.randbytes(40)


def descriptor(chance, n, size, wild, may_be_table=True):
    """One that can be followed, but for `wild` of all."""
    address = BASE + chance.randrange(DATA, RAM - 2048)
    length = chance.choice((0, 1, 4, 12, 16, 17, 32, 64, 512, 513, 1025))
    flags = (2 if n % 4 >= 2 else 0) | (0 if n % 4 == 3 else 1)
    after = (n + 1) % size
    if may_be_table and n % 4 == 0 and chance.random() < 0.2:
        address, length, flags = BASE + TABLES + 64 * chance.randrange(16), 64, 4
    if chance.random() < wild:
        fault = chance.randrange(5)
        if fault == 0:
            address = chance.choice(WORDS)
        elif fault == 1:
            length = chance.choice(WORDS) & 0xFFFFFFFF
        elif fault == 2:
            flags = chance.randrange(8)
        elif fault == 3:
            after = chance.choice((0, n, size, 0xFFFF))
        else:
            flags, length = 4, 16 * chance.choice((1, 2, 4, 200))
            address = BASE + PER_QUEUE * chance.randrange(4)
    return DESC.pack(address, length, flags, after)


def fill(chance, ram, sizes):
    """The rings of all queues, and memory that they lead to."""
    wild = chance.choice((0, 0, 0.002, 0.05))
    for at in range(DATA, RAM - 64, chance.choice((64, 512))):
        data = contents(chance)
        ram.memory[at : at + len(data)] = data
    for queue, size in enumerate(sizes):
        base = PER_QUEUE * queue
        table = b"".join(descriptor(chance, n, size, wild) for n in range(size))
        ram.memory[base : base + len(table)] = table
        heads = [4 * chance.randrange(size // 4) for _ in range(size)]
        index = size
        if chance.random() < 5 * wild:
            heads[chance.randrange(size)] = chance.choice((size, 0xFFFF, 1))
        if chance.random() < wild:
            index = chance.choice((0, size + 1, 0xFFFF))
        ring = struct.pack(f"<HH{size}HH", 0, index, *heads, chance.randrange(1 << 16))
        ram.memory[base + AVAILABLE : base + AVAILABLE + len(ring)] = ring
    for at in range(TABLES, TABLES + 64 * 16, 64):
        entries = [descriptor(chance, n, 4, wild, may_be_table=False) for n in range(3)]
        last = DESC.pack(BASE + DATA, 64, 2, 0)
        ram.memory[at : at + 64] = b"".join(entries) + last


def setups(ram, sizes):
    return [
        QueueSetup(n, size, base, base + AVAILABLE, base + USED, ram, interrupt=lambda: None)
        for n, size in enumerate(sizes)
        for base in [BASE + PER_QUEUE * n]
    ]


def is_quiet(device):
    """All that can be taken was taken, and a moment later still."""
    return [
        (queue.index, queue.ring.state[NEXT], queue.ring._available[1])
        for queue in device.queues
        if queue is not None and device.has_thread(queue.index)
    ]


@pytest.fixture
def crashes(monkeypatch):
    """Exceptions that ended a thread."""
    found = []
    monkeypatch.setattr(threading, "excepthook", found.append)
    return found


@pytest.mark.parametrize("name", MAKERS)
def test_no_driver_can_do_harm(name, crashes, request):
    chance = random.Random(name)
    make = MAKERS[name]
    descriptors = broken = clean = 0
    goal = DESCRIPTORS * request.config.getoption("--hostile-rounds")
    device = make(chance)
    transport = NotingTransport()
    device.connect(transport)
    while descriptors < goal:
        ram = FakeRam(RAM, BASE, page=chance.choice((0, 0, 4096)))
        sizes = [min(size, SIZE) for size in device.queue_sizes[:7]]
        fill(chance, ram, sizes)
        device.activate(device.features, setups(ram, sizes))
        feeder = None
        if name == "net":
            frames = [chance.randbytes(chance.choice((14, 60, 1514))) for _ in range(20)]
            receive = device.backend.receive
            feeder = threading.Thread(target=lambda r=receive, f=frames: [r(one) for one in f])
            feeder.start()
        if name == "console":
            device.ports[0].guest_is_open = True
            device.ports[0].chardev.type(b"typed" * 100)
        last, since = None, time.monotonic()
        while device.is_active:
            now = is_quiet(device)
            if now == last:
                break
            last = now
            time.sleep(0.001)
            assert time.monotonic() - since < 60, "the device does not come to rest"
        started = time.monotonic()
        device.reset()
        assert time.monotonic() - started < 60, "a thread does not end"
        if feeder is not None:
            feeder.join(60)
            assert not feeder.is_alive()
        assert [] == crashes
        assert ram.is_sound()
        descriptors += sum(sizes)
        broken += transport.is_broken
        clean += not transport.is_broken
        transport.is_broken = False
    device.close()
    # Both kinds of rounds came up: rings that could be worked through, and broken ones.
    assert broken > 10
    assert clean > 10
