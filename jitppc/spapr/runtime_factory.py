"""Where memory and processors come from; the only file of this room that knows the runtime room."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from jitppc.spapr.cpu_models import CpuModel
from jitppc.spapr.ports import GuestMemory, Vcpu, XicsEvents, XiveEvents
from jitppc.spapr.tce import TceTable, TceTables
from jitppc.strategies import Strategy
from jitppc.topology import Topology


class RuntimeFactory(Protocol):
    """Makes what `ports` describes; tests pass fakes."""

    def memory(self, size: int) -> GuestMemory: ...

    def vcpus(self, memory: GuestMemory, model: CpuModel, topology: Topology) -> list[Vcpu]: ...

    def xics(self, memory: GuestMemory, vcpus: list[Vcpu]) -> XicsEvents: ...

    def xive(self, memory: GuestMemory, vcpus: list[Vcpu]) -> XiveEvents: ...


class NativeRuntime:
    """The runtime room, imported when the first machine is made. `options` go to every vCPU."""

    def __init__(self, strategy: str | Strategy, options: dict[str, Any]) -> None:
        self._strategy = strategy
        self._options = options

    def memory(self, size: int) -> GuestMemory:
        from jitppc.runtime.memory import GuestMemory as NativeMemory

        return NativeMemory(size)

    def vcpus(self, memory: Any, model: CpuModel, topology: Topology) -> list[Vcpu]:
        """The vCPUs of a machine, over memory that this factory has made."""
        from jitppc.runtime.factory import make_vcpus

        made = make_vcpus(memory, model.pvr, topology, self._strategy, **self._options)
        for vcpu in made:
            vcpu.has_large_decrementer = model.has_large_decrementer
        return [*made]

    def xics(self, memory: Any, vcpus: Any) -> XicsEvents:
        """The XICS controller of a machine with these."""
        from jitppc.runtime.xics_events import XicsEvents as NativeXics

        events = NativeXics(vcpus[0].engine, memory.vcpu_addresses)
        memory.attach_xics(events.address)
        return events

    def xive(self, memory: Any, vcpus: Any) -> XiveEvents:
        """The XIVE controller of a machine with these; its pages are where `xive_places` says."""
        from jitppc.runtime.xive_events import XiveEvents as NativeXive

        events = NativeXive(
            vcpus[0].engine,
            memory.vcpu_addresses,
            memory.base,
            memory.size,
            memory.owners,
            lambda gra: memory.written(gra, 4),
        )
        memory.attach_xive(events.address)
        return events


def share_windows(memory: Any, tables: TceTables) -> None:
    """Native code changes entries of the tables that stay, if memory is one that it knows."""
    if hasattr(memory, "attach_tces"):
        memory.attach_tces(tables.rows)


def fill_ahead(memory: Any, ranges: Sequence[tuple[int, int]] = ()) -> None:
    """The guest begins or goes on, and needs these ranges [start, end) of memory soon."""
    if hasattr(memory, "fill_ahead"):
        memory.fill_ahead(ranges)


def native_inbox(memory: Any, unit_address: int) -> Any:
    """As `native_lan`, for a device that has a command/response queue."""
    if getattr(memory, "call_native", None) is None:
        return None
    from jitppc.runtime.crq import NativeInbox

    return NativeInbox(memory, unit_address)


def native_output(memory: Any) -> Any:
    """As `native_lan`, for all consoles."""
    if getattr(memory, "call_native", None) is None:
        return None
    from jitppc.runtime.vty import NativeOutput

    return NativeOutput(memory)


def native_scsi(memory: Any, inbox: Any, window: TceTable) -> Any:
    """The native side of a vscsi adapter that has this inbox; None without one."""
    if inbox is None:
        return None
    from jitppc.runtime.vscsi import NativeScsi

    return NativeScsi(memory, inbox, window.address, window.page_count)


def native_queue(memory: Any, requests: int) -> Any:
    """As `native_lan`, for one queue of a virtio device; `requests` as in `ir/virtq_layout.py`."""
    if getattr(memory, "call_native", None) is None:
        return None
    from jitppc.runtime.virtio import NativeQueue

    return NativeQueue(memory, requests)


def native_doorbells(memory: Any) -> Callable[[Sequence[tuple[int, int]]], None]:
    """What is told which stores to devices only ring a bell; nobody, if memory is a fake."""
    if getattr(memory, "call_native", None) is None:
        return lambda rows: None
    use: Callable[[Sequence[tuple[int, int]]], None] = memory.use_doorbells
    return use


def native_lan(memory: Any, window: TceTable) -> Any:
    """The native side of a logical LAN adapter; None with memory that no native code knows."""
    if getattr(memory, "call_native", None) is None:
        return None
    from jitppc.runtime.lan import NativeLan

    return NativeLan(memory, window.liobn, window.address, window.page_count)
