"""What regions are wanted for, and which of them most: what is hot now, before what was hot once.

Each request of a vCPU counts one, and counts half after a while, so that a program that has just
begun comes before all that the kernel did once when it booted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

#: a word of code: host address of its PAGE_INFO, index of the word
Key = tuple[int, int]
#: seconds after which a request counts half
HALF_LIFE = 0.5
#: what was just translated as a part of something may ask until that is in its place
ARRIVAL = 0.1
#: how many entries there are in the heap for each wish, at most, of which one is true
SLACK = 8


@dataclass(frozen=True, slots=True)
class Place:
    """A word of a page of guest code, at a time: what a region is wanted for."""

    page: int          # host address of the PAGE_INFO
    generation: int
    name: bytes        # hash of the contents
    index: int
    cia: int           # where it was executed
    vcpu: int = 0      # whose cells these are

    @property
    def key(self) -> tuple[bytes, int]:
        """What a region for this place is called."""
        return self.name, self.index


@dataclass(slots=True)
class _Wish:
    """What of two wishes is the hotter one stays so, since all heats fall alike: `rank` is the
    logarithm of the heat at time 0 that would be left of it now.
    """

    place: Place
    rank: float
    asked: int             # times in this run
    earlier: int = 0       # and in the one before that told of it

    @property
    def times(self) -> int:
        return max(self.asked, self.earlier)


def _entry(key: Key, wish: _Wish) -> tuple[float, int, Key]:
    """The hottest wish, and of cold ones the one asked for most, is the least of these."""
    return -wish.rank, -wish.times, key


class Wanted:
    """Places for which regions are wanted."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: how often a place must have been asked for to be taken, in this run or in the one before
        self.least = 1
        self._wishes: dict[Key, _Wish] = {}
        #: a heap; entries that are not true any more are passed over
        self._order: list[tuple[float, int, Key]] = []
        self._arriving: dict[Key, float] = {}      # until when they are not heard

    def __len__(self) -> int:
        return len(self._wishes)

    def __iter__(self) -> Iterator[tuple[int, Place]]:
        """How often each was asked for, and the last that asked."""
        return ((wish.times, wish.place) for wish in self._wishes.values())

    def add(self, place: Place, times: int = 1) -> None:
        """It is asked for, so many times."""
        now, key = self._clock(), (place.page, place.index)
        wish = self._wishes.get(key)
        if now < self._arriving.get(key, now):
            return
        before = now / HALF_LIFE
        heat = times + (2.0 ** (wish.rank - before) if wish else 0.0)
        asked, earlier = (wish.asked, wish.earlier) if wish else (0, 0)
        self._set(key, _Wish(place, before + math.log2(heat), times + asked, earlier))

    def remind(self, place: Place, times: int) -> None:
        """An earlier run still wanted it: it comes behind all that this one asks for."""
        key = place.page, place.index
        if key not in self._wishes:
            self._set(key, _Wish(place, -math.inf, 0, times))

    def _set(self, key: Key, wish: _Wish) -> None:
        self._wishes[key] = wish
        if wish.times < self.least:
            return
        heappush(self._order, _entry(key, wish))
        if len(self._order) > SLACK * len(self._wishes) + SLACK:
            self._order = [
                _entry(k, w) for k, w in self._wishes.items() if w.times >= self.least
            ]
            heapify(self._order)

    def take(self) -> Place | None:
        """The hottest one, which is not wanted any more; of cold ones, the one asked for most."""
        while self._order:
            rank, times, key = heappop(self._order)
            wish = self._wishes.get(key)
            if wish is not None and (rank, times, key) == _entry(key, wish):
                del self._wishes[key]
                return wish.place
        return None

    def drop(self, keys: Iterable[Key]) -> None:
        """They were translated, as parts of others. One that is entered still gets hot again."""
        now = self._clock()
        self._arriving = {key: end for key, end in self._arriving.items() if end > now}
        for key in keys:
            self._wishes.pop(key, None)
            self._arriving[key] = now + ARRIVAL
