"""A batch of cases as NumPy records: thousands go through a reference with no Python for each.

A case is a state, a few words of code placed at `state.nia`, and a piece of memory. Every reference
runs it in the same address space, so that results agree bit by bit, link register included:

* `CODE`: 64 KiB, readable, writable and executable: the words, and zeros, which are illegal words.
* `MEMORY`: `MEMORY_BYTES` of the case's own, half of them on each side of the border `BORDER`
  between two granules of 64 KiB.
* `BORDER` ± 4096: the rest of these two pages is zeros and writable, but whoever stores there has
  spilled (`Kind.SPILLED`).
* `BORDER` ± 65536: the rest of the two granules is zeros, to be read only.

Nothing else is mapped. In 32-bit mode the same places are found at their addresses modulo 2**32.
All numbers are in host byte order, whatever the byte order of the case (MSR[LE]).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag

import numpy as np

from jitppc.ir.layout import MSR

U8, U32, U64 = "u1", "<u4", "<u8"

CODE = 0x2A00_4100_0000
CODE_BYTES = 0x10000
BORDER = 0x2A00_4301_0000
MEMORY_BYTES = 512
MEMORY = BORDER - MEMORY_BYTES // 2
#: where words are placed when nothing speaks for another address
WORDS = CODE + 0x1800
MAX_WORDS = 32

#: what a user program sees, and the registers of interrupts
STATE = np.dtype([
    ("gpr", U64, 32),
    ("vsr", U64, (64, 2)),      # [low, high] doubleword; FPR n is vsr[n][1], VR n is vsr[32 + n]
    ("cr", U64),
    ("xer", U64),
    ("lr", U64),
    ("ctr", U64),
    ("tar", U64),
    ("vrsave", U64),
    ("fpscr", U64),
    ("vscr", U64),
    ("msr", U64),
    ("nia", U64),
    # --- privileged: compared when both sides can see it
    ("srr0", U64),
    ("srr1", U64),
    ("dar", U64),
    ("dsisr", U64),
    ("sprg", U64, 4),
    ("dscr", U64),
    ("spare", U64, 3),
])  # fmt: skip

#: fields that a reference of user mode knows
USER_FIELDS = ("gpr", "vsr", "cr", "xer", "lr", "ctr", "fpscr", "vscr", "nia")
PRIVILEGED_FIELDS = ("msr", "srr0", "srr1", "dar", "dsisr", "sprg")
#: what our own executors know
ALL_FIELDS = (*USER_FIELDS, "tar", "vrsave", "dscr", *PRIVILEGED_FIELDS)


class Flag(IntFlag):
    """What a case needs beyond running once through its words."""

    USES_MEMORY = 1      # otherwise `memory` is neither loaded nor compared
    STORES_TO_CODE = 2   # the code region is cleared afterwards
    MAY_LOOP = 4         # it is ended after `LOOP_LIMIT` instructions or `LOOP_SECONDS`


LOOP_LIMIT = 100_000
LOOP_SECONDS = 2

CASE = np.dtype([
    ("state", STATE),
    ("words", U32, MAX_WORDS),
    ("count", U32),             # words in use
    ("flags", U32),
    ("memory", U8, MEMORY_BYTES),
])  # fmt: skip


class Kind(IntEnum):
    """How a case ended; for interrupts `state.nia` is where they say they were."""

    NEXT = 0                # fell out behind the last word
    LEFT = 1                # control went where nothing can be fetched
    ILLEGAL = 2
    PRIVILEGED = 3
    TRAP = 4
    FLOATING = 5            # enabled floating-point exception
    ALIGNMENT = 6
    STORAGE = 7             # data storage or data segment
    SYSTEM_CALL = 8
    SYSTEM_CALL_VECTORED = 9
    FP_UNAVAILABLE = 10
    VECTOR_UNAVAILABLE = 11
    VSX_UNAVAILABLE = 12
    FACILITY_UNAVAILABLE = 13
    MACHINE_CHECK = 14
    OTHER_INTERRUPT = 15
    SPILLED = 16            # stored beside its memory
    TIMEOUT = 17
    CRASH = 18              # the reference itself died of it
    NOT_JUDGED = 19         # the reference cannot say


OUTCOME = np.dtype([
    ("state", STATE),
    ("kind", U32),
    ("retired", U32),           # instructions, 0 when the reference does not count
    ("ea", U64),                # address of a storage interrupt, 0 when not known
    ("memory", U8, MEMORY_BYTES),
])  # fmt: skip

#: MSR of a user program with every facility, little-endian and 64-bit
USER_LE64 = (
    MSR.SF | MSR.EE | MSR.PR | MSR.FP | MSR.VEC | MSR.VSX | MSR.ME | MSR.FE0 | MSR.FE1
    | MSR.IR | MSR.DR | MSR.RI | MSR.LE
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Batch:
    """Cases for one model of processor (`frontend.levels`). `cases` is an array of CASE."""

    cases: np.ndarray
    model: str = "power9"

    def __len__(self) -> int:
        return len(self.cases)

    def part(self, which: np.ndarray | slice) -> Batch:
        """Some of the cases (a mask, indices, or a slice)."""
        return Batch(self.cases[which], self.model)


def new_cases(count: int, msr: int = USER_LE64) -> np.ndarray:
    """`count` cases: zeros, without words, at WORDS."""
    cases = np.zeros(count, CASE)
    cases["state"]["msr"], cases["state"]["nia"] = msr, WORDS
    return cases


def one_case(words: Sequence[int], msr: int = USER_LE64, flags: int = 0) -> np.ndarray:
    """An array of one case with these words."""
    if len(words) > MAX_WORDS:
        raise ValueError(f"{len(words)} words; a case has {MAX_WORDS}")
    case = new_cases(1, msr)
    case["words"][0, : len(words)] = words
    case["count"], case["flags"] = len(words), flags
    return case


def note_relative_stores(cases: np.ndarray) -> None:
    """Cases with an access relative to CIA get the flag that their code may be stored to."""
    words = cases["words"]
    prefix = words & np.uint32(0xFD000000) == 0x04000000       # of an access, or of arithmetic
    relative = (prefix & (words & np.uint32(0x00100000) != 0)).any(axis=1)
    cases["flags"] |= np.where(relative, np.uint32(Flag.STORES_TO_CODE), np.uint32(0))


def ends(cases: np.ndarray) -> np.ndarray:
    """The address behind the last word of each case."""
    return cases["state"]["nia"] + 4 * cases["count"].astype(np.uint64)


def unanswered(cases: np.ndarray) -> np.ndarray:
    """Outcomes that say NOT_JUDGED and hold what the cases began with."""
    outcomes = np.zeros(len(cases), OUTCOME)
    outcomes["state"], outcomes["memory"] = cases["state"], cases["memory"]
    outcomes["kind"] = Kind.NOT_JUDGED
    return outcomes
