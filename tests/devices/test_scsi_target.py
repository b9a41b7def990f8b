"""Units of a target against a model of a disk, and whatever a guest may send."""

import errno
import random

import pytest
from device_fakes import MemoryDisk

from jitppc.devices.scsi import sense, table
from jitppc.devices.scsi.bus import Address, Limits, ScsiBus
from jitppc.devices.scsi.cdrom import Cdrom
from jitppc.devices.scsi.disk import Disk
from jitppc.devices.scsi.sense import Key, Status
from jitppc.devices.scsi.task import DataBuffer, Task

BLOCK = 512
BLOCKS = 256


def scattered(data, cuts=(1, 511, 700)):
    """The bytearray as pieces of odd sizes."""
    view, pieces, start = memoryview(data), [], 0
    for size in cuts:
        pieces.append(view[start : start + size])
        start += size
    return DataBuffer([*pieces, view[start:]])


def ready(unit):
    while unit.take_attention() is not None:
        pass
    return unit


def disk(**options):
    return ready(Disk(MemoryDisk(BLOCKS * BLOCK, **options)))


def cd(blocks=100):
    return ready(Cdrom(MemoryDisk(blocks * 2048, read_only=True)))


def ask(unit, cdb, room=65536):
    """Status or sense, and the data that came."""
    buffer = bytearray(room)
    done = unit.execute(Task(bytes.fromhex(cdb), data_in=scattered(buffer)))
    return done.sense or done.status, bytes(buffer[: done.transferred])


def give(unit, cdb, data):
    done = unit.execute(Task(bytes.fromhex(cdb), data_out=scattered(bytearray(data))))
    return done.sense or done.status


def lengths(lba, count):
    """The same extent for each size of descriptor block: read and write opcodes, fields."""
    yield 0x08, 0x0A, f"{lba:06x}{count % 256:02x}00"
    yield 0x28, 0x2A, f"00{lba:08x}00{count:04x}00"
    yield 0xA8, 0xAA, f"00{lba:08x}{count:08x}0000"
    yield 0x88, 0x8A, f"00{lba:016x}{count:08x}0000"


@pytest.mark.parametrize("which", range(4))
def test_every_size_of_descriptor_block_reaches_the_same_blocks(which):
    unit = disk()
    data = random.Random(which).randbytes(3 * BLOCK)
    _, write, fields = list(lengths(5, 3))[which]
    assert Status.GOOD == give(unit, f"{write:02x}{fields}", data)
    assert data == unit.medium.data[5 * BLOCK : 8 * BLOCK]
    for read, _, same in lengths(5, 3):
        assert (Status.GOOD, data) == ask(unit, f"{read:02x}{same}")


def test_a_count_of_zero_is_256_blocks_in_six_bytes_and_none_in_ten():
    unit = disk()
    assert (Status.GOOD, bytes(256 * BLOCK)) == ask(unit, "080000000000", 256 * BLOCK)
    assert (Status.GOOD, b"") == ask(unit, "28000000000000000000")


def test_blocks_behind_the_last_one_are_out_of_range():
    unit = disk()
    last, beyond = f"2800{BLOCKS - 1:08x}00000100", f"2800{BLOCKS - 1:08x}00000200"
    assert Status.GOOD == ask(unit, last)[0]
    assert sense.LBA_OUT_OF_RANGE == ask(unit, beyond)[0]
    assert sense.LBA_OUT_OF_RANGE == ask(unit, "8800" + "ff" * 8 + "000000010000")[0]
    assert sense.LBA_OUT_OF_RANGE == give(unit, "8a00" + "ff" * 8 + "000000010000", bytes(BLOCK))


def test_a_random_history_leaves_what_a_model_says():
    unit, rng, model = disk(), random.Random(1), bytearray(BLOCKS * BLOCK)
    for _ in range(3000):
        lba = rng.randrange(BLOCKS)
        count = rng.randint(0, min(9, BLOCKS - lba))
        start, end = lba * BLOCK, (lba + count) * BLOCK
        what = rng.choice("wwrsuzv")
        if what == "w":
            data = rng.randbytes(end - start)
            assert Status.GOOD == give(unit, f"2a00{lba:08x}00{count:04x}00", data)
            model[start:end] = data
        elif what == "r":
            assert (Status.GOOD, model[start:end]) == ask(unit, f"2800{lba:08x}00{count:04x}00")
        elif what in "sz" and count:
            block = rng.randbytes(BLOCK) if what == "s" else bytes(BLOCK)
            assert Status.GOOD == give(unit, f"9300{lba:016x}{count:08x}0000", block)
            model[start:end] = block * count
        elif what == "u":
            parameters = bytes.fromhex(f"0016001000000000{lba:016x}{count:08x}00000000")
            assert Status.GOOD == give(unit, "42000000000000001800", parameters)
            model[start:end] = b"\xdd" * (end - start)
        elif what == "v" and count:
            cdb = f"2f02{lba:08x}00{count:04x}00"
            assert Status.GOOD == give(unit, cdb, model[start:end])
            wrong = bytearray(model[start:end])
            wrong[rng.randrange(len(wrong))] ^= 1
            assert sense.MISCOMPARE == give(unit, cdb, wrong)
    assert model == unit.medium.data


def test_a_write_is_durable_when_it_says_fua_or_the_cache_is_off():
    unit = disk()
    assert Status.GOOD == give(unit, "2a000000000000000100", b"a" * BLOCK)
    assert unit.medium.flushed != unit.medium.data
    assert Status.GOOD == give(unit, "2a080000000100000100", b"b" * BLOCK)
    assert unit.medium.flushed == unit.medium.data
    off = bytes.fromhex("000000000812" + "00" * 18)
    assert Status.GOOD == give(unit, "151000001800", off)
    assert Status.GOOD == give(unit, "2a000000000200000100", b"c" * BLOCK)
    assert unit.medium.flushed == unit.medium.data


def test_synchronize_cache_makes_everything_durable():
    for cdb in ("35000000000000000000", "91" + "00" * 15):
        unit = disk()
        give(unit, "2a000000000000000100", b"a" * BLOCK)
        assert Status.GOOD == ask(unit, cdb)[0]
        assert unit.medium.flushed == unit.medium.data


def test_turning_the_cache_off_writes_it_out_and_only_wce_can_be_changed():
    unit = disk()
    give(unit, "2a000000000000000100", b"a" * BLOCK)
    off = bytes.fromhex("0812" + "00" * 18)
    assert Status.GOOD == give(unit, "55100000000000001c00", bytes(8) + off)
    assert unit.medium.flushed == unit.medium.data
    assert (0x08, 0x12, 0x00) == tuple(ask(unit, "1a080800ff00")[1][4:7])
    assert (0x08, 0x12, 0x04) == tuple(ask(unit, "1a084800ff00")[1][4:7])
    assert (0x08, 0x12, 0x04) == tuple(ask(unit, "1a088800ff00")[1][4:7])
    for bit in range(8 * 18):
        contents = bytearray(18)
        contents[bit // 8] = 1 << bit % 8
        answer = give(unit, "151000001800", bytes(4) + b"\x08\x12" + contents)
        is_wce = (bit // 8, bit % 8) == (0, 2)
        assert (Status.GOOD if is_wce else sense.INVALID_FIELD_IN_PARAMETERS) == answer
        give(unit, "151000001800", bytes(4) + off)


def test_a_short_buffer_writes_nothing_and_is_told():
    unit = disk()
    done = unit.execute(
        Task(bytes.fromhex("2a000000000000000200"), data_out=scattered(bytearray(b"x" * 600)))
    )
    assert (Status.CHECK_CONDITION, 0, 1024) == (done.status, done.transferred, done.wanted)
    assert not any(unit.medium.data)


def test_a_short_buffer_is_filled_by_a_read():
    done = disk().execute(
        Task(bytes.fromhex("28000000000000000200"), data_in=scattered(bytearray(600)))
    )
    assert (Status.GOOD, 600, 1024) == (done.status, done.transferred, done.wanted)


def test_a_read_only_disk_refuses_every_command_that_writes():
    unit = disk(read_only=True)
    writes = [
        "0a0000000100",
        "2a000000000000000100",
        "aa0000000000000000010000",
        "8a000000000000000000000000010000",
        "2e000000000000000100",
        "41000000000000000100",
        "93000000000000000000000000010000",
        "42000000000000001800",
    ]
    for cdb in writes:
        assert sense.WRITE_PROTECTED == give(unit, cdb, bytes(BLOCK)), cdb
    assert 0x90 == ask(unit, "1a000800ff00")[1][2]


@pytest.mark.parametrize(
    ("number", "on_read", "on_write"),
    [
        (errno.EIO, (Key.MEDIUM_ERROR, 0x11, 0), (Key.MEDIUM_ERROR, 0x0C, 0)),
        (errno.ENOSPC, (Key.DATA_PROTECT, 0x27, 7), (Key.DATA_PROTECT, 0x27, 7)),
    ],
)
def test_a_failure_of_the_host_is_sense_data(number, on_read, on_write):
    unit = disk()
    unit.medium.fails_with = number
    found = ask(unit, "28000000000000000100")[0]
    assert on_read == (found.key, found.asc, found.ascq)
    found = give(unit, "2a000000000000000100", bytes(BLOCK))
    assert on_write == (found.key, found.asc, found.ascq)
    assert isinstance(ask(unit, "35000000000000000000", 0)[0], sense.Sense)


def test_the_guest_is_told_of_power_on_once_and_not_by_inquiry():
    unit = Disk(MemoryDisk())
    assert Status.GOOD == ask(unit, "120000002400")[0]
    assert sense.POWER_ON_RESET == ask(unit, "000000000000")[0]
    assert Status.GOOD == ask(unit, "000000000000")[0]
    unit.reset(sense.UNIT_RESET)
    assert sense.UNIT_RESET.fixed() == ask(unit, "030000001200")[1]
    assert Status.GOOD == ask(unit, "000000000000")[0]


def test_sense_data_in_both_formats():
    where = sense.UNRECOVERED_READ_ERROR.at(0x1234)
    assert bytes.fromhex("f00003000012340a00000000110000000000") == where.fixed()
    assert bytes.fromhex("720311000000000c000a80000000000000001234") == where.descriptors()
    far = sense.UNRECOVERED_READ_ERROR.at(1 << 40)
    assert 0x70 == far.fixed()[0]


def test_supported_commands_are_those_of_the_table():
    for unit in (disk(), cd()):
        status, data = ask(unit, "a30c00000000000100000000")
        assert Status.GOOD == status
        listed = {
            (data[i], int.from_bytes(data[i + 2 : i + 4], "big") if data[i + 5] & 1 else None)
            for i in range(4, len(data), 8)
        }
        assert len(data) - 4 == int.from_bytes(data[:4], "big")
        assert {(row.opcode, row.service_action) for row in table.rows_of(unit.kind)} == listed
        for opcode, action in listed:
            how = 1 if action is None else 2
            one = ask(unit, f"a30c{how:02x}{opcode:02x}{action or 0:04x}0000ffff0000")[1]
            assert 3 == one[1]
            assert opcode == one[4]
            assert len(one) - 4 == int.from_bytes(one[2:4], "big")
        assert 1 == ask(unit, "a30c01ff00000000ffff0000")[1][1]


def test_usage_maps_have_the_length_of_their_group():
    expected = {0: 6, 1: 10, 2: 10, 4: 16, 5: 12}
    for row in table.COMMANDS.values():
        assert expected[row.opcode >> 5] == row.length, row.name


def test_a_locked_tray_stays_shut_until_the_guest_lets_go():
    unit = cd()
    assert Status.GOOD == ask(unit, "1e0000000100")[0]
    assert sense.MEDIUM_REMOVAL_PREVENTED == ask(unit, "1b0000000200")[0]
    unit.take_event()
    assert not unit.request_eject()
    assert 1 == ask(unit, "4a010000100000000800")[1][4]
    assert Status.GOOD == ask(unit, "1e0000000000")[0]
    assert Status.GOOD == ask(unit, "1b0000000200")[0]
    assert sense.NO_MEDIUM_TRAY_OPEN == ask(unit, "000000000000")[0]
    assert (3, 1) == tuple(ask(unit, "4a010000100000000800")[1][4:6])
    assert Status.GOOD == ask(unit, "1b0000000300")[0]
    assert sense.MEDIUM_CHANGED == ask(unit, "000000000000")[0]
    assert Status.GOOD == ask(unit, "000000000000")[0]


def test_a_drive_without_medium_gets_one_and_loses_it():
    unit = ready(Cdrom())
    assert sense.NO_MEDIUM_TRAY_CLOSED == ask(unit, "25" + "00" * 9)[0]
    assert None is unit.change(MemoryDisk(50 * 2048, read_only=True))
    assert sense.MEDIUM_CHANGED == ask(unit, "25" + "00" * 9)[0]
    assert bytes.fromhex("0000003100000800") == ask(unit, "25" + "00" * 9)[1]
    before = unit.medium
    assert before is unit.change(None)
    assert sense.NO_MEDIUM_TRAY_CLOSED == ask(unit, "28000000000000000100")[0]


def test_a_bus_gives_places_and_knows_its_targets():
    bus = ScsiBus(Limits(0, 7, 3))
    assert [Address(0, n, 0) for n in range(3)] == [bus.attach(disk()) for _ in range(3)]
    assert Address(0, 1, 1) == bus.attach(disk(), target=1)
    assert Address(0, 5, 2) == bus.attach(disk(), target=5, lun=2)
    for bad in ({"target": 5, "lun": 2}, {"target": 8}, {"lun": 4}, {"channel": 1}):
        with pytest.raises(ValueError, match="no free place"):
            bus.attach(disk(), **bad)
    assert [0, 1] == bus.luns(0, 1)
    assert [0, 2] == bus.luns(0, 5)
    assert [] == bus.luns(0, 6)
    unit = bus.unit(Address(0, 1, 1))
    assert (
        "0000001000000000" + "00" * 8 + "0001" + "00" * 6
        == ask(unit, "a0" + "00" * 8 + "800000")[1].hex()
    )
    buffer = bytearray(64)
    task = Task(bytes.fromhex("120000002400"), data_in=DataBuffer([memoryview(buffer)]))
    assert Status.GOOD == bus.execute(Address(0, 5, 0), task).status
    assert 0x7F == buffer[0]
    assert sense.UNIT_NOT_SUPPORTED == bus.execute(Address(0, 5, 1), Task(bytes(6))).sense
    assert None is bus.execute(Address(0, 6, 0), Task(bytes(6)))


def random_cdb(rng, rows):
    cdb = bytearray(rng.randbytes(rng.choice((6, 10, 12, 16, 16, 32))))
    if rng.random() < 0.9:
        row = rng.choice(rows)
        cdb[: row.length] = row.usage
        for i in range(1, row.length):
            cdb[i] &= rng.choice((0, 0, 1, rng.randrange(256), 255))
        if row.service_action is not None:
            cdb[1] = cdb[1] & 0xE0 | row.service_action
    if rng.random() < 0.1:
        cdb[rng.randrange(len(cdb))] = rng.randrange(256)
    return bytes(cdb)


@pytest.mark.parametrize("kind", ["disk", "cd"])
def test_nothing_that_a_guest_sends_raises_or_leaves_its_buffers(kind):
    """A hundred thousand commands each; the images refuse accesses outside."""
    rng = random.Random(kind)
    unit = disk() if kind == "disk" else cd()
    rows = table.rows_of(unit.kind)
    guard = bytes(64)
    statuses = set()
    for step in range(100_000):
        size = rng.choice((0, 1, 7, 8, 24, 36, 512, 2048, 5000))
        memory = bytearray(64 + size + 64)
        view = memoryview(memory)[64 : 64 + size]
        cut = rng.randint(0, size)
        buffer = DataBuffer([view[:cut], view[cut:]])
        if rng.random() < 0.5:
            view[:] = rng.randbytes(size)
            task = Task(random_cdb(rng, rows), data_out=buffer)
        else:
            task = Task(random_cdb(rng, rows), data_in=buffer)
        done = unit.execute(task)
        statuses.add((done.status, None if done.sense is None else done.sense.asc))
        assert (done.sense is None) == (done.status is Status.GOOD)
        assert 0 <= done.transferred <= size
        assert guard == memory[:64] == memory[64 + size :]
        if step % 1000 == 0:
            unit.reset()
            unit.medium or unit.close_tray()
    assert len(statuses) >= 8
