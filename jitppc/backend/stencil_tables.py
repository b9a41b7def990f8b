"""From objects that hold stencils to the tables the stitcher copies from.

Their records are STENCIL and HOLE in the layout.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elftools.elf.elffile import ELFFile

from jitppc.ir.layout import HOLE_KINDS

from .stencils import GO_ON, SECTION, SLOT_HOLES

_R_64, _R_PLT32, _R_32, _R_32S = 1, 4, 10, 11
_KIND = {name: number for number, name in enumerate(HOLE_KINDS)}
_VALUES = {name: ("SLOT", n) for n, name in enumerate(SLOT_HOLES)} | {
    "DONE": ("DONE", 0), "AT": ("AT", 0), "NARROW": ("NARROW", 0)}
JUMP_BYTES = 5
MOST_TARGETS = 256


@dataclass(frozen=True, slots=True)
class Hole:
    """Where a value goes: byte offset in the code, kind, which slot or symbol, addend."""

    at: int
    kind: str
    which: int | str
    addend: int


@dataclass(frozen=True, slots=True)
class Stencil:
    """Code with holes."""

    code: bytes
    holes: tuple[Hole, ...]


def stencils_of(objects: Sequence[bytes]) -> dict[str, Stencil]:
    """All stencils of some objects, by name. One that refers to constants in memory is left out."""
    found = {}
    for data in objects:
        elf = ELFFile(io.BytesIO(data))
        symbols = elf.get_section_by_name(".symtab")
        names = [s.name for s in symbols.iter_symbols()]
        relocations = {
            s["sh_info"]: s for s in elf.iter_sections() if s.name.startswith(".rela" + SECTION)}
        for number, section in enumerate(elf.iter_sections()):
            if section.name.startswith(SECTION):
                table = relocations.get(number)
                one = _stencil(section.data(), table.iter_relocations() if table else (), names)
                if one is not None:
                    found[section.name.removeprefix(SECTION)] = one
    return found


def _stencil(code: bytes, relocations: Any, names: list[str]) -> Stencil | None:
    holes = []
    for r in relocations:
        at, kind, addend = r["r_offset"], r["r_info_type"], r["r_addend"]
        name = names[r["r_info_sym"]]
        if kind == _R_PLT32 and name == "NEXT":
            holes.append(Hole(at, "NEXT", 0, addend))
        elif kind == _R_PLT32 and name and not name.startswith("."):
            holes.append(Hole(at, "TARGET", name, addend))
        elif kind in (_R_32, _R_32S) and name in _VALUES:
            holes.append(Hole(at, *_VALUES[name], addend))
        elif kind == _R_64 and name in ("WIDE", "NARROW"):
            holes.append(Hole(at, "WIDE", 0, addend))
        else:
            return None
    last = len(code) - JUMP_BYTES
    if holes and holes[-1].kind == "NEXT" and holes[-1].at == last + 1 and code[last] == 0xE9:
        code, holes = code[:last], holes[:-1]        # falls into the next stencil
        holes.append(Hole(0, "FALLS", 0, 0))
    return Stencil(code, tuple(holes))


def table_module(
    names: Sequence[str], stencils: dict[str, Stencil], same: Mapping[str, str]
) -> str:
    """LLVM text of the tables; `names` are the handlers' in the order of their numbers.

    Handlers that are named in `same` have the stencil of another one, which comes before them.
    """
    made: dict[str, str] = {}
    rows, holes = list[str](), list[str]()
    targets, code = dict[str, int](), bytearray()
    for name in (GO_ON, *names):
        if name in same:
            rows.append(made[same[name]])
            continue
        one = stencils.get(name)
        wanted = {str(h.which) for h in one.holes if h.kind == "TARGET"} if one else set()
        if one is None or len(wanted | targets.keys()) > MOST_TARGETS:
            made[name] = "{i32, i32, i32, i32} zeroinitializer"
            rows.append(made[name])
            continue
        goes_on = any(h.kind in ("NEXT", "FALLS") for h in one.holes)
        real = [h for h in one.holes if h.kind != "FALLS"]
        count = len(real) | goes_on << 16
        made[name] = ("{i32, i32, i32, i32} "
                      f"{{i32 {len(code)}, i32 {len(one.code)}, i32 {len(holes)}, i32 {count}}}")
        rows.append(made[name])
        for h in real:
            which = h.which
            if h.kind == "TARGET":
                which = targets.setdefault(str(h.which), len(targets))
            holes.append("{i16, i8, i8, i32} "
                         f"{{i16 {h.at}, i8 {_KIND[h.kind]}, i8 {which}, i32 {h.addend}}}")
        code += one.code
    code += bytes(8)                                 # the stitcher copies eight bytes at a time
    escaped = "".join(f"\\{byte:02x}" for byte in code)
    declares = "".join(f"declare void @{name}()\n" for name in targets)
    return declares + "".join([
        _array("stencils", "{i32, i32, i32, i32}", rows),
        _array("stencil_holes", "{i16, i8, i8, i32}", holes),
        _array("stencil_targets", "ptr", [f"ptr @{name}" for name in targets]),
        f'@stencil_code = constant [{len(code)} x i8] c"{escaped}"\n',
    ])


def _array(name: str, kind: str, items: list[str]) -> str:
    return f"@{name} = constant [{len(items)} x {kind}] [{', '.join(items)}]\n"
