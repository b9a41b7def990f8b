"""The interrupt controllers of a machine, and the one that is in use.

Devices know this port only: sources by number, edges, levels. Which controller delivers them is
for the guest to say at client-architecture-support; it is switched in place.
Ref: reference §1.2 (ic-mode), §4.6, §6.1.
"""

from enum import Enum

from jitppc.errors import OptionError
from jitppc.spapr.cpu_models import CpuModel
from jitppc.spapr.ports import XicsEvents, XiveEvents
from jitppc.spapr.xics import Xics
from jitppc.spapr.xive.controller import Xive


class IcMode(Enum):
    """Which controllers the guest may use; the value is that of option vector 5, byte 23."""

    XICS = 0x00
    XIVE = 0x40
    DUAL = 0x80


def ic_mode(name: str, model: CpuModel, newest: CpuModel | None) -> IcMode:
    """What `-M ic-mode=name` comes to; before POWER9, and in such modes, there is XICS only."""
    names = {mode.name.lower(): mode for mode in IcMode}
    if name not in names:
        raise OptionError(f"ic-mode {name!r} is unknown; there are {', '.join(names)}")
    has_xive = (newest or model).has_xive
    if names[name] is IcMode.XIVE and not has_xive:
        raise OptionError(f"ic-mode=xive needs POWER9 or later, not {(newest or model).name}")
    return names[name] if has_xive else IcMode.XICS


class Interrupts:
    """`xics` and `xive` know all sources; the one not in use has all of them masked."""

    def __init__(
        self, xics: XicsEvents, xive: XiveEvents, mode: IcMode = IcMode.XICS
    ) -> None:
        self.mode = mode
        self.xics, self.xive = Xics(xics), Xive(xive)
        self._active: Xics | Xive = self.xics
        self.reset()

    @property
    def is_xive(self) -> bool:
        """The guest uses XIVE now."""
        return self._active is self.xive

    def reset(self) -> None:
        """As after power-on: XICS is in use where there is a choice."""
        self.choose(is_xive=self.mode is IcMode.XIVE)

    def choose(self, *, is_xive: bool) -> None:
        """This controller is in use. Nothing is configured or pending; levels stay."""
        self.xics.reset()
        self.xive.reset()
        self._active = self.xive if is_xive else self.xics
        self.xics.is_active, self.xive.is_active = not is_xive, is_xive

    # What devices do.

    def claim(self, number: int, is_level: bool = False) -> None:
        """Source `number` exists from now on."""
        self.xics.claim(number, is_level)
        self.xive.claim(number, is_level)

    def release(self, number: int) -> None:
        self.xics.release(number)
        self.xive.release(number)

    def has_source(self, number: int) -> bool:
        return self.xics.has_source(number)

    def pulse(self, number: int) -> None:
        """An edge on source `number`. Any thread may call."""
        self._active.pulse(number)

    def set_level(self, number: int, level: bool) -> None:
        """The level of source `number` is `level`. Any thread may call."""
        self.xics.set_level(number, level)
        self.xive.set_level(number, level)
