"""Fetching error logs. Ref: LoPAR 7.3.2 (check-exception, event-scan)."""

from jitppc.spapr.guest_buffers import write_if_inside
from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.rtas.status import Status
from jitppc.spapr.rtas.table import RtasResult, rtas


@rtas(0x0E, "check-exception", (6, 1), (7, 1))
def check_exception(
    cpu: PaprCpu,
    vector: int,
    information: int,
    mask: int,
    is_critical: int,
    buffer: int,
    length: int,
    information_hi: int = 0,
) -> RtasResult:
    """As much of the oldest log of this mask as fits is in the buffer; 1 when there is none."""
    if not cpu.memory.contains(buffer, length):
        return Status.PARAMETER
    log = cpu.platform.events.take(mask)
    if log is None:
        return Status.NO_ERRORS_FOUND
    write_if_inside(cpu.memory, buffer, log.data[:length])
    return Status.SUCCESS


@rtas(0x0F, "event-scan", (4, 1))
def event_scan(cpu: PaprCpu, mask: int, is_critical: int, buffer: int, length: int) -> RtasResult:
    """Logs are only handed out by check-exception: the interrupt is raised again if one waits."""
    cpu.platform.events.remind()
    return Status.NO_ERRORS_FOUND
