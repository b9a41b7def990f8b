"""A CD-ROM drive as a unit of a target."""

from collections import deque
from typing import ClassVar

from jitppc.devices.ports import BlockBackend
from jitppc.devices.scsi import (
    commands,  # noqa: F401  (fills the table)
    sense,
)
from jitppc.devices.scsi.multimedia import PROFILE_CD_ROM, PROFILE_DVD_ROM, PROFILE_NONE
from jitppc.devices.scsi.sense import Sense
from jitppc.devices.scsi.table import CD_ROM
from jitppc.devices.scsi.unit import Identity, LogicalUnit

SECTOR_SIZE = 2048
CD_MAX_SECTORS = 80 * 60 * 75
"""A compact disc of 80 minutes; larger images are DVDs."""
CDROM_IDENTITY = Identity(product="QEMU CD-ROM")

NO_EVENT, EJECT_REQUESTED, NEW_MEDIUM, MEDIUM_REMOVED = range(4)
MAX_EVENTS = 8


class Cdrom(LogicalUnit):
    """A drive with a tray. What the guest ejects stays in the tray; the host takes it out.

    Ref: MMC-6 6.7 (media events), 6.42 (tray).
    """

    kind: ClassVar[int] = CD_ROM
    is_removable: ClassVar[bool] = True

    def __init__(
        self, medium: BlockBackend | None = None, identity: Identity = CDROM_IDENTITY
    ) -> None:
        super().__init__(None, identity, SECTOR_SIZE)
        self.is_locked = False
        self.is_open = False
        self._tray = medium
        self._events: deque[int] = deque(maxlen=MAX_EVENTS)
        self.medium = medium
        if medium is not None:
            self._events.append(NEW_MEDIUM)

    @property
    def is_read_only(self) -> bool:
        return True

    @property
    def profile(self) -> int:
        """Ref: MMC-6 5.3.1 (profile list)."""
        if self.medium is None:
            return PROFILE_NONE
        return PROFILE_CD_ROM if self.block_count <= CD_MAX_SECTORS else PROFILE_DVD_ROM

    def medium_sense(self) -> Sense | None:
        if self.medium is not None:
            return None
        return sense.NO_MEDIUM_TRAY_OPEN if self.is_open else sense.NO_MEDIUM_TRAY_CLOSED

    def take_event(self) -> int:
        """The oldest media event that the guest has not read."""
        with self._lock:
            return self._events.popleft() if self._events else NO_EVENT

    def open_tray(self, is_forced: bool = False) -> bool:
        """False when the guest has locked a medium in; it is asked to let go then."""
        with self._lock:
            if self.is_locked and self.medium is not None and not is_forced:
                return False
            if not self.is_open:
                self.is_open, self.is_locked = True, False
                self._lose_medium()
        return True

    def close_tray(self) -> None:
        """What is in the tray can be read again."""
        with self._lock:
            if self.is_open:
                self.is_open = False
                self._find_medium()

    def request_eject(self) -> bool:
        """As if the button of the drive was pressed: True when the tray opened."""
        if self.open_tray():
            return True
        with self._lock:
            self._events.append(EJECT_REQUESTED)
        return False

    def change(self, medium: BlockBackend | None) -> BlockBackend | None:
        """Another medium (None: none) is in the closed drive; the one before it comes back."""
        with self._lock:
            before, self._tray = self._tray, medium
            self._lose_medium()
            self.is_open = self.is_locked = False
            self._find_medium()
        return before

    def reset(self, why: Sense = sense.POWER_ON_RESET) -> None:
        with self._lock:
            super().reset(why)
            self.is_locked = False

    def _lose_medium(self) -> None:
        if self.medium is not None:
            self.medium = None
            self._events.append(MEDIUM_REMOVED)

    def _find_medium(self) -> None:
        if self._tray is not None:
            self.medium = self._tray
            self._events.append(NEW_MEDIUM)
            self.attention(sense.MEDIUM_CHANGED)
