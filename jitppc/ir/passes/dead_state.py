"""Writes of registers that nothing can see are dropped."""

from __future__ import annotations

from jitppc.ir.block import Block
from jitppc.ir.ops import OPS, Effect

from .places import file_mask, mask, place
from .rebuild import only

GET, SET = OPS["get"], OPS["set"]
_LOOKING = Effect.MAY_INTERRUPT | Effect.ENDS_BLOCK | Effect.READS_STATE
#: ops that see all registers, or behind which something may
SEES_ALL = frozenset(name for name, row in OPS.items() if row.effects & _LOOKING) - {"get"}


def drop_dead_sets(block: Block) -> Block:
    """Drop each `set` whose bytes are overwritten before an op reads them or may leave the block.

    Backwards, with the bytes that will be overwritten unseen; the end of the block sees everything.
    """
    overwritten = 0
    kept: list[int] = []
    values = block.values
    for index in range(len(values) - 1, -1, -1):
        value = values[index]
        row = value.op
        if row is SET:
            here = place(value)
            if here is not None:
                bits = mask(here)
                if bits & ~overwritten == 0:
                    continue
                overwritten |= bits
        elif row is GET:
            here = place(value)
            overwritten &= ~(file_mask(value.attr) if here is None else mask(here))
        elif row.name in SEES_ALL:
            overwritten = 0
        kept.append(index)
    kept.reverse()
    return only(block, kept)
