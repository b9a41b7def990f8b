"""Sources of the XICS controller; HARDWARE while the guest uses XIVE.

Ref: LoPAR 7.3.10 (ibm,get-xive, ibm,set-xive, ibm,int-off, ibm,int-on).
"""

from jitppc.spapr.in_use import while_xive_is
from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.rtas.status import Status
from jitppc.spapr.rtas.table import RtasResult, rtas

REFUSED: RtasResult = Status.HARDWARE
with_xics = while_xive_is(False, REFUSED)


@rtas(0x0A, "ibm,set-xive", (3, 1))
@with_xics
def set_xive(cpu: PaprCpu, source: int, server: int, priority: int) -> RtasResult:
    """PARAMETER for an unknown source or server, or a priority above 0xff."""
    is_known = cpu.interrupts.xics.has_source(source) and cpu.interrupts.xics.has_server(server)
    if not is_known or priority > 0xFF:
        return Status.PARAMETER
    cpu.interrupts.xics.set_xive(source, server, priority)
    return Status.SUCCESS


@rtas(0x0B, "ibm,get-xive", (1, 3))
@with_xics
def get_xive(cpu: PaprCpu, source: int) -> RtasResult:
    """Server and priority of a source."""
    if not cpu.interrupts.xics.has_source(source):
        return Status.PARAMETER
    return Status.SUCCESS, *cpu.interrupts.xics.get_xive(source)


@rtas(0x0C, "ibm,int-off", (1, 1))
@with_xics
def int_off(cpu: PaprCpu, source: int) -> RtasResult:
    if not cpu.interrupts.xics.has_source(source):
        return Status.PARAMETER
    cpu.interrupts.xics.mask(source)
    return Status.SUCCESS


@rtas(0x0D, "ibm,int-on", (1, 1))
@with_xics
def int_on(cpu: PaprCpu, source: int) -> RtasResult:
    if not cpu.interrupts.xics.has_source(source):
        return Status.PARAMETER
    cpu.interrupts.xics.unmask(source)
    return Status.SUCCESS
