"""PCI configuration space of a machine without PCI host bridges: nothing answers.

Ref: LoPAR 7.3.5 (read-pci-config, ibm,read-pci-config and their siblings).
"""

from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.rtas.status import Status
from jitppc.spapr.rtas.table import RtasResult, rtas

NO_ANSWER = 0xFFFFFFFF


@rtas(0x14, "read-pci-config", (2, 2))
def read_pci_config(cpu: PaprCpu, address: int, size: int) -> RtasResult:
    return Status.HARDWARE, NO_ANSWER


@rtas(0x15, "write-pci-config", (3, 1))
def write_pci_config(cpu: PaprCpu, address: int, size: int, value: int) -> RtasResult:
    return Status.HARDWARE


@rtas(0x16, "ibm,read-pci-config", (4, 2))
def ibm_read_pci_config(
    cpu: PaprCpu, address: int, buid_hi: int, buid_lo: int, size: int
) -> RtasResult:
    return Status.HARDWARE, NO_ANSWER


@rtas(0x17, "ibm,write-pci-config", (5, 1))
def ibm_write_pci_config(
    cpu: PaprCpu, address: int, buid_hi: int, buid_lo: int, size: int, value: int
) -> RtasResult:
    return Status.HARDWARE
