"""All that a region's code goes through, block by block."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from jitppc.errors import UserError
from jitppc.frontend.disasm import disassemble
from jitppc.ir.text import block_text
from jitppc.option_values import STAGES
from jitppc.strategies import RegionOptions

from .guest import GuestCode

#: the part of a region that belongs to no block: its beginning, and its ways out
ENTRY, EXITS = "entry", "exits"
_BLOCK = re.compile(r"b(m?)(\d+)$")


@dataclass(slots=True)
class Part:
    """One basic block, or what belongs to none: the lines of each stage."""

    title: str
    lines: dict[str, list[str]] = field(default_factory=lambda: {stage: [] for stage in STAGES})


@dataclass(frozen=True, slots=True)
class Explanation:
    """A region, its parts in the order of their addresses, and how much each stage has."""

    title: str
    parts: list[Part]
    counts: dict[str, int]


def explain(code: GuestCode, options: RegionOptions) -> Explanation:
    """What becomes of the code when it is hot; UserError when it is never compiled."""
    from jitppc.backend.objects import to_assembly
    from jitppc.backend.region import compile_region_text
    from jitppc.runtime.region_translation import translate_region

    found = translate_region(code.pages, code.entry, options, mode=code.mode)
    if found is None:
        word = code.word(code.entry)
        raise UserError(
            f"no region begins at {code.cia:#x}: {disassemble(word, code.cia)} is left to tier 0")
    parts = {}
    base = code.cia - 4 * code.entry
    for before, after in sorted(
        zip(found.region.blocks, found.blocks, strict=True), key=lambda pair: pair[0].index
    ):
        cia = base + 4 * before.index
        part = parts[before.index] = Part(f"{cia:x}")
        for n in range(before.count):
            word = code.word(before.index + n)
            part.lines["guest"].append(f"{cia + 4 * n:x}: {disassemble(word, cia + 4 * n)}")
        part.lines["ir"] = block_text(before.block).splitlines()
        part.lines["optimised"] = block_text(after.block).splitlines()
    entry, exits = Part(ENTRY), Part(EXITS)
    everything = [entry, *parts.values(), exits]
    marked = _llvm(found.text, parts, entry, exits, everything)
    assembly = compile_region_text(marked, options.level, to_assembly)
    image = compile_region_text(found.text, options.level)
    _host(image, assembly, everything)
    counts = {
        stage: sum(_counts(stage, line) for part in everything for line in part.lines[stage])
        for stage in STAGES
    }
    return Explanation(code.title, everything, counts)


def _counts(stage: str, line: str) -> bool:
    """The line is an instruction or an op."""
    text = line.strip()
    return bool(text) and not text.endswith(":") and not (stage != "host" and text.startswith("#"))


#: what makes LLVM say in its assembly which part an instruction is of
_DEBUG = """
!llvm.dbg.cu = !{!901}
!llvm.module.flags = !{!902}
!900 = distinct !DISubprogram(name: "region", file: !903, line: 1, type: !904, unit: !901,
  spFlags: DISPFlagDefinition)
!901 = distinct !DICompileUnit(language: DW_LANG_C, file: !903, emissionKind: LineTablesOnly)
!902 = !{i32 2, !"Debug Info Version", i32 3}
!903 = !DIFile(filename: "region", directory: "/")
!904 = !DISubroutineType(types: !905)
!905 = !{null}
"""
_FIRST_LOCATION = 1000


def _llvm(
    text: str, parts: dict[int, Part], entry: Part, exits: Part, everything: list[Part]
) -> str:
    """Hand out the function's lines; returns the text with each line's part as its line number."""
    numbers = {id(part): number for number, part in enumerate(everything)}
    current, inside, marked = entry, False, []
    for line in text.splitlines():
        shown = line
        if line.startswith("define "):
            inside = True
            shown = line.replace(" nounwind {", " nounwind !dbg !900 {")
        elif line.startswith("}"):
            inside = False
        elif inside and line.endswith(":"):
            found = _BLOCK.match(line[:-1])
            index = int(found[2]) * (-1 if found[1] else 1) if found else None
            if index in parts:
                current = parts[index]
            elif line.startswith("x"):
                current = exits
            current.lines["llvm"].append(line)
        elif inside and line.strip():
            current.lines["llvm"].append(line)
            code, comment, rest = line.partition(" ;")
            location = _FIRST_LOCATION + numbers[id(current)]
            shown = f"{code}, !dbg !{location}{comment}{rest}"
        marked.append(shown)
    locations = "".join(
        f"!{_FIRST_LOCATION + n} = !DILocation(line: {n + 1}, scope: !900)\n"
        for n in range(len(everything))
    )
    return "\n".join(marked) + _DEBUG + locations


def _host(image: bytes, assembly: str, everything: list[Part]) -> None:
    """Hand out the machine code.

    The object says what it is; the assembly of the marked module, which is the same code, says for
    which part LLVM made it.
    """
    owners = list(_owners(assembly, everything))
    lines = list(_disassembled(image))
    if len(owners) != len(lines):       # seen never: LLVM promises that marks change no code
        owners = [everything[0]] * len(lines)
    for part, line in zip(owners, lines, strict=True):
        part.lines["host"].append(line)


def _owners(assembly: str, everything: list[Part]) -> Iterator[Part]:
    """The part of each instruction."""
    current, inside = everything[0], False
    for line in assembly.splitlines():
        if line.startswith("region:"):
            inside = True
        elif line.startswith(".Lfunc_end"):
            return
        elif inside and (found := re.match(r"\t\.loc\t\d+ (\d+)", line)):
            number = int(found[1])
            current = everything[number - 1] if number else current
        elif inside and line.startswith("\t") and line[1:2] not in {".", "#"}:
            yield current


def _disassembled(image: bytes) -> Iterator[str]:
    """Each instruction of the object's function, without padding."""
    import capstone
    from elftools.elf.elffile import ELFFile

    elf = ELFFile(io.BytesIO(image))
    section = elf.get_section_by_name(".text")
    names = _references(elf)
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    for insn in decoder.disasm(section.data(), 0):
        if insn.mnemonic.startswith("nop") or insn.mnemonic == "int3":
            continue
        targets = [n for at, n in names.items() if insn.address <= at < insn.address + insn.size]
        operands = targets[0] if targets and insn.mnemonic == "jmp" else insn.op_str
        note = f"   ; {targets[0]}" if targets and operands is insn.op_str else ""
        yield f"{insn.address:4x}  {insn.mnemonic} {operands}{note}".rstrip()


def _references(elf: Any) -> dict[int, str]:
    """Names of symbols by the place in the code that refers to them."""
    symbols = elf.get_section_by_name(".symtab")
    found = {}
    section = elf.get_section_by_name(".rela.text")
    for relocation in section.iter_relocations() if section else ():
        name = symbols.get_symbol(relocation["r_info_sym"]).name
        if name:
            found[relocation["r_offset"]] = name
    return found
