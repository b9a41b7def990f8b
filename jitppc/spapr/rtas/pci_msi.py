"""Message-signalled interrupts of PCI functions: firmware sets them up.

Ref: LoPAR 7.3.10.5.1 (ibm,change-msi), 7.3.10.5.2 (ibm,query-interrupt-source-number); reference
§7.6. Differs: no function has MSI without X, so function 3 has nothing to change.
"""

from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.pci.msi import MSI_ADDRESS
from jitppc.spapr.rtas.status import Status
from jitppc.spapr.rtas.table import RtasResult, rtas

CHANGE_ANY, CHANGE_MSIX = 1, 4
TYPE_MSIX = 2
EDGE = 1


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
    """The function has sources for `count` vectors and its table leads to them; 0 gives them back.

    A count above what the function has changes nothing and answers what it has.
    """
    bridge = cpu.platform.bridges.get(buid_hi << 32 | buid_lo)
    function = None if bridge is None else bridge.function_at(address)
    if bridge is None or function is None or what not in {CHANGE_ANY, CHANGE_MSIX}:
        return Status.PARAMETER
    if count == 0:
        if bridge.msi_grant(address) is None:
            return Status.PARAMETER
        bridge.set_msi_grant(address, None)
        return Status.SUCCESS, 0, 0, 0
    if function.msix is None:
        return Status.HARDWARE
    if count <= function.msix.count:
        bridge.set_msi_grant(address, None)
        grant = bridge.chipset.msis.take(count)
        if grant is None:
            return Status.HARDWARE
        bridge.set_msi_grant(address, grant)
        for vector in range(count):
            function.msix.set_message(vector, MSI_ADDRESS, grant.first + vector)
    granted = min(count, function.msix.count)
    return Status.SUCCESS, granted, sequence + 1 & 0xFFFFFFFF, TYPE_MSIX


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
