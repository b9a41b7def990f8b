"""Passes from block to block, one per file; this is the only place that knows their order.

A block here is the straight line of one or more instructions; `Block.starts` says where each
begins.
"""

from __future__ import annotations

from collections.abc import Callable

from jitppc.ir.block import Block

from .dce import eliminate_dead
from .dead_state import drop_dead_sets
from .fold import fold
from .state_forwarding import forward_state

Pass = Callable[[Block], Block]

#: Forwarding shows folding what registers hold; what both leave unused goes last, first the writes
#: and then the values.
ORDER: tuple[Pass, ...] = (forward_state, fold, drop_dead_sets, eliminate_dead)


def run_passes(block: Block, *, keep_dead: bool = False) -> Block:
    """The block after all passes; the block given is left as it was.

    Args:
        keep_dead: writes that nothing can see stay, to measure what dropping them is worth.
    """
    for one in ORDER:
        if not (keep_dead and one is drop_dead_sets):
            block = one(block)
    return block


__all__ = [
    "ORDER",
    "Pass",
    "drop_dead_sets",
    "eliminate_dead",
    "fold",
    "forward_state",
    "run_passes",
]
