"""Results of POWER9: single fixed-point instructions as a recording, and whole random programs.

See jitppc/fuzz/data/README.md.
"""

from __future__ import annotations

import functools
import json
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jitppc.fuzz.cases import OUTCOME, USER_FIELDS, Batch, Kind, ends, new_cases

DATA = Path(__file__).parents[1] / "data"
#: where the programs stand, and their last word, `trap`
PROGRAM_AT, PROGRAM_BYTES, PROGRAM_END = 0x10000, 0x10000, 0x7FE00008
_COLUMNS = ("cr", "xer", "lr", "ctr")


@functools.cache
def _fixed() -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Cases, outcomes, and what the book leaves open in each ("-" for nothing)."""
    text = lzma.decompress((DATA / "power9_fixed_vectors.txt.xz").read_bytes()).decode("ascii")
    lines = [line.split("|") for line in text.splitlines() if not line.startswith("#")]
    cases = new_cases(len(lines))
    cases["words"][:, 0], cases["count"] = [int(line[0], 16) for line in lines], 1
    outcomes = np.zeros(len(lines), OUTCOME)
    outcomes["state"] = cases["state"]
    for column, states in ((2, cases["state"]), (3, outcomes["state"])):
        numbers = [[int(word, 16) for word in line[column].split()] for line in lines]
        values = np.array(numbers, np.uint64)
        states["gpr"][:, 3:7] = values[:, :4]
        for place, name in enumerate(_COLUMNS):
            states[name] = values[:, 4 + place]
    outcomes["state"]["nia"], outcomes["kind"] = ends(cases), Kind.NEXT
    return cases, outcomes, tuple(line[4] for line in lines)


class FixedRecording:
    """9,202 single instructions; what the book leaves open holds POWER9's own result."""

    name = "power9"
    is_independent = True
    fields: tuple[str, ...] = USER_FIELDS
    version: tuple[int, ...] = ()

    def __init__(self, model: str) -> None:
        self.model = model

    def identity(self) -> dict[str, str]:
        return {"program": "POWER9", "version": "DD2", "file": "power9_fixed_vectors.txt.xz"}

    def __len__(self) -> int:
        return len(_fixed()[0])

    def part(self, start: int, stop: int) -> tuple[Batch, np.ndarray, np.ndarray | None]:
        cases, outcomes, _ = _fixed()
        return Batch(cases[start:stop], self.model), outcomes[start:stop], None


def undefined_parts() -> tuple[str, ...]:
    """For each of the 9,202 cases what the book leaves open: RT, RThi, CR0, or "-"."""
    return _fixed()[2]


@dataclass(frozen=True, slots=True)
class Program:
    """A program at PROGRAM_AT, ending in PROGRAM_END, and the registers POWER9 ended with, by the
    names r0 .. r30, cr, xer, lr and ctr; r31 is scratch.
    """

    number: int
    words: tuple[int, ...]
    after: dict[str, int]

    def memory(self) -> bytearray:
        """The bytes at PROGRAM_AT: the words, little-endian, and zeros."""
        code = b"".join(word.to_bytes(4, "little") for word in self.words)
        return bytearray(code.ljust(PROGRAM_BYTES, b"\0"))


def programs() -> Iterator[Program]:
    """The 100 programs."""
    with lzma.open(DATA / "power9_random_programs.jsonl.xz", "rt", encoding="ascii") as lines:
        for line in lines:
            record = json.loads(line)
            code = bytes.fromhex(record["code"])
            words = (code[at : at + 4] for at in range(0, len(code), 4))
            after = {
                name.lower().replace("gpr", "r"): int(text, 16)
                for name, text in record["regs"].items()
            }
            yield Program(record["id"], tuple(int.from_bytes(w, "big") for w in words), after)
