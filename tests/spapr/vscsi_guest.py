"""A guest's side of vscsi in a test: maps its memory, sends units, reads the ring."""

import struct
import time

from devices.device_fakes import MemoryDisk
from devices.fake_ram import FakeRam

from jitppc.devices.scsi.cdrom import Cdrom
from jitppc.devices.scsi.disk import Disk
from jitppc.spapr.tce import TCE_READ, TCE_WRITE, TceTables
from jitppc.spapr.vio.bus import Slot
from jitppc.spapr.vio.vscsi import Vscsi
from jitppc.spapr.vio.window import DmaWindow

UNIT = 0x71000002
RAM = 1 << 20
PAGE = 4096
RING, UNITS, DATA = 0x1000, 0x4000, 0x10000
"""Device addresses; page n of the window is page n of RAM."""


class VscsiGuest:
    """An adapter with a disk (target 0) and a CD-ROM (2), its window mapped, its ring open.

    `native` makes the native side of an adapter with this window.
    """

    def __init__(self, ring_size=PAGE, inbox=None, ram=None, disk=None, native=lambda window: None):
        self.ram = ram or FakeRam(RAM)
        self.pulses = []
        self.window = DmaWindow(UNIT, TceTables(), self.ram)
        pages = RAM // PAGE
        self.window.table.put(0, [n * PAGE | TCE_READ | TCE_WRITE for n in range(pages)])
        slot = Slot(UNIT, 0x1102, lambda: self.pulses.append(1))
        self.native = native(self.window)
        self.vscsi = Vscsi(slot, self.window, inbox, self.native)
        self.disk, self.cd = disk or MemoryDisk(), MemoryDisk(100 * 2048, read_only=True)
        for unit, target in ((Disk(self.disk), 0), (Cdrom(self.cd), 2)):
            unit.take_attention()
            self.vscsi.bus.attach(unit, target=target)
        assert self.vscsi.register_crq(RING, ring_size) == 0
        assert self.vscsi.set_signal(1)
        self.ring_size, self.at = ring_size, 0

    def send(self, *, valid=0x80, form=1, size=256, where=UNITS):
        return self.vscsi.send_crq(struct.pack(">BB4xHQ", valid, form, size, where))

    def receive(self, seconds=5.0):
        """The next element of the ring, taken out; None when there is none in time."""
        end = time.monotonic() + seconds
        at = RING + self.at
        while not self.ram.memory[at]:
            if time.monotonic() > end:
                return None
            time.sleep(0.0002)
        element = bytes(self.ram.memory[at : at + 16])
        self.ram.memory[at] = 0
        self.at = (self.at + 16) % self.ring_size
        return element

    def pulses_by_now(self):
        """Interrupts, with those for all that is in the ring."""
        while self.vscsi._ring.has_news:
            time.sleep(0.0002)
        with self.vscsi._serving._busy:     # whoever tells has told
            return len(self.pulses)

    def exchange(self, iu, form=1):
        """What the unit has become when its answer has come, and the answer's element."""
        self.ram.memory[UNITS : UNITS + 256] = iu.ljust(256, b"\0")
        assert self.send(form=form) == 0
        element = self.receive()
        assert element is not None
        size = int.from_bytes(element[6:8], "big")
        return bytes(self.ram.memory[UNITS : UNITS + size]), element


def lun(target, number=0):
    return (0x8000 | target << 8 | number) << 48


def command(cdb, lun_=0x8000 << 48, tag=7, data_out=(), data_in=(), buffers=(None, None)):
    """An SRP_CMD; each buffer is a list of (address, size), `buffers` overrides its description."""
    formats, described, counts = [], b"", []
    for pieces, given in zip((data_out, data_in), buffers, strict=True):
        if given is not None:
            form, count, raw = given
        elif not pieces:
            form, count, raw = 0, 0, b""
        elif len(pieces) == 1:
            form, count, raw = 1, 1, struct.pack(">QII", pieces[0][0], 0, pieces[0][1])
        else:
            table = b"".join(struct.pack(">QII", where, 0, size) for where, size in pieces)
            total = sum(size for _, size in pieces)
            form, count = 2, len(pieces)
            raw = struct.pack(">QIII", 0, 0, len(table), total) + table
        formats.append(form)
        counts.append(count)
        described += raw
    cdb = bytes.fromhex(cdb).ljust(16, b"\0")
    head = struct.pack(">BB3xBBB", 2, 0, formats[0] << 4 | formats[1], *counts)
    return head + struct.pack(">Q4xQ4x", tag, lun_) + cdb + described


def response_of(iu):
    """(flags, status, residual out, residual in, sense, response data) of an SRP_RSP."""
    assert iu[0] == 0xC1
    flags, status, out, in_, sense, data = struct.unpack_from(">BBIIII", iu, 18)
    return flags, status, out, in_, iu[36 + data : 36 + data + sense], iu[36 : 36 + data]
