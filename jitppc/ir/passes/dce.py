"""Values that nobody uses are dropped."""

from __future__ import annotations

from jitppc.ir.block import Block, Value
from jitppc.ir.ops import OPS, Effect, Op
from jitppc.ir.types import NOTHING

from .rebuild import only


def _acts(row: Op) -> bool:
    """True when the op does more than make its result. Reading a register is no deed."""
    return row.result is NOTHING or row.effects not in (Effect.NONE, Effect.READS_STATE)


DEEDS = frozenset(name for name, row in OPS.items() if _acts(row))


def eliminate_dead(block: Block) -> Block:
    """Drop values that nobody uses and that have no effect.

    Backwards, so that a dropped user frees its operands.
    """
    used: set[Value] = set()
    kept: list[int] = []
    values = block.values
    for index in range(len(values) - 1, -1, -1):
        value = values[index]
        if value in used or value.op.name in DEEDS:
            used.update(value.args)
            kept.append(index)
    kept.reverse()
    return only(block, kept)
