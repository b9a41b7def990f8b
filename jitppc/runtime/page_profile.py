"""What one run remembers of a page of code for the next."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from jitppc.ir.layout import CELLS_PER_PAGE

_BITMAP_BYTES = CELLS_PER_PAGE // 8
_WANTED = struct.Struct("<HH")


@dataclass(frozen=True, slots=True)
class Profile:
    """Words that have been executed, and places where a region was wanted and not made yet.

    Fields:
        has_run: (1024,) bytes, 1 or 0.
        wanted: number of a word, and how often it was asked for.
    """

    has_run: np.ndarray
    wanted: tuple[tuple[int, int], ...] = ()

    def to_bytes(self) -> bytes:
        """For the store."""
        pairs = b"".join(_WANTED.pack(i, min(times, 0xFFFF)) for i, times in sorted(self.wanted))
        return np.packbits(self.has_run).tobytes() + pairs

    @classmethod
    def from_bytes(cls, data: bytes | None) -> Profile:
        """What `to_bytes` made; of anything else, nothing is known."""
        if data is None or len(data) < _BITMAP_BYTES or (len(data) - _BITMAP_BYTES) % _WANTED.size:
            return cls(np.zeros(CELLS_PER_PAGE, np.uint8))
        has_run = np.unpackbits(np.frombuffer(data[:_BITMAP_BYTES], np.uint8))
        wanted = tuple(
            pair for pair in _WANTED.iter_unpack(data[_BITMAP_BYTES:]) if pair[0] < CELLS_PER_PAGE
        )
        return cls(has_run, wanted)
