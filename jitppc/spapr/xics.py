"""The PAPR interrupt controller as devices, RTAS and hypercalls see it.

What happens is native, and so are the guest's hypercalls unless somebody looks at them
(jitppc.runtime.native.xics). Any thread may call.
Ref: LoPAR 10.2.3 (PAPR interrupt controller), 14.5.4.6 (its hypercalls).
"""

from jitppc.ir import xics_layout
from jitppc.spapr.ports import XicsEvents


class Xics:
    """Sources 0x1000 to 0x1fff and one server per vCPU, numbered as the vCPUs are."""

    def __init__(self, events: XicsEvents) -> None:
        self._events = events
        self._ask = events.ask
        self.reset()

    @property
    def is_active(self) -> bool:
        """The guest uses it."""
        return self._events.is_active

    @is_active.setter
    def is_active(self, value: bool) -> None:
        self._events.is_active = value

    def reset(self) -> None:
        """No priority, nothing pending, all sources masked; levels of level sources stay."""
        self._ask(xics_layout.RESET)

    def claim(self, number: int, is_level: bool = False) -> None:
        """Source `number` exists from now on."""
        place = number - xics_layout.SOURCE_BASE
        if not 0 <= place < xics_layout.SOURCE_COUNT or self.has_source(number):
            raise ValueError(f"interrupt source {number:#x} is outside the range or taken")
        self._ask(xics_layout.CLAIM, number, int(is_level))

    def release(self, number: int) -> None:
        """Source `number` does not exist any more; what it still had pending is gone."""
        self._ask(xics_layout.RELEASE, number)

    def has_source(self, number: int) -> bool:
        return self._events.has_source(number)

    def has_server(self, server: int) -> bool:
        return 0 <= server < self._events.count

    # What devices do. Nothing happens when the source has been released: they did not know yet.

    def pulse(self, number: int) -> None:
        """An edge on source `number`: delivered, or remembered while masked."""
        self._ask(xics_layout.PULSE, number)

    def set_level(self, number: int, level: bool) -> None:
        """The level of source `number` is `level`."""
        self._ask(xics_layout.LEVEL, number, int(level))

    # What RTAS does (ibm,set-xive and its siblings), with sources and servers that are there.

    def get_xive(self, number: int) -> tuple[int, int]:
        """Server and priority."""
        found = self._ask(xics_layout.GET_XIVE, number)
        return found >> 8, found & 0xFF

    def set_xive(self, number: int, server: int, priority: int) -> None:
        self._ask(xics_layout.SET_XIVE, number, server, priority)

    def mask(self, number: int) -> None:
        """Ref: LoPAR 7.3.10.3 (ibm,int-off): the priority is kept for int-on."""
        self._ask(xics_layout.MASK, number)

    def unmask(self, number: int) -> None:
        """Ref: LoPAR 7.3.10.4 (ibm,int-on)."""
        self._ask(xics_layout.UNMASK, number)

    # What hypercalls do, with servers that are there.

    def set_cppr(self, server: int, cppr: int) -> None:
        self._ask(xics_layout.SET_CPPR, server, cppr)

    def set_mfrr(self, server: int, mfrr: int) -> None:
        self._ask(xics_layout.SET_MFRR, server, mfrr)

    def accept(self, server: int) -> int:
        """XIRR as it was; what was pending is now in service and sets the CPPR."""
        return self._ask(xics_layout.ACCEPT, server)

    def end_of_interrupt(self, server: int, xirr: int) -> None:
        """The source in `xirr` is no longer in service; the CPPR is that of `xirr`."""
        self._ask(xics_layout.END, server, xirr)

    def poll(self, server: int) -> tuple[int, int]:
        """(XIRR, MFRR) without accepting."""
        found = self._ask(xics_layout.POLL, server)
        return found & 0xFFFF_FFFF, found >> 32
