"""What passes share: values with other operands, and starts that follow the ops they point at."""

from __future__ import annotations

from bisect import bisect_left

from jitppc.ir.block import Block, Value


def with_operands(value: Value, replaced: dict[Value, Value]) -> Value:
    """The value, or a copy (noted in `replaced`) when an operand of it has been replaced."""
    for arg in value.args:
        if arg in replaced:
            break
    else:
        return value
    args = tuple([replaced.get(arg, arg) for arg in value.args])
    copy = Value(value.op, value.type, args, value.attr, value.is_static)
    replaced[value] = copy
    return copy


def with_starts(values: list[Value], block: Block, at: list[int]) -> Block:
    """A block of new values; `at[i]` is where what came of the old op i begins."""
    at.append(len(values))
    starts = [(at[index], offset) for index, offset in block.starts]
    return Block(values, starts, block.size_bytes)


def only(block: Block, kept: list[int]) -> Block:
    """The block of the ops with these indices (ascending)."""
    if len(kept) == len(block.values):
        return block
    values = block.values
    return Block(
        [values[index] for index in kept],
        [(bisect_left(kept, index), offset) for index, offset in block.starts],
        block.size_bytes,
    )
