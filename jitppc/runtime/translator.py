"""Tier 1 of a vCPU: takes hot entries from its ring, has them compiled by workers, hands back the
regions.

The vCPU never waits: it pushes requests and, between slices, picks up what is finished (INSTALL
ring), checking that the page is still the one that was translated.
"""

from __future__ import annotations

import ctypes
import logging
import threading
from collections import deque
from concurrent.futures import Future, wait
from typing import Any

import numpy as np

from jitppc.backend.arena import ArenaFullError, LoadError
from jitppc.ir.layout import (
    CELL,
    CELL_BYTES,
    CELLS_PER_PAGE,
    HOT,
    HOT_RING,
    INSTALL_RING,
    PAGE_INFO,
    PAGE_INFO_OFFSET,
)

from .engine import Engine
from .memory import GuestMemory, aligned_zeros
from .vcpu import Vcpu
from .workers import WorkerError, WorkerPool

log = logging.getLogger(__name__)
POLL_SECONDS = 0.004
REGION_LIMIT, LEVEL = 160, 1
PACE = 40


class Translator:
    """Compiles what one vCPU finds hot.

    A paced one has no thread: see `tick`.
    """

    def __init__(
        self,
        engine: Engine,
        memory: GuestMemory,
        vcpu: Vcpu,
        pool: WorkerPool,
        *,
        paced: bool = False,
    ) -> None:
        self._engine, self._memory, self._vcpu, self._pool = engine, memory, vcpu, pool
        self._ring = aligned_zeros(HOT.itemsize * HOT_RING).view(HOT)
        self._state = memory.state[0]
        self._lock = threading.Lock()
        #: cell -> (times asked, last request)
        self._wanted: dict[tuple[int, int], tuple[int, Any]] = {}
        self._refused: set[tuple[int, int, int]] = set()      # cannot be translated: asked once
        self._under_way = 0
        self._stop = threading.Event()
        self.compiled = self.failed = self.instructions = self.code_bytes = 0
        symbols = engine.arena.symbols
        self._undecoded = np.array([symbols["decode_me_le64"], symbols["decode_me_any"]], np.uint64)
        self._thread = threading.Thread(target=self._serve, name="jitppc-translator", daemon=True)
        vcpu.state["hot_ring"] = self._ring.ctypes.data
        self._ticks = 0
        self._due: deque[tuple[int, Any, Future[Any]]] = deque()
        if not paced:
            self._thread.start()

    def close(self) -> None:
        """Stop taking requests, and end the workers."""
        self._stop.set()
        self._vcpu.state["hot_ring"] = 0
        if self._thread.ident is not None:
            self._thread.join()
        self._pool.close()

    def statistics(self) -> dict[str, Any]:
        """What was compiled so far."""
        return {
            "regions": self.compiled,
            "regions_failed": self.failed,
            "region_guest_instructions": self.instructions,
            "code_bytes": self._engine.arena.used,
        }

    def _serve(self) -> None:
        state = self._vcpu.state
        while not self._stop.wait(POLL_SECONDS):
            while int(state["hot_tail"]) != int(state["hot_head"]):
                request = self._ring[int(state["hot_tail"]) % HOT_RING].copy()
                state["hot_tail"] += np.uint64(1)
                key = int(request["page"]), int(request["index"])
                self._wanted[key] = self._wanted.get(key, (0, None))[0] + 1, request
            while self._wanted and self._under_way < 2 * self._pool.count:
                key = max(self._wanted, key=lambda k: self._wanted[k][0])
                self._request(self._wanted.pop(key)[1])

    def tick(self) -> None:
        """For runs that repeat exactly: what is hot by now is asked for, and what was asked for
        PACE ticks ago arrives, waited for if need be.
        """
        self._ticks += 1
        state = self._vcpu.state
        while int(state["hot_tail"]) != int(state["hot_head"]):
            request = self._ring[int(state["hot_tail"]) % HOT_RING].copy()
            state["hot_tail"] += np.uint64(1)
            future = self._submit(request)
            if future is not None:
                self._due.append((self._ticks + PACE, request, future))
        while self._due and self._due[0][0] <= self._ticks:
            _, request, future = self._due.popleft()
            wait((future,))
            self._finished(future, request)

    def _request(self, request: Any) -> None:
        future = self._submit(request)
        if future is not None:
            future.add_done_callback(lambda done: self._finished(done, request))

    def _submit(self, request: Any) -> Future[Any] | None:
        info = np.frombuffer(_at(int(request["page"]), PAGE_INFO.itemsize), PAGE_INFO)[0]
        if info["generation"] != request["generation"] or info["mode"] != 0:
            return None
        if _identity(request) in self._refused:
            return None
        first = int(request["page"]) - PAGE_INFO_OFFSET
        cells = np.frombuffer(_at(first, CELLS_PER_PAGE * CELL_BYTES), CELL)
        has_run = (~np.isin(cells["entry"], self._undecoded)).astype(np.uint8).tobytes()
        page = self._memory.read(int(info["gra"]), 4096)
        with self._lock:
            self._under_way += 1
        try:
            index = int(request["index"])
            return self._pool.submit("compile_region", page, index, has_run, REGION_LIMIT, LEVEL)
        except RuntimeError:                         # the interpreter is going down
            self._stop.set()
            return None

    def _finished(self, done: Future[Any], request: Any) -> None:
        with self._lock:
            self._under_way -= 1
        if done.cancelled() or self._stop.is_set():
            return
        try:
            answer = done.result()
            if answer is None:
                self._refused.add(_identity(request))
                return
            code, instructions = answer
            placed = self._engine.arena.load([code])[0]
        except ArenaFullError:
            # what is translated stays; the rest is tier 0's
            self._vcpu.state["hot_ring"] = 0
            self._wanted.clear()
            log.warning("the code arena is full after %d regions; no more are made", self.compiled)
            return
        except (WorkerError, LoadError) as error:
            self.failed += 1
            self._refused.add(_identity(request))
            log.warning("region at %#x: %s", int(request["cia"]), error)
            return
        self._hand_over(request, placed.symbols["region"])
        self.compiled += 1
        self.instructions += instructions

    def _hand_over(self, request: Any, entry: int) -> None:
        with self._lock:
            head, tail = int(self._state["install_head"]), int(self._state["install_tail"])
            if head - tail >= INSTALL_RING:
                return
            slot = self._memory.installs[head % INSTALL_RING:head % INSTALL_RING + 1]
            first = int(request["page"]) - PAGE_INFO_OFFSET
            slot["cell"] = first + int(request["index"]) * CELL_BYTES
            slot["entry"], slot["page"] = entry, request["page"]
            slot["generation"] = request["generation"]
            self._state["install_head"] = head + 1


def _identity(request: Any) -> tuple[int, int, int]:
    """What a request is about: cell and the state of its page."""
    return int(request["page"]), int(request["index"]), int(request["generation"])


def _at(address: int, size: int) -> Any:
    return (ctypes.c_char * size).from_address(address)
