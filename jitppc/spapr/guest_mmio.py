"""What answers outside RAM: the pages of the XIVE controller while it is in use, else PCI.

Guest code's loads and stores of those pages do not come here (runtime/native/access.py).
"""

from jitppc.ir.xive_places import PAGES_END, PAGES_START
from jitppc.spapr.interrupts import Interrupts
from jitppc.spapr.pci.mmio import MmioMap
from jitppc.spapr.ports import XiveEvents


class GuestMmio:
    """`Mmio` of a whole machine."""

    def __init__(self, pci: MmioMap, interrupts: Interrupts, xive: XiveEvents) -> None:
        self._pci, self._interrupts, self._xive = pci, interrupts, xive

    def _is_xive(self, gra: int, size: int) -> bool:
        is_inside = PAGES_START <= gra and gra + size <= PAGES_END
        return is_inside and self._interrupts.is_xive

    def has(self, gra: int, size: int) -> bool:
        """Something answers at all of these bytes."""
        return self._is_xive(gra, size) or self._pci.place(gra, size) is not None

    def load(self, gra: int, size: int, vcpu_id: int) -> int:
        if self._is_xive(gra, size):
            return self._xive.load(gra, size, vcpu_id)
        return self._pci.load(gra, size)

    def store(self, gra: int, size: int, value: int, vcpu_id: int) -> None:
        if self._is_xive(gra, size):
            self._xive.store(gra, size, value, vcpu_id)
        else:
            self._pci.store(gra, size, value)
