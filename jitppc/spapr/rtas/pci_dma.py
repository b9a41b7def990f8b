"""Dynamic DMA windows: the guest makes room for all of its memory on a host bridge's bus.

Ref: LoPAR 7.3.11.4.1 to 7.3.11.4.4 (ibm,query-pe-dma-window and its siblings); reference §7.6.
The partitionable endpoint is the whole bridge; the address of a function on it is not looked at.
"""

from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.pci.dma_windows import PAGE_SIZE_MASK
from jitppc.spapr.pci.host_bridge import HostBridge
from jitppc.spapr.rtas.status import Status
from jitppc.spapr.rtas.table import RtasResult, rtas
from jitppc.spapr.tce import MAX_ENTRIES

NO_MIGRATION = 0
assert MAX_ENTRIES < 1 << 32, "its upper cell is 0 below"


def _bridge(cpu: PaprCpu, buid_hi: int, buid_lo: int) -> HostBridge | None:
    return cpu.platform.bridges.get(buid_hi << 32 | buid_lo)


@rtas(0x26, "ibm,query-pe-dma-window", (3, 5), (3, 6), tell_results=True)
def query_pe_dma_window(
    cpu: PaprCpu, address: int, buid_hi: int, buid_lo: int, *, result_count: int
) -> RtasResult:
    """Windows that can be made, entries that one can have (of 6 results two), page sizes."""
    bridge = _bridge(cpu, buid_hi, buid_lo)
    if bridge is None:
        return Status.PARAMETER
    largest = (0, MAX_ENTRIES)[6 - result_count :]
    available = bridge.dma_windows.available
    return Status.SUCCESS, available, *largest, PAGE_SIZE_MASK, NO_MIGRATION


@rtas(0x27, "ibm,create-pe-dma-window", (5, 4))
def create_pe_dma_window(
    cpu: PaprCpu, address: int, buid_hi: int, buid_lo: int, page_shift: int, window_shift: int
) -> RtasResult:
    """LIOBN and bus address (two cells) of a new window."""
    bridge = _bridge(cpu, buid_hi, buid_lo)
    if bridge is None:
        return Status.PARAMETER
    table = bridge.dma_windows.create(page_shift, window_shift)
    if table is None:
        return Status.HARDWARE
    start = table.bus_offset
    return Status.SUCCESS, table.liobn, start >> 32, start & 0xFFFFFFFF


@rtas(0x28, "ibm,remove-pe-dma-window", (1, 1))
def remove_pe_dma_window(cpu: PaprCpu, liobn: int) -> RtasResult:
    """The window is gone; the last of those that were made brings the default one back."""
    bridges = cpu.platform.bridges.values()
    was_there = any(bridge.dma_windows.remove(liobn) for bridge in bridges)
    return Status.SUCCESS if was_there else Status.PARAMETER


@rtas(0x29, "ibm,reset-pe-dma-window", (3, 1))
def reset_pe_dma_window(cpu: PaprCpu, address: int, buid_hi: int, buid_lo: int) -> RtasResult:
    """Only the default window is there."""
    bridge = _bridge(cpu, buid_hi, buid_lo)
    if bridge is None:
        return Status.PARAMETER
    bridge.dma_windows.reset()
    return Status.SUCCESS
