"""The regions that lie in the arena, the cells that lead to them, and eviction.

A region is known by the contents of its page and the number of its first word, so every page with
these contents shares it. The arena's segments are filled one after the other; when the last is
begun, the oldest is emptied: every cell that leads into it is told, through the install ring, to go
back to tier 0. The vCPU does that between two slices, where it runs no region; once it has, nothing
leads there any more and nothing runs there, and the segment is filled again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from jitppc.backend.image import Image
from jitppc.backend.segments import Segment, Segments
from jitppc.ir.layout import INSTALL_RING, PAGE_INFO, offset

from .memory import GuestMemory

Key = tuple[bytes, int]
NAME = "region"


@dataclass(frozen=True, slots=True)
class Code:
    """A region in the arena."""

    entry: int
    size: int
    segment: Segment


class CodeCache:
    """Used by one thread; `memory`'s install ring is fed by nobody else."""

    def __init__(self, segments: Segments, memory: GuestMemory) -> None:
        self._segments, self._memory = segments, memory
        self._state = memory.state[0]
        self._codes: dict[Key, Code] = {}
        self._keys: dict[Segment, list[Key]] = {}
        #: cells that lead into a segment: (cell, entry)
        self._hooks: dict[Segment, set[tuple[int, int]]] = {}
        #: INSTALL records that the ring has no room for yet
        self._outbox: deque[tuple[int, int, int, int]] = deque()
        #: the segment being emptied, and the number of its last record
        self._draining: tuple[Segment, int] | None = None

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

    def install(self, code: Code, cell: int, page: int, generation: int) -> None:
        """The cell leads to the region, if its page is still of this generation."""
        self._hooks.setdefault(code.segment, set()).add((cell, code.entry))
        self._outbox.append((cell, code.entry, page, generation))

    def tell_contents(self, page: int, generation: int, contents: int) -> None:
        """Regions that reach into the page may know it by its contents, while it has them."""
        at = page + offset("contents", PAGE_INFO)
        self._outbox.append((at, contents, page, generation))

    def pump(self) -> None:
        """Hand the vCPU what it has room for, and get on with emptying a segment."""
        if self._draining is not None:
            segment, last = self._draining
            if not self._outbox and int(self._state["install_tail"]) >= last:
                self._segments.release(segment)
                self._draining = None
        if self._draining is None and self._segments.is_short:
            self._drain()
        if not self._outbox:
            return
        head, tail = int(self._state["install_head"]), int(self._state["install_tail"])
        while self._outbox and head - tail < INSTALL_RING:
            self._memory.installs[head % INSTALL_RING] = self._outbox.popleft()
            head += 1
            self._state["install_head"] = head

    def _drain(self) -> None:
        segment = self._segments.oldest()
        if segment is None:
            return
        for key in self._keys.pop(segment, []):
            code = self._codes.get(key)
            if code is not None and code.segment is segment:
                del self._codes[key]
        hooks = self._hooks.pop(segment, set())
        self._outbox.extend((cell, entry, 0, 0) for cell, entry in hooks)
        self._draining = segment, int(self._state["install_head"]) + len(self._outbox)
