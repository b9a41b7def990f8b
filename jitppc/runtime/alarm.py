"""What wakes an idle vCPU."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from jitppc.bell import Bell


class Alarm(Bell):
    """A bell that is rung in vain, and for nothing, while nobody waits for it.

    Native code rings it if `waited_for[0]` is 1.
    """

    def __init__(self, waited_for: Any = None) -> None:
        super().__init__()
        self._waited_for = np.zeros(1, np.uint64) if waited_for is None else waited_for
        self._barrier = threading.Lock()

    def arm(self) -> None:
        """Rings count from now on; the caller then looks whether it needs to wait at all."""
        self._waited_for[0] = 1
        with self._barrier:                          # a full barrier: the look comes after it
            pass

    def disarm(self) -> None:
        """Nobody waits: ringing costs nothing."""
        self._waited_for[0] = 0

    def ring(self) -> None:
        if self._waited_for[0]:
            super().ring()
