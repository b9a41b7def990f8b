"""Starting and stopping processors, and FWNMI. Ref: LoPAR 7.3.8 (CPU calls), 7.3.14 (FWNMI)."""

from jitppc.spapr.memory_map import rma_size
from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.partition import VcpuState
from jitppc.spapr.rtas.status import Status
from jitppc.spapr.rtas.table import RtasResult, rtas

FWNMI_LIMIT = 32 << 20


@rtas(0x05, "query-cpu-stopped-state", (1, 2))
def query_cpu_stopped_state(cpu: PaprCpu, vcpu_id: int) -> RtasResult:
    """Second result: 0 stopped, 2 running."""
    record = cpu.partition.record(vcpu_id)
    return Status.PARAMETER if record is None else (Status.SUCCESS, record.state.value)


@rtas(0x06, "start-cpu", (3, 1))
def start_cpu(cpu: PaprCpu, vcpu_id: int, nia: int, r3: int) -> RtasResult:
    """HARDWARE when that vCPU runs already, PARAMETER when there is none."""
    record = cpu.partition.record(vcpu_id)
    if record is None:
        return Status.PARAMETER
    if record.state is not VcpuState.STOPPED:
        return Status.HARDWARE
    cpu.partition.start(record, nia, r3)
    return Status.SUCCESS


@rtas(0x07, "stop-self", (0, 0), (0, 1))
def stop_self(cpu: PaprCpu) -> RtasResult:
    """The caller is stopped until another vCPU starts it."""
    cpu.partition.stop(cpu.record)
    return Status.SUCCESS


@rtas(0x2B, "ibm,nmi-register", (2, 1))
def nmi_register(cpu: PaprCpu, system_reset: int, machine_check: int) -> RtasResult:
    """Vectors of the guest for system reset and machine check, inside the RMA and below 32 MiB."""
    limit = min(FWNMI_LIMIT, rma_size(cpu.memory.size))
    if system_reset >= limit or machine_check >= limit:
        return Status.PARAMETER
    cpu.partition.fwnmi_system_reset = system_reset
    cpu.partition.fwnmi_machine_check = machine_check
    return Status.SUCCESS


@rtas(0x2C, "ibm,nmi-interlock", (0, 1))
def nmi_interlock(cpu: PaprCpu) -> RtasResult:
    """No machine check is ever outstanding; PARAMETER when nothing is registered."""
    has_vectors = cpu.partition.fwnmi_machine_check or cpu.partition.fwnmi_system_reset
    return Status.SUCCESS if has_vectors else Status.PARAMETER
