"""The controller's pages as loads and stores of the guest reach them.

Values of ports are the bytes in memory as a little-endian number; registers are big endian.
"""

from jitppc.spapr.xive.controller import Xive
from jitppc.spapr.xive.places import (
    CONTEXT_PAGES_GRA,
    OS_PAGE_GRA,
    PAGE_SIZE,
    PAIR_LOG2,
    QUEUE_PAGES_GRA,
    SOURCE_PAGES_GRA,
    USER_PAGE_GRA,
)

ALL_ONES = (1 << 64) - 1


def _swapped(value: int, size: int) -> int:
    """The bytes of a number of `size` bytes the other way round."""
    mask = (1 << 8 * size) - 1
    return int.from_bytes((value & mask).to_bytes(size, "little"), "big")


class XivePages:
    """Loads and stores of `[PAGES_START, PAGES_END)`. Where nothing is, loads answer all ones."""

    def __init__(self, xive: Xive) -> None:
        self._xive = xive

    def load(self, gra: int, size: int, vcpu_id: int) -> int:
        value = self._load(gra, size, vcpu_id)
        return _swapped(ALL_ONES if value is None else value, size)

    def _load(self, gra: int, size: int, vcpu_id: int) -> int | None:
        offset = gra & PAGE_SIZE - 1
        if gra >= CONTEXT_PAGES_GRA:
            page = gra - offset
            if page == OS_PAGE_GRA:
                return self._xive.context_load(vcpu_id, offset, size)
            return 0 if page == USER_PAGE_GRA else None
        if not gra & PAGE_SIZE:
            return None
        if gra >= QUEUE_PAGES_GRA:
            return self._xive.queue_load(gra - QUEUE_PAGES_GRA >> PAIR_LOG2, offset)
        return self._xive.management_load(gra - SOURCE_PAGES_GRA >> PAIR_LOG2, offset)

    def store(self, gra: int, size: int, value: int, vcpu_id: int) -> None:
        offset = gra & PAGE_SIZE - 1
        if gra >= CONTEXT_PAGES_GRA:
            if gra - offset == OS_PAGE_GRA:
                self._xive.context_store(vcpu_id, offset, size, _swapped(value, size))
        elif gra >= QUEUE_PAGES_GRA:
            if gra & PAGE_SIZE:
                self._xive.queue_store(gra - QUEUE_PAGES_GRA >> PAIR_LOG2, offset)
        else:
            number = gra - SOURCE_PAGES_GRA >> PAIR_LOG2
            if gra & PAGE_SIZE:
                self._xive.management_store(number, offset)
            else:
                self._xive.trigger_page_store(number)
