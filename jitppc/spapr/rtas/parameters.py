"""System parameters. Ref: LoPAR 7.3.16 (ibm,get-system-parameter, ibm,set-system-parameter)."""

from jitppc.spapr.guest_buffers import write_if_inside
from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.rtas.status import Status
from jitppc.spapr.rtas.table import RtasResult, rtas

SPLPAR_CHARACTERISTICS = 20
DIAGNOSTICS_RUN_MODE = 42
UUID = 48
HOST_THREADS = 4


def _value(cpu: PaprCpu, parameter: int) -> bytes | None:
    if parameter == SPLPAR_CHARACTERISTICS:
        count = len(cpu.partition.records)
        text = (
            f"MaxEntCap={100 * count},DesMem={cpu.memory.size >> 20},DesProcs={count},"
            f"MaxPlatProcs={count},HostThrs={HOST_THREADS}"
        )
        return text.encode() + b"\0"
    if parameter == DIAGNOSTICS_RUN_MODE:
        return b"\0"
    if parameter == UUID:
        return cpu.platform.uuid if any(cpu.platform.uuid) else b""
    return None


@rtas(0x08, "ibm,get-system-parameter", (3, 1))
def get_system_parameter(cpu: PaprCpu, parameter: int, buffer: int, length: int) -> RtasResult:
    """The buffer holds a 16-bit length and as much of the value as fits."""
    value = _value(cpu, parameter)
    if value is None:
        return Status.PARAMETER
    stored = (len(value).to_bytes(2, "big") + value)[:length]
    return Status.SUCCESS if write_if_inside(cpu.memory, buffer, stored) else Status.PARAMETER


@rtas(0x09, "ibm,set-system-parameter", (2, 1))
def set_system_parameter(cpu: PaprCpu, parameter: int, buffer: int) -> RtasResult:
    """No parameter may be set."""
    is_known = parameter in {SPLPAR_CHARACTERISTICS, DIAGNOSTICS_RUN_MODE, UUID}
    return Status.NOT_AUTHORIZED if is_known else Status.PARAMETER
