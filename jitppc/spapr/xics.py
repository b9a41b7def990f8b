"""The PAPR interrupt controller: one presentation controller per vCPU, one source controller.

A source is delivered to a presentation controller (ICP) when its priority is more favoured
(smaller) than the ICP's CPPR and than whatever is pending there; otherwise it is rejected and
tried again when the CPPR rises. Everything is under one lock: device threads raise sources, vCPU
threads take them.
Ref: LoPAR 10.2.3 (PAPR interrupt controller), 14.5.4.6 (its hypercalls).
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from jitppc.spapr.ports import InterruptLine

SOURCE_BASE = 0x1000
SOURCE_COUNT = 0x1000
IPI_SOURCE = 2
LEAST_FAVOURED = 0xFF
"""Priority of a masked source, MFRR of no request, CPPR of "take everything"."""


@dataclass(slots=True)
class Source:
    """One interrupt source. `is_level` ones (LSI) stay asserted, others are pulses."""

    number: int
    server: int = 0
    priority: int = LEAST_FAVOURED
    saved_priority: int = LEAST_FAVOURED
    is_level: bool = False
    is_asserted: bool = False
    is_sent: bool = False
    is_rejected: bool = False
    is_masked_pending: bool = False


@dataclass(slots=True)
class Icp:
    """Presentation state of one server: priorities, and the source that its line stands for."""

    line: InterruptLine
    cppr: int = 0
    mfrr: int = LEAST_FAVOURED
    pending: int = 0
    pending_priority: int = LEAST_FAVOURED

    @property
    def xirr(self) -> int:
        return self.cppr << 24 | self.pending

    def present(self, number: int, priority: int) -> None:
        self.pending, self.pending_priority = number, priority
        self.line.set_external(True)

    def withdraw(self) -> int:
        """The line is down; the source that had it (0: none) comes back."""
        number, self.pending, self.pending_priority = self.pending, 0, LEAST_FAVOURED
        self.line.set_external(False)
        return number


class Xics:
    """Sources 0x1000 to 0x1fff and one server per vCPU, numbered as the vCPUs are."""

    def __init__(self, lines: Sequence[InterruptLine]) -> None:
        self._lock = threading.RLock()
        self._icps = [Icp(line) for line in lines]
        self._sources: dict[int, Source] = {}

    def reset(self) -> None:
        """No priority, nothing pending, all sources masked; levels of level sources stay."""
        with self._lock:
            for icp in self._icps:
                icp.withdraw()
                icp.cppr, icp.mfrr = 0, LEAST_FAVOURED
            for number, old in self._sources.items():
                fresh = Source(number, is_level=old.is_level, is_asserted=old.is_asserted)
                self._sources[number] = fresh

    def claim(self, number: int, is_level: bool = False) -> None:
        """Source `number` exists from now on."""
        with self._lock:
            is_inside = SOURCE_BASE <= number < SOURCE_BASE + SOURCE_COUNT
            if not is_inside or number in self._sources:
                raise ValueError(f"interrupt source {number:#x} is outside the range or taken")
            self._sources[number] = Source(number, is_level=is_level)

    def release(self, number: int) -> None:
        """Source `number` does not exist any more; what it still had pending is gone."""
        with self._lock:
            del self._sources[number]
            for icp in self._icps:
                if icp.pending == number:
                    icp.withdraw()

    def has_source(self, number: int) -> bool:
        return number in self._sources

    def has_server(self, server: int) -> bool:
        return 0 <= server < len(self._icps)

    # What devices do.

    def pulse(self, number: int) -> None:
        """An edge on source `number`: delivered, or remembered while masked.

        Nothing happens when the source has been released: its device did not know yet.
        """
        with self._lock:
            source = self._sources.get(number)
            if source is None:
                return
            if source.priority == LEAST_FAVOURED:
                source.is_masked_pending = True
            else:
                self._deliver(source)

    def set_level(self, number: int, level: bool) -> None:
        """The level of source `number` is `level`."""
        with self._lock:
            source = self._sources[number]
            source.is_asserted = level
            self._resend_source(source)

    # What RTAS does (ibm,set-xive and its siblings).

    def get_xive(self, number: int) -> tuple[int, int]:
        with self._lock:
            return self._sources[number].server, self._sources[number].priority

    def set_xive(self, number: int, server: int, priority: int) -> None:
        with self._lock:
            source = self._sources[number]
            source.server, source.priority, source.saved_priority = server, priority, priority
            self._after_unmask(source)

    def mask(self, number: int) -> None:
        """Ref: LoPAR 7.3.10.3 (ibm,int-off): the priority is kept for int-on."""
        with self._lock:
            source = self._sources[number]
            if source.priority != LEAST_FAVOURED:
                source.saved_priority, source.priority = source.priority, LEAST_FAVOURED

    def unmask(self, number: int) -> None:
        """Ref: LoPAR 7.3.10.4 (ibm,int-on)."""
        with self._lock:
            source = self._sources[number]
            source.priority = source.saved_priority
            self._after_unmask(source)

    # What hypercalls do.

    def set_cppr(self, server: int, cppr: int) -> None:
        with self._lock:
            icp = self._icps[server]
            icp.cppr = cppr
            if icp.pending and icp.pending_priority >= cppr:
                self._reject(icp.withdraw())
            if not icp.pending:
                self._resend(server)

    def set_mfrr(self, server: int, mfrr: int) -> None:
        with self._lock:
            icp = self._icps[server]
            icp.mfrr = mfrr
            if icp.pending == IPI_SOURCE and mfrr >= icp.pending_priority:
                icp.withdraw()
                self._resend(server)
            else:
                self._check_ipi(icp)

    def accept(self, server: int) -> int:
        """XIRR as it was; what was pending is now in service and sets the CPPR."""
        with self._lock:
            icp = self._icps[server]
            xirr = icp.xirr
            if icp.pending:
                icp.cppr = icp.pending_priority
                icp.withdraw()
            return xirr

    def end_of_interrupt(self, server: int, xirr: int) -> None:
        with self._lock:
            source = self._sources.get(xirr & 0xFFFFFF)
            if source is not None:
                source.is_sent = False
            self.set_cppr(server, xirr >> 24 & 0xFF)

    def poll(self, server: int) -> tuple[int, int]:
        """(XIRR, MFRR) without accepting."""
        with self._lock:
            icp = self._icps[server]
            return icp.xirr, icp.mfrr

    # Delivery.

    def _after_unmask(self, source: Source) -> None:
        if source.priority == LEAST_FAVOURED:
            return
        if source.is_level:
            self._resend_source(source)
        elif source.is_masked_pending:
            source.is_masked_pending = False
            self._deliver(source)

    def _deliver(self, source: Source) -> None:
        icp = self._icps[source.server]
        source.is_sent = True
        if source.priority < min(icp.cppr, icp.pending_priority):
            displaced = icp.pending
            icp.present(source.number, source.priority)
            self._reject(displaced)
        else:
            self._reject(source.number)

    def _reject(self, number: int) -> None:
        source = self._sources.get(number)
        if source is not None:
            source.is_sent = False
            source.is_rejected = not source.is_level

    def _check_ipi(self, icp: Icp) -> None:
        if icp.mfrr < min(icp.cppr, icp.pending_priority):
            displaced = icp.pending
            icp.present(IPI_SOURCE, icp.mfrr)
            self._reject(displaced)

    def _resend(self, server: int) -> None:
        self._check_ipi(self._icps[server])
        for source in self._sources.values():
            if source.server == server:
                self._resend_source(source)

    def _resend_source(self, source: Source) -> None:
        if source.is_level:
            if source.is_asserted and not source.is_sent and source.priority != LEAST_FAVOURED:
                self._deliver(source)
        elif source.is_rejected:
            source.is_rejected = False
            if source.priority == LEAST_FAVOURED:
                source.is_masked_pending = True
            else:
                self._deliver(source)
