"""What a page of code is called: a hash of its contents, of how it is executed, and of whose
instructions these are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jitppc.ir.layout import PAGE_INFO, PageMode

from .memory import GuestMemory
from .region_file import page_hash
from .region_pages import at


def info_at(page: int) -> Any:
    """The PAGE_INFO at a host address."""
    return np.frombuffer(at(page, PAGE_INFO.itemsize), PAGE_INFO)[0]


def mode_of(info: Any) -> int:
    """How a page is executed; whose instructions these are is another question."""
    return int(info["mode"]) & PageMode.EXECUTION


class PageNames:
    """Names of pages, each made once for a generation of its page; `state` says the processor."""

    def __init__(self, memory: GuestMemory, state: Any) -> None:
        self._memory, self._state = memory, state
        self._names: dict[int, tuple[int, int, bytes]] = {}   # page -> generation, models, name

    def models_of(self, info: Any) -> int:
        """Whose instructions a page was decoded as; 0 when regions cannot hold them."""
        mode = int(info["mode"])
        if mode & PageMode.NARROW:
            return 0
        return int(self._state["problem_models" if mode & PageMode.RESTRICTED else "models"])

    def find(self, page: int, generation: int) -> bytes | None:
        """The name of a page's contents, if it is still of this generation and translatable."""
        info = info_at(page)
        models = self.models_of(info)
        if int(info["generation"]) != generation or not models:
            return None
        known = self._names.get(page)
        if known is None or known[:2] != (generation, models):
            name = page_hash(self._memory.read(int(info["gra"]), 4096), models, mode_of(info))
            known = self._names[page] = generation, models, name
        return known[2]
