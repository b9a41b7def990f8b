"""The methods that `call-method` reaches: CAS on the root and instantiate-rtas.

Ref: LoPAR appendix B.6.2.3 (ibm,client-architecture-support), 7.2.2 (instantiate-rtas).
"""

from collections.abc import Callable

from jitppc.ir.hcalls import H
from jitppc.spapr.cas import negotiate
from jitppc.spapr.fdt_agreed import cpu_nodes, show_agreement
from jitppc.spapr.fdt_values import cells, put
from jitppc.spapr.guest_buffers import write_if_inside
from jitppc.spapr.memory_map import RTAS_STUB, rtas_size
from jitppc.spapr.of_state import PROM_ERROR, OfState, ServiceResult

Method = Callable[[OfState, list[int]], ServiceResult]


def client_architecture_support(of: OfState, args: list[int]) -> ServiceResult:
    """(0, 0) and the tree shows what was agreed; (0, status) when the guest cannot run here."""
    return (0, agree(of, args[0]) & 0xFFFFFFFF) if args else PROM_ERROR


def agree(of: OfState, gra: int) -> H:
    """Machine and tree are as the guest's structure at `gra` asks, or nothing has changed."""
    if not of.host.may_negotiate():
        return H.MULTI_THREADS_ACTIVE
    result = negotiate(of.memory, gra, of.offer)
    if result.status != H.SUCCESS:
        of.refusal = result.reason
        of.host.note(f"client-architecture-support refused: {result.reason}")
        return result.status
    of.has_negotiated = True
    of.host.negotiated(result)
    show_agreement(of.tree.root, of.offer, result)
    return H.SUCCESS


def instantiate_rtas(of: OfState, args: list[int]) -> ServiceResult:
    """(0, entry) with the RTAS stub at the address that the guest has chosen."""
    where = of.tree.find("/rtas")
    if not args or where is None:
        return PROM_ERROR
    base = args[0]
    fits = of.memory.contains(base, rtas_size(len(cpu_nodes(of.tree.root))))
    if base % 4 or not fits or not write_if_inside(of.memory, base, RTAS_STUB):
        return PROM_ERROR
    of.rtas_base = base
    put(where, "linux,rtas-base", cells(base))
    put(where, "linux,rtas-entry", cells(base))
    return 0, base


METHODS: dict[tuple[str, str], Method] = {
    ("/", "ibm,client-architecture-support"): client_architecture_support,
    ("/rtas", "instantiate-rtas"): instantiate_rtas,
}
