"""Our units beside the recorded answers of QEMU's: every difference has its reason."""

from pathlib import Path

import pytest
from device_fakes import MemoryDisk

from jitppc.devices.scsi.cdrom import CDROM_IDENTITY, Cdrom
from jitppc.devices.scsi.disk import Disk
from jitppc.devices.scsi.task import DataBuffer, Task
from jitppc.devices.scsi.unit import Identity

REFERENCE = Path(__file__).parent / "data" / "reference_scsi.txt"

LENGTH = "INQUIRY data ends where it ends, not where the guest's buffer does"
GEOMETRY = "no mode pages of drums and heads, but a control page"
FUA = "WRITE with FUA is served, and said to be"
CODES = "REPORT SUPPORTED OPERATION CODES is there"
MORE = "a command that the reference does not have"
FEATURES = "RT and the starting feature are looked at; reading is a feature"
MSF = "the raw table of contents is in minutes and seconds, always"
TRAY = "the tray is open, and it is said so"
SPEED = "no audio, one speed"

#: (unit, beginning of the CDB): why the answer is another one
DIFFERENT = {
    ("disk", "12000000ff"): LENGTH,
    ("cd", "12000000ff"): LENGTH,
    ("disk", "0300000012"): "the sense of a failed command went with its status and is not kept",
    ("disk", "1a003f"): GEOMETRY,
    ("disk", "1a043f"): GEOMETRY,
    ("disk", "1a0c3f"): GEOMETRY,
    ("disk", "1ac03f"): GEOMETRY,
    ("disk", "5a003f"): GEOMETRY,
    ("disk", "1a000a"): GEOMETRY,
    ("disk", "1a0808"): FUA,
    ("disk", "1a0008"): FUA,
    ("disk", "5a0008"): FUA,
    ("disk", "5a0048"): FUA,
    ("disk", "a30c"): CODES,
    ("cd", "a30c"): CODES,
    ("disk", "91"): MORE,
    ("disk", "1d04"): MORE,
    ("disk", "42000000000000001800"): "a parameter list shorter than it says is refused",
    ("disk", "46"): "a command of CD-ROMs only",
    ("disk", "120000002404"): "NACA is refused, as INQUIRY says",
    ("cd", "9e10"): "a CD-ROM is not thin",
    ("cd", "430001"): "the first track of the last session has its control bits",
    ("cd", "430002"): MSF,
    ("cd", "46"): FEATURES,
    ("cd", "52"): MORE,
    ("cd", "5a002a"): SPEED,
    ("cd", "1a002a"): SPEED,
    ("cd", "5a003f"): SPEED,
    ("cd", "5a000e"): SPEED,
    ("cd", "be"): MORE,
    ("cd", "2a"): "a drive that only reads has no command to write",
    ("cd", "000000000000"): TRAY,
    ("cd", "250000"): TRAY,
    ("cd", "280000000000"): TRAY,
    ("cd", "43000000000000032400"): TRAY,
    ("cd", "4a0100001000"): "that the medium was taken out is an event",
    ("cd", "ad"): "no DVD structures: the command is not there",
    ("cd", "bb"): MORE,
    ("cd", "2b"): "no SEEK",
    ("cd", "42"): "no audio",
}


def lines():
    for line in REFERENCE.read_text().splitlines():
        if not line.startswith("#"):
            yield line.split()


def answers():
    """(unit, CDB, theirs, ours) of every line, in the order in which they were asked."""
    units = {
        "disk": Disk(MemoryDisk(16 << 20), Identity(serial="S123")),
        "cd": Cdrom(
            MemoryDisk(463 * 2048, read_only=True),
            Identity(product=CDROM_IDENTITY.product, device_id="c0"),
        ),
    }
    for unit in units.values():
        unit.take_attention()
        if unit.kind:
            unit.take_event()
    for name, cdb, room, sent, *theirs in lines():
        buffer = memoryview(bytearray(int(room)))
        task = Task(bytes.fromhex(cdb), data_in=DataBuffer([buffer]))
        if sent != "-":
            size, head = sent.split("*")
            data = bytearray(bytes.fromhex(head).ljust(int(size), b"\0"))
            task = Task(bytes.fromhex(cdb), data_out=DataBuffer([memoryview(data)]))
        unit = units[name]
        done = unit.execute(task)
        data = bytes(buffer).rstrip(b"\0").hex() if not done.sense else ""
        sense = done.sense.fixed().hex() if done.sense else "-"
        yield name, cdb, theirs, [f"{done.status:02x}", sense, data or "-"]
        if theirs[0] == "02" and theirs[1].startswith("700006"):
            unit.attention(done.sense)


def reason(name, cdb):
    return next((key for key in DIFFERENT if key[0] == name and cdb.startswith(key[1])), None)


def test_every_difference_from_the_reference_is_explained():
    found = set()
    for name, cdb, theirs, ours in answers():
        if theirs != ours:
            key = reason(name, cdb)
            assert key is not None, (name, cdb, theirs, ours)
            found.add(key)
    assert set(DIFFERENT) == found


@pytest.mark.parametrize("what", ["12018000", "12018300", "1201b000", "1201b100", "1201b200", "25"])
def test_what_names_and_sizes_a_disk_agrees(what):
    """A guest that moves between the two keeps its names and its layout."""
    of_disk = [answer for answer in answers() if answer[0] == "disk"]
    asked = [(theirs, ours) for _, cdb, theirs, ours in of_disk if cdb.startswith(what)]
    assert asked
    assert all(theirs == ours for theirs, ours in asked)
