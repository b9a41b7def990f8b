"""What wakes an idle vCPU."""

from __future__ import annotations

from jitppc.bell import Bell


class Alarm(Bell):
    """A bell that is rung in vain, and for nothing, while nobody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self._is_waited_for = False

    def arm(self) -> None:
        """Rings count from now on; the caller then looks whether it needs to wait at all."""
        self._is_waited_for = True

    def disarm(self) -> None:
        """Nobody waits: ringing costs nothing."""
        self._is_waited_for = False

    def ring(self) -> None:
        if self._is_waited_for:
            super().ring()
