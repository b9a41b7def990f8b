"""Interrupts of virtual I/O devices. Ref: LoPAR 17.2.1.3 (H_VIO_SIGNAL)."""

from jitppc.ir.hcalls import H, Hcall
from jitppc.spapr.hcall.table import HcallResult, hcall
from jitppc.spapr.papr_cpu import PaprCpu


@hcall(Hcall.H_VIO_SIGNAL)
def h_vio_signal(cpu: PaprCpu, unit_address: int, mode: int) -> HcallResult:
    """Bit 63: the device interrupts. PARAMETER for an unknown unit or modes it does not have."""
    device = cpu.platform.vio.device(unit_address)
    return H.SUCCESS if device is not None and device.set_signal(mode) else H.PARAMETER
