"""What firmware does with VIO devices. Ref: reference §3.2 (ibm,set-tce-bypass)."""

from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.rtas.status import Status
from jitppc.spapr.rtas.table import RtasResult, rtas


@rtas(0x10, "ibm,set-tce-bypass", (2, 1))
def set_tce_bypass(cpu: PaprCpu, unit_address: int, is_bypassed: int) -> RtasResult:
    """The device reaches all of guest real memory as it is."""
    device = cpu.platform.vio.device(unit_address)
    if device is None or device.window is None:
        return Status.PARAMETER
    device.window.table.is_bypassed = bool(is_bypassed)
    return Status.SUCCESS
