"""What `perf report` needs to name code that is in no file: the perf map and the jitdump.

A perf map is lines of text, read when the report is made; the last one about an address holds. A
jitdump has the code too, with times, so that `perf inject --jit` can tell apart what lay at the
same address one after the other, and `perf annotate` can show it.
Ref: Linux, tools/perf/Documentation/jit-interface.txt and jitdump-specification.txt.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import re
import struct
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from jitppc.backend.arena import Arena
from jitppc.errors import UserError

from .guest_symbols import GuestSymbols

_MAGIC, _VERSION, _X86_64 = 0x4A69_5444, 1, 62
_HEADER = struct.Struct("<IIIIIIQQ")
_RECORD = struct.Struct("<IIQ")
_LOAD = struct.Struct("<IIQQQQ")
_CODE_LOAD, _CODE_CLOSE = 0, 3


class CodeFile(Protocol):
    """A file that is told where code lies."""

    def add(self, address: int, size: int, name: str) -> None:
        """Code lies there from now on."""

    def close(self) -> None:
        """Nothing comes any more."""


def _create(option: str, path: Path) -> int:
    """A new file, read by nobody else's leave; what lay there before is removed."""
    try:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(path, flags, mode=0o600)
    except OSError as error:
        raise UserError(f"{option}: {path}: {error.strerror}") from error


class PerfMap:
    """`/tmp/perf-PID.map`, where perf looks for it."""

    def __init__(self, directory: Path = Path("/tmp")) -> None:  # noqa: S108 (perf's choice)
        self.path = directory / f"perf-{os.getpid()}.map"
        self._file = os.fdopen(_create("-perfmap", self.path), "w", 1 << 16, encoding="utf-8")

    def add(self, address: int, size: int, name: str) -> None:
        self._file.write(f"{address:x} {size:x} {name}\n")

    def close(self) -> None:
        self._file.close()


class JitDump:
    """`jit-PID.dump` in the current directory.

    Its first page is mapped executable: from that, perf record learns the file's name.
    """

    def __init__(self, directory: Path = Path()) -> None:
        self.path = directory / f"jit-{os.getpid()}.dump"
        fd = _create("-jitdump", self.path)
        self._file = os.fdopen(fd, "wb", 1 << 16)
        now = time.monotonic_ns()
        size = _HEADER.size
        self._file.write(_HEADER.pack(_MAGIC, _VERSION, size, _X86_64, 0, os.getpid(), now, 0))
        self._file.flush()
        try:
            self._mark: mmap.mmap | None = mmap.mmap(
                fd, 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)
        except (OSError, ValueError) as error:
            raise UserError(f"-jitdump: {self.path} cannot be mapped executable") from error
        self._count = 0

    def add(self, address: int, size: int, name: str) -> None:
        text = name.encode() + b"\0"
        self._count += 1
        total = _RECORD.size + _LOAD.size + len(text) + size
        self._file.write(_RECORD.pack(_CODE_LOAD, total, time.monotonic_ns()))
        thread = threading.get_native_id()
        self._file.write(_LOAD.pack(os.getpid(), thread, address, address, size, self._count))
        self._file.write(text)
        self._file.write(ctypes.string_at(address, size))

    def close(self) -> None:
        self._file.write(_RECORD.pack(_CODE_CLOSE, _RECORD.size, time.monotonic_ns()))
        self._file.close()
        if self._mark is not None:
            self._mark.close()
            self._mark = None


class PerfFiles:
    """Tells the files what is placed, by names that a person knows. Any thread may call."""

    def __init__(self, files: Sequence[CodeFile], symbols: GuestSymbols | None = None) -> None:
        self._files = tuple(files)
        self._symbols = symbols or GuestSymbols({})
        self._lock = threading.Lock()

    def tier0(self, arena: Arena) -> None:
        """The handlers and routines of an arena."""
        for name, (address, size) in arena.places.items():
            if size:
                self._add(address, size, tier0_name(name))

    def region(self, address: int, size: int, cia: int) -> None:
        """A region that begins at an effective address of the guest."""
        self._add(address, size, f"guest:{self._symbols.name(cia)}")

    def room(self, address: int, size: int, name: str) -> None:
        """A buffer of small pieces of code that are not told one by one: in the map only."""
        with self._lock:
            for file in self._files:
                if isinstance(file, PerfMap):
                    file.add(address, size, name)

    def _add(self, address: int, size: int, name: str) -> None:
        with self._lock:
            for file in self._files:
                with contextlib.suppress(OSError, ValueError):     # a full disk, or closed
                    file.add(address, size, name)

    def close(self) -> None:
        """The files are complete."""
        with self._lock:
            for file in self._files:
                with contextlib.suppress(OSError, ValueError):
                    file.close()
            self._files = ()


def tier0_name(symbol: str) -> str:
    """`tier0:lwz` for the handler of lwz; what is no handler keeps its name."""
    match = re.fullmatch(r"(p_)?h_(.+?)((?:_[A-Z][A-Za-z]*\d+)*)_(le64|any)(_\w+)?", symbol)
    if match is None:
        return f"jitppc:{_numba_name(symbol)}"
    decodes, key, flags, mode, part = match.groups()
    kind = "decode" if decodes else "tier0"
    parts = [flags, "" if mode == "le64" else "_any", part or ""]
    return f"{kind}:{key.replace('_dot_', '.')}{''.join(parts).replace('_', ' ')}"


def _numba_name(symbol: str) -> str:
    """The function in a name that Numba mangled: `interrupts.raise_kind`."""
    if not symbol.startswith("_ZN"):
        return symbol
    parts, at = [], 3
    while (match := re.match(r"\d+", symbol[at:])) is not None:
        start = at + match.end()
        at = start + int(match[0])
        parts.append(symbol[start:at])
    return ".".join(parts[-2:]) if parts else symbol
