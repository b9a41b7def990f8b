"""The machines of the table in docs/machines.md: axes, what there is no machine of, what is chosen.

A cell is one value of each axis. The chosen ones cover every pair of values of two axes that occurs
together in some machine, with few cells; `--all` takes every cell.
"""

import itertools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True, slots=True)
class Cell:
    """One machine."""

    cpu: str
    mmu: str
    controller: str
    endian: str
    image: str
    firmware: str
    vcpus: int

    @property
    def key(self) -> str:
        return " ".join(self.texts)

    @property
    def texts(self) -> list[str]:
        return [str(value) for value in asdict(self).values()]


AXES: Mapping[str, tuple] = {
    "cpu": (
        "power5+",
        "power7",
        "power7+",
        "power8",
        "power8e",
        "power8nvl",
        "power9_v2.0",
        "power9",
        "power10",
        "power11",
        "power8,max-cpu-compat=power6",
        "power8,max-cpu-compat=power7",
        "power10,max-cpu-compat=power8",
        "power10,max-cpu-compat=power9",
    ),
    "mmu": ("hash", "radix"),
    "controller": ("xics", "xive"),
    "endian": ("little", "big"),
    "image": ("vmlinux", "zImage"),
    "firmware": ("built-in", "SLOF"),
    "vcpus": (1, 2, 8),
}
assert tuple(AXES) == tuple(field.name for field in fields(Cell))
BEFORE_POWER8 = (
    "power5+",
    "power7",
    "power7+",
    "power8,max-cpu-compat=power6",
    "power8,max-cpu-compat=power7",
)
BEFORE_POWER9 = (
    *BEFORE_POWER8,
    "power8",
    "power8e",
    "power8nvl",
    "power10,max-cpu-compat=power8",
)


def is_machine(cell: Cell) -> bool:
    """Such a machine exists.

    Radix trees and XIVE came with POWER9, and Linux in little endian is for POWER8 and later.
    """
    if cell.cpu in BEFORE_POWER8 and cell.endian == "little":
        return False
    is_old = cell.cpu in BEFORE_POWER9
    return not is_old or (cell.mmu, cell.controller) == ("hash", "xics")


def all_cells() -> list[Cell]:
    cells = (Cell(*values) for values in itertools.product(*AXES.values()))
    return [cell for cell in cells if is_machine(cell)]


def pairs(cell: Cell) -> frozenset:
    """The pairs of values of two axes that a cell shows."""
    return frozenset(itertools.combinations(asdict(cell).items(), 2))


def covering(cells: list[Cell]) -> list[Cell]:
    """Few of these cells that show every pair that they all show; the same ones every time."""
    shown = {cell: pairs(cell) for cell in cells}
    missing = frozenset().union(*shown.values()) if cells else frozenset()
    chosen = []
    while missing:
        best = max(cells, key=lambda cell: len(shown[cell] & missing))
        chosen.append(best)
        missing -= shown[best]
    order = {cell: number for number, cell in enumerate(cells)}
    return sorted(chosen, key=order.__getitem__)
