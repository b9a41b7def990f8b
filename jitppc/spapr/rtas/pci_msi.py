"""Message-signalled interrupts of PCI functions: firmware sets them up.

Ref: LoPAR 7.3.10.5.1 (ibm,change-msi), 7.3.10.5.2 (ibm,query-interrupt-source-number); reference
§7.6.
"""

from jitppc.devices.pci.function import PciFunction
from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.pci.msi import MSI_ADDRESS, Grant
from jitppc.spapr.rtas.status import Status
from jitppc.spapr.rtas.table import RtasResult, rtas

CHANGE_ANY, CHANGE_MSI, CHANGE_MSIX = 1, 3, 4
TYPE_MSI, TYPE_MSIX = 1, 2
EDGE = 1


def _kind(function: PciFunction, what: int) -> tuple[int, int] | None:
    """Type of message and number of vectors; MSI comes first where any will do."""
    if what in {CHANGE_ANY, CHANGE_MSI} and function.msi is not None:
        return TYPE_MSI, function.msi.count
    if what in {CHANGE_ANY, CHANGE_MSIX} and function.msix is not None:
        return TYPE_MSIX, function.msix.count
    return None


def _set_messages(function: PciFunction, kind: int, grant: Grant) -> None:
    """The function's messages lead to the sources."""
    if kind == TYPE_MSI and function.msi is not None:
        function.msi.set_message(MSI_ADDRESS, grant.first, grant.count)
    if kind == TYPE_MSIX and function.msix is not None:
        for vector in range(grant.count):
            function.msix.set_message(vector, MSI_ADDRESS, grant.first + vector)


@rtas(0x19, "ibm,change-msi", (6, 3), (6, 4), (7, 3), (7, 4))
def change_msi(
    cpu: PaprCpu,
    address: int,
    buid_hi: int,
    buid_lo: int,
    what: int,
    count: int,
    sequence: int,
    _option: int = 0,
) -> RtasResult:
    """The function has sources for `count` vectors and its messages lead there; 0 gives them back.

    A count above what the function has changes nothing and answers what it has.
    """
    bridge = cpu.platform.bridges.get(buid_hi << 32 | buid_lo)
    function = None if bridge is None else bridge.function_at(address)
    if bridge is None or function is None or what not in {CHANGE_ANY, CHANGE_MSI, CHANGE_MSIX}:
        return Status.PARAMETER
    if count == 0:
        if bridge.msi_grant(address) is None:
            return Status.PARAMETER
        bridge.set_msi_grant(address, None)
        return Status.SUCCESS, 0, 0, 0
    found = _kind(function, what)
    if found is None:
        return Status.HARDWARE
    kind, available = found
    if count <= available:
        bridge.set_msi_grant(address, None)
        grant = bridge.chipset.msis.take(count, is_aligned=kind == TYPE_MSI)
        if grant is None:
            return Status.HARDWARE
        bridge.set_msi_grant(address, grant)
        _set_messages(function, kind, grant)
    return Status.SUCCESS, min(count, available), sequence + 1 & 0xFFFFFFFF, kind


@rtas(0x18, "ibm,query-interrupt-source-number", (4, 3))
def query_interrupt_source_number(
    cpu: PaprCpu, address: int, buid_hi: int, buid_lo: int, vector: int
) -> RtasResult:
    """The source of a vector, and that it is an edge."""
    bridge = cpu.platform.bridges.get(buid_hi << 32 | buid_lo)
    if bridge is None or bridge.function_at(address) is None:
        return Status.PARAMETER
    grant = bridge.msi_grant(address)
    if grant is None or vector >= grant.count:
        return Status.HARDWARE
    return Status.SUCCESS, grant.first + vector, EDGE
