"""A relocatable object reduced to what placing it needs: its bytes, and where addresses go.

References within the image are resolved already where the distance is all that matters. It is what
compile workers hand back and what is kept on disk: placing one takes no ELF parser.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_SHF_ALLOC, _SHT_NOBITS, _SHN_UNDEF, _SHN_ABS = 2, "SHT_NOBITS", 0, 0xFFF1
_SYM = np.dtype([
    ("name", "<u4"), ("info", "u1"), ("other", "u1"), ("shndx", "<u2"),
    ("value", "<u8"), ("size", "<u8"),
])
_RELA = np.dtype([("offset", "<u8"), ("info", "<u8"), ("addend", "<i8")])
_R_64, _R_PC32, _R_PLT32, _R_32, _R_32S, _R_PC64 = 1, 2, 4, 10, 11, 24
_R_GOT = (9, 41, 42)     # GOTPCREL, GOTPCRELX, REX_GOTPCRELX: through a word that holds the address

#: what a FIXUP writes: all 64 bits, 32 bits of a signed or of an unsigned value, or a distance
WORD64, SIGNED32, UNSIGNED32, DISTANCE32, DISTANCE64 = range(5)
_KINDS = {_R_64: WORD64, _R_32S: SIGNED32, _R_32: UNSIGNED32, _R_PC32: DISTANCE32,
          _R_PLT32: DISTANCE32, _R_PC64: DISTANCE64}

#: A place that depends on where things lie. `target` is 0 for the image itself, n for the n-th name
#: of `needs`.
FIXUP = np.dtype([("at", "<u4"), ("kind", "<u2"), ("target", "<u2"), ("addend", "<i8")])
#: A symbol of the image.
SYMBOL = np.dtype([("at", "<u4"), ("size", "<u4")])
_HEADER = struct.Struct("<8I")


class LoadError(ValueError):
    """An object cannot be placed: unknown symbol, unexpected relocation, or no room."""


@dataclass(frozen=True, slots=True)
class Image:
    """`content` may lie at any address that is a multiple of `align`.

    Fields:
        symbols: global symbols, as (offset, size).
        local_symbols: the same for functions that only this image knows.
        needs: names of what others have to define.
        fixups: (n,) FIXUP.
    """

    align: int
    content: bytes
    symbols: dict[str, tuple[int, int]]
    needs: tuple[str, ...]
    fixups: np.ndarray
    local_symbols: dict[str, tuple[int, int]] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """For the disk and for pipes."""
        tables = (self.symbols, self.local_symbols)
        names = "\0".join((*self.symbols, *self.local_symbols, *self.needs)).encode()
        places = np.array([place for table in tables for place in table.values()], "<u4")
        parts = [self.content, self.fixups.tobytes(), places.tobytes(), names]
        counts = (len(self.symbols), len(self.local_symbols), len(self.needs))
        return _HEADER.pack(self.align, *counts, *map(len, parts)) + b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> Image:
        """What `to_bytes` made; LoadError when it cannot be that."""
        try:
            align, own, local, needed, *sizes = _HEADER.unpack_from(data)
            if align < 1 or align & (align - 1) or _HEADER.size + sum(sizes) != len(data):
                raise LoadError("not an image")
            parts, at = [], _HEADER.size
            for size in sizes:
                parts.append(data[at:at + size])
                at += size
            content, raw_fixups, raw_places, raw_names = parts
            fixups = np.frombuffer(raw_fixups, FIXUP)
            places = np.frombuffer(raw_places, "<u4").reshape(-1, 2).tolist()
            names = bytes(raw_names).decode().split("\0") if len(raw_names) else []
        except (struct.error, ValueError) as error:
            raise LoadError("not an image") from error
        if len(names) != own + local + needed or len(places) != own + local:
            raise LoadError("not an image")
        wide = (fixups["kind"] == WORD64) | (fixups["kind"] == DISTANCE64)
        if np.any(
            (fixups["at"] + np.where(wide, 8, 4) > len(content))
            | (fixups["target"] > needed) | (fixups["kind"] > DISTANCE64)
        ):
            raise LoadError("not an image")
        pairs = [(name, (at, size)) for name, (at, size) in zip(names, places, strict=False)]
        return cls(align, bytes(content), dict(pairs[:own]), tuple(names[own + local:]), fixups,
                   dict(pairs[own:]))


def image_of(code: bytes) -> Image:
    """The image of a relocatable object of the small code model.

    Raises LoadError for relocations which that does not produce.
    """
    return _Object(code).image()


def as_image(one: bytes | Image) -> Image:
    """An image given as itself, as its bytes, or as a relocatable object."""
    if isinstance(one, Image):
        return one
    return image_of(one) if one.startswith(b"\x7fELF") else Image.from_bytes(one)


@dataclass(slots=True)
class _Section:
    at: int          # in the image
    size: int
    data: bytes


class _Object:
    """One ELF object: allocated sections one behind the other, symbols, relocations."""

    def __init__(self, code: bytes) -> None:
        from elftools.elf.elffile import ELFFile  # not needed for what is an image already

        elf: Any = ELFFile(io.BytesIO(code))
        self._sections: dict[int, _Section] = {}
        self._relocations: list[tuple[int, np.ndarray]] = []
        self._symtab, self._names = np.zeros(0, _SYM), b""
        self._size, self._align = 0, 16
        for number, section in enumerate(elf.iter_sections()):
            kind, size = section["sh_type"], section["sh_size"]
            if section["sh_flags"] & _SHF_ALLOC and size and section.name != ".eh_frame":
                align = max(section["sh_addralign"], 1)
                at = (self._size + align - 1) & -align
                data = b"" if kind == _SHT_NOBITS else section.data()
                self._sections[number] = _Section(at, size, data)
                self._size, self._align = at + size, max(self._align, align)
            elif kind == "SHT_SYMTAB":
                self._symtab = np.frombuffer(section.data(), _SYM)
                self._names = elf.get_section(section["sh_link"]).data()
            elif kind == "SHT_RELA":
                self._relocations.append((section["sh_info"], np.frombuffer(section.data(), _RELA)))

    def _name(self, start: int) -> str:
        return self._names[start:self._names.index(b"\0", start)].decode()

    def image(self) -> Image:
        needs: list[str] = []
        symbols: dict[str, tuple[int, int]] = {}
        local: dict[str, tuple[int, int]] = {}
        targets = np.zeros(len(self._symtab), np.int64)
        bases = np.zeros(len(self._symtab), np.int64)
        for number, (name, info, _other, shndx, value, size) in enumerate(self._symtab.tolist()):
            if shndx in self._sections:
                bases[number] = self._sections[shndx].at + value
                if info >> 4 or info & 15 == 2:                 # global, or a function
                    table = symbols if info >> 4 else local
                    table[self._name(name)] = int(bases[number]), size
            elif shndx == _SHN_UNDEF and name:
                needs.append(self._name(name))
                targets[number] = len(needs)
        content = bytearray(self._size)
        for section in self._sections.values():
            content[section.at:section.at + len(section.data)] = section.data
        fixups = self._fixups(content, targets, bases)
        return Image(self._align, bytes(content), symbols, tuple(needs), fixups, local)

    def _fixups(self, content: bytearray, targets: np.ndarray, bases: np.ndarray) -> np.ndarray:
        """The places that depend on addresses; distances within the image are written here."""
        found: list[np.ndarray] = []
        for number, table in self._relocations:
            if number not in self._sections or not len(table):
                continue
            kinds = (table["info"] & 0xFFFFFFFF).astype(np.int64)
            symbols = (table["info"] >> 32).astype(np.int64)
            unknown = set(kinds.tolist()) - set(_KINDS) - set(_R_GOT)
            if unknown:
                raise LoadError(f"relocation of kind {unknown}")
            items = np.zeros(len(table), FIXUP)
            items["at"] = self._sections[number].at + table["offset"].astype(np.int64)
            items["kind"] = [_KINDS.get(kind, DISTANCE32) for kind in kinds.tolist()]
            items["target"] = targets[symbols]
            items["addend"] = bases[symbols] + table["addend"]
            for at in np.flatnonzero(np.isin(kinds, _R_GOT)).tolist():
                word, rest = self._word(content, found, items[at], int(table["addend"][at]))
                items["target"][at], items["addend"][at] = 0, word + rest
            found.append(items)
        fixups = np.concatenate(found) if found else np.zeros(0, FIXUP)
        distance = (fixups["kind"] >= DISTANCE32) & (fixups["target"] == 0)
        inner = fixups[distance]
        values = inner["addend"] - inner["at"].astype(np.int64)
        raw = np.frombuffer(content, np.uint8)
        write(raw, inner["at"].astype(np.int64), inner["kind"], values)
        return fixups[~distance]

    def _word(
        self, content: bytearray, found: list[np.ndarray], item: Any, rest: int
    ) -> tuple[int, int]:
        """A doubleword of the image that holds the item's target; its place, and what is added."""
        content += bytes(-len(content) % 8 + 8)
        word = np.zeros(1, FIXUP)
        word["at"], word["kind"] = len(content) - 8, WORD64
        word["target"], word["addend"] = item["target"], int(item["addend"]) - rest
        found.append(word)
        return len(content) - 8, rest


def write(raw: np.ndarray, at: np.ndarray, kinds: np.ndarray, values: np.ndarray) -> None:
    """Put values of FIXUP kinds into bytes.

    Raises LoadError when one does not fit.
    """
    wide = (kinds == WORD64) | (kinds == DISTANCE64)
    as_signed = (kinds == SIGNED32) | (kinds == DISTANCE32)
    if np.any(as_signed & (values != values.astype(np.int32))):
        raise LoadError("a reference does not fit 32 bits")
    if np.any((kinds == UNSIGNED32) & (values != values.astype(np.uint32))):
        raise LoadError("a reference does not fit 32 bits")
    pieces = values.astype(np.int64).view(np.uint8).reshape(-1, 8)
    for chosen, size in ((wide, 8), (~wide, 4)):
        if np.any(chosen):
            places = at[chosen]
            for k in range(size):
                raw[places + k] = pieces[chosen, k]
