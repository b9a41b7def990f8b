"""NVRAM access. Ref: LoPAR 7.3.3 (nvram-fetch, nvram-store)."""

from jitppc.spapr.guest_buffers import read_or_none, write_if_inside
from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.rtas.status import Status
from jitppc.spapr.rtas.table import RtasResult, rtas


@rtas(0x12, "nvram-fetch", (3, 2))
def nvram_fetch(cpu: PaprCpu, offset: int, buffer: int, length: int) -> RtasResult:
    """Second result: number of bytes copied to the buffer."""
    data = cpu.platform.nvram.fetch(offset, length)
    if data is None or not write_if_inside(cpu.memory, buffer, data):
        return Status.PARAMETER, 0
    return Status.SUCCESS, length


@rtas(0x13, "nvram-store", (3, 2))
def nvram_store(cpu: PaprCpu, offset: int, buffer: int, length: int) -> RtasResult:
    """Second result: number of bytes stored; HARDWARE when the backing file cannot be written."""
    nvram = cpu.platform.nvram
    if offset + length > nvram.size:
        return Status.PARAMETER, 0
    data = read_or_none(cpu.memory, buffer, length)
    if data is None:
        return Status.PARAMETER, 0
    return (Status.SUCCESS, length) if nvram.store(offset, data) else (Status.HARDWARE, 0)
