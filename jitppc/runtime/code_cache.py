"""The regions that lie in the arena, the cells that lead to them, and eviction.

A region is known by the contents of its page and the number of its first word, so every page with
these contents shares it. The arena's segments are filled one after the other; when the last is
begun, the oldest is emptied: every cell that leads into it is told, through the install ring, to go
back to tier 0. Each vCPU does that for its cells between two slices, where it runs no region; once
all have, nothing leads there any more and nothing runs there, and the segment is filled again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jitppc.backend.image import Image
from jitppc.backend.segments import Segment, Segments
from jitppc.ir.layout import INSTALL_RING, PAGE_INFO, offset

from .code_space import CodeSpace

Key = tuple[bytes, int]
NAME = "region"
#: looks at a ring before the machine is stopped to empty it: its vCPU may be idle for long
PATIENCE = 25


@dataclass(frozen=True, slots=True)
class Code:
    """A region in the arena."""

    entry: int
    size: int
    segment: Segment


class Outbox:
    """On the way to one vCPU's install ring, which nobody else feeds."""

    def __init__(self, space: CodeSpace, install_now: Callable[[], None]) -> None:
        """`install_now` stops the machine and has the ring emptied."""
        self._space, self._install_now = space, install_now
        #: INSTALL records that the ring has no room for yet
        self._waiting: deque[tuple[int, int, int, int]] = deque()

    def append(self, *record: int) -> None:
        """Cell, entry, page, generation."""
        self._waiting.append(record)  # type: ignore[arg-type]

    @property
    def last(self) -> int:
        """The number of the last record."""
        return int(self._space.state["install_head"]) + len(self._waiting)

    def is_done(self, last: int) -> bool:
        """The vCPU has done all records up to this number."""
        return int(self._space.state["install_tail"]) >= last

    def pump(self) -> None:
        """Hand the vCPU what it has room for."""
        if not self._waiting:
            return
        state = self._space.state
        head, tail = int(state["install_head"]), int(state["install_tail"])
        while self._waiting and head - tail < INSTALL_RING:
            self._space.installs[head % INSTALL_RING] = self._waiting.popleft()
            head += 1
            state["install_head"] = head

    def flush(self) -> None:
        """The vCPU has done them all."""
        while self._waiting or not self.is_done(self.last):
            self.pump()
            self._install_now()


class CodeCache:
    """Used by one thread."""

    def __init__(self, segments: Segments) -> None:
        self._segments = segments
        self._codes: dict[Key, Code] = {}
        self._keys: dict[Segment, list[Key]] = {}
        #: cells that lead into a segment: (number of the vCPU, cell, entry)
        self._hooks: dict[Segment, set[tuple[int, int, int]]] = {}
        self._outboxes: list[Outbox] = []
        #: the segment being emptied, the number of its last record by vCPU, and looks at them
        self._draining: tuple[Segment, list[int]] | None = None
        self._looks = 0

    def serve(self, space: CodeSpace, install_now: Callable[[], None]) -> None:
        """One more vCPU."""
        self._outboxes.append(Outbox(space, install_now))

    @property
    def evictions(self) -> int:
        """Segments emptied so far."""
        return self._segments.evictions

    @property
    def used(self) -> int:
        """Bytes of code."""
        return self._segments.arena.used + self._segments.used

    def __len__(self) -> int:
        return len(self._codes)

    def find(self, key: Key) -> Code | None:
        """The region, if it lies in the arena."""
        return self._codes.get(key)

    def place(self, items: Sequence[tuple[Key, Image]]) -> None:
        """These regions lie in the arena.

        Raises LoadError when one cannot, ArenaFullError when it may later.
        """
        placed = self._segments.place([image for _key, image in items])
        for (key, image), (start, segment) in zip(items, placed, strict=True):
            offset, _size = image.symbols[NAME]
            self._codes[key] = Code(start + offset, len(image.content), segment)
            self._keys.setdefault(segment, []).append(key)

    def install(self, code: Code, vcpu: int, cell: int, page: int, generation: int) -> None:
        """A vCPU's cell leads to the region, if its page is still of this generation."""
        self._hooks.setdefault(code.segment, set()).add((vcpu, cell, code.entry))
        self._outboxes[vcpu].append(cell, code.entry, page, generation)

    def tell_contents(self, vcpu: int, page: int, generation: int, contents: int) -> None:
        """Regions that reach into the page may know it by its contents, while it has them."""
        at = page + offset("contents", PAGE_INFO)
        self._outboxes[vcpu].append(at, contents, page, generation)

    def pump(self) -> None:
        """Hand the vCPUs what they have room for, and get on with emptying a segment."""
        if self._draining is not None and self._is_drained(self._draining[1]):
            self._segments.release(self._draining[0])
            self._draining = None
        if self._draining is None and self._segments.is_short:
            self._drain()
        for outbox in self._outboxes:
            outbox.pump()

    def _is_drained(self, lasts: list[int]) -> bool:
        waited_for = [
            box for box, last in zip(self._outboxes, lasts, strict=False) if not box.is_done(last)]
        self._looks += 1
        if waited_for and self._looks > PATIENCE and len(self._outboxes) > 1:
            for outbox in waited_for:
                outbox.flush()
            return True
        return not waited_for

    def _drain(self) -> None:
        segment = self._segments.oldest()
        if segment is None:
            return
        for key in self._keys.pop(segment, []):
            code = self._codes.get(key)
            if code is not None and code.segment is segment:
                del self._codes[key]
        for vcpu, cell, entry in self._hooks.pop(segment, set()):
            self._outboxes[vcpu].append(cell, entry, 0, 0)
        self._draining, self._looks = (segment, [box.last for box in self._outboxes]), 0
