"""Calls that are private to firmware: behind our own stubs, or of an image that the guest runs.

Ref: `memory_map`; reference §2.12, §4.6 (step 11).
"""

from jitppc.ir.hcalls import H, Hcall
from jitppc.spapr.fdt import reply_to_cas
from jitppc.spapr.fdt_parse import MAGIC, parsed
from jitppc.spapr.fdt_values import cells, get
from jitppc.spapr.guest_buffers import read_cells, read_or_none, write_if_inside
from jitppc.spapr.hcall.table import HcallResult, hcall
from jitppc.spapr.memory_map import GRA_MASK
from jitppc.spapr.of_methods import agree
from jitppc.spapr.of_tree import OfTree
from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.rtas.table import call_rtas

CAS_REPLY_VERSION = 1
TREE_SIZE_MAX = 2 << 20


@hcall(Hcall.H_RTAS)
def h_rtas(cpu: PaprCpu, arguments_gra: int) -> HcallResult:
    """Runs the RTAS call of the argument block at `arguments_gra`. Ref: LoPAR 7.2.6."""
    return call_rtas(cpu, arguments_gra)


@hcall(Hcall.H_PROM)
def h_prom(cpu: PaprCpu, arguments_gra: int) -> HcallResult:
    """Runs a service of the Open Firmware client interface. Ref: IEEE 1275-1994 6.3."""
    client = cpu.platform.client
    if client is None:
        return H.FUNCTION
    status = client.call(arguments_gra)
    cpu.partition.rtas_base = client.state.rtas_base or 0
    return status


@hcall(Hcall.H_CAS)
def h_cas(cpu: PaprCpu, vectors_gra: int, reply_gra: int, reply_size: int) -> HcallResult:
    """The guest and the machine agree, and the reply is a version and the tree that follows.

    Returns:
        What `agree` says; PARAMETER when the reply has no room, FUNCTION without such firmware.
    """
    if cpu.platform.client is not None:
        return H.FUNCTION
    reply_gra &= GRA_MASK
    if not cpu.memory.contains(reply_gra, reply_size):
        return H.PARAMETER
    status = agree(cpu.platform.firmware, vectors_gra & GRA_MASK)
    if status != H.SUCCESS:
        return status
    reply = cells(CAS_REPLY_VERSION) + reply_to_cas(cpu.platform.firmware.tree.root)
    if len(reply) > reply_size:
        return H.PARAMETER
    write_if_inside(cpu.memory, reply_gra, reply)
    return H.SUCCESS


@hcall(Hcall.H_UPDATE_DT)
def h_update_dt(cpu: PaprCpu, tree_gra: int) -> HcallResult:
    """The flattened tree that firmware has made is the machine's own from now on."""
    if cpu.platform.client is not None:
        return H.FUNCTION
    tree_gra &= GRA_MASK
    header = read_cells(cpu.memory, tree_gra, 2)
    if header is None or header[0] != MAGIC or header[1] > TREE_SIZE_MAX:
        return H.PARAMETER
    data = read_or_none(cpu.memory, tree_gra, header[1])
    root = None if data is None else parsed(data)
    if root is None:
        return H.PARAMETER
    cpu.platform.firmware.tree = OfTree(root)
    rtas = cpu.platform.firmware.tree.find("/rtas")
    base = None if rtas is None else get(rtas, "linux,rtas-base")
    cpu.partition.rtas_base = int.from_bytes(base or b"", "big")
    return H.SUCCESS
