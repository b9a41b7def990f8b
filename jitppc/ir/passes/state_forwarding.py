"""Reads of registers whose contents are known become those contents."""

from __future__ import annotations

from jitppc.ir.block import Block, Value
from jitppc.ir.ops import OPS, Effect
from jitppc.ir.types import I64, I128

from .places import Place, file_places, overlapping, place, reservation
from .rebuild import with_operands, with_starts

GET, SET = OPS["get"], OPS["set"]
_RESERVING = frozenset(("load_reserve", "store_conditional"))
#: ops that may change any register
_CLEARING = frozenset(n for n, row in OPS.items() if row.effects & Effect.WRITES_STATE) - {"set"}


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
        if row is SET:
            here = place(value)
            if here is None:
                _forget(known, file_places(value.attr))
            else:
                new = value.args[-1]
                if known.get(here) is new:
                    continue
                known[here] = new
                for other in overlapping(here):
                    known.pop(other, None)
        elif row.name in _RESERVING:
            _forget(known, reservation())
        elif row.name in _CLEARING:
            known.clear()
        values.append(value)
    return with_starts(values, block, at)


def _forget(known: dict[Place, Value], places: frozenset[Place]) -> None:
    for here in [p for p in known if p in places]:
        del known[here]


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
