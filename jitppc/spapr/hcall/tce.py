"""What the guest does to tables of translation control entries.

Ref: LoPAR 14.5.4.2.1 (H_GET_TCE), 14.5.4.2.2 (H_PUT_TCE), 14.5.4.2.4 (H_STUFF_TCE), 14.5.4.2.5
(H_PUT_TCE_INDIRECT); reference §2.5. Differs: H_STUFF_TCE takes any count that fits the table.
"""

import numpy as np

from jitppc.ir.hcalls import H, Hcall
from jitppc.spapr.guest_buffers import read_or_none
from jitppc.spapr.hcall.table import HcallResult, hcall
from jitppc.spapr.memory_map import GRA_MASK
from jitppc.spapr.papr_cpu import PaprCpu

MAX_INDIRECT = 512
LIST_ALIGNMENT = 4096


@hcall(Hcall.H_GET_TCE)
def h_get_tce(cpu: PaprCpu, liobn: int, ioba: int) -> HcallResult:
    """r4 = the entry for device address `ioba`."""
    table = cpu.platform.tces.get(liobn)
    index = None if table is None else table.index(ioba)
    return H.PARAMETER if table is None or index is None else (H.SUCCESS, table.get(index))


@hcall(Hcall.H_PUT_TCE)
def h_put_tce(cpu: PaprCpu, liobn: int, ioba: int, tce: int) -> HcallResult:
    """The page of device address `ioba` is that of `tce`, with its rights (1 read, 2 write)."""
    return _fill(cpu, liobn, ioba, tce, 1)


@hcall(Hcall.H_STUFF_TCE)
def h_stuff_tce(cpu: PaprCpu, liobn: int, ioba: int, tce: int, count: int) -> HcallResult:
    """`count` pages from `ioba` on all have the entry `tce`."""
    return _fill(cpu, liobn, ioba, tce, count)


@hcall(Hcall.H_PUT_TCE_INDIRECT)
def h_put_tce_indirect(
    cpu: PaprCpu, liobn: int, ioba: int, list_gra: int, count: int
) -> HcallResult:
    """`count` entries from `ioba` on come from a list of big-endian doublewords, one 4 KiB page."""
    table = cpu.platform.tces.get(liobn)
    if table is None or count > MAX_INDIRECT or list_gra % LIST_ALIGNMENT:
        return H.PARAMETER
    index = table.index(ioba, count)
    tces = read_or_none(cpu.memory, list_gra & GRA_MASK, 8 * count)
    if index is None or tces is None:
        return H.PARAMETER
    table.put(index, np.frombuffer(tces, ">u8"))
    return H.SUCCESS


def _fill(cpu: PaprCpu, liobn: int, ioba: int, tce: int, count: int) -> HcallResult:
    table = cpu.platform.tces.get(liobn)
    index = None if table is None else table.index(ioba, count)
    if table is None or index is None:
        return H.PARAMETER
    table.fill(index, count, tce)
    return H.SUCCESS
