"""Indicators, sensors and power levels: no hot-plug connector exists, one power domain does.

Ref: LoPAR 7.3.5.4 (set-indicator), 7.3.5.5 (get-sensor-state), 7.3.7 (power levels).
"""

from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.rtas.status import Status
from jitppc.spapr.rtas.table import RtasResult, rtas

LIVE_INSERTION_DOMAIN = 0xFFFFFFFF
FULL_POWER = 100


@rtas(0x1A, "set-indicator", (3, 1))
def set_indicator(cpu: PaprCpu, indicator: int, index: int, state: int) -> RtasResult:
    return Status.PARAMETER


@rtas(0x1B, "set-power-level", (2, 2))
def set_power_level(cpu: PaprCpu, domain: int, level: int) -> RtasResult:
    """Second result: the level, which is always full."""
    if domain != LIVE_INSERTION_DOMAIN:
        return Status.PARAMETER, 0
    return Status.SUCCESS, FULL_POWER


@rtas(0x1C, "get-power-level", (1, 2))
def get_power_level(cpu: PaprCpu, domain: int) -> RtasResult:
    if domain != LIVE_INSERTION_DOMAIN:
        return Status.PARAMETER, 0
    return Status.SUCCESS, FULL_POWER


@rtas(0x1D, "get-sensor-state", (2, 2))
def get_sensor_state(cpu: PaprCpu, sensor: int, index: int) -> RtasResult:
    return Status.PARAMETER, 0
