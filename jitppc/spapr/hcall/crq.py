"""Command/response queues. Ref: LoPAR 17.2.1.6.5 (H_REG_CRQ) to 17.2.1.6.8 (H_ENABLE_CRQ)."""

from jitppc.ir.hcalls import H, Hcall
from jitppc.spapr.hcall.table import HcallResult, hcall
from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.vio.vscsi import Vscsi


def _device(cpu: PaprCpu, unit_address: int) -> Vscsi | None:
    """The device with this unit address, if it has a queue."""
    device = cpu.platform.vio.device(unit_address)
    return device if isinstance(device, Vscsi) else None


@hcall(Hcall.H_REG_CRQ)
def h_reg_crq(cpu: PaprCpu, unit_address: int, ioba: int, size: int) -> HcallResult:
    """The device's ring of `size` bytes is at device address `ioba`.

    Returns:
        PARAMETER for an unknown unit, a size that is no whole pages or above 256 MiB, or pages that
        are not mapped; RESOURCE when the device has a ring.
    """
    device = _device(cpu, unit_address)
    return H.PARAMETER if device is None else device.register_crq(ioba, size)


@hcall(Hcall.H_FREE_CRQ)
def h_free_crq(cpu: PaprCpu, unit_address: int) -> HcallResult:
    """The device has no ring, and forgets what it was doing."""
    device = _device(cpu, unit_address)
    if device is None:
        return H.PARAMETER
    device.free_crq()
    return H.SUCCESS


@hcall(Hcall.H_SEND_CRQ)
def h_send_crq(cpu: PaprCpu, unit_address: int, high: int, low: int) -> HcallResult:
    """The device gets an element. CLOSED without a ring, DROPPED when too many are waiting."""
    device = _device(cpu, unit_address)
    if device is None:
        return H.PARAMETER
    return device.send_crq((high << 64 | low).to_bytes(16, "big"))


@hcall(Hcall.H_ENABLE_CRQ)
def h_enable_crq(cpu: PaprCpu, unit_address: int) -> HcallResult:
    """Nothing to do: a ring is never suspended, because partitions do not migrate."""
    return H.PARAMETER if _device(cpu, unit_address) is None else H.SUCCESS
