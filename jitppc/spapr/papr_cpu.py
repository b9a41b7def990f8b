"""The narrow view that hypercalls and RTAS calls get: one vCPU and the services it may ask for."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from jitppc.numa import Numa
from jitppc.spapr.guest_mmio import GuestMmio
from jitppc.spapr.interrupts import Interrupts
from jitppc.spapr.of_client import OfClient
from jitppc.spapr.of_state import OfState
from jitppc.spapr.partition import Partition, VcpuRecord
from jitppc.spapr.pci.host_bridge import HostBridge
from jitppc.spapr.ports import GuestMemory, Vcpu
from jitppc.spapr.rtas.clock import RtcClock
from jitppc.spapr.rtas.event_log import EventQueue
from jitppc.spapr.tce import TceTables
from jitppc.spapr.vio.bus import VioBus
from jitppc.spapr.vio.nvram import Nvram
from jitppc.spapr.vio.vty import Vty
from jitppc.spapr.watchdog import Watchdogs


class Power(Protocol):
    """How the guest ends or restarts its machine. Nothing happens before the call has returned."""

    @property
    def is_requested(self) -> bool: ...

    def power_off(self) -> None: ...

    def reboot(self) -> None: ...

    def panic(self, text: str) -> None: ...


@dataclass(slots=True)
class Platform:
    """The services of one machine between two resets; shared by the views of all vCPUs.

    `bridges` are PCI host bridges by BUID. `client` is our own Open Firmware; None when the guest
    runs firmware, to which `firmware` is what it negotiates with.
    """

    has_radix: bool
    may_resize_hash_table: bool
    memory: GuestMemory
    partition: Partition
    interrupts: Interrupts
    vio: VioBus
    nvram: Nvram
    firmware: OfState
    client: OfClient | None
    power: Power
    events: EventQueue
    clock: RtcClock
    watchdogs: Watchdogs
    mmio: GuestMmio
    numa: Numa | None = None
    tces: TceTables = field(default_factory=TceTables)
    bridges: Mapping[int, HostBridge] = field(default_factory=dict)
    uuid: bytes = bytes(16)
    random_bytes: Callable[[int], bytes] = os.urandom


@dataclass(slots=True)
class PaprCpu:
    """What an hypercall or RTAS handler is called with."""

    record: VcpuRecord
    platform: Platform
    memory: GuestMemory = field(init=False)
    partition: Partition = field(init=False)
    interrupts: Interrupts = field(init=False)

    def __post_init__(self) -> None:
        self.memory = self.platform.memory
        self.partition = self.platform.partition
        self.interrupts = self.platform.interrupts

    @property
    def vcpu(self) -> Vcpu:
        return self.record.vcpu

    def vty(self, unit_address: int) -> Vty | None:
        """The console with this unit address; 0 means the one with the lowest."""
        if unit_address:
            device = self.platform.vio.device(unit_address)
            return device if isinstance(device, Vty) else None
        return next((d for d in self.platform.vio.devices() if isinstance(d, Vty)), None)
