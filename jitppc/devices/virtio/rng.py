"""virtio-rng: random bytes of the host.

Ref: virtio 1.2, 5.4 (entropy device).
"""

import os
import time
from collections.abc import Callable

from jitppc.devices.virtio.queue import Chain
from jitppc.devices.virtio.served import QUEUE_SIZE, ServedDevice, ServedQueue

#: Of one buffer; the driver asks again for more.
MAX_BYTES = 1 << 16


class VirtioRng(ServedDevice):
    """`max_bytes` in `period` seconds are the most the guest gets; 0: as many as it asks for."""

    device_id = 4
    class_code = 0x00FF00
    name = "virtio-rng"

    def __init__(
        self,
        source: Callable[[int], bytes] = os.urandom,
        max_bytes: int = 0,
        period: float = 65.536,
    ) -> None:
        super().__init__(0, [QUEUE_SIZE])
        self._source = source
        self._max_bytes, self._period = max_bytes, period
        self._left, self._period_end = max_bytes, 0.0

    def _allowed(self, wanted: int) -> int:
        """How many of `wanted` bytes the guest may have now; waits for the next period."""
        if not self._max_bytes:
            return wanted
        while self.is_active:
            now = time.monotonic()
            if now >= self._period_end:
                self._left, self._period_end = self._max_bytes, now + self._period
            if self._left:
                count = min(wanted, self._left)
                self._left -= count
                return count
            time.sleep(min(0.05, max(0.0, self._period_end - now)))
        return 0

    def handle(self, queue: ServedQueue, chain: Chain) -> int:
        wanted = min(chain.writable_bytes(), MAX_BYTES)
        return chain.write(self._source(self._allowed(wanted)))
