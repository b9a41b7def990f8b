"""Configuration space of PCI functions.

Ref: LoPAR 7.3.5 (read-pci-config, ibm,read-pci-config and their siblings); reference §3.2.
"""

from jitppc.devices.pci import config_space
from jitppc.devices.pci.function import PciFunction
from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.rtas.status import Status
from jitppc.spapr.rtas.table import RtasResult, rtas

NO_ANSWER = 0xFFFFFFFF


def register_of(address: int) -> int:
    """The register in a configuration address: bits 7:0, and bits 11:8 from 31:28."""
    return address >> 20 & 0xF00 | address & 0xFF


def _function(
    cpu: PaprCpu, address: int, buid_hi: int, buid_lo: int, size: int
) -> PciFunction | None:
    """The function addressed, when it has an aligned register of this size there."""
    bridge = cpu.platform.bridges.get(buid_hi << 32 | buid_lo)
    offset = register_of(address)
    is_possible = size in {1, 2, 4} and offset % size == 0 and offset < config_space.SIZE
    return None if bridge is None or not is_possible else bridge.function_at(address)


@rtas(0x14, "read-pci-config", (2, 2))
def read_pci_config(cpu: PaprCpu, address: int, size: int) -> RtasResult:
    """Without BUID: there is no bridge 0."""
    return Status.HARDWARE, NO_ANSWER


@rtas(0x15, "write-pci-config", (3, 1))
def write_pci_config(cpu: PaprCpu, address: int, size: int, value: int) -> RtasResult:
    """Without BUID: there is no bridge 0."""
    return Status.HARDWARE


@rtas(0x16, "ibm,read-pci-config", (4, 2))
def ibm_read_pci_config(
    cpu: PaprCpu, address: int, buid_hi: int, buid_lo: int, size: int
) -> RtasResult:
    """HARDWARE where no function answers."""
    function = _function(cpu, address, buid_hi, buid_lo, size)
    if function is None:
        return Status.HARDWARE, NO_ANSWER
    return Status.SUCCESS, function.config_read(register_of(address), size)


@rtas(0x17, "ibm,write-pci-config", (5, 1))
def ibm_write_pci_config(
    cpu: PaprCpu, address: int, buid_hi: int, buid_lo: int, size: int, value: int
) -> RtasResult:
    """HARDWARE where no function answers."""
    function = _function(cpu, address, buid_hi, buid_lo, size)
    if function is None:
        return Status.HARDWARE
    function.config_write(register_of(address), size, value & (1 << 8 * size) - 1)
    return Status.SUCCESS
