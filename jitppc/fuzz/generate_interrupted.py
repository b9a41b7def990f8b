"""Programs that are interrupted in the middle: an interrupt becomes pending while MSR[EE] is 0, and
a later instruction sets EE. Where the interrupt is taken is then exactly known.

The case ends there, and SRR0, SRR1 and all registers are compared. Ref: Book III 7.5.11 (the
decrementer), 7.5.20 (directed privileged doorbell).
"""

from __future__ import annotations

import numpy as np

from jitppc.ir.layout import MSR

from .cases import USER_LE64, WORDS, Flag
from .generate_blocks import Made, Pieces, bases, line
from .generate_words import Array, Source, WordTable

U64 = np.uint64
#: r25 is negative as a decrementer, r24 names this thread's doorbell, r26 holds MSR[EE] and [RI]
MTDEC, MSGSNDP, MTMSRD = 0x7F3603A6, 0x7C00C11C, 0x7F410164
DOORBELL = 5 << 27
LENGTH = 8


def interrupted(table: WordTable, pieces: Pieces, count: int, source: Source) -> Made:
    """A line with the cause at one place and the permission at a later one; sometimes there is a
    cause and no permission, or the other way round.
    """
    numbers = pieces.choose((count, LENGTH), 0.3, source)
    numbers = np.where(table.is_prefixed[numbers], pieces.plain[0], numbers)
    words = line(table, numbers, source)
    everyone = np.arange(count)
    cause = source.integers(0, LENGTH - 1, count)
    allowed = cause + 1 + source.integers(0, LENGTH, count) % (LENGTH - 1 - cause)
    is_bell = source.integers(0, 2, count) == 0
    with_cause = source.integers(0, 16, count) != 0
    with_permission = source.integers(0, 16, count) != 0
    for place, word, wanted in (
        (cause, np.where(is_bell, U64(MSGSNDP), U64(MTDEC)), with_cause),
        (allowed, np.full(count, U64(MTMSRD)), with_permission),
    ):
        words[everyone[wanted], place[wanted]] = word[wanted]
        numbers[everyone[wanted], place[wanted]] = -1

    def prepare(state: Array, line_of: Array, source: Source) -> None:
        bases(state, line_of, source)
        state["nia"] = U64(WORDS)
        state["msr"] = U64(USER_LE64 & ~(MSR.PR | MSR.EE))
        state["gpr"][:, 24] = U64(DOORBELL)
        # negative with 32 bits and with LPCR[LD]
        state["gpr"][:, 25] = ~source.integers(0, 1 << 30, len(state), dtype=U64)
        state["gpr"][:, 26] = U64(MSR.EE | MSR.RI)

    return Made(words, numbers, Flag.USES_MEMORY, prepare)
