"""Names for guest effective addresses: from an ELF file, or from a kernel's System.map."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from jitppc.errors import UserError

#: kinds of System.map that are code; kinds of ELF symbols that may be
_CODE = frozenset("tTwW")
_NOTYPE, _FUNC = 0, 2
_SYMBOL = {
    "little": np.dtype([("name", "<u4"), ("info", "u1"), ("other", "u1"), ("section", "<u2"),
                        ("value", "<u8"), ("size", "<u8")]),
    "big": np.dtype([("name", ">u4"), ("info", "u1"), ("other", "u1"), ("section", ">u2"),
                     ("value", ">u8"), ("size", ">u8")]),
}
#: farther behind a symbol, an address is not called after it
REACH_BYTES = 1 << 20


class GuestSymbols:
    """Symbols by address."""

    def __init__(self, symbols: dict[int, str]) -> None:
        self._addresses = np.array(sorted(symbols), np.uint64)
        self._names = [symbols[int(address)] for address in self._addresses]

    def __len__(self) -> int:
        return len(self._names)

    def name(self, ea: int) -> str:
        """`function+0x1c`, or the address in hexadecimal."""
        at = int(np.searchsorted(self._addresses, np.uint64(ea), side="right")) - 1
        if at < 0 or ea - int(self._addresses[at]) >= REACH_BYTES:
            return f"{ea:016x}"
        distance = ea - int(self._addresses[at])
        return self._names[at] + (f"+{distance:#x}" if distance else "")


def read_symbols(path: Path) -> GuestSymbols:
    """The symbols of a file; UserError in one line when there are none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"-symbols {path}: {error.strerror}") from error
    try:
        found = _of_elf(data) if data.startswith(b"\x7fELF") else _of_map(data)
    except (ELFError, ValueError, KeyError) as error:
        raise UserError(f"-symbols {path}: neither an ELF file nor a System.map") from error
    if not found:
        raise UserError(f"-symbols {path}: there is no symbol of code in it")
    return GuestSymbols(found)


def _of_map(data: bytes) -> dict[int, str]:
    found: dict[int, str] = {}
    for line in data.decode("ascii").splitlines():
        address, kind, name = line.split()[:3]
        if kind in _CODE:
            found.setdefault(int(address, 16), name)
    return found


def _of_elf(data: bytes) -> dict[int, str]:
    elf: Any = ELFFile(io.BytesIO(data))
    section = elf.get_section_by_name(".symtab") or elf.get_section_by_name(".dynsym")
    if section is None or elf.elfclass != 64:
        return {}
    names = elf.get_section(section["sh_link"]).data()
    table = np.frombuffer(section.data(), _SYMBOL["little" if elf.little_endian else "big"])
    code = [n for n, s in enumerate(elf.iter_sections()) if s["sh_flags"] & 4]       # executable
    kinds = table["info"] & 15
    chosen = np.isin(table["section"], code) & ((kinds == _FUNC) | (kinds == _NOTYPE))
    found: dict[int, str] = {}
    for value, start in zip(*(table[chosen][f].tolist() for f in ("value", "name")), strict=True):
        name = names[start:names.index(b"\0", start)].decode("utf-8", "replace")
        if name:
            found.setdefault(value, name)
    return found
