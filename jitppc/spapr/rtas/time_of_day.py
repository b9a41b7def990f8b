"""Time of day. Ref: LoPAR 7.3.4.1 (get-time-of-day), 7.3.4.2 (set-time-of-day)."""

from datetime import UTC, datetime, timedelta

from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.rtas.clock import NS
from jitppc.spapr.rtas.status import Status
from jitppc.spapr.rtas.table import RtasResult, rtas

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@rtas(0x01, "get-time-of-day", (0, 8))
def get_time_of_day(cpu: PaprCpu) -> RtasResult:
    """Year, month, day, hour, minute, second, nanosecond (UTC)."""
    seconds, ns = divmod(cpu.platform.clock.now_ns(), NS)
    try:
        now = EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return Status.HARDWARE
    return Status.SUCCESS, now.year, now.month, now.day, now.hour, now.minute, now.second, ns


@rtas(0x02, "set-time-of-day", (7, 1))
def set_time_of_day(
    cpu: PaprCpu, year: int, month: int, day: int, hour: int, minute: int, second: int, ns: int
) -> RtasResult:
    """PARAMETER when there is no such moment."""
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except (ValueError, OverflowError):
        return Status.PARAMETER
    if ns >= NS:
        return Status.PARAMETER
    elapsed = moment - EPOCH
    cpu.platform.clock.set_ns((elapsed.days * 86400 + elapsed.seconds) * NS + ns)
    return Status.SUCCESS
