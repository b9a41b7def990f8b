"""virtio-scsi: commands reach units, answers come whole, task management, events."""

import struct

import pytest
from virtio_backends import MemoryDisk
from virtio_driver import Driver

from jitppc.devices.scsi import sense
from jitppc.devices.scsi.bus import Address
from jitppc.devices.scsi.disk import Disk
from jitppc.devices.scsi.unit import Identity
from jitppc.devices.virtio import scsi
from jitppc.devices.virtio.scsi import AdapterShape, VirtioScsi, address_of, lun_of

ANSWER = 12 + 96
HERE = Address(0, 3, 0)
THERE = Address(0, 3, 300)


@pytest.fixture
def disk():
    return MemoryDisk(1 << 20)


@pytest.fixture
def device(disk):
    made = VirtioScsi(AdapterShape(queues=2))
    for address, medium in ((HERE, disk), (THERE, MemoryDisk(1 << 16))):
        unit = Disk(medium, Identity(serial="one"), 512)
        made.bus.attach(unit, address.channel, address.target, address.lun)
    return made


@pytest.fixture
def driver(device):
    with Driver(device) as made:
        yield made


def command(driver, cdb, *, lun=None, out=b"", room=0, queue=2):
    """Sense length, residual, status, response, sense, data."""
    request = struct.pack("<8sQBBB", lun or lun_of(HERE), 7, 0, 0, 0) + cdb.ljust(32, b"\0") + out
    answer = driver.request(queue, request, ANSWER + room, cut=(19, 51, len(request) + 108))
    count, residual, _, status, response = struct.unpack_from("<IIHBB", answer)
    return count, residual, status, response, answer[12 : 12 + count], answer[ANSWER:]


def ready(driver, lun=None):
    """Past the unit attention of power-on."""
    while command(driver, bytes(6), lun=lun)[2]:
        pass


def test_a_disk_says_who_it_is(driver):
    *_, status, response, _, data = command(driver, bytes([0x12, 0, 0, 0, 36, 0]), room=36)
    assert (0, scsi.S_OK, b"QEMU    ") == (status, response, data[8:16])


def test_the_first_command_hears_of_power_on(driver):
    count, _, status, response, said, _ = command(driver, bytes(6))
    assert (18, 2, scsi.S_OK) == (count, status, response)
    assert (0x70, 6, 0x29) == (said[0], said[2], said[12])


@pytest.mark.parametrize("queue", [2, 3])
def test_blocks_go_both_ways(driver, disk, queue):
    ready(driver)
    data = bytes(range(256)) * 4
    write = struct.pack(">BBIBHB", 0x2A, 0, 5, 0, 2, 0)
    assert (0, 0, 0, scsi.S_OK) == command(driver, write, out=data, queue=queue)[:4]
    assert data == disk.data[5 * 512 : 7 * 512]
    read = struct.pack(">BBIBHB", 0x28, 0, 5, 0, 2, 0)
    *_, found = command(driver, read, room=1024, queue=queue)
    assert data == found


def test_residuals_and_overruns_are_told(driver):
    _, residual, _, response, _, _ = command(driver, bytes([0x12, 0, 0, 0, 36, 0]), room=100)
    assert (64, scsi.S_OK) == (residual, response)
    ready(driver)
    read = struct.pack(">BBIBHB", 0x28, 0, 5, 0, 2, 0)
    assert command(driver, read, room=512)[3] in {scsi.S_OVERRUN, scsi.S_OK}


def test_who_is_not_there_is_said(driver):
    for lun in (lun_of(Address(0, 4, 0)), bytes(8), b"\2" + bytes(7), b"\1\3\x80" + bytes(5)):
        assert scsi.S_BAD_TARGET == command(driver, bytes(6), lun=lun)[3]
    _, _, status, response, said, _ = command(driver, bytes(6), lun=lun_of(Address(0, 3, 9)))
    assert (2, scsi.S_OK, 0x25) == (status, response, said[12])


def test_luns_are_listed(driver):
    ready(driver)
    *_, data = command(driver, struct.pack(">B5xIxx", 0xA0, 64), room=64)
    assert 16 == int.from_bytes(data[:4], "big")
    assert b"\0\0" == data[8:10]
    assert b"\x41\x2c" == data[16:18]


def test_addresses_have_both_formats():
    assert THERE == address_of(lun_of(THERE))
    assert Address(0, 3, 5) == address_of(b"\1\3\0\5\0\0\0\0")
    assert address_of(b"\1\3\1\5\0\0\0\0") is None


def test_both_directions_at_once_are_refused(driver):
    assert scsi.S_FAILURE == command(driver, bytes(6), out=b"x", room=1)[3]


def test_a_request_too_short_is_refused(driver):
    answer = driver.request(2, bytes(50), ANSWER)
    assert scsi.S_FAILURE == answer[11]
    driver.request(2, bytes(51), 5)
    assert scsi.S_BAD_TARGET == driver.request(2, bytes(51), ANSWER)[11]


def manage(driver, function, lun):
    return driver.request(0, struct.pack("<II8sQ", 0, function, lun, 7), 1)[0]


def test_task_management_is_done_when_commands_are(driver, device):
    ready(driver)
    assert scsi.S_OK == manage(driver, scsi.ABORT_TASK, lun_of(HERE))
    assert 0 == command(driver, bytes(6))[2]
    assert scsi.S_OK == manage(driver, scsi.UNIT_RESET, lun_of(HERE))
    assert (0x29, 3) == tuple(command(driver, bytes(6))[4][12:14])
    ready(driver, lun_of(THERE))
    assert scsi.S_OK == manage(driver, scsi.NEXUS_RESET, lun_of(HERE))
    assert 2 == command(driver, bytes(6), lun=lun_of(THERE))[2]
    assert scsi.S_BAD_TARGET == manage(driver, scsi.NEXUS_RESET, lun_of(Address(0, 9, 0)))
    assert scsi.S_INCORRECT_LUN == manage(driver, scsi.UNIT_RESET, lun_of(Address(0, 3, 9)))
    assert scsi.S_FUNCTION_REJECTED == manage(driver, 99, lun_of(HERE))
    assert scsi.S_FAILURE == driver.request(0, struct.pack("<I", 77), 1)[0]
    query = struct.pack("<I8sI", 1, lun_of(HERE), 0xFF)
    assert bytes(5) == driver.request(0, query, 5)


def test_events_wait_for_buffers_and_say_when_some_were_missed(driver, device):
    for _ in range(scsi.MAX_EVENTS + 1):
        device.attached(THERE)
    found = [struct.unpack("<I8sI", driver.request(1, b"", 16)) for _ in range(2)]
    lun = lun_of(THERE)
    assert [(1 | scsi.EVENTS_MISSED, lun, 1), (1, lun, 1)] == found


def test_a_change_of_capacity_is_reported(driver, device):
    device.changed(HERE, sense.CAPACITY_CHANGED)
    event = struct.unpack("<I8sI", driver.request(1, b"", 16))
    assert (3, lun_of(HERE), 0x2A | 9 << 8) == event


def test_sizes_that_the_driver_sets_hold_until_a_reset(driver, device):
    device.write_config(20, struct.pack("<I", 18))
    device.write_config(24, struct.pack("<I", 16))
    request = struct.pack("<8sQBBB", lun_of(HERE), 7, 0, 0, 0) + bytes(16)
    answer = driver.request(2, request, 12 + 18)
    assert (18, 0x70) == (answer[0], answer[12])
    device.write_config(24, struct.pack("<I", 0xFFFFFFFF))
    assert struct.pack("<II", 18, 260) == device.read_config(20, 8)
    device.reset()
    assert struct.pack("<II", 96, 32) == device.read_config(20, 8)
