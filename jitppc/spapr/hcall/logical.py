"""Loads, stores and copies of logical real memory that the hypervisor does for the guest.

Outside RAM they reach registers of PCI functions; where nothing is, H_PARAMETER is answered.
Ref: LoPAR 14.5.4.4 (H_LOGICAL_CI_LOAD and its kind); H_LOGICAL_MEMOP is private to the reference.
"""

from jitppc.ir.hcalls import H, Hcall
from jitppc.spapr.guest_buffers import read_or_none, write_if_inside
from jitppc.spapr.hcall.table import HcallResult, hcall
from jitppc.spapr.memory_map import GRA_MASK
from jitppc.spapr.papr_cpu import PaprCpu

ACCESS_SIZES = (1, 2, 4, 8)
MEMOP_COPY = 0
MEMOP_INVERT = 1
MEMOP_MAX_COUNT = 0x8000_0000
MEMOP_CHUNK = 1 << 20
INVERTED = bytes(range(255, -1, -1))


def _load(cpu: PaprCpu, size: int, gra: int) -> HcallResult:
    gra &= GRA_MASK
    data = read_or_none(cpu.memory, gra, size) if size in ACCESS_SIZES else None
    if data is None and size in ACCESS_SIZES and cpu.platform.mmio.has(gra, size):
        data = cpu.platform.mmio.load(gra, size, cpu.record.vcpu_id).to_bytes(size, "little")
    return H.PARAMETER if data is None else (H.SUCCESS, int.from_bytes(data, "big"))


def _store(cpu: PaprCpu, size: int, gra: int, value: int) -> HcallResult:
    if size not in ACCESS_SIZES:
        return H.PARAMETER
    gra &= GRA_MASK
    data = (value & (1 << 8 * size) - 1).to_bytes(size, "big")
    if write_if_inside(cpu.memory, gra, data):
        return H.SUCCESS
    if not cpu.platform.mmio.has(gra, size):
        return H.PARAMETER
    value = int.from_bytes(data, "little")
    cpu.platform.mmio.store(gra, size, value, cpu.record.vcpu_id)
    return H.SUCCESS


@hcall(Hcall.H_LOGICAL_CI_LOAD)
def h_logical_ci_load(cpu: PaprCpu, size: int, gra: int) -> HcallResult:
    """r4 = the big-endian value of 1, 2, 4 or 8 bytes. Ref: LoPAR 14.5.4.4.2."""
    return _load(cpu, size, gra)


@hcall(Hcall.H_LOGICAL_CI_STORE)
def h_logical_ci_store(cpu: PaprCpu, size: int, gra: int, value: int) -> HcallResult:
    """Ref: LoPAR 14.5.4.4.3."""
    return _store(cpu, size, gra, value)


@hcall(Hcall.H_LOGICAL_CACHE_LOAD)
def h_logical_cache_load(cpu: PaprCpu, size: int, gra: int) -> HcallResult:
    """Ref: LoPAR 14.5.4.4.4."""
    return _load(cpu, size, gra)


@hcall(Hcall.H_LOGICAL_CACHE_STORE)
def h_logical_cache_store(cpu: PaprCpu, size: int, gra: int, value: int) -> HcallResult:
    """Ref: LoPAR 14.5.4.4.5."""
    return _store(cpu, size, gra, value)


@hcall(Hcall.H_LOGICAL_ICBI)
def h_logical_icbi(cpu: PaprCpu, gra: int) -> HcallResult:
    """Nothing to do: stores to code invalidate its translations. Ref: LoPAR 14.5.4.4.6."""
    return H.SUCCESS


@hcall(Hcall.H_LOGICAL_DCBF)
def h_logical_dcbf(cpu: PaprCpu, gra: int) -> HcallResult:
    """Nothing to do: memory is coherent. Ref: LoPAR 14.5.4.4.7."""
    return H.SUCCESS


@hcall(Hcall.H_LOGICAL_MEMOP)
def h_logical_memop(
    cpu: PaprCpu, destination: int, source: int, size_log2: int, count: int, operation: int
) -> HcallResult:
    """`count` elements are copied (0) or copied inverted (1); the areas may overlap.

    Ref: reference §2.12 (a call of the reference machine, in qemu,hypertas-functions).
    """
    if size_log2 > 3 or count > MEMOP_MAX_COUNT or operation not in {MEMOP_COPY, MEMOP_INVERT}:
        return H.PARAMETER
    n = count << size_log2
    destination &= GRA_MASK
    source &= GRA_MASK
    misaligned = (destination | source) & (1 << size_log2) - 1
    is_inside = cpu.memory.contains(destination, n) and cpu.memory.contains(source, n)
    if misaligned or not is_inside:
        return H.PARAMETER
    starts = range(0, n, MEMOP_CHUNK)
    for offset in reversed(starts) if source < destination else starts:
        data = cpu.memory.read(source + offset, min(MEMOP_CHUNK, n - offset))
        if operation == MEMOP_INVERT:
            data = data.translate(INVERTED)
        cpu.memory.write(destination + offset, data)
    return H.SUCCESS
