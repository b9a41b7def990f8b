"""Values that nobody uses are dropped."""

from __future__ import annotations

from jitppc.ir.block import Block, Value
from jitppc.ir.ops import Effect
from jitppc.ir.types import NOTHING

from .rebuild import only


def eliminate_dead(block: Block) -> Block:
    """Drop values that nobody uses and that have no effect.

    Backwards, so that a dropped user frees its operands.
    """
    used: set[Value] = set()
    kept: list[int] = []
    values = block.values
    for index in range(len(values) - 1, -1, -1):
        value = values[index]
        if value in used or (value.op.evaluate is None and _acts(value)):
            used.update(value.args)
            kept.append(index)
    kept.reverse()
    return only(block, kept)


def _acts(value: Value) -> bool:
    """True when the op does more than make its result. Reading a register is no deed."""
    effects = value.op.effects
    return value.type is NOTHING or effects not in (Effect.NONE, Effect.READS_STATE)
