import errno
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitppc.errors import OptionError
from jitppc.spapr.vio.bus import Slot, VioBus
from jitppc.spapr.vio.nvram import Nvram, formatted
from jitppc.spapr.vio.vty import MAX_WAITING, Vty


class Sink:
    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += data


def slot(pulses=None):
    return Slot(0x71000000, 0x1100, lambda: None if pulses is None else pulses.append(1))


def drain(vty):
    packets = []
    while data := vty.read():
        packets.append(data)
    return packets


def test_units_and_interrupts_follow_the_order_of_creation():
    claimed = []
    bus = VioBus(claimed.append, lambda irq: None)
    first = bus.plug(lambda s: Vty(s, Sink()))
    second = bus.plug(lambda s: Vty(s, Sink()))
    assert (first.slot.unit_address, second.slot.unit_address) == (0x71000000, 0x71000001)
    assert claimed == [0x1100, 0x1101]
    assert bus.device(0x71000001) is second
    assert bus.device(5) is None
    assert [node.name for node in bus.tree_nodes()] == ["vty@71000000", "vty@71000001"]


@given(st.lists(st.binary(min_size=1, max_size=50)))
def test_no_input_is_lost_and_packets_have_at_most_16_bytes(pieces):
    vty = Vty(slot(), Sink())
    for piece in pieces:
        assert vty.receive(piece) == len(piece)
    packets = drain(vty)
    assert b"".join(packets) == b"".join(pieces)
    assert all(len(packet) <= 16 for packet in packets)


@given(st.binary(max_size=80).map(lambda data: data.replace(b"\x01", b"\r\0")))
def test_a_nul_after_a_carriage_return_starts_a_packet(data):
    vty = Vty(slot(), Sink())
    vty.receive(data)
    assert not any(b"\r\0" in packet for packet in drain(vty))


def test_the_interrupt_comes_when_the_buffer_becomes_non_empty():
    pulses = []
    vty = Vty(slot(pulses), Sink())
    vty.receive(b"a")
    vty.receive(b"b")
    assert len(pulses) == 1
    assert vty.read() == b"ab"
    assert vty.read() == b""
    vty.receive(b"c")
    assert len(pulses) == 2


def test_the_interrupt_comes_again_for_input_that_waited_on_the_host():
    pulses = []
    vty = Vty(slot(pulses), Sink())
    vty.receive(bytes(range(1, 12)) * 2)
    assert len(pulses) == 1
    vty.read()
    assert len(pulses) == 2


def test_input_beyond_a_mebibyte_is_not_taken():
    vty = Vty(slot(), Sink())
    assert vty.receive(bytes(2 * MAX_WAITING)) == MAX_WAITING
    vty.reset()
    assert vty.read() == b""


def checksum_is_right(header):
    total = header[0] + sum(header[2:16])
    while total > 0xFF:
        total = (total & 0xFF) + (total >> 8)
    return total == header[1]


def test_nvram_is_a_chain_of_partitions_that_fills_it():
    data = formatted(64 << 10)
    position, found = 0, []
    while position < len(data):
        header = data[position : position + 16]
        assert checksum_is_right(header)
        found.append((header[0], header[4:16].rstrip(b"\0")))
        position += 16 * int.from_bytes(header[2:4], "big")
    assert position == len(data)
    assert found == [(0x70, b"common"), (0x7F, b"w" * 12)]


def test_variables_of_firmware_are_in_a_fresh_nvram_and_only_there(tmp_path):
    path = tmp_path / "nvram"
    fresh = Nvram(slot(), path=path, variables=("auto-boot?=false", "boot-file=x"))
    assert fresh.fetch(16, 30) == b"auto-boot?=false\0boot-file=x\0\0"
    assert Nvram(slot(), path=path, variables=("auto-boot?=true",)).data == fresh.data
    long = formatted(64 << 10, ["v=" + "x" * 5000])
    assert 16 * int.from_bytes(long[2:4], "big") == 5024
    assert checksum_is_right(long[5024:5040])
    with pytest.raises(OptionError, match="do not fit"):
        formatted(8 << 10, ["v=" + "x" * 9000])


def test_nvram_goes_through_to_its_file_and_comes_back(tmp_path):
    path = tmp_path / "nvram"
    nvram = Nvram(slot(), path=path)
    assert nvram.store(100, b"kept")
    assert not nvram.store(nvram.size - 2, b"kept")
    again = Nvram(slot(), path=path)
    assert again.fetch(100, 4) == b"kept"
    assert again.fetch(again.size, 1) is None
    path.unlink()
    assert not again.store(0, b"x")


def test_a_full_disk_changes_nothing_and_is_told(tmp_path, monkeypatch):
    path = tmp_path / "nvram"
    nvram = Nvram(slot(), path=path)
    assert nvram.store(100, b"before")
    write, room = os.pwrite, [3]

    def pwrite(descriptor, data, offset):
        if not room:
            raise OSError(errno.ENOSPC, "no space left")
        return write(descriptor, data[: room.pop()], offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    assert not nvram.store(100, b"AFTER!")
    assert nvram.fetch(100, 6) == b"before"
    monkeypatch.undo()
    assert nvram.store(106, b"!")
    assert Nvram(slot(), path=path).fetch(106, 1) == b"!"


def test_a_new_file_is_made_whole_or_not_at_all(tmp_path, monkeypatch):
    def fsync(descriptor):
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OptionError, match="no space left"):
        Nvram(slot(), path=tmp_path / "nvram")
    assert [] == list(tmp_path.iterdir())
    monkeypatch.undo()
    Nvram(slot(), path=tmp_path / "nvram")
    assert [tmp_path / "nvram"] == list(tmp_path.iterdir())


def test_nvram_outlives_a_killed_process(tmp_path):
    """Stores that were answered are in the file; each is there whole or not at all."""
    path = tmp_path / "nvram"
    Nvram(slot(), path=path)
    program = """
import sys
from pathlib import Path
from jitppc.spapr.vio.bus import Slot
from jitppc.spapr.vio.nvram import Nvram
nvram = Nvram(Slot(0, 0, None), path=Path(sys.argv[1]))
for n in range(1 << 30):
    assert nvram.store(4096, bytes((n % 256,)) * 1024)
    print(n, flush=True)
"""
    running = subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE)
    with running:
        for _ in range(50):
            line = running.stdout.readline()
        running.kill()
        rest = running.stdout.read().split()
    last = int(rest[-1] if rest else line)
    found = Nvram(slot(), path=path).fetch(4096, 1024)
    assert found in {bytes((n % 256,)) * 1024 for n in (last, last + 1)}


def test_a_file_that_is_no_nvram_is_refused_in_one_line(tmp_path):
    path = tmp_path / "nvram"
    path.write_bytes(b"short")
    for bad in (path, tmp_path):
        with pytest.raises(OptionError):
            Nvram(slot(), path=bad)
