"""Programs that store an instruction over one of their own, in the order the book asks for, and
execute both the old and the new one. Ref: Book II 1.8 (instruction storage), 4.3 (dcbst, icbi).
"""

from __future__ import annotations

import numpy as np

from .cases import WORDS, Flag
from .generate_blocks import Made, Pieces, bases, line
from .generate_words import Array, Source, WordTable

U64 = np.uint64
#: r25 holds the new word, r26 the address of the one it replaces
STORE = 0x933A0000  # stw r25,0(r26)
VISIBLE = (0x7C00D06C, 0x7C0004AC, 0x7C00D7AC, 0x4C00012C)  # dcbst 0,r26; sync; icbi 0,r26; isync
BDNZ = 0x42000000


def changing(table: WordTable, pieces: Pieces, count: int, source: Source) -> Made:
    """A loop of two turns: the first executes the old word and replaces it, the second the new.

    The replaced word stands before the store, so a turn comes between; sometimes behind it, so
    that it is never executed.
    """
    plain = pieces.only_plain(pieces.plain[~table.is_prefixed[pieces.plain]])
    numbers = plain.choose((count, 5), 0.0, source)
    words = line(table, numbers, source)
    new, before, victim, after, last = (words[:, k] for k in range(5))
    body = [before, victim, np.full(count, U64(STORE))]
    body += [np.full(count, U64(word)) for word in VISIBLE]
    body += [after, last]
    late = source.integers(0, 4, count) == 0  # the victim comes behind the store
    place = np.where(late, 8, 1)
    body[1], body[8] = np.where(late, last, victim), np.where(late, victim, last)
    back = U64(BDNZ | -4 * len(body) & 0xFFFC)
    body.append(np.full(count, back))
    kinds = [numbers[:, 1], np.where(late, numbers[:, 4], numbers[:, 2])]
    kinds += [np.full(count, -1)] * 5
    kinds += [numbers[:, 3], np.where(late, numbers[:, 2], numbers[:, 4]), np.full(count, -1)]

    def prepare(state: Array, line_of: Array, source: Source) -> None:
        bases(state, line_of, source)
        state["ctr"], state["nia"] = source.integers(1, 4, len(state), dtype=U64), U64(WORDS)
        state["gpr"][:, 25] = new[line_of]
        state["gpr"][:, 26] = state["nia"] + U64(4) * place[line_of].astype(U64)

    flags = Flag.USES_MEMORY | Flag.MAY_LOOP | Flag.STORES_TO_CODE
    return Made(np.stack(body, axis=1), np.stack(kinds, axis=1), flags, prepare)

