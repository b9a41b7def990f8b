"""virtio-balloon: the guest gives memory back to the host, and tells how much it has.

Pages are 4 KiB here, whatever the guest's own are.

Ref: virtio 1.2, 5.5 (traditional memory balloon device).
"""

import struct
import threading
from collections.abc import Callable

import numpy as np

from jitppc.devices.virtio.queue import Chain
from jitppc.devices.virtio.served import QUEUE_SIZE, ServedDevice, ServedQueue

F_MUST_TELL_HOST = 1 << 0
F_STATS_VQ = 1 << 1
F_DEFLATE_ON_OOM = 1 << 2
F_FREE_PAGE_HINT = 1 << 3
F_PAGE_POISON = 1 << 4
F_PAGE_REPORTING = 1 << 5

PAGE_LOG2 = 12
PAGE = 1 << PAGE_LOG2
#: num_pages, actual, free_page_hint_cmd_id, poison_val
CONFIG = struct.Struct("<IIII")
ACTUAL_OFFSET, POISON_OFFSET = 4, 12
STAT = struct.Struct("<HQ")
STATS = (
    "swap-in", "swap-out", "major-faults", "minor-faults", "free-memory", "total-memory",
    "available-memory", "disk-caches", "htlb-pgalloc", "htlb-pgfail",
)  # fmt: skip
#: Of one buffer.
MAX_PAGES = 1 << 16
MAX_STATS = 64
ROLES = ("inflate", "deflate", "stats", "hint", "report")


class VirtioBalloon(ServedDevice):
    """`give_back(address, count)` makes that part of guest memory the host's again: it reads as
    zeroes then. What is outside of memory it ignores.
    """

    device_id = 5
    class_code = 0x00FF00
    name = "virtio-balloon"

    def __init__(
        self,
        memory_size: int,
        give_back: Callable[[int, int], None],
        *,
        deflate_on_oom: bool = False,
        free_page_reporting: bool = False,
    ) -> None:
        # All queues are offered, or drivers disagree on the number of the last one.
        features = F_STATS_VQ | F_FREE_PAGE_HINT | F_PAGE_POISON
        features |= F_DEFLATE_ON_OOM if deflate_on_oom else 0
        features |= F_PAGE_REPORTING if free_page_reporting else 0
        super().__init__(features, [QUEUE_SIZE] * len(ROLES))
        self.memory_size = memory_size
        self._give_back = give_back
        self.wanted_pages = 0
        self.given_back = 0  # bytes, ever
        self._news = threading.Condition()
        self._forget()

    def _forget(self) -> None:
        """What a reset of the device forgets."""
        self.actual_pages = 0
        self.poison = 0
        self._roles: dict[int, str] = {}
        self._statistics: dict[str, int] = {}
        self._statistics_round = 0
        self._stats_chain: Chain | None = None

    # The host's side.

    def set_target(self, memory: int) -> None:
        """The guest is asked to live in `memory` bytes, at most what it has."""
        pages = max(0, self.memory_size - memory) >> PAGE_LOG2
        if pages != self.wanted_pages:
            self.wanted_pages = pages
            self.config_changed()

    @property
    def guest_memory(self) -> int:
        """Bytes that the guest has now, as it says."""
        return max(0, self.memory_size - (self.actual_pages << PAGE_LOG2))

    def wait_for(self, is_so: Callable[[], bool], timeout: float) -> bool:
        """True as soon as it is so; looked at whenever the guest says something."""
        with self._news:
            return self._news.wait_for(is_so, timeout)

    def statistics(self, timeout: float = 1.0) -> dict[str, int]:
        """The guest's numbers, asked for now; those of before when it does not answer in time."""
        with self._news:
            before = self._statistics_round
            queue = next((q for q in self.queues if q and self._is(q, "stats")), None)
            if self.is_active and queue is not None:
                queue.doorbell.ring()
                self._news.wait_for(lambda: self._statistics_round != before, timeout)
            return dict(self._statistics)

    # Configuration. Ref: virtio 1.2, 5.5.4.

    def config(self) -> bytes:
        return CONFIG.pack(self.wanted_pages, self.actual_pages, 0, self.poison)

    def write_config(self, offset: int, data: bytes) -> None:
        if offset == ACTUAL_OFFSET and len(data) == 4:
            with self._news:
                self.actual_pages = int.from_bytes(data, "little")
                self._news.notify_all()
        elif offset == POISON_OFFSET and len(data) == 4:  # before DRIVER_OK
            self.poison = int.from_bytes(data, "little")

    # Life.

    def activated(self) -> None:
        """Which queue is what: Linux numbers those that it uses, the specification all.

        They differ when hints are not negotiated; then reports come on the queue that is there.
        """
        has = self.negotiated
        used = ["inflate", "deflate"] + ["stats"] * bool(has & F_STATS_VQ)
        used += ["hint"] * bool(has & F_FREE_PAGE_HINT)
        used += ["report"] * bool(has & F_PAGE_REPORTING)
        is_spelled_out = self.queues[4] is not None
        self._roles = dict(enumerate(ROLES if is_spelled_out else used))

    def deactivated(self) -> None:
        with self._news:
            self._forget()
            self._news.notify_all()

    def _is(self, queue: ServedQueue, role: str) -> bool:
        return self._roles.get(queue.index) == role

    def serve(self, queue: ServedQueue) -> None:
        if self._is(queue, "stats"):
            self._serve_stats(queue)
        else:
            super().serve(queue)

    def handle(self, queue: ServedQueue, chain: Chain) -> int:
        """Pages taken or given. Hints, which are for migration, and deflation need nothing."""
        if self._is(queue, "inflate"):
            data = chain.read(4 * MAX_PAGES)
            self._take(np.frombuffer(data[: len(data) & ~3], "<u4"))
        elif self._is(queue, "report") and not self.poison:
            for address, count in chain.writable_ranges:
                start, end = -(-address // PAGE), (address + count) // PAGE
                self._return(start, end - start)
        return 0

    def _take(self, numbers: np.ndarray) -> None:
        """Pages of the balloon; neighbours go together."""
        pages = np.unique(numbers.astype(np.int64))
        if not len(pages):
            return
        breaks = np.flatnonzero(np.diff(pages) != 1) + 1
        for run in np.split(pages, breaks):
            self._return(int(run[0]), len(run))

    def _return(self, page: int, count: int) -> None:
        if count > 0:
            self.given_back += count << PAGE_LOG2
            self._give_back(page << PAGE_LOG2, count << PAGE_LOG2)

    def _serve_stats(self, queue: ServedQueue) -> None:
        """The driver keeps one buffer here; giving it back asks for new numbers.

        Ref: virtio 1.2, 5.5.6.3 (memory statistics).
        """
        chain = queue.take()
        if chain is None:  # somebody asks
            if self._stats_chain is not None:
                queue.give_back(self._stats_chain, 0)
                self._stats_chain = None
            return
        data = chain.read(STAT.size * MAX_STATS)
        found = STAT.iter_unpack(data[: len(data) // STAT.size * STAT.size])
        with self._news:
            self._stats_chain = chain
            self._statistics = {STATS[tag]: value for tag, value in found if tag < len(STATS)}
            self._statistics_round += 1
            self._news.notify_all()
