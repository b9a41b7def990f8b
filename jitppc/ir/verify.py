"""What a legal block is, as a list of (which ops, law, predicate): the reference of the IR.

`verify` is for tests; nothing at run time waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from .block import Block, Value
from .layout import INTERRUPTS, REGISTERS
from .ops import OPS, Effect, Op
from .text import value_text
from .types import BY_BITS, I64, NOTHING, Type


@dataclass(slots=True)
class _Walk:
    """What is known when the walk is at one op."""

    names: dict[Value, str] = field(default_factory=dict)
    defined: set[Value] = field(default_factory=set)
    is_last: bool = False
    written: bool = False  # the instruction has changed a register already

    def sees(self, value: Value) -> bool:
        """The value may be an operand here."""
        return value in self.defined or value.constant is not None


def verify(block: Block) -> list[str]:
    """What is wrong with the block, one sentence each; empty when it is legal."""
    walk, problems = _Walk(), _wrong_starts(block)
    begins = {index for index, _ in block.starts}
    for index, value in enumerate(block.values):
        if index in begins:
            walk.written = False
        walk.is_last = index == len(block.values) - 1
        if value.type is not NOTHING:
            walk.names[value] = f"%{len(walk.names)}"
        for applies, law, holds in LAWS:
            if applies(value.op) and not _safely(holds, walk, value):
                problems.append(f"op {index}, {value_text(value, walk.names)}: {law}")
        walk.defined.add(value)
        # a reservation may be lost at any time, so only `set` counts
        walk.written |= value.op.name == "set"
    return problems


def _safely(holds: Callable[[_Walk, Value], bool], walk: _Walk, value: Value) -> bool:
    """A predicate that stumbles over something else that is wrong is not fulfilled."""
    try:
        return holds(walk, value)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return False


def _wrong_starts(block: Block) -> list[str]:
    starts, problems = block.starts, []
    if any(not 0 <= index <= len(block.values) for index, _ in starts):
        problems.append(f"starts {starts}: an index is outside the block's {len(block.values)} ops")
    if starts and starts[0][0] != 0:
        problems.append(f"starts {starts}: the first instruction begins behind op 0")
    if any(a[0] > b[0] or a[1] >= b[1] for a, b in pairwise(starts)):
        problems.append(f"starts {starts}: instructions are out of order")
    if any(offset % 4 for _, offset in starts):
        problems.append(f"starts {starts}: an instruction is not at a word")
    return problems


# --- which ops ------------------------------------------------------------------------------------
def _every(_op: Op) -> bool:
    return True


def _named(*names: str) -> Callable[[Op], bool]:
    return lambda op: op.name in names


def _pure(op: Op) -> bool:
    return op.is_pure


def _with_attr(kind: str) -> Callable[[Op], bool]:
    return lambda op: op.attr == kind


def _with(effect: Effect) -> Callable[[Op], bool]:
    return lambda op: bool(op.effects & effect)


# --- predicates -----------------------------------------------------------------------------------
def _operands_fit(_walk: _Walk, v: Value) -> bool:
    kinds = v.op.args
    if "index" in kinds:  # get and set have laws of their own
        return True
    if len(v.args) != len(kinds):
        return False
    shared = {arg.type for arg, kind in zip(v.args, kinds, strict=True) if kind == "T"}
    exact = all(
        arg.type == kind for arg, kind in zip(v.args, kinds, strict=True) if isinstance(kind, Type)
    )
    return len(shared) <= 1 and exact and all(arg.type is not NOTHING for arg in v.args)


def _result_fits(_walk: _Walk, v: Value) -> bool:
    kind = v.op.result
    if v.op.name in ("get", "field"):
        return v.type == (REGISTERS[v.attr].type if v.op.name == "get" else I64)
    if kind == "T":
        return v.type == next(
            arg.type for arg, k in zip(v.args, v.op.args, strict=True) if k == "T"
        )
    return v.type == (BY_BITS[v.attr] if kind == "attr" else kind)


def _index_fits(_walk: _Walk, v: Value) -> bool:
    register, index = REGISTERS[v.attr], v.args[:-1] if v.op.name == "set" else v.args
    if register.count == 1:
        return not index
    if len(index) != 1 or index[0].type != I64:
        return False
    # the word of zeros behind the GPRs may be read as gpr[32]
    limit = 33 if (v.op.name, v.attr) == ("get", "gpr") else register.count
    return index[0].constant is None or index[0].constant < limit


def _resizes(_walk: _Walk, v: Value) -> bool:
    return v.args[0].type.bits > v.attr if v.op.name == "trunc" else v.args[0].type.bits < v.attr


def _may_leave_here(walk: _Walk, v: Value) -> bool:
    """A helper ends the block; an enabled floating-point exception comes after FPSCR."""
    return not walk.written or v.op.name == "helper" or v.attr == "PROGRAM_FP_ENABLED"


Law = tuple[Callable[[Op], bool], str, Callable[[_Walk, Value], bool]]

LAWS: tuple[Law, ...] = (
    (_every, "the op is the row of the op table", lambda w, v: OPS[v.op.name] is v.op),
    (_every, "constants stand only as operands", lambda w, v: v.op.name != "const"),
    (_every, "an op stands in the block once", lambda w, v: v not in w.defined),
    (_every, "operands are constants or earlier ops", lambda w, v: all(w.sees(a) for a in v.args)),
    (
        _every,
        "constants are numbers of their type",
        lambda w, v: all(
            a.attr == (a.attr[0] & a.type.mask, a.type.bits) for a in v.args if a.op.name == "const"
        ),
    ),
    (_every, "operands have the number and types that the row asks for", _operands_fit),
    (_every, "the result has the type that the row gives", _result_fits),
    (
        _every,
        "an op without an attribute has none",
        lambda w, v: (
            v.attr is None if v.op.attr is None and v.op.name != "field" else v.attr is not None
        ),
    ),
    (_pure, "a pure op has a result", lambda w, v: v.type is not NOTHING),
    (
        _every,
        "only pure ops and fields are static",
        lambda w, v: (
            not v.is_static
            or v.op.name == "field"
            or (v.op.is_pure and all(a.is_static for a in v.args))
        ),
    ),
    (_with_attr("width"), "the width changes in the op's direction", _resizes),
    (
        _with_attr("lane"),
        "lanes are of 8, 16, 32 or 64 bits",
        lambda w, v: v.attr in (8, 16, 32, 64),
    ),
    (
        _with_attr("bits"),
        "memory is accessed by 8, 16, 32, 64 or 128 bits",
        lambda w, v: v.attr in (8, 16, 32, 64, 128),
    ),
    (
        _named("store", "store_conditional"),
        "a store has a value of the width it stores",
        lambda w, v: v.args[1].type.bits == v.attr,
    ),
    (_with_attr("register"), "the register is in the layout", lambda w, v: v.attr in REGISTERS),
    (
        _with_attr("register"),
        "a file has an index below its count, and a single register none",
        _index_fits,
    ),
    (
        _named("set"),
        "what is written has the register's type",
        lambda w, v: v.args[-1].type == REGISTERS[v.attr].type,
    ),
    (
        _named("interrupt_if"),
        "the interrupt is one of the book's",
        lambda w, v: v.attr in INTERRUPTS,
    ),
    (
        _with(Effect.MAY_INTERRUPT),
        "an instruction writes no register before it may interrupt",
        _may_leave_here,
    ),
    (_with(Effect.ENDS_BLOCK), "what ends a block is its last op", lambda w, v: w.is_last),
)
