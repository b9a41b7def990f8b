"""Regions on their way into the arena and to the cells that lead to them: kept ones when their
page is executed, compiled ones when there is room.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from jitppc.backend.arena import ArenaFullError
from jitppc.backend.image import Image, LoadError
from jitppc.ir.layout import CELL_BYTES, PAGE_INFO_OFFSET

from .code_cache import CodeCache
from .region_store import RegionStore
from .wanted import Place

log = logging.getLogger(__name__)
#: regions that wait for room in the arena; more are forgotten
WAITING = 1000
#: told of every region that is placed: its address, its bytes, the guest's effective address
Watcher = Callable[[int, int, int], None]


class Placing:
    """Used by one thread, as the cache."""

    def __init__(self, cache: CodeCache, watcher: Watcher | None) -> None:
        self._cache, self._watcher = cache, watcher
        self._waiting: deque[tuple[Place, int, Image]] = deque()
        #: regions compiled in this run, instructions in them, and regions of earlier runs
        self.compiled = self.instructions = self.kept = 0

    def find(self, places: Sequence[Place], store: RegionStore) -> list[Place]:
        """Regions that are in the arena or in the store are installed; the other places are
        returned.
        """
        images: list[tuple[Place, Image]] = []
        missing = []
        for place in places:
            if self._cache.find(place.key) is None:
                image = _kept(place, store)
                if image is None:
                    missing.append(place)
                else:
                    images.append((place, image))
        if images:
            try:
                self._place(images)
                self.kept += len(images)
            except LoadError as error:               # heat will ask again
                log.debug("kept regions are not placed: %s", error)
        for place in places:
            self._hand_over(place)
        return missing

    def add(self, place: Place, instructions: int, image: Image) -> None:
        """A region of so many instructions has been compiled."""
        if len(self._waiting) < WAITING:
            self._waiting.append((place, instructions, image))

    def retry(self) -> Iterator[tuple[Place, LoadError]]:
        """What is compiled is placed and installed, as far as there is room; what can never be."""
        while self._waiting:
            place, instructions, image = self._waiting[0]
            try:
                self._place([(place, image)])
            except ArenaFullError:
                return
            except LoadError as error:
                yield place, error
            else:
                self.compiled += 1
                self.instructions += instructions
                self._hand_over(place)
            self._waiting.popleft()

    def _place(self, items: list[tuple[Place, Image]]) -> None:
        """These lie in the arena; LoadError when they cannot."""
        self._cache.place([(place.key, image) for place, image in items])
        if self._watcher is not None:
            for place, _image in items:
                code = self._cache.find(place.key)
                if code is not None:
                    self._watcher(code.entry, code.size, place.cia)

    def _hand_over(self, place: Place) -> None:
        code = self._cache.find(place.key)
        if code is None:
            return
        cell = place.page - PAGE_INFO_OFFSET + place.index * CELL_BYTES
        self._cache.install(code, place.vcpu, cell, place.page, place.generation)


def _kept(place: Place, store: RegionStore) -> Image | None:
    region = store.regions(place.name).get(place.index)
    data = None if region is None else region.read()
    if data is None:
        return None
    try:
        return Image.from_bytes(data)
    except LoadError as error:
        log.warning("a kept translation is not used: %s", error)
        return None
