"""Which registers answer at a guest real address outside RAM.

Native code calls `load` and `store` on the vCPU's thread, with no lock held; hypercalls do, too.
The map is replaced as a whole when something moves, so readers need no lock.
"""

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from jitppc.devices.pci.ports import Region, RingingRegion

NO_ANSWER = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Place:
    """A region and the guest real address of its first byte."""

    gra: int
    region: Region

    @property
    def end(self) -> int:
        return self.gra + self.region.size_bytes


class Layout(NamedTuple):
    """Places that do not overlap, by address: where they start, where they end, who answers."""

    starts: list[int]
    ends: list[int]
    places: list[Place]


class MmioMap:
    """Places of several owners (host bridges), each of which replaces its own.

    `use_doorbells` is told which stores only ring a bell: rows of address and bell.
    """

    def __init__(
        self, use_doorbells: Callable[[Sequence[tuple[int, int]]], None] = lambda rows: None
    ) -> None:
        self._use_doorbells = use_doorbells
        self._lock = threading.Lock()
        self._owned: dict[object, list[Place]] = {}
        self._layout = Layout([], [], [])

    def replace(self, owner: object, places: Iterable[Place]) -> None:
        """The owner's places are these now. Of those that overlap, the lowest answers."""
        with self._lock:
            self._owned[owner] = list(places)
            layout = Layout([], [], [])
            owned = (place for some in self._owned.values() for place in some)
            for place in sorted(owned, key=lambda place: place.gra):
                if not layout.ends or place.gra >= layout.ends[-1]:
                    layout.starts.append(place.gra)
                    layout.ends.append(place.end)
                    layout.places.append(place)
            self._layout = layout
            self._use_doorbells(
                [
                    (place.gra + offset, bell)
                    for place in layout.places
                    if isinstance(place.region, RingingRegion)
                    for offset, bell in place.region.doorbells
                ]
            )

    @property
    def places(self) -> list[Place]:
        return list(self._layout.places)

    def place(self, gra: int, size: int) -> Place | None:
        """The place that all `size` bytes at `gra` are in."""
        starts, ends, places = self._layout
        index = bisect_right(starts, gra) - 1
        return places[index] if index >= 0 and gra + size <= ends[index] else None

    def load(self, gra: int, size: int) -> int:
        """The bytes at `gra` as a little-endian number; all ones where nothing answers."""
        place = self.place(gra, size)
        if place is None:
            return NO_ANSWER >> 8 * (8 - size)
        return place.region.load(gra - place.gra, size)

    def store(self, gra: int, size: int, value: int) -> None:
        """The bytes at `gra` are to be `value`, little-endian; dropped where nothing answers."""
        place = self.place(gra, size)
        if place is not None:
            place.region.store(gra - place.gra, size, value)
