"""The two private calls behind the guest's firmware stubs. Ref: `memory_map`; reference §2.12."""

from jitppc.spapr.hcall.table import HcallResult, hcall
from jitppc.spapr.memory_map import PROM_HCALL, RTAS_HCALL
from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.rtas.table import call_rtas


@hcall(RTAS_HCALL, "H_RTAS")
def h_rtas(cpu: PaprCpu, arguments_gra: int) -> HcallResult:
    """Runs the RTAS call of the argument block at `arguments_gra`. Ref: LoPAR 7.2.6."""
    return call_rtas(cpu, arguments_gra)


@hcall(PROM_HCALL, "H_PROM")
def h_prom(cpu: PaprCpu, arguments_gra: int) -> HcallResult:
    """Runs a service of the Open Firmware client interface. Ref: IEEE 1275-1994 6.3."""
    status = cpu.platform.client.call(arguments_gra)
    cpu.partition.rtas_base = cpu.platform.client.state.rtas_base or 0
    return status
