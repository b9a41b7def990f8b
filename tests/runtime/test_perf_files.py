"""Perf map, jitdump and guest symbols, read back by the rules of perf's own documentation."""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path

import numpy as np
import pytest

from jitppc.backend.arena import Arena
from jitppc.backend.image import FIXUP, Image
from jitppc.errors import UserError
from jitppc.runtime.guest_symbols import GuestSymbols, read_symbols
from jitppc.runtime.perf_files import JitDump, PerfFiles, PerfMap, tier0_name

SYMBOLS = GuestSymbols({0xC000000000001000: "start", 0xC000000000002000: "schedule"})
CODE = bytes(range(64))


@pytest.fixture
def arena() -> Arena:
    """Two handlers of 32 bytes."""
    arena = Arena(1 << 20)
    symbols = {"h_addi_le64": (0, 32), "rt_sc": (32, 32)}
    arena.load([Image(16, CODE, symbols, (), np.zeros(0, FIXUP))], export=True)
    return arena


def test_the_map_has_a_line_for_everything_placed(arena, tmp_path):
    file = PerfMap(tmp_path)
    files = PerfFiles([file], SYMBOLS)
    files.tier0(arena)
    files.region(arena.base + 4096, 0x80, 0xC00000000000201C)
    files.room(arena.base + 8192, 4096, "tier0:units")
    files.close()
    assert file.path == tmp_path / f"perf-{os.getpid()}.map"
    lines = file.path.read_text().splitlines()
    assert lines == [
        f"{arena.base:x} 20 tier0:addi",
        f"{arena.base + 32:x} 20 jitppc:rt_sc",
        f"{arena.base + 4096:x} 80 guest:schedule+0x1c",
        f"{arena.base + 8192:x} 1000 tier0:units",
    ]


def test_the_map_is_its_owners_and_no_link_is_followed(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    path = tmp_path / f"perf-{os.getpid()}.map"
    path.symlink_to(elsewhere)
    PerfMap(tmp_path).close()
    assert elsewhere.read_text() == "precious"
    assert not path.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_jitdump_holds_names_and_code(arena, tmp_path):
    file = JitDump(tmp_path)
    maps = Path("/proc/self/maps").read_text().splitlines()
    mapped = [line for line in maps if str(file.path) in line]
    assert len(mapped) == 1
    assert "x" in mapped[0].split()[1]
    files = PerfFiles([file], SYMBOLS)
    files.tier0(arena)
    files.region(arena.base + 16, 16, 0xC000000000001000)
    files.room(arena.base + 8192, 4096, "tier0:units")
    files.close()
    data = file.path.read_bytes()
    magic, version, size, machine, _pad, pid, _time, flags = struct.unpack_from("<IIIIIIQQ", data)
    assert (0x4A695444, 1, 40, 62) == (magic, version, size, machine)
    assert (os.getpid(), 0) == (pid, flags)
    at, found, times = size, [], []
    while at < len(data):
        kind, total, now = struct.unpack_from("<IIQ", data, at)
        times.append(now)
        if kind == 0:
            _pid, _tid, vma, address, length, number = struct.unpack_from("<IIQQQQ", data, at + 16)
            end = data.index(b"\0", at + 56)
            code = data[end + 1 : end + 1 + length]
            assert end + 1 + length == at + total
            assert vma == address
            found.append((number, address - arena.base, data[at + 56 : end].decode(), code))
        else:
            assert (3, 16, len(data)) == (kind, total, at + total)
        at += total
    assert found == [
        (1, 0, "tier0:addi", CODE[:32]),
        (2, 32, "jitppc:rt_sc", CODE[32:]),
        (3, 16, "guest:start", CODE[16:32]),
    ]
    assert times == sorted(times)


@pytest.mark.parametrize(("symbol", "name"), [
    ("h_addi_le64", "tier0:addi"),
    ("h_lwz_any_cold", "tier0:lwz any cold"),
    ("h_add_OE0_Rc1_le64", "tier0:add OE0 Rc1"),
    ("h_mfspr_dot_CTR_any", "tier0:mfspr.CTR any"),
    ("p_h_lwz_le64", "decode:lwz"),
    ("far_jump", "jitppc:far_jump"),
    ("_ZN6jitppc6native10interrupts10raise_kindB3v61", "jitppc:interrupts.raise_kind"),
])  # fmt: skip
def test_handlers_are_called_by_their_mnemonics(symbol, name):
    assert name == tier0_name(symbol)


def test_an_address_is_called_after_the_symbol_before_it():
    assert "start" == SYMBOLS.name(0xC000000000001000)
    assert "start+0xffc" == SYMBOLS.name(0xC000000000001FFC)
    assert "schedule" == SYMBOLS.name(0xC000000000002000)
    assert "0000000000000100" == SYMBOLS.name(0x100)
    assert "c000000008000000" == SYMBOLS.name(0xC000000008000000)


def test_a_system_map_names_code(tmp_path):
    path = tmp_path / "System.map"
    path.write_text("c000000000001000 T start\nc000000000001800 d data\nc000000000002000 t next\n")
    symbols = read_symbols(path)
    assert (2, "start+0x810") == (len(symbols), symbols.name(0xC000000000001810))


@pytest.mark.parametrize("content", [b"", b"\x7fELF and no more", b"not a map at all", b"\xff\xfe"])
def test_a_file_without_symbols_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "symbols"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"^-symbols .*$"):
        read_symbols(path)


def test_a_missing_file_is_refused_in_one_line(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        read_symbols(tmp_path / "none")


def test_a_directory_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(UserError, match="-jitdump"):
        JitDump(tmp_path / "none")
