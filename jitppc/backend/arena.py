"""The native code cache: one executable arena below 2 GiB, and the loader that places relocatable
objects in it.

Below 2 GiB every reference between objects fits the small code model, so there is no GOT and no
stub except for functions of the C library. Loading costs microseconds where LLVM's own linkers
cost a tenth of a millisecond.
"""

from __future__ import annotations

import ctypes
import io
import threading
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
from elftools.elf.elffile import ELFFile

_PROT_RWX, _MAP_PRIVATE, _MAP_ANONYMOUS, _MAP_32BIT, _MAP_NORESERVE = 7, 2, 0x20, 0x40, 0x4000
_SHF_ALLOC, _SHT_NOBITS, _SHN_UNDEF, _SHN_ABS, _SHN_COMMON = 2, "SHT_NOBITS", 0, 0xFFF1, 0xFFF2
_SYM = np.dtype([
    ("name", "<u4"), ("info", "u1"), ("other", "u1"), ("shndx", "<u2"),
    ("value", "<u8"), ("size", "<u8"),
])
_RELA = np.dtype([("offset", "<u8"), ("info", "<u8"), ("addend", "<i8")])
_R_64, _R_PC32, _R_PLT32, _R_32, _R_32S, _R_PC64 = 1, 2, 4, 10, 11, 24
_R_GOT = (9, 41, 42)     # GOTPCREL, GOTPCRELX, REX_GOTPCRELX: through a word that holds the address

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.mmap.argtypes = [
    ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long,
]


class LoadError(ValueError):
    """An object cannot be placed: unknown symbol, unexpected relocation, or no room."""


class ArenaFullError(LoadError):
    """No room: what is loaded goes on working, nothing more can be."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A loaded object: where it lies and the addresses of its global symbols."""

    start: int
    size: int
    symbols: dict[str, int]


class Arena:
    """`size` bytes of executable memory, filled from the bottom, given back with the arena.

    The host has a gibibyte of such addresses for the whole process.
    """

    def __init__(self, size: int = 64 << 20) -> None:
        flags = _MAP_PRIVATE | _MAP_ANONYMOUS | _MAP_32BIT | _MAP_NORESERVE
        base = _libc.mmap(None, size, _PROT_RWX, flags, -1, 0)
        if base in (None, ctypes.c_void_p(-1).value):
            raise LoadError(f"no executable memory below 2 GiB: errno {ctypes.get_errno()}")
        self.base, self.size, self.next = base, size, base
        # not at exit: a vCPU's thread may still be in it
        weakref.finalize(self, _libc.munmap, base, size).atexit = False
        self.bytes = np.ctypeslib.as_array((ctypes.c_ubyte * size).from_address(base))
        self.symbols: dict[str, int] = {}
        self._words: dict[int, int] = {}
        self._lock = threading.Lock()

    @property
    def used(self) -> int:
        """Bytes taken so far."""
        return self.next - self.base

    def _take(self, size: int, align: int) -> int:
        start = (self.next + align - 1) & -align
        if start + size > self.base + self.size:
            raise ArenaFullError("the code arena is full")
        self.next = start + size
        return start

    def load(self, objects: list[bytes], export: bool = False) -> list[Placed]:
        """Place objects that may refer to each other, to exported symbols, and to the C library."""
        with self._lock:
            parsed = [_Object(data) for data in objects]
            placed = [self._place(item) for item in parsed]
            known = dict(self.symbols)
            for one in placed:
                known.update(one.symbols)
            for item in parsed:
                item.relocate(self, known)
            if export:
                self.symbols = known
            return placed

    def _place(self, item: _Object) -> Placed:
        start = self.next
        for section in item.sections.values():
            section.address = self._take(section.size, section.align)
            at = section.address - self.base
            if section.data:
                self.bytes[at:at + section.size] = np.frombuffer(section.data, np.uint8)
        return Placed(start, self.next - start, item.global_symbols())

    def word(self, value: int) -> int:
        """A doubleword of the arena that holds `value`."""
        if value not in self._words:
            start = self._take(8, 8)
            at = start - self.base
            self.bytes[at:at + 8] = np.frombuffer(value.to_bytes(8, "little"), np.uint8)
            self._words[value] = start
        return self._words[value]

    def stub(self, name: str) -> int:
        """A jump to a function of the C library, which may lie anywhere."""
        try:
            target = ctypes.cast(getattr(_libc, name), ctypes.c_void_p).value
        except AttributeError as error:
            raise LoadError(f"nobody defines {name}") from error
        assert target is not None
        code = b"\xff\x25\x00\x00\x00\x00" + target.to_bytes(8, "little")   # jmp *[rip + 0]
        start = self._take(16, 16)
        at = start - self.base
        self.bytes[at:at + len(code)] = np.frombuffer(code, np.uint8)
        self.symbols[name] = start
        return start


@dataclass(slots=True)
class _Section:
    size: int
    align: int
    data: bytes
    address: int = 0


class _Object:
    """One relocatable object: its allocated sections, symbols and relocations as arrays."""

    def __init__(self, data: bytes) -> None:
        elf: Any = ELFFile(io.BytesIO(data))
        self.sections: dict[int, _Section] = {}
        self.relocations: list[tuple[int, np.ndarray]] = []
        self.symtab, self.names = np.zeros(0, _SYM), b""
        for number, section in enumerate(elf.iter_sections()):
            kind = section["sh_type"]
            size, is_loaded = section["sh_size"], section["sh_flags"] & _SHF_ALLOC
            if is_loaded and size and section.name != ".eh_frame":
                content = b"" if kind == _SHT_NOBITS else section.data()
                self.sections[number] = _Section(size, max(section["sh_addralign"], 1), content)
            elif kind == "SHT_SYMTAB":
                self.symtab = np.frombuffer(section.data(), _SYM)
                self.names = elf.get_section(section["sh_link"]).data()
            elif kind == "SHT_RELA":
                self.relocations.append((section["sh_info"], np.frombuffer(section.data(), _RELA)))

    def _name(self, symbol: Any) -> str:
        start = int(symbol["name"])
        return self.names[start:self.names.index(b"\0", start)].decode()

    def global_symbols(self) -> dict[str, int]:
        """Address of each defined global symbol."""
        return {
            self._name(s): self.sections[int(s["shndx"])].address + int(s["value"])
            for s in self.symtab
            if s["info"] >> 4 and int(s["shndx"]) in self.sections
        }

    def _addresses(self, arena: Arena, known: dict[str, int]) -> np.ndarray:
        result = np.zeros(len(self.symtab), np.int64)
        for number, symbol in enumerate(self.symtab):
            section = int(symbol["shndx"])
            if section in self.sections:
                result[number] = self.sections[section].address + int(symbol["value"])
            elif section == _SHN_UNDEF and symbol["name"]:
                name = self._name(symbol)
                if name not in known:
                    known[name] = arena.stub(name)
                result[number] = known[name]
        return result

    def relocate(self, arena: Arena, known: dict[str, int]) -> None:
        """Fill in every reference.

        Raises LoadError for kinds the small code model does not produce.
        """
        addresses = self._addresses(arena, known)
        for number, table in self.relocations:
            if number not in self.sections or not len(table):
                continue
            kinds = (table["info"] & 0xFFFFFFFF).astype(np.int64)
            places = self.sections[number].address + table["offset"].astype(np.int64)
            targets = addresses[(table["info"] >> 32).astype(np.int64)]
            indirect = np.isin(kinds, _R_GOT)
            if np.any(indirect):
                targets[indirect] = [arena.word(int(t)) for t in targets[indirect]]
            values = targets + table["addend"]
            relative = indirect | (kinds == _R_PC32) | (kinds == _R_PLT32) | (kinds == _R_PC64)
            values = np.where(relative, values - places, values)
            wide = (kinds == _R_64) | (kinds == _R_PC64)
            narrow = relative & ~wide | (kinds == _R_32) | (kinds == _R_32S)
            if not np.all(wide | narrow):
                raise LoadError(f"relocation of kind {set(kinds[~(wide | narrow)].tolist())}")
            if np.any(narrow & (values != values.astype(np.int32)) & (kinds != _R_32)):
                raise LoadError("a reference does not fit 32 bits")
            _write(arena, places[wide], values[wide], 8)
            _write(arena, places[narrow], values[narrow], 4)


def _write(arena: Arena, places: np.ndarray, values: np.ndarray, size: int) -> None:
    at = places - arena.base
    raw = values.astype(np.int64).view(np.uint8).reshape(-1, 8)
    for k in range(size):
        arena.bytes[at + k] = raw[:, k]
