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
from .pending_status import keep_status_pending
from .region_constants import constants_across
from .state_forwarding import forward_state
from .vector_views import one_view_each

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


def run_passes_of_regions(block: Block, *, keep_dead: bool = False) -> Block:
    """All passes, for code that can leave: also those that count on it."""
    if keep_dead:
        return run_passes(block, keep_dead=True)
    straight = fold(forward_state(block))
    pending = keep_status_pending(straight)
    if pending is not straight:
        straight = fold(forward_state(pending))
    return eliminate_dead(drop_dead_sets(straight))


__all__ = [
    "ORDER",
    "Pass",
    "constants_across",
    "drop_dead_sets",
    "eliminate_dead",
    "fold",
    "forward_state",
    "keep_status_pending",
    "one_view_each",
    "run_passes",
    "run_passes_of_regions",
]
