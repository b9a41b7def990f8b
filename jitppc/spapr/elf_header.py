"""What booting needs of an ELF file: machine, program headers, names of sections.

A library that reads everything would cost more start-up time than all of this room.
Ref: System V ABI, chapter 4 (object files).
"""

import struct
from dataclasses import dataclass

PT_LOAD = 1
_IDENT_CLASS, _IDENT_DATA = 4, 5
#: by class: ELF header behind e_ident, program header, and the fields wanted of a section header
_HEADERS = {1: "HHIIIIIHHHHHH", 2: "HHIQQQIHHHHHH"}
_PROGRAM = {1: "IIIIIIII", 2: "IIQQQQQQ"}
_SECTION = {1: "IIIIII", 2: "IIQQQQ"}


class DamagedElfError(ValueError):
    """The headers make no sense."""


@dataclass(frozen=True, slots=True)
class ProgramHeader:
    """A part of the file that is loaded."""

    offset: int
    vaddr: int
    filesz: int
    memsz: int


class ElfHeader:
    """The headers of a file that begins with the ELF magic; DamagedElfError when they are not."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        try:
            self.elf_class, order = data[_IDENT_CLASS], data[_IDENT_DATA]
            if self.elf_class not in _HEADERS or order not in {1, 2}:
                raise DamagedElfError("neither 32 nor 64 bits, or no byte order")
            self.is_little_endian = order == 1
            fields = self._unpack(_HEADERS[self.elf_class], 16)
        except (IndexError, struct.error, OverflowError) as error:
            raise DamagedElfError("the header is cut off") from error
        self.type, self.machine, _version, self.entry, self._phoff, self._shoff = fields[:6]
        self._phentsize, self._phnum, self._shentsize, self._shnum, self._names = fields[8:]

    def _unpack(self, layout: str, at: int) -> tuple[int, ...]:
        return struct.unpack_from(("<" if self.is_little_endian else ">") + layout, self._data, at)

    @property
    def end_of_sections(self) -> int:
        """Where the section table ends, in the file."""
        return self._shoff + self._shnum * self._shentsize

    def loaded(self) -> list[ProgramHeader]:
        """The program headers of kind PT_LOAD that take room."""
        found = []
        try:
            for n in range(self._phnum):
                at = self._phoff + n * self._phentsize
                fields = self._unpack(_PROGRAM[self.elf_class], at)
                if self.elf_class == 1:
                    kind, offset, vaddr, _paddr, filesz, memsz = fields[:6]
                else:
                    kind, _flags, offset, vaddr, _paddr, filesz, memsz = fields[:7]
                if kind == PT_LOAD and memsz:
                    found.append(ProgramHeader(offset, vaddr, filesz, memsz))
        except (struct.error, OverflowError) as error:
            raise DamagedElfError("the program headers are cut off") from error
        return found

    def has_section(self, name: bytes) -> bool:
        """A section is called so."""
        try:
            offset = self._section(self._names)[1] if self._shnum else 0
            for n in range(self._shnum):
                start = offset + self._section(n)[0]
                if self._data[start : start + len(name) + 1] == name + b"\0":
                    return True
        except (struct.error, OverflowError) as error:
            raise DamagedElfError("the sections are cut off") from error
        return False

    def _section(self, number: int) -> tuple[int, int]:
        """Where a section's name is in the table of names, and where the section is."""
        fields = self._unpack(_SECTION[self.elf_class], self._shoff + number * self._shentsize)
        return fields[0], fields[4]
