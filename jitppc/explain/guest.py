"""The guest code to explain: a function of an ELF file, an address in one, or words."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from jitppc.errors import UserError
from jitppc.frontend.page import RUN
from jitppc.ir.layout import PageMode

PAGE = 4096
#: where bare words lie
WORDS_AT = 0x10000


@dataclass(frozen=True, slots=True)
class GuestCode:
    """Code as a region sees it.

    Fields:
        title: what it is, in a line.
        cia: address of the entry.
        pages: by distance from the entry's page: 4096 bytes, and which words have been executed;
            here, those of the function.
        is_big: they are in big-endian order.
    """

    title: str
    cia: int
    pages: dict[int, tuple[bytes, bytes]]
    is_big: bool = False

    @property
    def mode(self) -> int:
        """The pages' PageMode."""
        return PageMode.BE64 if self.is_big else PageMode.LE64

    @property
    def entry(self) -> int:
        """The entry's word in its page."""
        return self.cia % PAGE // 4

    def word(self, index: int) -> int:
        """The word so many words from the beginning of the entry's page."""
        page, at = divmod(index, PAGE // 4)
        return int.from_bytes(
            self.pages[page][0][4 * at:4 * at + 4], "big" if self.is_big else "little")


def guest_code(arguments: list[str]) -> GuestCode:
    """The code that the arguments name; UserError says what is wrong with them."""
    if not arguments:
        raise UserError(
            "explain what? FILE:SYMBOL, FILE:0xADDRESS, or hexadecimal words such as 7c642a14")
    if len(arguments) == 1 and ":" in arguments[0]:
        file, _colon, place = arguments[0].rpartition(":")
        return _of_file(Path(file), place)
    return of_words([_word(text) for text in arguments])


def _word(text: str) -> int:
    if not re.fullmatch(r"(0[xX])?[0-9a-fA-F]{1,8}", text):
        raise UserError(f"{text!r} is neither FILE:SYMBOL nor a hexadecimal word of 32 bits")
    return int(text, 16)


def of_words(words: list[int], cia: int = WORDS_AT, *, is_big: bool = False) -> GuestCode:
    """Words one behind the other."""
    if len(words) > PAGE // 4:
        raise UserError(f"{len(words)} words: at most {PAGE // 4}")
    code = b"".join(word.to_bytes(4, "big" if is_big else "little") for word in words)
    return GuestCode(f"{len(words)} words", cia, _pages(code, cia, cia, len(code)), is_big)


def _pages(code: bytes, code_at: int, start: int, size: int) -> dict[int, tuple[bytes, bytes]]:
    """The pages around `size` bytes from `start`, which count as executed."""
    base = start & -PAGE
    pages = {}
    for number in range((start + size - 1 - base) // PAGE + 1):
        first = base + number * PAGE - code_at
        content = code[max(first, 0):max(first + PAGE, 0)]
        content = (bytes(max(-first, 0)) + content).ljust(PAGE, b"\0")[:PAGE]
        low, high = start - base - number * PAGE, start + size - base - number * PAGE
        has_run = bytes(RUN if low <= 4 * n < high else 0 for n in range(PAGE // 4))
        pages[number] = content, has_run
    return pages


def _of_file(path: Path, place: str) -> GuestCode:
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with path.open("rb") as file:
            elf = ELFFile(file)
            if elf.header["e_machine"] != "EM_PPC64":
                raise UserError(f"{path} is not a file for 64-bit Power")
            return _of_elf(path, elf, place)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    except (ELFError, struct.error, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a whole ELF file: {error}") from error


class _Descriptors:
    """Where symbols lead that name a function's descriptor. Ref: 64-bit ELF ABI 1.9, 3.2.5."""

    def __init__(self, elf: Any) -> None:
        section = elf.get_section_by_name(".opd")
        self._at = section["sh_addr"] if section is not None else 0
        self._data = section.data() if section is not None else b""

    def code_of(self, value: int) -> int:
        """The function's first address."""
        at = value - self._at
        if 0 <= at <= len(self._data) - 8:
            return int.from_bytes(self._data[at:at + 8], "big")
        return value


def _of_elf(path: Path, elf: Any, place: str) -> GuestCode:
    descriptors = _Descriptors(elf)
    functions = sorted(
        (descriptors.code_of(symbol["st_value"]), symbol["st_size"], symbol.name)
        for table in elf.iter_sections("SHT_SYMTAB")
        for symbol in table.iter_symbols()
        if symbol["st_info"]["type"] == "STT_FUNC" and symbol.name
    )
    if re.fullmatch(r"0[xX][0-9a-fA-F]{1,16}", place):
        cia, name = int(place, 16) & -4, place
        inside = [(at, size, n) for at, size, n in functions if at <= cia < at + size]
        size = PAGE - cia % PAGE
        if inside:
            at, whole, function = inside[0]
            size, name = at + whole - cia, f"{place} in {function}"
    else:
        named = [(at, size) for at, size, n in functions if n == place]
        if not named:
            near = get_close_matches(place, [n for _at, _size, n in functions], n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UserError(f"{path} has no function {place!r}{hint}")
        (cia, size), name = named[0], place
    for section in elf.iter_sections("SHT_PROGBITS"):
        at, length = section["sh_addr"], section["sh_size"]
        if at <= cia < at + length:
            size = max(4, min(size, at + length - cia))
            pages = _pages(section.data(), at, cia, size)
            return GuestCode(f"{name} of {path.name}", cia, pages, not elf.little_endian)
    raise UserError(f"{path} has no code at {cia:#x}")
