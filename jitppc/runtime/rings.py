"""What a vCPU tells its translator: words that became hot, pages executed for the first time."""

from __future__ import annotations

import numpy as np

from jitppc.ir.layout import HOT, HOT_RING, SEEN, SEEN_RING

from .code_space import aligned_zeros
from .vcpu import Vcpu


class Rings:
    """The two rings of one vCPU; one thread asks them."""

    def __init__(self, vcpu: Vcpu) -> None:
        self.state, self.space = vcpu.state, vcpu.space
        self.hot = aligned_zeros(HOT.itemsize * HOT_RING).view(HOT)
        self.seen = aligned_zeros(SEEN.itemsize * SEEN_RING).view(SEEN)
        self.state["hot_ring"] = self.hot.ctypes.data
        self.state["seen_ring"] = self.seen.ctypes.data

    @property
    def has_news(self) -> bool:
        """Something is told since the last call of `told`."""
        return any(self.state[f"{n}_tail"] != self.state[f"{n}_head"] for n in ("hot", "seen"))

    def told(self, ring: np.ndarray, name: str) -> list[tuple[int, ...]]:
        """The entries of a ring since the last call."""
        first, end = int(self.state[f"{name}_tail"]), int(self.state[f"{name}_head"])
        entries: list[tuple[int, ...]] = [ring[n % len(ring)].tolist() for n in range(first, end)]
        self.state[f"{name}_tail"] = end
        return entries

    def close(self) -> None:
        """Nothing is told any more."""
        self.state["hot_ring"] = self.state["seen_ring"] = 0
