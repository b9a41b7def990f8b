"""In a region, each vector-scalar register is accessed in one way: as a whole, or by its halves.

An FPR is half of a VSR, and a scalar result is a doubleword beside zeros. Where a region computes
with scalars, the register falls into two doublewords that live apart; where it computes with
vectors, a scalar is a half of one.
"""

from __future__ import annotations

from collections.abc import Sequence

from jitppc.ir.block import Block, Value
from jitppc.ir.builder import OpsMixin
from jitppc.ir.ops import OPS

from .rebuild import with_operands, with_starts

GET, SET = OPS["get"], OPS["set"]
#: register file -> how far its first register is from VSR 0
WHOLE = {"vsr": 0, "vr": 32}
HALVES = {"vsr_high": "hi", "fpr": "hi", "vsr_low": "lo"}


def one_view_each(blocks: Sequence[Block]) -> list[Block]:
    """The blocks of a region, with every access of a VSR by halves or every one as a whole."""
    if any(_number(v) == -1 for block in blocks for v in block.values):
        return list(blocks)
    whole = {_number(v) for block in blocks for v in block.values if _needs_whole(v)}
    return [_rewritten(block, whole) for block in blocks]


def _number(access: Value) -> int | None:
    """The VSR's number; -1 when it is not a constant; None for anything else."""
    if (access.op is GET or access.op is SET) and (access.attr in WHOLE or access.attr in HALVES):
        number = access.args[0].constant
        return -1 if number is None else number + WHOLE.get(access.attr, 0)
    return None


def _needs_whole(value: Value) -> bool:
    """The access has to do with a vector: not with a doubleword beside a constant."""
    if _number(value) is None or value.attr not in WHOLE:
        return False
    new = value.args[-1]
    return value.op is GET or new.op.name != "pack" or new.args[1].constant is None


def _rewritten(block: Block, whole: set[int | None]) -> Block:
    if all(_number(v) is None for v in block.values):
        return block
    b = OpsMixin()
    values = b.block.values
    replaced: dict[Value, Value] = {}
    at: list[int] = []
    for old in block.values:
        at.append(len(values))
        number, attr = _number(old), old.attr
        if number is None or ((attr in WHOLE) == (number in whole) and attr not in ("vr", "fpr")):
            values.append(with_operands(old, replaced))
            continue
        args = [replaced.get(a, a) for a in old.args]
        index = b.const(number)
        if old.op is GET and number in whole:
            vector = b.emit("get", index, attr="vsr")
            replaced[old] = vector if attr in WHOLE else b.emit(HALVES[attr], vector)
        elif old.op is GET:
            replaced[old] = b.emit("get", index, attr="vsr_high")
        elif number in whole:
            vector = args[1]
            if attr in HALVES:
                before = b.emit("get", index, attr="vsr")
                halves = (vector, b.lo(before)) if HALVES[attr] == "hi" else (b.hi(before), vector)
                vector = b.pack(*halves)
            b.emit("set", index, vector, attr="vsr")
        elif attr in WHOLE:
            high, low = args[1].args
            b.emit("set", index, high, attr="vsr_high")
            b.emit("set", index, low, attr="vsr_low")
        else:
            b.emit("set", index, args[1], attr="vsr_high")
    return with_starts(values, block, at)

