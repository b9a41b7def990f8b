"""Reads, writes and flushes of a vscsi adapter in native code, judged by the ones in Python."""

import contextlib
import dataclasses
import os
import random
import struct

import numpy as np
import pytest
from devices.device_fakes import MemoryDisk
from native_calls import Caller, NativeRam
from test_spapr_hostile_vio import address, unit
from vscsi_guest import DATA, PAGE, RAM, RING, UNIT, UNITS, VscsiGuest, command, lun, response_of

from jitppc.devices.ports import BlockError
from jitppc.devices.scsi import sense
from jitppc.host.block.options import ImageOptions
from jitppc.host.block.raw import RawImage
from jitppc.ir.crq_layout import NOTHING
from jitppc.ir.hcalls import H
from jitppc.ir.scsi_layout import MAX_PIECES
from jitppc.runtime.crq import NativeInbox
from jitppc.runtime.vscsi import NativeScsi

SEND = 0x108
BLOCKS = 2048
FAR = 1 << 62
ROUNDS = 4000
TABLES = 0x60000
FLUSH = "35000000000000000000"


class NativeGuest(VscsiGuest):
    """A guest whose disk is a file, over memory with native code."""

    def __init__(self, folder, cache="writeback"):
        self.caller = Caller()
        memory = self.caller.memory
        self.path = folder / "disk"
        self.path.write_bytes(random.Random(8).randbytes(BLOCKS * 512))
        inbox = NativeInbox(memory, UNIT)
        super().__init__(
            inbox=inbox,
            ram=NativeRam(memory),
            disk=RawImage(ImageOptions(self.path, "raw", cache=cache, serial="S123")),
            native=lambda window: NativeScsi(
                memory, inbox, window.table.address, window.table.page_count
            ),
        )


@pytest.fixture
def guest(tmp_path):
    made = NativeGuest(tmp_path)
    yield made
    made.vscsi.close()
    with contextlib.suppress(BlockError):           # a test has broken it
        made.disk.close()


def handle(guest, element):
    """The element is handled, on this thread."""
    assert guest.vscsi.send_crq(element) == H.SUCCESS
    while guest.vscsi._do_some(FAR) != NOTHING:
        item = guest.vscsi._inbox.take()
        if item is None:
            return
        guest.vscsi._element(item)


def plain_cdb(rng, is_write):
    """A READ or WRITE, mostly within the disk, sometimes with something to look at; its blocks."""
    lba, count = rng.randrange(BLOCKS), rng.choice((1, 1, 2, 3, 8, 24))
    if rng.random() < 0.95:
        lba = min(lba, BLOCKS - count)
    flags = rng.choice((0,) * 20 + (0x08, 0x10, 0x20, 0x02))
    control = 0 if rng.random() < 0.97 else rng.choice((4, 0x80, 0xFF))
    code = 0x0A if is_write else 0x08
    form = rng.randrange(4)
    if form == 0:
        return struct.pack(">IBB", code << 24 | lba, count, control), count
    if form == 1:
        return struct.pack(">BBIBHB", 0x20 | code, flags, lba, 0, count, control), count
    if form == 2:
        return struct.pack(">BBIIBB", 0xA0 | code, flags, lba, count, 0, control), count
    return struct.pack(">BBQIBB", 0x80 | code, flags, lba, count, 0, control), count


def flush(rng):
    """A SYNCHRONIZE CACHE, mostly plain."""
    lba, count = rng.randrange(BLOCKS + 2), rng.choice((0, 0, 1, 8, BLOCKS))
    if rng.random() < 0.8:
        count = min(count, max(BLOCKS - lba, 0))
    flags, control = rng.choice((0,) * 8 + (2, 4, 0xE0)), rng.choice((0,) * 20 + (4,))
    if rng.random() < 0.5:
        return struct.pack(">BBIBHB", 0x35, flags, lba, 0, count, control)
    return struct.pack(">BBQIBB", 0x91, flags, lba, count, 0, control)


def cut(rng, size):
    """Pieces of memory of this size together, or nearly."""
    if rng.random() < 0.1:
        size += rng.choice((-512, -1, 1, 512, 4096))
    found = []
    while size > 0:
        length = min(size, rng.choice((size, size, 512, 1024, 4096, 100, 1)))
        where = rng.choice((DATA, DATA + 512, DATA + 4000)) + PAGE * rng.randrange(40)
        if rng.random() < 0.02:
            where = address(rng)
        found.append((where, length))
        size -= length
    return found or [(DATA, 0)]


def whole_pages(rng, is_write):
    """A READ or WRITE of pages, and their pieces: what direct transfers take as it is."""
    count = rng.choice((1, 1, 2, 3))
    code, lba = 0x2A if is_write else 0x28, 8 * rng.randrange(BLOCKS // 8 - 2)
    pieces = [(DATA + PAGE * rng.randrange(40), PAGE) for _ in range(count)]
    return struct.pack(">BBIBHB", code, 0, lba, 0, 8 * count, 0), 8 * count, pieces


def block_command(rng, guests):
    """A command for blocks, with its buffer in one of the ways that there are."""
    if rng.random() < 0.1:
        unused = [(DATA, 512)] if rng.random() < 0.1 else []
        return command(flush(rng).hex(), lun(0), rng.getrandbits(64), unused, [])
    is_write, buffer = rng.random() < 0.5, None
    if rng.random() < 0.5:
        cdb, count, pieces = whole_pages(rng, is_write)
    else:
        cdb, count = plain_cdb(rng, is_write)
        pieces = cut(rng, 512 * count)
    table = b"".join(struct.pack(">QII", where, 0, size) for where, size in pieces)
    if len(pieces) > 9 or rng.random() < 0.2:
        where = TABLES + rng.choice((0, 16, 4096 - 16, 8))
        for guest in guests:
            guest.ram.memory[where : where + len(table)] = table
        buffer = 2, 0, struct.pack(">QIII", where, 0, len(table), 512 * count)
    elif rng.random() < 0.3:
        listed = struct.pack(">QIII", 0, 0, len(table), 512 * count)
        buffer = 2, min(len(pieces) + rng.choice((0, 0, -1, 1)), 9), listed + table
    if is_write:
        out, in_, buffers = pieces, [], (buffer, None)
    else:
        out, in_, buffers = [], pieces, (None, buffer)
    where = lun(0) if rng.random() < 0.97 else rng.choice((lun(2), 0x0100 << 48, lun(0) | 1))
    return command(cdb.hex(), where, rng.getrandbits(64), out, in_, buffers)


def changed_together(rng, guests):
    """Something that the commands of the same guest have to look at."""
    what = rng.randrange(3)
    entries = [page * PAGE | rng.choice((3,) * 30 + (1, 2, 0)) for page in range(RAM // PAGE)]
    for number in (RING // PAGE, UNITS // PAGE):
        entries[number] |= 3
    is_write_back = rng.random() < 0.8
    for guest in guests:
        disk = guest.vscsi.bus.units()[0][1]
        if what == 0:
            disk.attention(sense.CAPACITY_CHANGED)
        elif what == 1:
            disk.is_write_back = is_write_back
        else:
            guest.window.table.put(0, entries)


@pytest.mark.parametrize("cache", ["writeback", "directsync"])
def test_native_code_and_python_do_the_same(tmp_path, cache, pytestconfig):
    """Whatever is asked for: the same memory, ring and disk afterwards."""
    mine, judge, rng = NativeGuest(tmp_path, cache), VscsiGuest(), random.Random(5)
    judge.disk.data[:] = mine.path.read_bytes()
    guests = mine, judge
    noise = rng.randbytes(RAM)
    for guest in guests:
        guest.vscsi._serving.stop()
        guest.vscsi._inbox.clear()
        guest.ram.memory[:] = noise
        guest.ram.memory[RING : RING + PAGE] = bytes(PAGE)
    found = [np.frombuffer(guest.ram.memory, np.uint8) for guest in guests]
    for n in range(ROUNDS * pytestconfig.getoption("hostile_rounds")):
        if rng.random() < 0.02:
            changed_together(rng, guests)
        iu, form = (block_command(rng, guests), 1) if rng.random() < 0.8 else unit(rng)
        length, where = rng.choice((256, 256, 256, 64, len(iu), 257)), UNITS
        if rng.random() < 0.05:
            where = address(rng)
        elif rng.random() < 0.2:
            where = UNITS + rng.choice((256, 3840, 4000, 8))
        element = struct.pack(">BB4xHQ", 0x80, form, length & 0xFFFF, where)
        for guest in guests:
            if where < RAM - 256:
                guest.ram.memory[where : where + 256] = iu[:256].ljust(256, b"\0")
            if n % 3:       # else, at times, the ring is full
                guest.ram.memory[RING : RING + PAGE] = bytes(PAGE)
            handle(guest, element)
        assert np.array_equal(*found), f"memory differs after element {n}"
        if n % 50 == 0:
            assert judge.disk.data == mine.path.read_bytes()
            fresh = rng.randbytes(0x4000)
            for guest in guests:
                guest.ram.memory[DATA : DATA + 0x4000] = fresh
    assert judge.disk.data == mine.path.read_bytes()
    assert mine.native.done > ROUNDS // 8
    for guest in guests:
        guest.vscsi.close()
    mine.disk.close()


def read_of(guest, pieces, tag=7):
    """An element for a READ of the first 1024 bytes into these pieces."""
    iu = command("28000000000000000200", tag=tag, data_in=pieces)
    guest.ram.memory[UNITS : UNITS + 256] = iu.ljust(256, b"\0")
    return struct.pack(">BB4xHQ", 0x80, 1, 256, UNITS)


def test_a_guest_asks_by_hypercall_and_hears_of_it(guest):
    expected = guest.path.read_bytes()[:1024]
    for n in range(300):
        element = read_of(guest, [(DATA, 1000), (DATA + 3 * PAGE, 24)], n)
        high, low = struct.unpack(">QQ", element)
        assert guest.caller.call(SEND, UNIT, high, low) == H.SUCCESS
        assert guest.receive()[8:] == n.to_bytes(8, "big")
        assert (0, 0, 0, 0, b"", b"") == response_of(bytes(guest.ram.memory[UNITS : UNITS + 256]))
        memory = guest.ram.memory
        assert expected == bytes(memory[DATA : DATA + 1000]) + bytes(
            memory[DATA + 3 * PAGE : DATA + 3 * PAGE + 24]
        )
        memory[DATA : DATA + 1000] = bytes(1000)
    assert 300 == guest.native.done
    assert 0 < guest.pulses_by_now() <= 300


def test_what_the_file_has_lost_is_pythons_to_read(guest):
    """A transfer that is not whole is done again where its end is looked at."""
    os.truncate(guest.path, 512)
    expected = guest.path.read_bytes() + bytes(512)
    guest.ram.memory[DATA : DATA + 1024] = b"\xee" * 1024
    guest.vscsi.send_crq(read_of(guest, [(DATA, 1024)]))
    assert guest.receive() is not None
    assert expected == guest.ram.memory[DATA : DATA + 1024]
    assert 0 == guest.native.done


def flushed(guest):
    """Status and sense of a SYNCHRONIZE CACHE."""
    reply, _ = guest.exchange(command(FLUSH, lun(0)))
    return response_of(reply)


@pytest.mark.parametrize("cache", ["writeback", "unsafe"])
def test_a_flush_is_native(tmp_path, cache):
    guest = NativeGuest(tmp_path, cache)
    assert (0, 0, 0, 0, b"", b"") == flushed(guest)
    assert 1 == guest.native.done
    guest.vscsi.close()
    guest.disk.close()


def test_a_flush_that_has_failed_fails_for_good(guest, monkeypatch):
    """Linux says once that it has lost something."""

    def now_on(file):
        monkeypatch.setattr(RawImage, "file", property(lambda image: file))
        with guest.vscsi._serving._busy:            # nobody is at work with the other one
            guest.vscsi.bus.units()[0][1].changed()

    reader, writer = os.pipe()                      # cannot be flushed
    file = guest.disk.file
    now_on(dataclasses.replace(file, fd=reader))
    failed = flushed(guest)
    assert sense.Status.CHECK_CONDITION == failed[1]
    now_on(file)
    assert failed == flushed(guest)
    assert 0 == guest.native.done
    with pytest.raises(BlockError, match="flush failed: Invalid argument"):
        guest.disk.flush()
    os.close(reader)
    os.close(writer)


def test_code_that_was_read_over_is_translated_anew(guest):
    """The vCPU executes from a page that a disk is read into."""
    caller, code = guest.caller, 0x8000
    stay, hypercall = (0x48000000).to_bytes(4, "big"), (0x44000022).to_bytes(4, "big")
    caller.memory.write(code, stay)
    caller.vcpu.nia, caller.vcpu.msr = code, (1 << 63) | (1 << 12)
    assert caller.vcpu.run_for(100).reason.name != "HCALL"
    with guest.path.open("r+b") as file:
        file.write(hypercall * 256)
    guest.vscsi.send_crq(read_of(guest, [(code, 1024)]))
    assert guest.receive() is not None
    assert 1 == guest.native.done
    caller.vcpu.gpr[3] = 0xF000
    assert caller.vcpu.run_for(100).reason.name == "HCALL"


def test_a_buffer_in_more_pieces_than_native_code_takes(guest):
    """Every other byte of memory: Python's, and right."""
    count = MAX_PIECES + 1
    table = b"".join(struct.pack(">QII", DATA + 2 * n, 0, 1) for n in range(count - 1))
    table += struct.pack(">QII", DATA + 0x8000, 0, 1024 - count + 1)
    guest.ram.memory[TABLES : TABLES + len(table)] = table
    listed = 2, 0, struct.pack(">QIII", TABLES, 0, len(table), 1024)
    reply, _ = guest.exchange(command("28000000000000000200", buffers=(None, listed)))
    assert (0, 0, 0, 0) == response_of(reply)[:4]
    expected, memory = guest.path.read_bytes()[:1024], guest.ram.memory
    assert expected[: count - 1] == bytes(memory[DATA : DATA + 2 * count - 2 : 2])
    assert expected[count - 1 :] == memory[DATA + 0x8000 : DATA + 0x8000 + 1025 - count]
    assert 0 == guest.native.done


def test_a_disk_in_memory_is_pythons(tmp_path):
    caller = Caller()
    inbox = NativeInbox(caller.memory, UNIT)
    guest = VscsiGuest(
        inbox=inbox,
        ram=NativeRam(caller.memory),
        disk=MemoryDisk(),
        native=lambda window: NativeScsi(
            caller.memory, inbox, window.table.address, window.table.page_count
        ),
    )
    guest.disk.data[:1024] = b"\x5a" * 1024
    guest.vscsi.send_crq(read_of(guest, [(DATA, 1024)]))
    assert guest.receive() is not None
    assert b"\x5a" * 1024 == guest.ram.memory[DATA : DATA + 1024]
    assert 0 == guest.native.done
    guest.vscsi.close()
