"""Which guest real memory the client program has claimed. Ref: IEEE 1275-1994 6.3.2.3."""

from bisect import bisect_left

MAX_CLAIMS = 4096


class ClaimMap:
    """Claimed ranges, disjoint and sorted; addresses are 32-bit as in the client interface."""

    def __init__(self, limit: int) -> None:
        self.limit = min(limit, 1 << 32)
        self._ranges: list[tuple[int, int]] = []

    def _is_free(self, start: int, size: int) -> bool:
        index = bisect_left(self._ranges, (start, 0))
        if index and sum(self._ranges[index - 1]) > start:
            return False
        return index == len(self._ranges) or self._ranges[index][0] >= start + size

    def _take(self, start: int, size: int) -> None:
        self._ranges.insert(bisect_left(self._ranges, (start, 0)), (start, size))

    def claim(self, start: int, size: int, align: int) -> int | None:
        """Take [start, start+size) when align is 0, else the lowest aligned gap; None: refused."""
        if size == 0 or size > self.limit or len(self._ranges) >= MAX_CLAIMS:
            return None
        if align == 0:
            if start + size > self.limit or not self._is_free(start, size):
                return None
        else:
            found = self._lowest_gap(size, 1 << (align - 1).bit_length())
            if found is None:
                return None
            start = found
        self._take(start, size)
        return start

    def _lowest_gap(self, size: int, align: int) -> int | None:
        start = 0
        for taken, length in [*self._ranges, (self.limit, 0)]:
            if start + size <= taken:
                return start
            start = max(start, -(-(taken + length) // align) * align)
        return None

    def release(self, start: int, size: int) -> bool:
        """Give back exactly one claimed range; False when no claim has this start and size."""
        if (start, size) not in self._ranges:
            return False
        self._ranges.remove((start, size))
        return True

    def available(self) -> list[tuple[int, int]]:
        """(start, size) of the gaps, lowest first."""
        gaps = []
        start = 0
        for taken, length in [*self._ranges, (self.limit, 0)]:
            if taken > start:
                gaps.append((start, taken - start))
            start = taken + length
        return gaps
