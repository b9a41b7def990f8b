"""In a region, registers that hold the same number whichever way control comes to a block.

Compilers load the distances 16, 32 and 48 into registers before a loop that copies vectors, since
vector accesses have no displacement. Known, they make addresses that are constant distances apart,
which share a look-up.
"""

from __future__ import annotations

from collections.abc import Sequence

from jitppc.ir.block import Block, Value
from jitppc.ir.ops import OPS
from jitppc.ir.types import BY_BITS

from .dce import eliminate_dead
from .fold import fold
from .places import Place, forget_changed, place
from .rebuild import with_operands, with_starts

CONST, GET, SET = OPS["const"], OPS["get"], OPS["set"]

Known = dict[Place, int]


def constants_across(
    blocks: Sequence[Block], successors: Sequence[Sequence[int]]
) -> list[Block]:
    """The blocks of a region, with reads of such registers replaced and what follows folded.

    Args:
        blocks: the entry's first; control comes to the others from blocks of the region alone.
        successors: of each block, by position.
    """
    if not any(_constants(block) for block in blocks):
        return list(blocks)
    before: list[Known | None] = [None] * len(blocks)
    before[0] = {}
    work = [0]
    while work:
        number = work.pop()
        known = dict(before[number] or {})
        for value in blocks[number].values:
            _note(known, value)
        for after in successors[number]:
            old = before[after]
            agreed = known if old is None else {p: n for p, n in old.items() if known.get(p) == n}
            if agreed != old:
                before[after] = dict(agreed)
                work.append(after)
    return [_rewritten(b, known) if known else b
            for b, known in zip(blocks, before, strict=True)]


def _constants(block: Block) -> bool:
    return any(v.op is SET and v.args[-1].op is CONST for v in block.values)


def _note(known: Known, value: Value) -> None:
    """What is known behind an op."""
    forget_changed(known, value)
    here = place(value) if value.op is SET else None
    if here is not None and value.args[-1].constant is not None:
        known[here] = value.args[-1].constant


def _rewritten(block: Block, before: Known) -> Block:
    known = dict(before)
    replaced: dict[Value, Value] = {}
    values: list[Value] = []
    at: list[int] = []
    for old in block.values:
        at.append(len(values))
        here = place(old) if old.op is GET else None
        if here in known:
            bits = here[1]
            replaced[old] = Value(CONST, BY_BITS[bits], (), (known[here], bits), True)
            continue
        value = with_operands(old, replaced)
        _note(known, value)
        values.append(value)
    if not replaced:
        return block
    return eliminate_dead(fold(with_starts(values, block, at)))
