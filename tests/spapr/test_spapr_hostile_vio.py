"""A hundred thousand crafted elements, information units and LAN calls for each VIO device."""

import random
import struct

import pytest
from test_spapr_vlan import LanGuest
from vscsi_guest import DATA, PAGE, RAM, RING, UNITS, VscsiGuest, command, lun

from jitppc.devices.scsi import table
from jitppc.devices.scsi.table import CD_ROM, DISK
from jitppc.ir.hcalls import H

CALLS = 100_000
OPERATIONS = sorted(
    {(row.usage, row.service_action) for kind in (DISK, CD_ROM) for row in table.rows_of(kind)},
    key=repr,
)


def address(rng):
    """A device address: of data, the units, the ring; across the end of the window; noise."""
    return rng.choice(
        (
            DATA + rng.randrange(0x4000),
            DATA,
            UNITS,
            RING,
            RAM - 8,
            RAM - PAGE,
            0,
            rng.getrandbits(64),
        )
    )


def size(rng):
    return rng.choice((0, 1, 16, 36, 255, 512, 2048, 4096, 65536, 1 << 24, rng.getrandbits(32)))


def pieces(rng):
    return [(address(rng), size(rng) & 0xFFFF) for _ in range(rng.randrange(6))]


def cdb(rng):
    usage, action = rng.choice(OPERATIONS)
    data = bytearray(usage.ljust(16, b"\0"))
    for i in range(1, 16):
        data[i] &= rng.choice((0, 0, 1, 255, rng.randrange(256)))
    if action is not None:
        data[1] = data[1] & 0xE0 | action
    return data.hex()


def scsi_command(rng):
    buffers = [None, None]
    for n in range(2):
        if rng.random() < 0.2:
            raw = struct.pack(">QIII", address(rng), 0, size(rng), size(rng))
            raw += rng.randbytes(rng.choice((0, 16, 64)))
            buffers[n] = (rng.randrange(4), rng.choice((0, 1, 4, 255)), raw)
    where = rng.choice((lun(0), lun(2), lun(5), 0, 0xC101 << 48, rng.getrandbits(64)))
    out, in_ = (pieces(rng), []) if rng.random() < 0.5 else ([], pieces(rng))
    iu = bytearray(command(cdb(rng), where, rng.getrandbits(64), out, in_, buffers))
    if rng.random() < 0.2:
        iu[rng.choice((5, 6, 7, 31, rng.randrange(len(iu))))] = rng.randrange(256)
    return bytes(iu)


def unit(rng):
    """An information unit, and the format that its element gives."""
    kind = rng.random()
    if kind < 0.7:
        return scsi_command(rng), 1
    if kind < 0.8:
        head = bytes((1,)) + bytes(7) + rng.randbytes(8) + bytes(4)
        return head + lun(rng.choice((0, 2, 9))).to_bytes(8, "big") + rng.randbytes(40), 1
    if kind < 0.9:
        fields = (rng.choice((1, 2, 3, 4, 9, 10, 77)), 0, rng.choice((0, 91, 92, 148, 65535)))
        return struct.pack(">IHHQQ", *fields, rng.getrandbits(64), address(rng)), 2
    return rng.randbytes(256), rng.randrange(4)


def test_no_element_or_unit_raises_or_leaves_memory(pytestconfig):
    """On the device's own thread this is what runs for each; the images check their ranges."""
    guest, rng = VscsiGuest(), random.Random(1)
    statuses = set()
    for n in range(CALLS * pytestconfig.getoption("hostile_rounds")):
        if n % 5000 == 0:
            guest.vscsi.reset()
            entries = [
                page * PAGE | rng.choice((3, 3, 3, 3, 1, 2, 0)) for page in range(RAM // PAGE)
            ]
            entries[1] = entries[4] = 0x1003
            entries[4] = 0x4003
            entries[-1] = rng.choice((RAM | 3, (1 << 60) - PAGE | 3, 3))
            guest.window.table.put(0, entries)
            assert guest.vscsi.register_crq(RING, PAGE) == H.SUCCESS
            guest.vscsi.set_signal(1)
        iu, form = unit(rng)
        guest.ram.memory[UNITS : UNITS + 256] = iu[:256].ljust(256, b"\0")
        length, where = rng.choice((256, 256, 256, 48, len(iu), 257, 7)), UNITS
        valid = 0x80
        if rng.random() < 0.1:
            valid, where = rng.choice((0x80, 0xC0, 0xFF, 0, 1)), address(rng)
        element = struct.pack(">BB4xHQ", valid, form, length & 0xFFFF, where)
        guest.vscsi._element(element)
        statuses.add(guest.ram.memory[UNITS + 19] if guest.ram.memory[UNITS] == 0xC1 else -1)
        guest.ram.memory[RING : RING + PAGE] = bytes(PAGE)
    guest.vscsi.close()
    assert {-1, 0, 2} <= statuses


@pytest.fixture
def lan():
    made = LanGuest()
    yield made
    made.vlan.close()


def descriptor(rng):
    valid = 1 << 63 if rng.random() < 0.95 else 0
    where = rng.choice(
        (rng.randrange(1 << 20), 0x10000 + rng.randrange(64) * 2048, rng.getrandbits(32))
    )
    flags = rng.choice((0, 0, 0, 1 << 62, 0x03 << 56))
    return valid | flags | rng.choice((0, 12, 16, 512, 2048, 65536, 0xFFFFFF)) << 32 | where


def test_no_lan_call_or_frame_raises_or_leaves_memory(lan, pytestconfig):
    rng, vlan = random.Random(2), lan.vlan
    answers = set()
    for n in range(CALLS * pytestconfig.getoption("hostile_rounds")):
        if n % 2000 == 0:
            vlan.reset()
            pages = (1 << 20) // 4096
            entries = [page * 4096 | rng.choice((3, 3, 3, 1, 2, 0)) for page in range(pages)]
            entries[1:4] = (0x1003, 0x2003, 0x3003)
            vlan.window.table.put(0, entries)
        what = rng.randrange(8)
        if what == 0 and rng.random() < 0.2:
            answers.add(vlan.register(rng.choice((0x1000, 0x1008)), descriptor(rng), 0x2000, n))
        elif what == 1 and rng.random() < 0.05:
            answers.add(vlan.free())
        elif what <= 3:
            answers.add(vlan.add_buffer(descriptor(rng)))
        elif what <= 5:
            answers.add(vlan.send(tuple(descriptor(rng) for _ in range(6))))
        elif what == 6:
            vlan.free_buffer(rng.choice((16, 512, 2048, rng.getrandbits(24))))
        elif any(vlan._buffers.values()) or not vlan.is_open:
            fits = [held for held, pool in vlan._buffers.items() if pool]
            lan.cable.receive(rng.randbytes(min(max(fits, default=60) - 8, 2000)))
        if not vlan.is_open and rng.random() < 0.3:
            answers.add(lan.open())
    assert {H.SUCCESS, H.PARAMETER, H.RESOURCE} <= answers
