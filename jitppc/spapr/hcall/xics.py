"""The XICS controller's hypercalls; HARDWARE while the guest uses XIVE.

While it does not, native code answers them (`runtime/native/xics.py`) unless somebody looks.

Ref: LoPAR 14.5.4.6 (H_EOI and its siblings).
"""

from jitppc.ir.hcalls import H, Hcall
from jitppc.spapr.hcall.table import HcallResult, hcall
from jitppc.spapr.in_use import while_xive_is
from jitppc.spapr.papr_cpu import PaprCpu

REFUSED: HcallResult = H.HARDWARE
with_xics = while_xive_is(False, REFUSED)


@hcall(Hcall.H_EOI)
@with_xics
def h_eoi(cpu: PaprCpu, xirr: int) -> HcallResult:
    """The source in `xirr` is no longer in service; the CPPR is that of `xirr`."""
    cpu.interrupts.xics.end_of_interrupt(cpu.record.vcpu_id, xirr)
    return H.SUCCESS


@hcall(Hcall.H_CPPR)
@with_xics
def h_cppr(cpu: PaprCpu, cppr: int) -> HcallResult:
    cpu.interrupts.xics.set_cppr(cpu.record.vcpu_id, cppr)
    return H.SUCCESS


@hcall(Hcall.H_IPI)
@with_xics
def h_ipi(cpu: PaprCpu, server: int, mfrr: int) -> HcallResult:
    """`server` is asked for an inter-processor interrupt of priority `mfrr` (0xff: none)."""
    if not cpu.interrupts.xics.has_server(server):
        return H.PARAMETER
    cpu.interrupts.xics.set_mfrr(server, mfrr)
    return H.SUCCESS


@hcall(Hcall.H_IPOLL)
@with_xics
def h_ipoll(cpu: PaprCpu, server: int) -> HcallResult:
    """r4 = XIRR, r5 = MFRR of `server`; nothing is accepted."""
    if not cpu.interrupts.xics.has_server(server):
        return H.PARAMETER
    return H.SUCCESS, *cpu.interrupts.xics.poll(server)


@hcall(Hcall.H_XIRR)
@with_xics
def h_xirr(cpu: PaprCpu) -> HcallResult:
    """r4 = XIRR; what was pending is in service."""
    return H.SUCCESS, cpu.interrupts.xics.accept(cpu.record.vcpu_id)


@hcall(Hcall.H_XIRR_X)
@with_xics
def h_xirr_x(cpu: PaprCpu) -> HcallResult:
    """As H_XIRR, and r5 = the time base. Ref: LoPAR 14.5.4.6.5 (H_XIRR-X)."""
    return H.SUCCESS, cpu.interrupts.xics.accept(cpu.record.vcpu_id), cpu.vcpu.timebase
