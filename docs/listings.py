"""The listings of docs/life_of_an_instruction.md, made by running jitppc.

python docs/listings.py               say which listings of the page are out of date
python docs/listings.py --update      put the present ones in

A listing is the fenced block behind a line `<!-- listing: NAME -->`. tests/docs compares those that
are the same on every host, that is all but the ones in HOST.
"""

from __future__ import annotations

import ctypes
import io
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import capstone
from elftools.elf.elffile import ELFFile

from jitppc.backend import glue
from jitppc.backend.arena import Arena, Placed
from jitppc.backend.lower.effects import METADATA
from jitppc.backend.objects import compile_text
from jitppc.backend.region import region_text
from jitppc.backend.region_graph import RegionBlock
from jitppc.backend.tier0 import Handler, make_handler
from jitppc.frontend.decode import decode
from jitppc.frontend.disasm import disassemble
from jitppc.frontend.page import Page
from jitppc.frontend.regions import Region, form_region
from jitppc.frontend.routines import ROUTINES
from jitppc.frontend.translate import translate_row, translate_word
from jitppc.ir.layout import CELL, CELL_BYTES
from jitppc.ir.passes import run_passes
from jitppc.ir.text import block_text

PAGE = Path(__file__).with_name("life_of_an_instruction.md")
WORD = 0xE8640008
LOOP = (WORD, 0x7CA51A14, 0x38840008, 0x4200FFF4)
ROWS = Path(__file__).parents[1] / "jitppc/frontend/isa/fixed_load.py"
LISTING = re.compile(r"(<!-- listing: ([\w-]+) -->\n```\w*\n)(.*?)(```\n)", re.DOTALL)


# --- what the front end makes ---------------------------------------------------------------------
def dis() -> str:
    """The word on the command line."""
    command = [sys.executable, "-m", "jitppc", "dis", f"{WORD:08x}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def row() -> str:
    """The row's line in the table of loads."""
    (line,) = (x for x in ROWS.read_text().splitlines() if x.startswith('load("ld",'))
    return line + "\n"


def ir_constant() -> str:
    return block_text(translate_word(WORD))


def ir_symbolic() -> str:
    insn = decode(WORD)
    assert insn is not None
    return block_text(translate_row(insn.row, insn.flags))


# --- the handler ----------------------------------------------------------------------------------
@cache
def handler() -> Handler:
    """The row's handler for little-endian 64-bit mode; its number here is 1."""
    insn = decode(WORD)
    assert insn is not None
    picture = insn.row.picture
    block = translate_row(insn.row, insn.flags)
    return make_handler("h_ld_le64", block, picture.mask, picture.value)


def function_text(name: str) -> str:
    """One function of the handler's LLVM text."""
    found = re.search(rf"^define [^\n]*@{name}\(.*?^}}\n", handler().text, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[0].replace("(ptr noalias %cpu", "(\n  ptr noalias %cpu").replace(
        "musttail call preserve_nonecc void", "musttail call preserve_nonecc\n   void"
    )


def alone(declarations: str) -> str:
    """Definitions of nothing in place of declarations, so that a part loads without the rest."""
    text = declarations
    for kind, body in (("i64", "{ ret i64 0 }"), ("preserve_nonecc void", "{ ret void }")):
        defined = rf"define {kind} \1 noinline optnone {body}"
        text = re.sub(rf"^declare {kind} (@(?!llvm).*)$", defined, text, flags=re.MULTILINE)
    return text


@cache
def placed_handler() -> tuple[bytes, Placed]:
    """The handler's object, and where it lies in an arena."""
    needs = "\n".join(handler().needs.values())
    text = alone(glue.declarations(ROUTINES)) + needs + "\n" + handler().text + METADATA
    code = compile_text(text, 1)
    return code, arena().load([code])[0]


@cache
def arena() -> Arena:
    return Arena(1 << 20)


def cell() -> str:
    """What the predecoder, run natively, puts into the word's cell."""
    _, placed = placed_handler()
    raw = (ctypes.c_char * CELL_BYTES)()
    kinds = (ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_uint16)
    predecode = ctypes.CFUNCTYPE(None, *kinds)
    predecode(placed.symbols["p_h_ld_le64"])(ctypes.addressof(raw), WORD, 0, 1)
    made = memoryview(raw.raw)
    names = {address: name for name, address in placed.symbols.items()}
    lines = []
    for name in ("entry", "imm", "slot", "handler", "heat", "word"):
        kind, at = CELL.fields[name][:2]  # type: ignore[index]
        count = kind.shape[0] if kind.shape else 1
        size = kind.itemsize // count
        numbers = [int.from_bytes(made[at + size * k : at + size * (k + 1)], "little")
                   for k in range(count)]  # fmt: skip
        shown = names.get(numbers[0]) or " ".join(f"{n:#x}" if n > 999 else str(n) for n in numbers)
        lines.append(f"{at:3}  {name:8} {shown}\n")
    return "".join(lines)


# --- host code ------------------------------------------------------------------------------------
def host_code(code: bytes, placed: Placed, name: str) -> str:
    """The function as it lies in the arena, its first byte at 0."""
    table = ELFFile(io.BytesIO(code)).get_section_by_name(".symtab")
    found = {s.name: s for s in table.iter_symbols() if s["st_info"]["type"] == "STT_FUNC"}
    start, size = placed.symbols[name], found[name]["st_size"]
    base = start - found[name]["st_value"]
    own = found[name]["st_shndx"]
    names = {base + s["st_value"]: n for n, s in found.items() if s["st_shndx"] == own}
    (cold,) = [n for n, s in found.items() if s["st_shndx"] != own] or ["?"]
    machine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    lines = []
    for insn in machine.disasm(ctypes.string_at(start, size), start):
        operands = insn.op_str
        if insn.mnemonic.startswith("j") and operands.startswith("0x"):
            target = int(operands, 16)
            inside = start <= target < start + size
            operands = f"{target - start:x}" if inside else names.get(target, cold)
        lines.append(f"{insn.address - start:4x}  {insn.mnemonic:6} {operands}".rstrip() + "\n")
    return "".join(lines)


def handler_host() -> str:
    return host_code(*placed_handler(), "h_ld_le64")


# --- the loop and its region ----------------------------------------------------------------------
def loop() -> str:
    return "".join(
        f"{4 * n:2x}:  {word:08x}  {disassemble(word, 4 * n)}\n" for n, word in enumerate(LOOP)
    )


@cache
def region() -> Region:
    """The region of the loop, alone in its page, all of it executed before."""
    page = b"".join(word.to_bytes(4, "little") for word in LOOP).ljust(4096, b"\0")
    found = form_region({0: Page(page, b"\1" * len(LOOP) + bytes(1024 - len(LOOP)))}, 0)
    assert found is not None
    return found


def region_ir() -> str:
    return block_text(region().blocks[0].block)


def region_passes() -> str:
    return block_text(run_passes(region().blocks[0].block))


def region_host() -> str:
    blocks = [RegionBlock(b.index, b.count, run_passes(b.block)) for b in region().blocks]
    text = alone(region_text(0, blocks, {}))
    code = compile_text(text, 1)
    return host_code(code, arena().load([code])[0], "region")


LISTINGS: dict[str, Callable[[], str]] = {
    "dis": dis,
    "row": row,
    "ir-constant": ir_constant,
    "ir-symbolic": ir_symbolic,
    "cell": cell,
    "predecoder": lambda: function_text("p_h_ld_le64"),
    "handler": lambda: function_text("h_ld_le64"),
    "handler-host": handler_host,
    "loop": loop,
    "region-ir": region_ir,
    "region-passes": region_passes,
    "region-host": region_host,
}
#: what depends on the host's processor
HOST = {"handler-host", "region-host"}


def shown() -> dict[str, str]:
    """The listings as they stand on the page."""
    return {match[2]: match[3] for match in LISTING.finditer(PAGE.read_text(encoding="utf-8"))}


def outdated() -> Iterator[str]:
    """Names of the listings that are missing, or differ from what jitppc makes now."""
    there = shown()
    for name, make in LISTINGS.items():
        if name not in there or (name not in HOST and make() != there[name]):
            yield name


def main() -> int:
    if "--update" in sys.argv[1:]:
        text = PAGE.read_text(encoding="utf-8")
        text = LISTING.sub(lambda match: match[1] + LISTINGS[match[2]]() + match[4], text)
        PAGE.write_text(text, encoding="utf-8")
    names = list(outdated())
    print("\n".join(f"out of date: {name}" for name in names) or "all listings are up to date")
    return bool(names)


if __name__ == "__main__":
    sys.exit(main())
