"""Readers of the POWER9 vectors in tests/data, and the user-level registers they name.

Any engine can be judged by them: a case or program gives the state to start from (`new_state`,
`set_registers`), and what `registers` must say afterwards.
"""

import json
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jitppc.ir.layout import CPU_STATE, MSR, NO_TAG

DATA = Path(__file__).parents[1] / "data"

CODE = 0x10000
MEMORY_BYTES = 0x10000
#: `trap`, the last word of each program
END = 0x7FE00008

#: XER bits that have a field of their own in CPU_STATE
XER_BITS = {"so": 1 << 31, "ov": 1 << 30, "ca": 1 << 29, "ov32": 1 << 19, "ca32": 1 << 18}
XER_LOW = 0x7F
XER_MID = 0x000FFFFF & ~(1 << 19 | 1 << 18 | XER_LOW)

FSCR = 153

Registers = dict[str, int]


def new_state() -> np.ndarray:
    """An array of one CPU_STATE record: zeros, 64-bit little-endian problem state."""
    state = np.zeros(1, CPU_STATE)
    state["msr"] = MSR.SF | MSR.VEC | MSR.VSX | MSR.PR | MSR.FP | MSR.IR | MSR.DR | MSR.LE
    state["sixty_four"], state["little"] = 1, 1
    state["ea_mask"] = (1 << 64) - 1
    state["reserve_ea"] = NO_TAG
    state["spr"][0][FSCR] = (1 << 64) - 1
    return state


def set_registers(state: np.ndarray, values: Registers) -> None:
    """Set r0 .. r31, cr, xer, lr and ctr, as far as they are named."""
    record = state[0]
    for name, value in values.items():
        if name == "cr":
            record["crf"] = [value >> 28 - 4 * n & 15 for n in range(8)]
        elif name == "xer":
            for field, bit in XER_BITS.items():
                record[field] = bool(value & bit)
            record["xer_low"], record["xer_mid"] = value & XER_LOW, value & XER_MID
        elif name in ("lr", "ctr"):
            record["spr"][8 if name == "lr" else 9] = value
        else:
            record["gpr"][int(name[1:])] = value


def registers(state: np.ndarray) -> Registers:
    """All that `set_registers` can set."""
    record = state[0]
    values = {f"r{n}": int(record["gpr"][n]) for n in range(32)}
    values["cr"] = sum(int(field) << 28 - 4 * n for n, field in enumerate(record["crf"]))
    values["xer"] = sum(bit for field, bit in XER_BITS.items() if record[field])
    values["xer"] |= int(record["xer_low"]) | int(record["xer_mid"])
    values["lr"], values["ctr"] = int(record["spr"][8]), int(record["spr"][9])
    return values


@dataclass(frozen=True, slots=True)
class FixedCase:
    """One instruction. What the book leaves open is named, and holds POWER9's own result."""

    word: int
    asm: str
    before: Registers
    after: Registers
    undefined: str


def fixed_cases() -> Iterator[FixedCase]:
    """The lines of power9_fixed_vectors.txt.xz."""
    names = ("r3", "r4", "r5", "r6", "cr", "xer", "lr", "ctr")

    def read(column: str) -> Registers:
        numbers = (int(text, 16) for text in column.split())
        return dict(zip(names, numbers, strict=True))

    with lzma.open(DATA / "power9_fixed_vectors.txt.xz", "rt", encoding="ascii") as lines:
        for line in lines:
            if line.startswith("#"):
                continue
            word, asm, before, after, undefined = line.rstrip("\n").split("|")
            yield FixedCase(int(word, 16), asm, read(before), read(after), undefined)


@dataclass(frozen=True, slots=True)
class Program:
    """A program at CODE, ending in END, and the registers POWER9 ended with; r31 is scratch."""

    number: int
    words: tuple[int, ...]
    after: Registers

    def memory(self) -> bytearray:
        """The 64 KiB at CODE: the words, little-endian, and zeros."""
        code = b"".join(word.to_bytes(4, "little") for word in self.words)
        return bytearray(code.ljust(MEMORY_BYTES, b"\0"))


def programs() -> Iterator[Program]:
    """The programs of power9_random_programs.jsonl.xz."""
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
