"""What client-architecture-support has agreed, as the tree shows it. Ref: reference §4.6."""

from fdt import Node

from jitppc.spapr.associativity import Form
from jitppc.spapr.cas import CasResult, Offer
from jitppc.spapr.fdt_associativity import show_associativity
from jitppc.spapr.fdt_cpus import show_mode
from jitppc.spapr.fdt_interrupts import show_interrupts
from jitppc.spapr.fdt_values import put, walk


def cpu_nodes(root: Node) -> list[Node]:
    """The cores."""
    return [n for n in walk(root) if n.get_property("ibm,slb-size") is not None]


def show_agreement(root: Node, offer: Offer, result: CasResult) -> None:
    """Mode of the cores, interrupts, NUMA, option vector 5. Nodes stay the objects they are."""
    cores = cpu_nodes(root)
    for core in cores:
        show_mode(core, offer.model, result.mode)
    if offer.numa is not None and result.form is Form.FORM2:
        show_associativity(root, offer.numa, result.form)
    show_interrupts(root, offer.vcpu_count, is_xive=result.is_xive)
    chosen = root.get_subnode("chosen")
    if chosen is not None:
        put(chosen, "ibm,architecture-vec-5", result.architecture_vec_5)
