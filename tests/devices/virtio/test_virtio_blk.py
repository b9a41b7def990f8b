"""virtio-blk: requests as the specification has them, errors, and data against a reference."""

import errno
import random
import struct

import pytest
from devices.fake_ram import FakeRam
from virtio_backends import MemoryDisk
from virtio_driver import Driver

from jitppc.devices.virtio import blk, served
from jitppc.devices.virtio.blk import DiskShape, VirtioBlk

SECTORS = 256
HEADER = struct.Struct("<IIQ")


def header(kind: int, sector: int = 0) -> bytes:
    return HEADER.pack(kind, 0, sector)


def segment(sector: int, sectors: int, flags: int = 0) -> bytes:
    return struct.pack("<QII", sector, sectors, flags)


@pytest.fixture
def disk():
    made = MemoryDisk(SECTORS * 512 + 100, serial="a serial of more than 20 bytes")
    made.data[:] = random.Random(1).randbytes(made.size)
    return made


@pytest.fixture
def driver(disk):
    with Driver(VirtioBlk(disk)) as made:
        yield made


def test_sectors_are_read(driver, disk):
    answer = driver.request(0, header(blk.T_IN, 3), 1024 + 1)
    assert answer == driver.request(0, header(blk.T_IN | blk.T_BARRIER, 3), 1024 + 1)
    assert disk.data[3 * 512 : 5 * 512] + b"\0" == answer


@pytest.mark.parametrize("cut", [(), (1, 15), (7, 16, 600), (16, 17, 527, 1039, 1040)])
def test_framing_does_not_matter(driver, disk, cut):
    """Ref: virtio 1.2, 2.7.4.1: no assumption about how a request lies in its descriptors."""
    assert disk.data[:1024] + b"\0" == driver.request(0, header(blk.T_IN), 1025, cut)
    data = random.Random(2).randbytes(1024)
    assert b"\0" == driver.request(0, header(blk.T_OUT, 8) + data, 1, cut)
    assert data == disk.data[8 * 512 : 10 * 512]


def test_writing_makes_durable_only_on_flush_while_writeback(driver, disk):
    driver.request(0, header(blk.T_OUT) + bytes(512), 1)
    assert [("write", 0, 512)] == disk.log
    assert b"\0" == driver.request(0, header(blk.T_FLUSH), 1)
    driver.device.write_config(blk.WRITEBACK_OFFSET, b"\0")
    driver.request(0, header(blk.T_OUT) + bytes(512), 1)
    assert ["write", "flush", "write", "flush"] == [name for name, *_ in disk.log]


@pytest.mark.parametrize("features", [0, blk.F_FLUSH, blk.F_FLUSH | blk.F_CONFIG_WCE])
def test_a_driver_that_cannot_flush_has_no_writeback(disk, features):
    """Ref: virtio 1.2, 5.2.5.2."""
    with Driver(VirtioBlk(disk), features=features) as driver:
        driver.request(0, header(blk.T_OUT) + bytes(512), 1)
        assert (("flush", 0, 0) in disk.log) == (features == 0)
        assert bool(features) == bool(driver.device.read_config(blk.WRITEBACK_OFFSET, 1)[0])


def test_the_serial_is_20_bytes(driver):
    assert b"a serial of more tha\0" == driver.request(0, header(blk.T_GET_ID), 21)


@pytest.mark.parametrize(
    ("kind", "sector", "out", "room", "status"),
    [
        (blk.T_IN, SECTORS, b"", 512, blk.S_IOERR),
        (blk.T_IN, SECTORS - 1, b"", 1024, blk.S_IOERR),
        (blk.T_IN, (1 << 64) - 1, b"", 512, blk.S_IOERR),
        (blk.T_IN, 0, b"", 511, blk.S_IOERR),
        (blk.T_OUT, SECTORS, bytes(512), 0, blk.S_IOERR),
        (blk.T_OUT, 0, bytes(513), 0, blk.S_IOERR),
        (99, 0, b"", 0, blk.S_UNSUPP),
        (1 << 30, 0, b"", 0, blk.S_UNSUPP),
        (blk.T_DISCARD, 0, b"", 0, blk.S_IOERR),
        (blk.T_DISCARD, 0, segment(0, 8)[:-1], 0, blk.S_IOERR),
        (blk.T_DISCARD, 0, segment(0, 8, 1), 0, blk.S_UNSUPP),
        (blk.T_DISCARD, 0, segment(0, 8) + segment(SECTORS, 1), 0, blk.S_IOERR),
        (blk.T_WRITE_ZEROES, 0, segment(0, 8, 2), 0, blk.S_UNSUPP),
        (blk.T_WRITE_ZEROES, 0, segment(0, 1 << 30), 0, blk.S_IOERR),
        (blk.T_DISCARD, 0, segment(0, 1) * (blk.MAX_RANGES + 1), 0, blk.S_IOERR),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(
    driver, disk, kind, sector, out, room, status
):
    before = bytes(disk.data)
    assert status == driver.request(0, header(kind, sector) + out, room + 1)[-1]
    assert before == disk.data
    assert [] == disk.log


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (errno.ENOSPC, blk.S_IOERR),
        (errno.EIO, blk.S_IOERR),
        (errno.EINVAL, blk.S_IOERR),
        (errno.EOPNOTSUPP, blk.S_UNSUPP),
    ],
)
def test_errors_of_the_host_reach_the_guest(driver, disk, number, status):
    disk.failing = number
    for request in (header(blk.T_OUT) + bytes(512), header(blk.T_FLUSH)):
        assert bytes([status]) == driver.request(0, request, 1)
    assert bytes(512) + bytes([status]) == driver.request(0, header(blk.T_IN), 513)
    disk.failing = 0
    assert b"\0" == driver.request(0, header(blk.T_FLUSH), 1)


def test_discard_and_write_zeroes_take_several_ranges(driver, disk):
    ranges = segment(0, 8) + segment(16, 1)
    assert b"\0" == driver.request(0, header(blk.T_DISCARD) + ranges, 1)
    zeroes = segment(4, 2) + segment(30, 3, 1)
    assert b"\0" == driver.request(0, header(blk.T_WRITE_ZEROES) + zeroes, 1)
    assert [
        ("discard", 0, 4096),
        ("discard", 8192, 512),
        ("zero", 2048, 1024),
        ("unmap", 15360, 1536),
    ] == disk.log


def test_a_read_only_disk_says_so(disk):
    disk.is_read_only = True
    with Driver(VirtioBlk(disk)) as driver:
        assert driver.features & blk.F_RO
        assert not driver.features & (blk.F_DISCARD | blk.F_WRITE_ZEROES)
        for kind in (blk.T_OUT, blk.T_DISCARD, blk.T_WRITE_ZEROES):
            answer = driver.request(0, header(kind) + segment(0, 1) * 32, 1)
            assert bytes([blk.S_IOERR]) == answer
        assert 0 == driver.request(0, header(blk.T_IN), 513)[-1]


def test_the_configuration_space_is_that_of_the_specification(disk):
    sizes = {"logical_block": 4096, "physical_block": 16384, "min_io": 16384, "opt_io": 65536}
    shape = DiskShape(**sizes, queues=3)
    device = VirtioBlk(disk, shape)
    fields = {  # offset, size
        (0, 8): SECTORS,
        (8, 4): 0,
        (12, 4): 254,
        (20, 4): 4096,
        (24, 1): 2,
        (26, 2): 4,
        (28, 4): 16,
        (32, 1): 1,
        (34, 2): 3,
        (36, 4): blk.MAX_RANGE_SECTORS,
        (40, 4): blk.MAX_RANGES,
        (44, 4): 8,
        (56, 1): 1,
        (57, 1): 0,
        (60, 8): 0,
    }
    found = {
        (at, count): int.from_bytes(device.read_config(at, count), "little") for at, count in fields
    }
    assert fields == found
    assert (256, 256, 256) == device.queue_sizes


def test_a_request_without_its_header_or_status_does_no_harm(driver):
    assert bytes([blk.S_IOERR]) == driver.request(0, b"short", 1)
    driver.request(0, header(blk.T_IN), 0)
    assert 0 == driver.request(0, header(blk.T_IN), 513)[-1]


@pytest.mark.parametrize("page", [0, 512])
@pytest.mark.parametrize("queues", [1, 3])
def test_random_requests_leave_what_a_reference_has(page, queues):
    """Batches over several queues; ranges of one batch are apart, so their order is free."""
    chance = random.Random(queues)
    disk = MemoryDisk(SECTORS * 512)
    reference = bytearray(disk.size)
    device = VirtioBlk(disk, DiskShape(queues=queues))
    with Driver(device, ram=FakeRam(1 << 20, base=1 << 16, page=page)) as driver:
        area = driver.next
        for _ in range(150):
            driver.next = area
            places = sorted(chance.sample(range(SECTORS), 2 * chance.randint(1, 4)))
            reads, asked = [], [0] * queues
            for start, end in zip(places[::2], places[1::2], strict=True):
                count = (end - start) * 512
                where = slice(start * 512, end * 512)
                kind = chance.choice((blk.T_IN, blk.T_OUT, blk.T_WRITE_ZEROES, blk.T_DISCARD))
                out, room = header(kind, start), 0
                if kind == blk.T_IN:
                    room = count
                elif kind == blk.T_OUT:
                    out += (data := chance.randbytes(count))
                    reference[where] = data
                else:
                    out += segment(start, end - start)
                    if kind == blk.T_WRITE_ZEROES:
                        reference[where] = bytes(count)
                memory = driver.bump(len(out) + room + 1, 1)
                driver.ram.put(memory, out + bytes(room) + b"\xff")
                status = memory + len(out) + room
                buffers = [(memory, 16, False), (memory + 16, len(out) - 16, False)]
                buffers += [(memory + len(out), room, True), (status, 1, True)]
                which = chance.randrange(queues)
                table = driver.bump(16 * 4) if chance.random() < 0.5 else None
                driver.send(which, buffers, table)
                asked[which] += 1
                reads.append((status, status - room, bytes(reference[where]) if room else b""))
            for which, count in enumerate(asked):
                if count:
                    driver.wait_used(which, count)
            for status, at, expected in reads:
                assert b"\0" == driver.ram.read(status, 1)
                assert expected == driver.ram.read(at, len(expected))
        assert reference == disk.data
    assert not driver.transport.is_broken


def test_a_reset_waits_for_requests_under_way(disk):
    driver = Driver(VirtioBlk(disk))
    for _ in range(20):
        driver.build()
        driver.activate()
        driver.send(0, [(driver.bump(16), 16, False), (driver.bump(1), 1, True)])
        driver.device.reset()
        before = bytes(driver.ram.memory)
        assert [] == driver.device._threads
        assert before == driver.ram.memory
    driver.device.close()


@pytest.mark.parametrize(("patience_ns", "expected"), [(-1, 8), (1 << 60, 1)])
def test_the_driver_hears_in_time_of_what_is_done(disk, monkeypatch, patience_ns, expected):
    """Of each request if they take long, of all together if they do not."""
    monkeypatch.setattr(served, "TELL_NS", patience_ns)
    with Driver(VirtioBlk(disk), features=0) as driver:
        queue = driver.queues[0]
        for n in range(8):
            where, status = driver.bump(16), driver.bump(1)
            driver.ram.put(where, header(blk.T_IN, n))
            queue.offer(queue.put_chain([(where, 16, False), (status, 1, True)]))
        assert queue.expose()
        driver.device.notify(0)
        back = []
        with queue.woken:
            assert queue.woken.wait_for(lambda: back.extend(queue.take_used()) or len(back) == 8, 5)
    # its thread has ended, and has told of all
    assert expected == queue.interrupts
