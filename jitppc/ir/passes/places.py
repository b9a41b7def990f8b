"""Where a `get` or `set` lands in CPU_STATE, and which other registers share its bytes.

Registers are views of bytes (lr is spr[8]; fpr[n] is half of vsr[n]), so passes reason about byte
ranges and never about names. The rules come from `layout.REGISTERS` alone.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jitppc.ir.block import Value
from jitppc.ir.layout import REGISTERS
from jitppc.ir.ops import OPS, Effect

CONST, SET = OPS["const"], OPS["set"]
_RESERVING = frozenset(("load_reserve", "store_conditional"))
#: ops that may change any register
_CLEARING = frozenset(n for n, row in OPS.items() if row.effects & Effect.WRITES_STATE) - {"set"}

#: (byte offset, bits): a register, whatever it is called
Place = tuple[int, int]


def place(access: Value) -> Place | None:
    """The place of a `get` or `set`; None when the index is not a constant."""
    args = access.args
    if len(args) == (2 if access.op is SET else 1):
        index = args[0]
        return _of_register(access.attr, index.attr[0]) if index.op is CONST else None
    return _of_register(access.attr, 0)


@cache
def _of_register(name: str, index: int) -> Place:
    register = REGISTERS[name]
    return register.offset + index * register.stride, register.type.bits


@cache
def _all_places() -> tuple[Place, ...]:
    return tuple(
        {_of_register(r.name, n): None for r in REGISTERS.values() for n in range(r.count)}
    )


@cache
def overlapping(here: Place) -> tuple[Place, ...]:
    """The other places that share bytes with this one."""
    begin, bits = here
    end = begin + bits // 8
    return tuple(p for p in _all_places() if p != here and p[0] < end and begin < p[0] + p[1] // 8)


@cache
def file_places(name: str) -> frozenset[Place]:
    """All places that an access to a register file may touch when its index is not known."""
    register = REGISTERS[name]
    direct = [_of_register(name, n) for n in range(register.count)]
    return frozenset(direct).union(*(overlapping(p) for p in direct))


@cache
def _units() -> dict[int, int]:
    """Byte offset of each smallest piece that some register begins or ends at: its number."""
    edges = {edge for at, bits in _all_places() for edge in (at, at + bits // 8)}
    return {edge: number for number, edge in enumerate(sorted(edges))}


@cache
def mask(here: Place) -> int:
    """A bit for each smallest piece of the place; masks share bits when places share bytes."""
    units, (begin, bits) = _units(), here
    if begin not in units or begin + bits // 8 not in units:
        raise ValueError(
            f"no register begins and ends at bytes {begin} to {begin + bits // 8} of the state"
        )
    return (1 << units[begin + bits // 8]) - (1 << units[begin])


@cache
def file_mask(name: str) -> int:
    """The mask of a whole register file."""
    register = REGISTERS[name]
    total = 0
    for n in range(register.count):
        total |= mask(_of_register(name, n))
    return total


@cache
def reservation() -> frozenset[Place]:
    """What load_reserve and store_conditional write."""
    here = _of_register("reserve_ea", 0)
    return frozenset((here, *overlapping(here)))


def forget_changed(known: dict[Place, Any], op: Value) -> None:
    """What is known of the places that an op may change is known no longer."""
    if op.op is SET:
        here = place(op)
        gone = file_places(op.attr) if here is None else (here, *overlapping(here))
    elif op.op.name in _RESERVING:
        gone = reservation()
    elif op.op.name in _CLEARING:
        known.clear()
        return
    else:
        return
    for other in gone:
        known.pop(other, None)
