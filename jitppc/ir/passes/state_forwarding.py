"""Reads of registers whose contents are known become those contents."""

from __future__ import annotations

from jitppc.ir.block import Block, Value
from jitppc.ir.ops import OPS
from jitppc.ir.types import I64, I128

from .places import Place, forget_changed, place
from .rebuild import with_operands, with_starts

GET, SET = OPS["get"], OPS["set"]


def forward_state(block: Block) -> Block:
    """A `get` after a `set` or `get` of the same bytes is that value.

    A `set` of what is there is dropped. Halves of a known vector register are taken with `hi` and
    `lo`, and two known halves are joined with `pack`.
    """
    known: dict[Place, Value] = {}
    replaced: dict[Value, Value] = {}
    values: list[Value] = []
    at: list[int] = []
    for old in block.values:
        at.append(len(values))
        row = old.op
        if row is GET:
            here = place(old)
            if here is None:
                values.append(with_operands(old, replaced))
                continue
            held = known.get(here)
            if held is None:
                held = _assembled(here, known)
                if held is None:
                    known[here] = old
                    values.append(old)
                    continue
                known[here] = held
                values.append(held)
            replaced[old] = held
            continue
        value = with_operands(old, replaced)
        here = place(value) if row is SET else None
        if here is not None and known.get(here) is value.args[-1]:
            continue
        forget_changed(known, value)
        if here is not None:
            known[here] = value.args[-1]
        values.append(value)
    return with_starts(values, block, at)


def _assembled(here: Place, known: dict[Place, Value]) -> Value | None:
    """A new op that makes the place's contents out of known ones, or None."""
    begin, bits = here
    if bits == I64.bits:
        for whole, half in (((begin - 8, 128), "hi"), ((begin, 128), "lo")):
            if whole in known:
                return Value(OPS[half], I64, (known[whole],), None, False)
    elif bits == I128.bits:
        low, high = known.get((begin, 64)), known.get((begin + 8, 64))
        if low is not None and high is not None:
            return Value(OPS["pack"], I128, (high, low), None, False)
    return None
