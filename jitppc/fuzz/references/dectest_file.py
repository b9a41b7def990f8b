"""The decTest cases of jitppc/fuzz/data/dectest.txt.xz (provenance in its README).

Operands and results are given as `decimal` numbers or, where a case has them so, as bits.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from . import dpd

FILE = Path(__file__).parents[1] / "data" / "dectest.txt.xz"

#: FPSCR[DRN] by the name of the rounding
MODES = {
    "half_even": 0, "down": 1, "ceiling": 2, "floor": 3, "half_up": 4, "half_down": 5, "up": 6,
    "05up": 7,
}  # fmt: skip
_WIDTHS = {"ds": 32, "dd": 64, "dq": 128}
_TOKEN = re.compile(r"'[^']*'|\"[^\"]*\"|\S+")


@dataclass(frozen=True, slots=True)
class Case:
    """One line: `flags` are the conditions it raises."""

    file: str
    name: str
    width: int
    operation: str
    rounding: str
    operands: tuple[str, ...]
    result: str
    flags: frozenset[str]

    @property
    def mode(self) -> int:
        """The rounding as FPSCR[DRN]."""
        return MODES[self.rounding]


def bits_of(text: str, width: int) -> int | None:
    """An operand's or result's bits; None when the format does not have the number."""
    if text.startswith("#"):
        return int(text[1:], 16) if len(text) > 1 else None
    return dpd.encode(Decimal(text), width)


def read() -> Iterator[Case]:
    """All cases of the file."""
    name, rounding = "", ""
    for line in lzma.decompress(FILE.read_bytes()).decode("ascii").splitlines():
        if line.startswith("-- file: "):
            name = line.split()[2].removesuffix(".decTest")
        if directive := re.match(r"rounding:\s*(\w+)", line, re.IGNORECASE):
            rounding = directive[1].lower()
        if line.startswith("--") or "->" not in line:
            continue
        left, _, right = line.partition("->")
        label, operation, *operands = (t.strip("'\"") for t in _TOKEN.findall(left))
        result, *flags = (t.strip("'\"") for t in _TOKEN.findall(right.split("--")[0]))
        yield Case(name, label, _WIDTHS[name[:2]], operation.lower(), rounding, tuple(operands),
                   result, frozenset(flags))
