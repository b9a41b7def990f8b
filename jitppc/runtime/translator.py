"""Tier 1 of a vCPU: regions for what is hot, from workers, or from earlier runs.

Two rings come from the vCPU, which never waits: cells that became hot, and pages that are executed
for the first time. A page is known by its contents; whatever was translated for these contents, now
or in an earlier run, is installed at once. The rest is compiled by workers in order of heat. The
vCPU picks up between slices what is finished (see code_cache.py), and looks that the page is still
the one that was translated.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import replace
from typing import Any

import numpy as np

from jitppc.backend.image import Image, LoadError
from jitppc.backend.segments import Segments
from jitppc.ir.layout import CELLS_PER_PAGE, PAGE_INFO_OFFSET
from jitppc.strategies import RegionOptions

from .code_cache import CodeCache
from .engine import Engine
from .memory import GuestMemory
from .page_names import PageNames, info_at, mode_of
from .page_profile import Profile
from .placing import Placing, Watcher
from .region_file import page_contents, page_hash
from .region_pages import CodePage, NearPages, Pages, cells_at, walk, what_has_run
from .region_store import RegionStore
from .rings import Rings
from .vcpu import Vcpu
from .wanted import Place, Wanted
from .workers import WorkerError, WorkerPool

log = logging.getLogger(__name__)
POLL_SECONDS = 0.004
#: how long the next look may be put off while the guest sleeps, and how few instructions sleep is
SLEEP_SECONDS, SLEEP_INSTRUCTIONS = 0.128, 50_000
#: and while it executes but tells nothing new: two vCPUs may need both of the host's processors
QUIET_SECONDS = 0.032
SAVE_SECONDS = 30.0
PACE = 40
KERNEL_QUADRANT = 3
#: places that cannot be translated; more, and they may be asked for again
REFUSED = 100_000
#: where there are regions of earlier runs, what has none yet must ask so often in a run: fewer than
#: 34,000 jumps take less time in all than LLVM takes for their region in thirty starts
LEAST_WARM = 3


class Translator:
    """Regions for what the vCPUs of a machine find hot.

    A paced one has no thread: see `tick`.
    """

    def __init__(
        self,
        engine: Engine,
        memory: GuestMemory,
        vcpu: Vcpu,
        pool: WorkerPool,
        options: RegionOptions,
        *,
        paced: bool = False,
        open_store: Callable[[], RegionStore] | None = None,
        watcher: Watcher | None = None,
        room: int | None = None,
    ) -> None:
        """Regions come from and go to the store that `open_store` opens, on the thread of ours.

        Args:
            room: bytes of code at most; None for what the arena has.
        """
        self._memory, self._pool = memory, pool
        self._options, self._open_store = options, open_store
        self._handlers = engine.handlers
        self._store = RegionStore(None, "")
        self._cache = CodeCache(Segments(engine.arena, limit=room))
        self._placing = Placing(self._cache, watcher)
        self._rings: list[Rings] = []
        self._wanted = Wanted()
        self._refused: set[tuple[bytes, int]] = set()     # cannot be translated: asked once
        #: what is being compiled, with the PAGE_INFO of each page that it may have words of
        self._under_way: dict[tuple[bytes, int], dict[int, int]] = {}
        self._done: deque[tuple[Place, Future[Any]]] = deque()
        self._profiles: dict[int, tuple[int, bytes]] = {}     # page -> generation, name
        self._names = PageNames(memory, vcpu.state)
        self._stop, self._wake = threading.Event(), threading.Event()
        self.failed = 0
        self.serve(vcpu)
        self._ticks = 0
        self._due: deque[tuple[int, Place, Future[Any]]] = deque()
        self._thread = threading.Thread(target=self._serve, name="jitppc-translator", daemon=True)
        if not paced:
            self._thread.start()

    def serve(self, vcpu: Vcpu) -> None:
        """One more vCPU, which is not running; they come in the order of their numbers."""
        def install_now() -> None:
            with self._memory.gate.closed():
                vcpu.install_now()
        self._cache.serve(vcpu.space, install_now)
        self._rings.append(Rings(vcpu))

    def close(self) -> None:
        """Stop taking requests, remember what was learnt, and end the workers."""
        self._stop.set()
        self._wake.set()
        for rings in self._rings:
            rings.close()
        if self._thread.ident is not None:
            self._thread.join()
        self._pool.close()

    def statistics(self) -> dict[str, Any]:
        """What was compiled so far, and what was there already."""
        return {
            "regions": self._placing.compiled,
            "regions_kept": self._placing.kept,
            "regions_failed": self.failed,
            "region_guest_instructions": self._placing.instructions,
            "code_bytes": self._cache.used,
            "code_evictions": self._cache.evictions,
        }

    # --- on the thread of ours
    def _serve(self) -> None:
        if self._open_store is not None:
            self._store = self._open_store()
            if self._store.loaded:              # workers start when something is missing
                self._wanted.least = LEAST_WARM
            else:
                self._pool.prepare()
        saved = looked = time.monotonic()
        pause, retired = POLL_SECONDS, 0
        while True:
            self._wake.wait(pause)
            self._wake.clear()
            if self._stop.is_set():
                break
            told = any(rings.has_news for rings in self._rings)
            self._take_seen()
            for place in self._requests():
                self._wanted.add(place)
            while self._done:
                self._finished(*self._done.popleft())
            if pause < SLEEP_SECONDS:       # a guest that sleeps costs nothing
                self._ask()                 # first of all: workers are what is scarce
            self._place()
            now = time.monotonic()
            if now - saved > SAVE_SECONDS:
                self._store.save()
                saved = now
            if now - looked >= POLL_SECONDS:    # workers that have done wake us, whatever it does
                before, retired = retired, sum(int(r.state["retired"]) for r in self._rings)
                pause, looked = next_pause(pause, retired - before, told), now
        self._remember()
        self._store.save()

    def _ask(self) -> None:
        """Workers are busy with what is wanted most."""
        while len(self._under_way) < self._pool.count:
            place = self._wanted.take()
            if place is None:
                return
            future = self._submit(place)
            if future is not None:
                future.add_done_callback(functools.partial(self._note_done, place))

    def _note_done(self, place: Place, done: Future[Any]) -> None:
        self._done.append((place, done))
        self._wake.set()

    def tick(self) -> None:
        """For runs that repeat exactly: what is hot by now is asked for, and what was asked for
        PACE ticks ago arrives, waited for if need be.
        """
        self._ticks += 1
        self._take_seen()
        for place in self._requests():
            future = self._submit(place)
            if future is not None:
                self._due.append((self._ticks + PACE, place, future))
        while self._due and self._due[0][0] <= self._ticks:
            _, place, future = self._due.popleft()
            wait((future,))
            self._finished(place, future)
        self._place()

    # --- what the vCPU tells
    def _requests(self) -> list[Place]:
        """Hot cells since the last look that still are what they were."""
        return [place for rings in self._rings for place in self._requests_of(rings)]

    def _requests_of(self, rings: Rings) -> list[Place]:
        found = []
        for page, index, cia, generation in rings.told(rings.hot, "hot"):
            name = self._names.find(page, generation)
            if name is not None:
                found.append(Place(page, generation, name, index, cia, rings.space.number))
        return found

    def _take_seen(self) -> None:
        """Pages executed for the first time since the last look: install what is known of them."""
        for rings in self._rings:
            self._take_seen_of(rings)

    def _take_seen_of(self, rings: Rings) -> None:
        vcpu = rings.space.number
        for page, generation, ea, *_ in rings.told(rings.seen, "seen"):
            name = self._names.find(page, generation)
            if name is None:
                continue
            self._cache.tell_contents(vcpu, page, generation, page_contents(name))
            if name not in self._store:
                continue
            self._profiles[page] = generation, name
            places = [Place(page, generation, name, index, (ea & ~4095) + 4 * index, vcpu)
                      for index in self._store.regions(name)]
            self._placing.find(places, self._store)
            profile = Profile.from_bytes(self._store.profile(name))
            for index, times in profile.wanted:
                place = Place(page, generation, name, index, (ea & ~4095) + 4 * index, vcpu)
                if place.key not in self._refused:
                    self._wanted.remind(place, times)

    # --- compiling
    def _submit(self, place: Place) -> Future[Any] | None:
        """A worker's promise, unless there is nothing to wait for."""
        if place.key in self._refused or place.key in self._under_way:
            return None
        if not self._placing.find([place], self._store):
            return None
        info = info_at(place.page)
        models, mode = self._names.models_of(info), mode_of(info)
        pages, targets, infos = self._pages(place, models, mode)
        if 0 not in pages or page_hash(pages[0].code, models, mode) != place.name:
            return None
        told = {distance: (page.code, page.has_run) for distance, page in pages.items()}
        try:
            future = self._pool.submit(
                "compile_region", told, place.index, self._options_at(place), models, targets, mode)
        except RuntimeError:                         # the interpreter is going down
            self._stop.set()
            return None
        self._under_way[place.key] = infos
        return future

    def _options_at(self, place: Place) -> RegionOptions:
        """The window is the kernel's."""
        if self._options.windows and place.cia >> 62 != KERNEL_QUADRANT:
            return replace(self._options, windows=False)
        return self._options

    def _pages(
        self, place: Place, models: int, mode: int
    ) -> tuple[Pages, dict[int, int], dict[int, int]]:
        """The pages a region may have words of, by distance from the place's; where its indirect
        jumps went last; and the address of each page's PAGE_INFO.
        """
        rings = self._rings[place.vcpu]
        first = int(info_at(place.page)["gra"]) >> 12
        near = NearPages(
            rings.state, rings.space.code_pages, first, place.page - PAGE_INFO_OFFSET, place.cia)
        infos: dict[int, int] = {}

        def page_at(distance: int) -> CodePage | None:
            cells = near.cells(distance)
            if not cells:
                return None
            page = infos[distance] = cells + PAGE_INFO_OFFSET
            info = info_at(page)
            generation = int(info["generation"])
            code = self._memory.read(int(info["gra"]), 4096)
            is_stale = distance == 0 and generation != place.generation
            if (self._names.models_of(info), mode_of(info)) != (models, mode) or is_stale:
                return None
            name = page_hash(code, models, mode)
            if info["contents"] != page_contents(name):
                self._cache.tell_contents(place.vcpu, page, generation, page_contents(name))
            known = Profile.from_bytes(self._store.profile(name))
            copy = cells_at(page)
            return CodePage(code, known.seen(self._has_run(copy)).tobytes(), copy["imm"])

        pages, targets = walk(place.index, place.cia, page_at, mode)
        return pages, targets, infos

    def _has_run(self, cells: np.ndarray) -> np.ndarray:
        """One byte for each word, as of frontend.page.Page."""
        has_units = bool(self._memory.state[0]["stencils"])
        return what_has_run(cells, self._handlers, has_units=has_units)

    def _finished(self, place: Place, done: Future[Any]) -> None:
        infos = self._under_way.pop(place.key, {})
        if done.cancelled() or self._stop.is_set():
            return
        try:
            answer = done.result()
            if answer is None:
                self._note_refused(place)
                return
            data, instructions, words = answer
            image = Image.from_bytes(data)
        except (WorkerError, LoadError) as error:
            self._refuse(place, error)
            return
        cells = (divmod(word, CELLS_PER_PAGE) for word in words)
        self._wanted.drop((infos[page], index) for page, index in cells)
        self._store.add(place.name, place.index, instructions, data)
        self._profiles[place.page] = place.generation, place.name
        self._placing.add(place, instructions, image)

    def _place(self) -> None:
        self._cache.pump()
        for place, error in self._placing.retry():
            self._refuse(place, error)

    def _note_refused(self, place: Place) -> None:
        if len(self._refused) >= REFUSED:
            self._refused.clear()
        self._refused.add(place.key)

    def _refuse(self, place: Place, error: Exception) -> None:
        self.failed += 1
        self._note_refused(place)
        log.warning("region at %#x: %s", place.cia, error)

    # --- for the next start
    def _remember(self) -> None:
        """What is known of pages with regions: words that have run, and regions still wanted."""
        wanted: dict[int, list[tuple[int, int]]] = {}
        for times, place in self._wanted:
            wanted.setdefault(place.page, []).append((place.index, times))
            self._profiles[place.page] = place.generation, place.name
        for page, (generation, name) in self._profiles.items():
            if self._names.find(page, generation) == name:
                known = Profile.from_bytes(self._store.profile(name))
                has_run = known.seen(self._has_run(cells_at(page)))
                new = Profile(has_run, tuple(wanted.get(page, ())))
                self._store.set_profile(name, new.to_bytes())


def next_pause(pause: float, instructions: int, told: bool = True) -> float:
    """Seconds until the next look, when the guest executed so much in the last `pause`, and told
    something of it or not.
    """
    if instructions < SLEEP_INSTRUCTIONS:
        return min(2 * pause, SLEEP_SECONDS)
    return POLL_SECONDS if told else min(2 * pause, QUIET_SECONDS)
