"""What one run remembers of a page of code for the next."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from jitppc.frontend.page import OFTEN, RARELY, RUN
from jitppc.ir.layout import CELLS_PER_PAGE

_PLANES = (RUN, OFTEN, RARELY)
_BITMAP_BYTES = len(_PLANES) * CELLS_PER_PAGE // 8
_WANTED = struct.Struct("<HH")


@dataclass(frozen=True, slots=True)
class Profile:
    """Words that have been executed, and places where a region was wanted and not made yet.

    Fields:
        has_run: (1024,) bytes, as of frontend.page.Page.
        wanted: number of a word, and how often it was asked for.
    """

    has_run: np.ndarray
    wanted: tuple[tuple[int, int], ...] = ()

    def to_bytes(self) -> bytes:
        """For the store."""
        pairs = b"".join(_WANTED.pack(i, min(times, 0xFFFF)) for i, times in sorted(self.wanted))
        planes = b"".join(np.packbits(self.has_run & bit).tobytes() for bit in _PLANES)
        return planes + pairs

    def seen(self, has_run: np.ndarray) -> np.ndarray:
        """What is known of the words after a run that knows so much: they were often or rarely
        jumped to as the run says in which that happened more often.
        """
        either, both = self.has_run | has_run, self.has_run & has_run
        rarely: np.ndarray = np.where(both & RUN, both, either) & RARELY
        return either & (RUN | OFTEN) | rarely

    @classmethod
    def from_bytes(cls, data: bytes | None) -> Profile:
        """What `to_bytes` made; of anything else, nothing is known."""
        if data is None or len(data) < _BITMAP_BYTES or (len(data) - _BITMAP_BYTES) % _WANTED.size:
            return cls(np.zeros(CELLS_PER_PAGE, np.uint8))
        planes = np.frombuffer(data[:_BITMAP_BYTES], np.uint8).reshape(len(_PLANES), -1)
        bits = np.unpackbits(planes, axis=1) * np.array(_PLANES, np.uint8)[:, None]
        has_run = np.bitwise_or.reduce(bits, axis=0)
        wanted = tuple(
            pair for pair in _WANTED.iter_unpack(data[_BITMAP_BYTES:]) if pair[0] < CELLS_PER_PAGE
        )
        return cls(has_run, wanted)
