"""The XIVE controller's memory, and what Python asks of its native code (native/xive.py)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from jitppc.ir.layout import MAX_VCPUS, offset
from jitppc.ir.xive_layout import (
    LEVEL,
    PULSE,
    RESET,
    STORE,
    TOUCH,
    XIVE_CONTEXT,
    XIVE_QUEUE,
    XIVE_SOURCE,
    XIVE_STATE,
)
from jitppc.ir.xive_places import PRIORITIES, SOURCES

from .code_space import aligned_zeros
from .controller_memory import ControllerMemory
from .engine import Engine

LOCK = offset("lock", XIVE_STATE)


class XiveEvents(ControllerMemory):
    """Of a machine whose vCPUs have their records at these host addresses.

    `written` hears of a word, by its real address, that an event wrote where code was decoded;
    `owners` is the host address of the table that says where that is, or 0.
    """

    def __init__(
        self,
        engine: Engine,
        cpus: Sequence[int],
        ram: int,
        ram_size: int,
        owners: int,
        written: Callable[[int], None],
    ) -> None:
        super().__init__(engine, XIVE_STATE, cpus)
        self._written = written
        self._sources = aligned_zeros(SOURCES * XIVE_SOURCE.itemsize).view(XIVE_SOURCE)
        self._queues = np.zeros(MAX_VCPUS * PRIORITIES, XIVE_QUEUE)
        self._contexts = np.zeros(MAX_VCPUS, XIVE_CONTEXT)
        state = self._state
        state["ram"], state["ram_size"], state["owners"] = ram, ram_size, owners
        state["sources"], state["queues"] = self._sources.ctypes.data, self._queues.ctypes.data
        state["contexts"] = self._contexts.ctypes.data
        #: between a call and the look at what it has written
        self._callers = threading.Lock()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Native code waits meanwhile."""
        self._engine.call("rt_take", self.address + LOCK)
        try:
            yield
        finally:
            self._engine.call("rt_give", self.address + LOCK)

    def _ask(self, what: int, a: int = 0, b: int = 0, c: int = 0) -> int:
        with self._callers:
            answer = self._engine.call("rt_xive", self.address, what, a, b, c)
            hit = int(self._state["told"])
        if hit:
            self._written(hit - 1)
        return answer

    def load(self, gra: int, size: int, vcpu_id: int) -> int:
        """A load from the controller's pages: the bytes as a little-endian number."""
        return self._ask(TOUCH, gra, size | vcpu_id << 32)

    def store(self, gra: int, size: int, value: int, vcpu_id: int) -> None:
        self._ask(TOUCH, gra, size | STORE | vcpu_id << 32, value)

    def pulse(self, number: int) -> None:
        """An event of a source, if there is one of this number."""
        self._ask(PULSE, number)

    def set_level(self, number: int, level: bool) -> None:
        self._ask(LEVEL, number, int(level))

    def reset(self) -> None:
        """No processor takes interrupts or has any pending."""
        self._ask(RESET)

    def sources(self) -> list[int]:
        """Numbers of those that exist."""
        return [int(number) for number in np.flatnonzero(self._sources["exists"])]

    def source(self, number: int) -> dict[str, int]:
        """Its fields."""
        return _fields(self._sources[number])

    def set_source(self, number: int, /, **fields: int) -> None:
        with self._locked():
            _set(self._sources, number, fields)

    def queue(self, index: int) -> dict[str, int]:
        fields = _fields(self._queues[index])
        return {name: value for name, value in fields.items() if not name.startswith("spare")}

    def set_queue(self, index: int, /, **fields: int) -> None:
        with self._locked():
            _set(self._queues, index, fields)

    def context(self, target: int) -> dict[str, int]:
        """What is pending at a processor."""
        return _fields(self._contexts[target])


def _fields(record: np.void) -> dict[str, int]:
    assert record.dtype.names is not None
    return {name: int(record[name]) for name in record.dtype.names}


def _set(table: np.ndarray, number: int, fields: dict[str, int]) -> None:
    for name, value in fields.items():
        table[number][name] = value
