"""Plain requests of virtio disks and SCSI adapters in native code, judged by the ones in Python."""

import contextlib
import dataclasses
import os
import random
import struct
import threading
import time
from itertools import pairwise

import numpy as np
import pytest
from devices.device_fakes import MemoryDisk
from devices.fake_ram import GUARD, FakeRam
from spapr.native_calls import RAM, Caller, NativeRam
from test_virtio_hostile import BASE, PER_QUEUE, SIZE, WORDS, fill, is_quiet, setups
from test_virtio_hostile import DATA as HOSTILE_DATA
from test_virtio_hostile import RAM as HOSTILE_RAM
from virtio_driver import DESC, Driver, NotingTransport

from jitppc.devices.ports import BlockError, DmaError
from jitppc.devices.scsi import sense
from jitppc.devices.scsi.bus import Address
from jitppc.devices.scsi.disk import Disk
from jitppc.devices.virtio import blk, scsi
from jitppc.devices.virtio.blk import DiskShape, VirtioBlk
from jitppc.devices.virtio.device import F_EVENT_IDX, F_INDIRECT_DESC, QueueSetup
from jitppc.devices.virtio.queue import QueueBroken
from jitppc.devices.virtio.scsi import AdapterShape, VirtioScsi, lun_of
from jitppc.devices.virtio.served import ServedQueue
from jitppc.host.block.options import ImageOptions
from jitppc.host.block.raw import RawImage
from jitppc.ir import virtq_layout as layout
from jitppc.ir.virtq_layout import MAX_PIECES, NEXT, SIGNALLED, USED
from jitppc.runtime.virtio import NativeQueue

BLOCKS = 1024
ROUNDS = 2500
DESCRIPTORS, AVAILABLE, USED_RING, TABLES = 0x1000, 0x2000, 0x3000, 0x4000
HEADERS, DATA, PAGE = 0x8000, 0x10000, 4096
KINDS = {"blk": layout.DISK_REQUESTS, "scsi": layout.SCSI_REQUESTS}
HERE = Address(0, 3, 0)


def native_of(memory, name):
    return lambda: NativeQueue(memory, KINDS[name])


def device_of(name, disk, native=lambda: None):
    """With a disk, and past the unit attention of power-on."""
    if name == "blk":
        return VirtioBlk(disk, DiskShape(queue_size=SIZE), native)
    device = VirtioScsi(AdapterShape(queue_size=SIZE), native)
    unit = Disk(disk)
    unit.take_attention()
    device.bus.attach(unit, HERE.channel, HERE.target, HERE.lun)
    return device


class Side:
    """A device whose one queue of requests is served by whoever says so."""

    def __init__(self, name, ram, disk, native=lambda: None):
        self.ram, self.disk = ram, disk
        self.device = device_of(name, disk, native)
        self.index = 0 if name == "blk" else scsi.FIRST_REQUEST
        self.told = 0

    def start(self, size, features):
        """Rings that are empty."""
        self.size = size
        for at in (AVAILABLE, USED_RING):
            self.ram.memory[at : at + PAGE] = bytes(PAGE)
        setup = QueueSetup(
            self.index, size, DESCRIPTORS, AVAILABLE, USED_RING, self.ram, self._tell
        )
        native = self.device.native_queue(self.index)
        self.queue = ServedQueue(setup, SIZE, features, native)
        self.device.queues[self.index] = self.queue
        self.device.negotiated, self.device.is_active = features, True

    def _tell(self):
        self.told += 1

    @property
    def available(self):
        return self.ram.memory[AVAILABLE : AVAILABLE + PAGE].cast("H")

    def serve(self):
        """All that is available is done; False when the driver was wrong."""
        try:
            self.device.serve(self.queue)
        except QueueBroken:
            return False
        return True


class NativeSide(Side):
    """One with native code and a disk that is a file."""

    def __init__(self, name, folder, cache="writeback"):
        self.caller, self.path = Caller(), folder / "disk"
        self.path.write_bytes(random.Random(8).randbytes(BLOCKS * 512))
        image = RawImage(ImageOptions(self.path, "raw", cache=cache, serial="S123"))
        memory = self.caller.memory
        super().__init__(name, NativeRam(memory), image, native_of(memory, name))

    @property
    def done(self):
        return self.queue.native.done


def place(rng):
    """Where a buffer may be."""
    return rng.choice((DATA, DATA + 512, DATA + 4000)) + PAGE * rng.randrange(40)


def cut(rng, size):
    """Places of memory, and how much of a part of a chain is there."""
    marks = {0, size}
    if size and rng.random() < 0.6:
        marks |= {rng.randrange(size + 1) for _ in range(rng.randrange(4))}
        marks |= {mark for mark in (16, 19, 51, 108, size - 1, 512) if mark < size}
    found, side_by_side = [], place(rng)
    for start, end in pairwise(sorted(marks)):
        where = side_by_side if rng.random() < 0.3 else place(rng)
        side_by_side = where + end - start
        found.append((where, end - start))
    if rng.random() < 0.05:
        found.insert(rng.randrange(len(found) + 1), (rng.choice((place(rng), 1 << 63)), 0))
    return found


def chain(rng, sides, out, room):
    """Descriptors for these bytes and so much room are in memory, and the bytes: its head."""
    size = sides[0].size
    pieces = [(where, n, 0) for where, n in cut(rng, len(out))]
    pieces += [(where, n, layout.DESC_F_WRITE) for where, n in cut(rng, room)]
    head = rng.randrange(size)
    is_table = rng.random() < 0.5 or len(pieces) > size
    first = 0 if is_table else head
    entries = [
        (where, n, flags | layout.DESC_F_NEXT, (first + k + 1) % max(size, len(pieces)))
        for k, (where, n, flags) in enumerate(pieces)
    ]
    where, n, flags, _ = entries[-1]
    entries[-1] = where, n, flags & ~layout.DESC_F_NEXT, 0
    if rng.random() < 0.05:
        entries = wild(rng, entries)
    table = TABLES + rng.choice((0, 16, 4080, 8))
    for side in sides:
        memory, at = side.ram.memory, 0
        for where, n, flags in pieces:
            if not flags & layout.DESC_F_WRITE and n:
                memory[where : where + n] = out[at : at + n]
                at += n
        for k, entry in enumerate(entries):
            slot = table + 16 * k if is_table else DESCRIPTORS + 16 * ((first + k) % size)
            memory[slot : slot + 16] = DESC.pack(*entry)
        if is_table:
            lead = table, 16 * len(entries), layout.DESC_F_INDIRECT, 0
            memory[DESCRIPTORS + 16 * head : DESCRIPTORS + 16 * head + 16] = DESC.pack(*lead)
    return head


def wild(rng, entries):
    """One of them is another one."""
    at = rng.randrange(len(entries))
    fields = list(entries[at])
    n = rng.randrange(4)
    if n == 0:
        fields[0] = rng.choice((*WORDS, RAM - 1, RAM, DATA))
    elif n == 1:
        fields[1] = rng.choice((0, 1, 511, 513, RAM, RAM - DATA, 0xFFFFFFFF))
    elif n == 2:
        fields[2] = rng.randrange(8)
    else:
        fields[3] = rng.choice((0, at, 8, 0xFFFF))
    return [*entries[:at], tuple(fields), *entries[at + 1 :]]


def blk_request(rng):
    """What a driver sends, and how much room it has."""
    kind = rng.choice((0,) * 8 + (1,) * 8 + (4, 4, 8, 13, 99))
    count, sector = rng.choice((0, 1, 1, 2, 8, 24)), rng.choice((rng.randrange(BLOCKS), 1 << 60))
    if rng.random() < 0.97:
        sector = min(sector, BLOCKS - count)
    size = 512 * count + (rng.choice((-512, -1, 1)) if rng.random() < 0.03 else 0)
    kind |= layout.T_BARRIER if rng.random() < 0.1 else 0
    out, room = struct.pack("<IIQ", kind, rng.getrandbits(32), sector), 1
    if kind & 0xFF == 1:
        out += rng.randbytes(max(size, 0))
    elif kind & 0xFF == 0:
        room += max(size, 0)
    if rng.random() < 0.03:
        out, room = rng.choice(((out[:-1], room), (out + b"\0", room), (out, 0), (out, room + 1)))
    return out, room


def scsi_request(rng, side):
    """The same for an adapter."""
    count, lba = rng.choice((0, 1, 1, 2, 8, 24)), rng.randrange(BLOCKS)
    if rng.random() < 0.97:
        lba = min(lba, BLOCKS - count)
    flags = rng.choice((0,) * 20 + (0x08, 0x10, 0x20, 0x02))
    is_write = rng.random() < 0.5
    code = 0x0A if is_write else 0x08
    cdbs = (
        struct.pack(">IBB", code << 24 | lba, count, 0),
        struct.pack(">BBIBHB", 0x20 | code, flags, lba, 0, count, rng.choice((0,) * 30 + (4,))),
        struct.pack(">BBIIBB", 0xA0 | code, flags, lba, count, 0, 0),
        struct.pack(">BBQIBB", 0x80 | code, flags, lba, count, 0, 0),
        struct.pack(">BBIBHB", 0x35, rng.choice((0, 0, 2, 4)), lba, 0, count, 0),
    )
    cdb = rng.choice((*cdbs, *cdbs, bytes((0x12, 0, 0, 0, 36, 0)), bytes(6)))
    size = 0 if cdb[0] in {0x35, 0x12, 0} else 512 * count
    if rng.random() < 0.03:
        size += rng.choice((-1, 1, 512))
    lun = lun_of(HERE) if rng.random() < 0.97 else rng.choice((lun_of(Address(0, 4, 0)), bytes(8)))
    out = lun + rng.randbytes(11) + cdb.ljust(side.device.cdb_size, b"\0")[: side.device.cdb_size]
    room, size = scsi.RESPONSE.size + side.device.sense_size, max(size, 0)
    if size and is_write:
        out += rng.randbytes(size)
    elif size:
        room += size
    if rng.random() < 0.03:
        out, room = rng.choice(((out[:40], room), (out, 20), (out + b"\0", room + 1)))
    return out, room


def changed_together(rng, name, sides):
    """Something else is so from now on, for both."""
    is_on, sizes = rng.random() < 0.8, (rng.choice((32, 32, 16, 10, 260)), rng.choice((96, 0, 252)))
    for side in sides:
        device = side.device
        if name == "blk":
            device.write_config(blk.WRITEBACK_OFFSET, bytes((is_on,)))
            continue
        unit = device.bus.unit(HERE)
        if is_on:
            for at, value in zip((24, 20), sizes, strict=True):
                device.write_config(at, value.to_bytes(4, "little"))
        elif sizes[1]:
            unit.attention(sense.CAPACITY_CHANGED)
        unit.is_write_back = is_on or sizes[0] == 32


@pytest.mark.parametrize("cache", ["writeback", "directsync"])
@pytest.mark.parametrize("name", KINDS)
def test_native_code_and_python_do_the_same(tmp_path, name, cache, pytestconfig):
    """Whatever is asked for: the same memory, rings, disk and interrupts afterwards."""
    mine, rng = NativeSide(name, tmp_path, cache), random.Random(f"{name} {cache}")
    judge = Side(name, FakeRam(RAM), MemoryDisk(BLOCKS * 512))
    judge.disk.data[:] = mine.path.read_bytes()
    sides, is_sound, done, broken = (mine, judge), False, 0, 0
    found = [np.frombuffer(side.ram.memory, np.uint8) for side in sides]
    noise = rng.randbytes(RAM)
    for side in sides:
        side.ram.memory[:] = noise
    rounds = ROUNDS * pytestconfig.getoption("hostile_rounds")
    for n in range(rounds):
        if not is_sound or rng.random() < 0.01:
            done += n and mine.done
            features = rng.choice((F_EVENT_IDX, 0)) | rng.choice((F_INDIRECT_DESC,) * 4 + (0,))
            size = rng.choice((8, 64, SIZE))
            for side in sides:
                side.start(size, features | blk.F_FLUSH | blk.F_CONFIG_WCE)
        if rng.random() < 0.03:
            changed_together(rng, name, sides)
        out, room = blk_request(rng) if name == "blk" else scsi_request(rng, mine)
        head = chain(rng, sides, out, room)
        head = head if rng.random() < 0.99 else rng.choice((size, 0xFFFF))
        ahead = 1 if rng.random() < 0.99 else rng.choice((0, size + 1))
        event = mine.queue.ring.state[USED] - rng.choice((0, 0, 0, 1, -1)) & 0xFFFF
        for side in sides:
            index = side.queue.ring.state[NEXT]
            side.available[2 + index % size] = head
            side.available[2 + size] = event
            side.available[0] = event & 1
            side.available[1] = index + ahead & 0xFFFF
        results = [side.serve() for side in sides]
        is_sound = results[0]
        broken += not is_sound
        assert results[0] == results[1], f"round {n}"
        assert np.array_equal(*found), f"memory differs after round {n}"
        states = [[side.queue.ring.state[k] for k in (NEXT, USED, SIGNALLED)] for side in sides]
        assert states[0] == states[1]
        assert mine.told == judge.told, f"round {n}"
        if n % 50 == 0:
            assert judge.disk.data == mine.path.read_bytes()
    assert judge.disk.data == mine.path.read_bytes()
    assert done > rounds // (4 if cache == "writeback" else 30)
    assert 10 < broken < rounds // 10
    mine.disk.close()


def plausible(chance, memory, name, queue):
    """Some chains of a queue that `fill` has filled are plain reads."""
    frame = bytes(16)
    if name == "scsi":
        frame = lun_of(HERE) + bytes(11) + bytes((0x28, *[0] * 7, 1)).ljust(32, b"\0")
    memory[HOSTILE_DATA : HOSTILE_DATA + len(frame)] = frame
    rooms = (1, 512) if name == "blk" else (108, 512)
    for first in range(0, SIZE, 4):
        if chance.random() < 0.3:
            room = chance.randrange(HOSTILE_DATA + 512, HOSTILE_RAM - 1024)
            pieces = [(HOSTILE_DATA, len(frame), 1), (0, 0, 1)]
            pieces += [(room, rooms[0], 3), (room, rooms[1], 2)]
            for n, (where, length, flags) in enumerate(pieces):
                at = PER_QUEUE * queue + 16 * (first + n)
                memory[at : at + 16] = DESC.pack(BASE + where, length, flags, first + n + 1)


class FencedRam(NativeRam):
    """Its last bytes are nobody's."""

    def views(self, address, count, is_write):
        if address + count > BASE + HOSTILE_RAM:
            raise DmaError(address, count, is_write)
        return super().views(address, count, is_write)


@pytest.mark.parametrize("name", KINDS)
def test_no_driver_can_do_harm_to_native_code(name, tmp_path, monkeypatch, pytestconfig):
    """As in test_virtio_hostile.py: only the device breaks, and stands still otherwise."""
    crashes, chance, transport = [], random.Random(name), NotingTransport()
    monkeypatch.setattr(threading, "excepthook", crashes.append)
    memory = Caller(BASE + HOSTILE_RAM + GUARD).memory
    path = tmp_path / "disk"
    path.write_bytes(bytes(1 << 16))
    image = RawImage(ImageOptions(path, "raw"))

    def native():
        made = NativeQueue(memory, KINDS[name])
        made._tell(ram_size=BASE + HOSTILE_RAM)
        return made

    device = device_of(name, image, native)
    device.connect(transport)
    ram = FencedRam(memory)
    ram.memory, behind = ram.memory[BASE:-GUARD], ram.memory[-GUARD:]
    goal, descriptors, broken, clean, done = 40_000, 0, 0, 0, 0
    while descriptors < goal * pytestconfig.getoption("hostile_rounds"):
        sizes = [SIZE] * len(device.queue_sizes)
        ram.memory[:] = bytes(HOSTILE_RAM)
        fill(chance, ram, sizes)
        for queue in range(len(sizes)):
            plausible(chance, ram.memory, name, queue)
        transport.is_broken = False
        device.activate(device.features, setups(ram, sizes))
        natives = [queue.native for queue in device.queues if queue and queue.native]
        last, since = None, time.monotonic()
        while device.is_active and last != (last := is_quiet(device)):
            time.sleep(0.001)
            assert time.monotonic() - since < 60, "the device does not come to rest"
        device.reset()
        done += sum(native.done for native in natives)
        assert [] == crashes
        descriptors += sum(sizes)
        broken += transport.is_broken
        clean += not transport.is_broken
    device.close()
    image.close()
    assert behind == bytes(GUARD)
    assert min(broken, clean, done) > 5


@pytest.fixture(params=KINDS)
def driver(request, tmp_path):
    """A device at work, with a disk that is a file."""
    caller, path = Caller(), tmp_path / "disk"
    path.write_bytes(random.Random(8).randbytes(BLOCKS * 512))
    image = RawImage(ImageOptions(path, "raw"))
    ram = NativeRam(caller.memory)
    ram.base, ram.size, ram.is_sound = 0, RAM, lambda: True
    ram.put, ram.u16 = ram.write, lambda at: int.from_bytes(ram.read(at, 2), "little")
    ram.put16 = lambda at, value: ram.write(at, value.to_bytes(2, "little"))
    made = device_of(request.param, image, native_of(caller.memory, request.param))
    with Driver(made, ram=ram) as driver:
        driver.caller, driver.image, driver.path = caller, image, path
        yield driver
    with contextlib.suppress(BlockError):       # a test has broken it
        image.close()


def ask(driver, kind, lba=0, data=b"", room=0):
    """Whether a request was answered well, and the data read."""
    if driver.device.name == "virtio-blk":
        out, answer = struct.pack("<IIQ", kind, 0, lba) + data, b"\0"
        found = driver.request(0, out, room + 1)
        return found[room:] == answer, found[:room]
    code = {layout.T_IN: 0x28, layout.T_OUT: 0x2A, layout.T_FLUSH: 0x35}[kind]
    cdb = struct.pack(">BBIBHB", code, 0, lba, 0, (len(data) + room) // 512, 0)
    out = lun_of(HERE) + bytes(11) + cdb.ljust(32, b"\0") + data
    found = driver.request(scsi.FIRST_REQUEST, out, 108 + room)
    return found[:108] == bytes(108), found[108:]


def natively(driver):
    """Requests that native code has done."""
    return sum(queue.native.done for queue in driver.device.queues if queue and queue.native)


def test_blocks_go_both_ways(driver):
    data = random.Random(3).randbytes(4096)
    assert (True, b"") == ask(driver, layout.T_OUT, 5, data)
    assert data == driver.path.read_bytes()[5 * 512 : 5 * 512 + 4096]
    for n in range(100):
        assert (True, data[:512]) == ask(driver, layout.T_IN, 5, room=512), n
    assert (True, b"") == ask(driver, layout.T_FLUSH)
    assert 102 == natively(driver)


def test_a_flush_that_has_failed_fails_for_good(driver, monkeypatch):
    """Linux says once that it has lost something."""
    reader, writer = os.pipe()                      # cannot be flushed
    file = driver.image.file
    for fd in (reader, file.fd):
        now = dataclasses.replace(file, fd=fd)
        monkeypatch.setattr(RawImage, "file", property(lambda image, now=now: now))
        if driver.device.name == "virtio-blk":
            driver.device.resized()
        else:
            driver.device.bus.unit(HERE).changed()
        assert not ask(driver, layout.T_FLUSH)[0]
    assert 0 == natively(driver)
    os.close(reader)
    os.close(writer)


def test_what_the_file_has_lost_is_pythons_to_read(driver):
    os.truncate(driver.path, 512)
    expected = driver.path.read_bytes() + bytes(512)
    assert (True, expected) == ask(driver, layout.T_IN, room=1024)
    assert 0 == natively(driver)


def test_code_that_was_read_over_is_translated_anew(driver):
    """The vCPU executes from a page that a disk is read into."""
    caller, code = driver.caller, 0xC0000
    stay, hypercall = (0x48000000).to_bytes(4, "big"), (0x44000022).to_bytes(4, "big")
    caller.memory.write(code, stay)
    caller.vcpu.nia, caller.vcpu.msr = code, (1 << 63) | (1 << 12)
    assert caller.vcpu.run_for(100).reason.name != "HCALL"
    shift = 0 if driver.device.name == "virtio-blk" else 51 + 108     # of what is read, there
    data = (hypercall * 129)[shift % 4 :][:512]
    assert (True, b"") == ask(driver, layout.T_OUT, 0, data)
    driver.next = code - 256
    assert (True, data) == ask(driver, layout.T_IN, room=512)
    assert 2 == natively(driver)
    caller.vcpu.gpr[3] = 0xF000
    assert caller.vcpu.run_for(100).reason.name == "HCALL"


def test_a_chain_in_more_pieces_than_native_code_takes(tmp_path):
    """Every other byte of memory: Python's, and right."""
    caller, path = Caller(), tmp_path / "disk"
    path.write_bytes(random.Random(8).randbytes(BLOCKS * 512))
    size = 2048
    ram = NativeRam(caller.memory)
    image, native = RawImage(ImageOptions(path, "raw")), native_of(caller.memory, "blk")
    device = VirtioBlk(image, DiskShape(queue_size=size), native)
    table, data = 0x20000, 0x40000
    count = MAX_PIECES + 2
    pieces = [(HEADERS, 16, 1), *((data + 2 * n, 1, 3) for n in range(count - 3))]
    pieces += [(data + 0x8000, 1024 - count + 3, 3), (HEADERS + 16, 1, 2)]
    for n, (where, length, flags) in enumerate(pieces):
        ram.write(table + 16 * n, DESC.pack(where, length, flags, n + 1))
    setup = QueueSetup(0, size, table, 0x30000, 0x38000, ram, lambda: None)
    ram.write(HEADERS, struct.pack("<IIQB", layout.T_IN, 0, 0, 0xFF))
    ram.write(0x30000, struct.pack("<HHH", 0, 1, 0))
    queue = ServedQueue(setup, size, 0, device.native_queue(0))
    device.is_active = True
    device.serve(queue)
    expected = path.read_bytes()[:1024]
    assert expected[: count - 3] == bytes(ram.memory[data : data + 2 * (count - 3) : 2])
    assert expected[count - 3 :] == ram.memory[data + 0x8000 : data + 0x8000 + 1027 - count]
    assert (0, 1) == (ram.memory[HEADERS + 16], queue.ring.state[USED])
    assert 0 == queue.native.done


def test_a_disk_in_memory_is_pythons():
    caller = Caller()
    side = Side("blk", NativeRam(caller.memory), MemoryDisk(), native_of(caller.memory, "blk"))
    side.start(8, 0)
    assert side.device.plain(side.queue) is None
