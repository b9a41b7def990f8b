"""The part of an arena that holds regions: segments that are filled one after the other and, when
all are full, emptied oldest first.

Who uses them decides when nothing runs in a segment any more, and says so with `release`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from .arena import Arena, ArenaFullError
from .image import Image, LoadError

#: of an arena, for stubs and the like that come after tier 0
KEPT_BYTES = 64 << 10


@dataclass(slots=True, eq=False)
class Segment:
    """`size` bytes from `start`; `next` is the first free one."""

    start: int
    size: int
    next: int = field(init=False)

    def __post_init__(self) -> None:
        self.next = self.start

    def take(self, size: int, align: int) -> int | None:
        """An address with so much room behind it, if there is."""
        start = (self.next + align - 1) & -align
        if start + size > self.start + self.size:
            return None
        self.next = start + size
        return start


class Segments:
    """Room for code in segments of equal size: one being filled, some empty, the others full."""

    def __init__(self, arena: Arena, count: int = 16, limit: int | None = None) -> None:
        """All of the arena that is left, or `limit` bytes of it."""
        self.arena = arena
        start = arena.reserve(KEPT_BYTES)
        room = arena.base + arena.size - start
        size = (min(room, limit or room) // count) & -64
        if size <= 0:
            raise ArenaFullError("the code arena has no room for regions")
        everything = [Segment(start + n * size, size) for n in range(count)]
        self.current = everything[0]
        self._empty = deque(everything[1:])
        self._full: deque[Segment] = deque()
        self.evictions = 0

    @property
    def used(self) -> int:
        """Bytes taken, in all segments that are not empty."""
        return sum(s.next - s.start for s in (self.current, *self._full))

    @property
    def is_short(self) -> bool:
        """The last empty segment will be needed soon: it is time to empty the oldest."""
        return not self._empty

    def oldest(self) -> Segment | None:
        """The full segment to empty next. It is no longer counted, until it is released."""
        return self._full.popleft() if self._full else None

    def release(self, segment: Segment) -> None:
        """Nothing refers to the segment any more, and nothing runs in it."""
        segment.next = segment.start
        self._empty.append(segment)
        self.evictions += 1

    def place(self, images: Sequence[Image]) -> list[tuple[int, Segment]]:
        """Where each image lies now.

        Raises ArenaFullError when there is no empty segment left, and LoadError for an image that
        no segment can hold or that cannot be linked. Then none of them may be used.
        """
        taken: list[tuple[int, Segment]] = []
        for image in images:
            if len(image.content) + image.align > self.current.size:
                raise LoadError(f"a region of {len(image.content)} bytes")
            start = self.current.take(len(image.content), image.align)
            if start is None:
                if not self._empty:
                    raise ArenaFullError("the room for regions is full")
                self._full.append(self.current)
                self.current = self._empty.popleft()
                start = self.current.take(len(image.content), image.align)
                assert start is not None
            taken.append((start, self.current))
        self.arena.write(images, [start for start, _segment in taken])
        return taken
