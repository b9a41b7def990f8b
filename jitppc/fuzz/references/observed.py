"""Single facts about processors, for instructions that none of the other references can judge.

Each says where it comes from: what others have published about silicon, or processors of QEMU that
the harness does not run on, asked by tests/isa/test_other_processors.py. Each is one case.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jitppc.fuzz.cases import (
    BORDER,
    MEMORY_BYTES,
    OUTCOME,
    USER_FIELDS,
    Batch,
    Flag,
    Kind,
    ends,
    one_case,
)

_VALGRIND = "Valgrind, none/tests/ppc64: "
#: r3 and r4 of every case: aligned blocks of 128 bytes in the case's memory
_FROM, _TO = BORDER - MEMORY_BYTES // 2, BORDER - MEMORY_BYTES // 2 + 128
_UNALIGNED = _FROM + 1
COPY, PASTE, COPY_R5 = 0x7C201E0C, 0x7C20270D, 0x7C202E0C
WAIT, ICBT = 0x7C00003C, 0x7C00182C
#: lq, stq, doze, nap, sleep, rvwinkle, tlbie, tlbiel
POWER7_PRIVILEGED = (
    0xE0C30000, 0xF8C30002, 0x4C000324, 0x4C000364, 0x4C0003A4, 0x4C0003E4, 0x7C002264, 0x7C002224,
)  # fmt: skip
_CR0 = np.uint64(0xF0000000)


@dataclass(frozen=True, slots=True)
class Fact:
    """Words, how they end, and what is in CR0 and in the block at r4 then."""

    model: str
    words: tuple[int, ...]
    kind: Kind
    source: str
    cr0: int | None = None
    moves: bool = False


FACTS = (
    Fact("power10", (COPY, PASTE), Kind.NEXT, _VALGRIND + "test_copy_paste, passed on POWER10:"
         " the block is copied and CR0 is not 0", 2, True),
    Fact("power10", (PASTE,), Kind.NEXT, _VALGRIND + "test_copy_paste: out of order, CR0 is 0", 0),
    Fact("power9", (PASTE,), Kind.NEXT, _VALGRIND + "test_copy_paste: between memory on ISA 3.1"
         " only", 0),
    Fact("power9", (COPY_R5,), Kind.ALIGNMENT, "Linux, selftests/powerpc/alignment/"
         "copy_first_unaligned, passed on POWER9: SIGBUS, BUS_ADRALN"),
    Fact("power10", (COPY_R5,), Kind.ALIGNMENT, "the same, on POWER9 and later"),
    Fact("power9", (WAIT,), Kind.NEXT, _VALGRIND + "test_isa_3_0, recorded on POWER9: it ends"),
    Fact("power9", (ICBT,), Kind.NEXT, "POWER9 executes it; QEMU does on its e5500"),
    *(
        Fact("power7", (word,), Kind.PRIVILEGED, "QEMU 7.2's POWER7 in problem state")
        for word in POWER7_PRIVILEGED
    ),
)  # fmt: skip


def _case(fact: Fact) -> tuple[np.ndarray, np.ndarray]:
    case = one_case(fact.words, flags=Flag.USES_MEMORY)
    state = case["state"]
    state["gpr"][0, 3:6] = _FROM, _TO, _UNALIGNED
    state["cr"] = _CR0
    case["memory"][0] = np.arange(MEMORY_BYTES) % 251
    outcome = np.zeros(1, OUTCOME)
    outcome["state"], outcome["memory"] = state, case["memory"]
    outcome["kind"] = fact.kind
    if fact.kind == Kind.NEXT:
        outcome["state"]["nia"] = ends(case)
    if fact.cr0 is not None:
        outcome["state"]["cr"] = fact.cr0 << 28
    if fact.moves:
        outcome["memory"][0, 128:256] = outcome["memory"][0, :128]
    return case, outcome


class ObservedRecording:
    """The facts about one model."""

    is_independent = True
    fields: tuple[str, ...] = USER_FIELDS
    version: tuple[int, ...] = ()

    def __init__(self, model: str) -> None:
        self.model, self.name = model, f"observed/{model}"
        self.facts = [fact for fact in FACTS if fact.model == model]

    def identity(self) -> dict[str, str]:
        return {"program": "silicon", "sources": "; ".join(fact.source for fact in self.facts)}

    def __len__(self) -> int:
        return len(self.facts)

    def part(self, start: int, stop: int) -> tuple[Batch, np.ndarray, np.ndarray | None]:
        made = [_case(fact) for fact in self.facts[start:stop]]
        cases, outcomes = (np.concatenate(arrays) for arrays in zip(*made, strict=True))
        return Batch(cases, self.model), outcomes, None
