"""The operator's display, which is the first console. Ref: LoPAR 7.3.5.4 (display-character)."""

from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.rtas.status import Status
from jitppc.spapr.rtas.table import RtasResult, rtas


@rtas(0x00, "display-character", (1, 1))
def display_character(cpu: PaprCpu, character: int) -> RtasResult:
    vty = cpu.vty(0)
    if vty is None:
        return Status.HARDWARE
    vty.write(bytes((character & 0xFF,)))
    return Status.SUCCESS
