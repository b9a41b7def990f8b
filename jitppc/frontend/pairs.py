"""Plain pairs: a reserving load and a store conditional with nothing of storage between them.

Nobody can tell when within a plain pair the load was performed, so it may have been at the moment
of the store: comparing and swapping is exact, whatever came between (docs/smp.md).

A pair is plain when it was executed in a straight line of instructions on registers, with branches
out of it. Whether the line was straight, the counted instructions say when it has been executed.
What they cannot say is that a branch out came back past as many instructions as it took; so the
first words at its target must be no branches.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jitppc.ir.layout import NOT_PLAIN, STRADDLES

from .page import WORDS

#: words before a store conditional that are looked at
FARTHEST = 32
#: by extended opcode (31): lbarx, lharx, lwarx, ldarx, lqarx, and the stores conditional
LOADS = (52, 116, 20, 84, 276)
STORES = (694, 726, 150, 214, 182)
BRANCHES = 1 << 16 | 1 << 18 | 1 << 19


#: bit n: all words of primary opcode n work on registers and nothing else
PRIMARY = sum(1 << n for n in (7, 8, *range(10, 16), 20, 21, *range(23, 31)))


#: extended opcodes (31) of instructions on registers: those with OE, and all
_OVERFLOWING = (8, 10, 40, 104, 136, 138, 200, 202, 232, 233, 234, 235, 266)
_EXTENDED = (
    *_OVERFLOWING, *(n | 512 for n in _OVERFLOWING),
    0, 32, 508, 9, 11, 73, 75, 19, 144, *(n << 5 | 15 for n in range(32)),
    28, 60, 124, 284, 316, 412, 444, 476, 26, 58, 122, 378, 506, 922, 954, 986,
    24, 27, 536, 539, 792, 794, 824, 826, 827, 890, 891,
)  # fmt: skip
#: the same as bits, 32 to a number
EXTENDED = tuple(sum(1 << (n & 31) for n in set(_EXTENDED) if n >> 5 == k) for k in range(32))
#: a page of code as the host sees it
PAGE_WORDS = np.dtype([("words", np.uint32, WORDS)])


def is_store_conditional(word: int) -> bool:
    """Whatever its size."""
    return word >> 26 == 31 and word >> 1 & 1023 in STORES


def pair_distance(page: Any, index: int, behind: int, swaps: bool) -> int:
    """How many bytes a plain pair's load is before word `index`; or STRADDLES or NOT_PLAIN.

    Native code executes this too (runtime/native/reserve.py).

    Args:
        page: a record of PAGE_WORDS.
        index: of the store conditional, or 1024 if its page is the next.
        behind: instructions between the page's end and the store conditional, then.
        swaps: the guest's byte order is not the host's.
    """
    for back in range(1, FARTHEST):
        at = index - back
        if at < 0:
            return STRADDLES
        word = int(page.words[at])
        if swaps:
            word = word >> 24 | word >> 8 & 0xFF00 | (word & 0xFF00) << 8 | (word & 0xFF) << 24
        primary = word >> 26
        if primary == 31:
            extended = word >> 1 & 1023
            if extended in LOADS:
                return 4 * (behind + back)
            if EXTENDED[extended >> 5] >> (extended & 31) & 1 == 0:
                return NOT_PLAIN
        elif primary == 16:
            target = at + ((word & 0x7FFC) - (word & 0x8000)) // 4
            if word & 3 != 0 or at < target <= index + behind:
                return NOT_PLAIN
            skipped = behind + back - 1
            if skipped > 1 and (target < 0 or target + skipped > WORDS):
                return NOT_PLAIN
            for n in range(skipped if skipped > 1 else 0):
                other = int(page.words[target + n]) >> (2 if swaps else 26) & 63
                if BRANCHES >> other & 1 != 0:
                    return NOT_PLAIN
        elif PRIMARY >> primary & 1 == 0:
            return NOT_PLAIN
    return NOT_PLAIN
