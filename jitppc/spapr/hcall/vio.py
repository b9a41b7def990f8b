"""Virtual I/O transport. No device of this release has a command queue or DMA.

Ref: LoPAR 17.2.1.5 (H_VIO_SIGNAL).
"""

from jitppc.spapr.hcall.codes import H
from jitppc.spapr.hcall.table import HcallResult, hcall
from jitppc.spapr.papr_cpu import PaprCpu


@hcall(0x104, "H_VIO_SIGNAL")
def h_vio_signal(cpu: PaprCpu, unit_address: int, mode: int) -> HcallResult:
    """PARAMETER for an unknown unit or for interrupt modes that its device does not have."""
    return H.PARAMETER if cpu.platform.vio.device(unit_address) is None or mode else H.SUCCESS
