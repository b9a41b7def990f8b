"""The evaluator: runs a block on Python ints, one op after another.

Slow on purpose; the judge in tests.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .block import Block, Value
from .layout import NO_TAG, REGISTERS, Register
from .types import I64, NOTHING


class Memory(Protocol):
    """Guest memory by effective address; both calls may raise `StorageInterrupt`."""

    def load(self, ea: int, size_bytes: int) -> bytes:
        """`size_bytes` bytes at `ea`."""

    def store(self, ea: int, data: bytes) -> None:
        """Write the bytes at `ea`."""


class StorageInterrupt(Exception):
    """A data storage or segment interrupt, for the evaluator's caller."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a block ended.

    `kind`: next (fell out), jump, interrupt, helper, or leave (nothing of the instruction has
    happened); `detail` names interrupt and helper.
    """

    kind: str
    nia: int
    detail: Any = None
    value: int = 0


class Evaluator:
    """Runs blocks over a CPU_STATE record viewed as bytes."""

    def __init__(self, state: np.ndarray, memory: Memory) -> None:
        self.bytes = state.view(np.uint8).reshape(-1)
        self.memory = memory
        self.cia = 0

    # --- registers
    def read(self, register: Register, index: int = 0) -> int:
        """A register's value."""
        at = register.offset + index * register.stride
        return int.from_bytes(self.bytes[at:at + register.type.bits // 8].tobytes(), "little")

    def write(self, register: Register, value: int, index: int = 0) -> None:
        """Set a register."""
        at, size = register.offset + index * register.stride, register.type.bits // 8
        self.bytes[at:at + size] = np.frombuffer(value.to_bytes(size, "little"), np.uint8)

    # --- blocks
    def run(self, block: Block, cia: int) -> Outcome:
        """Run a block whose first instruction is at `cia`."""
        known: dict[Value, int] = {}
        self.cia = cia
        offsets = dict(block.starts)

        def of(value: Value) -> int:
            constant = value.constant
            return known[value] if constant is None else constant

        for index, value in enumerate(block.values):
            if index in offsets:
                self.cia = cia + offsets[index] & I64.mask
            row = value.op
            args = [of(a) for a in value.args]
            if row.evaluate is not None:
                kind = next((a.type for a, k in zip(value.args, row.args, strict=True) if k == "T"),
                            value.args[0].type if value.args else I64)
                known[value] = row.evaluate(kind, value.attr, *args)
                continue
            result = getattr(self, f"_{row.name}")(value, *args)
            if isinstance(result, Outcome):
                return result
            if value.type is not NOTHING:
                known[value] = result
        return Outcome("next", cia + (block.starts[-1][1] if block.starts else 0)
                       + block.size_bytes & I64.mask)

    def _get(self, value: Value, index: int = 0) -> int:
        return self.read(REGISTERS[value.attr], index)

    def _set(self, value: Value, *index_and_value: int) -> None:
        *index, new = index_and_value
        self.write(REGISTERS[value.attr], new, *index)

    def _cia(self, _value: Value) -> int:
        return self.cia

    def _jump(self, _value: Value, target: int) -> Outcome:
        return Outcome("jump", target)

    def _jump_if(self, _value: Value, condition: int, target: int) -> Outcome:
        return Outcome("jump", target) if condition else Outcome("next", self.cia + 4)

    def _jump_rel(self, _value: Value, displacement: int) -> Outcome:
        return Outcome("jump", self.cia + displacement & I64.mask)

    def _jump_rel_if(self, _value: Value, condition: int, displacement: int) -> Outcome:
        return self._jump_rel(_value, displacement) if condition else Outcome("next", self.cia + 4)

    def _interrupt_if(self, value: Value, condition: int, detail: int) -> Outcome | None:
        return Outcome("interrupt", self.cia, value.attr, detail) if condition else None

    def _leave_if(self, _value: Value, condition: int) -> Outcome | None:
        return Outcome("leave", self.cia) if condition else None

    def _helper(self, value: Value, *args: int) -> Outcome:
        return Outcome("helper", self.cia + 4, (value.attr, args))

    def _timebase(self, _value: Value) -> int:
        return 0

    def _random(self, _value: Value) -> int:
        return int.from_bytes(os.urandom(8), "little")

    # --- memory
    def _load(self, value: Value, ea: int) -> int:
        return int.from_bytes(self.memory.load(ea, value.attr // 8), "little")

    def _store(self, value: Value, ea: int, data: int) -> None:
        self.memory.store(ea, data.to_bytes(value.attr // 8, "little"))

    def _load_reserve(self, value: Value, ea: int) -> int | Outcome:
        if ea % (value.attr // 8):
            return Outcome("interrupt", self.cia, "ALIGNMENT", ea)
        self.write(REGISTERS["reserve_ea"], ea)
        return self._load(value, ea)

    def _store_conditional(self, value: Value, ea: int, data: int, _far: int) -> int | Outcome:
        if ea % (value.attr // 8):
            return Outcome("interrupt", self.cia, "ALIGNMENT", ea)
        held = self.read(REGISTERS["reserve_ea"])
        self.write(REGISTERS["reserve_ea"], NO_TAG)
        if held >> 7 != ea >> 7:
            return 0
        self._store(value, ea, data)
        return 1

    def _zero_block(self, _value: Value, ea: int) -> None:
        self.memory.store(ea & ~127, bytes(128))

    def _touch(self, value: Value, ea: int) -> None:
        self.memory.store(ea, self.memory.load(ea, value.attr // 8))

    def _fence(self, _value: Value) -> None:
        return None
