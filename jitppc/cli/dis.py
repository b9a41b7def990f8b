"""`jitppc dis`: disassembly of words or of a file, from the instruction rows."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jitppc.errors import UserError
from jitppc.frontend.decode import is_prefix


@dataclass(frozen=True, slots=True)
class Code:
    """Consecutive words at an address, with the symbols that begin among them."""

    title: str
    cia: int
    words: tuple[int, ...]
    symbols: dict[int, str]


def dis_command(settings: dict[str, Any], arguments: list[str]) -> int:
    from jitppc.frontend.disasm import disassemble

    left = settings.get("count")
    for code in _codes(settings, arguments):
        if code.title:
            print(f"\n{code.title}")
        for cia, word, suffix in _instructions(code):
            if left == 0:
                return 0
            left = None if left is None else left - 1
            if cia in code.symbols:
                print(f"\n{cia:016x} <{code.symbols[cia]}>:")
            shown = f"{word:08x}" if suffix is None else f"{word:08x} {suffix:08x}"
            whole = word if suffix is None else word << 32 | suffix
            print(f"{cia:16x}:  {shown:17}  {disassemble(whole, cia)}")
    return 0


def _instructions(code: Code) -> Iterator[tuple[int, int, int | None]]:
    """(address, word, suffix of a prefixed instruction or None)."""
    index = 0
    while index < len(code.words):
        word = code.words[index]
        cia = code.cia + 4 * index
        is_prefixed = is_prefix(word) and index + 1 < len(code.words)
        yield cia, word, code.words[index + 1] if is_prefixed else None
        index += 2 if is_prefixed else 1


def _codes(settings: dict[str, Any], arguments: list[str]) -> Iterator[Code]:
    if not arguments:
        raise UserError("dis what? give a file, or hexadecimal words such as 7c642a14")
    path = Path(arguments[0])
    if len(arguments) == 1 and path.exists():
        yield from _file(path, settings)
        return
    words = []
    for argument in arguments:
        if not re.fullmatch(r"(0[xX])?[0-9a-fA-F]{1,8}", argument):
            raise UserError(f"{argument!r} is neither a file nor a hexadecimal word of 32 bits")
        words.append(int(argument, 16))
    yield Code("", settings.get("start", 0), tuple(words), {})


def _file(path: Path, settings: dict[str, Any]) -> Iterator[Code]:
    try:
        contents = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    if settings.get("raw"):
        words = _words(contents, settings["raw"] == "little")
        yield Code("", settings.get("start", 0), words, {})
    elif contents.startswith(b"\x7fELF"):
        yield from _elf(path, settings.get("start"))
    else:
        raise UserError(f"{path} is not ELF; for bare code give -raw little or -raw big")


def _words(code: bytes, is_little_endian: bool) -> tuple[int, ...]:
    count = len(code) // 4
    return struct.unpack(f"{'<' if is_little_endian else '>'}{count}I", code[: 4 * count])


def _elf(path: Path, start: int | None) -> Iterator[Code]:
    """The executable sections, in the order of their addresses."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.constants import SH_FLAGS
    from elftools.elf.elffile import ELFFile

    try:
        with path.open("rb") as file:
            elf = ELFFile(file)
            if elf.header["e_machine"] not in {"EM_PPC64", "EM_PPC"}:
                raise UserError(f"{path} is for {elf.get_machine_arch()}, not for Power")
            symbols = _symbols(elf)
            sections = [
                section
                for section in elf.iter_sections("SHT_PROGBITS")
                if section["sh_flags"] & SH_FLAGS.SHF_EXECINSTR and section["sh_size"]
            ]
            for section in sorted(sections, key=lambda section: section["sh_addr"]):
                words = _words(section.data(), elf.little_endian)
                cia = section["sh_addr"]
                if start is not None:
                    skipped = min(max(0, start - cia) // 4, len(words))
                    words, cia = words[skipped:], cia + 4 * skipped
                if words:
                    yield Code(f"section {section.name}", cia, words, symbols)
    except (ELFError, struct.error, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a whole ELF file: {error}") from error


def _symbols(elf: Any) -> dict[int, str]:
    found: dict[int, str] = {}
    for table in elf.iter_sections("SHT_SYMTAB"):
        for symbol in table.iter_symbols():
            if symbol["st_info"]["type"] in {"STT_FUNC", "STT_NOTYPE"} and symbol.name:
                found.setdefault(symbol["st_value"], symbol.name)
    return found
