"""Which NUMA node memory and processors belong to, as the tree and hypercalls tell the guest.

Form 1: four levels of domains, distance doubles with each that two do not share. Form 2: one
level, and a table of distances. Ref: LoPAR 2.1.2 (associativity); reference §4.5.
"""

from collections.abc import Mapping
from enum import Enum

from jitppc.numa import LOCAL_DISTANCE, Numa
from jitppc.spapr.fdt_values import cells

LEVELS = 4


class Form(Enum):
    """Which form the tree shows: the first until the guest has said that it knows the second."""

    FORM1 = 1
    FORM2 = 2


def shared_levels(distance: int) -> int:
    """How many levels of form 1 two nodes share: 4 for the same one, 3 at 20, 2 at 40, 1 at 80.

    Differs: the reference takes 11 to 19, 31 to 39 and 61 to 79 for the farthest distance.
    """
    if distance == LOCAL_DISTANCE:
        return LEVELS
    return next((LEVELS - n for n, most in enumerate((30, 60, 120), 1) if distance <= most), 0)


def domains(numa: Numa, node: int, form: Form) -> tuple[int, ...]:
    """The domains of a node, the smallest one last."""
    if form is Form.FORM2:
        return (node,)
    found = [[n] * LEVELS for n in range(numa.count)]
    for src in range(numa.count):
        for dst in range(src + 1, numa.count):
            shared = shared_levels(numa.distances[src][dst])
            found[dst][:shared] = found[src][:shared]
    return tuple(found[node])


def node_associativity(numa: Numa, node: int, form: Form) -> bytes:
    """`ibm,associativity` of memory."""
    found = domains(numa, node, form)
    return cells(len(found), *found)


def cpu_associativity(numa: Numa, cpu: int, form: Form) -> bytes:
    """`ibm,associativity` of a processor, which is a domain of its own."""
    found = (*domains(numa, numa.node_of(cpu), form), cpu)
    return cells(len(found), *found)


def rtas_properties(numa: Numa, form: Form) -> Mapping[str, bytes]:
    """What /rtas says of levels and distances; the table of form 2 is bytes behind their number."""
    count = numa.count
    if form is Form.FORM2:
        table = bytes(distance for row in numa.distances for distance in row)
        return {
            "ibm,associativity-reference-points": cells(1),
            "ibm,max-associativity-domains": cells(1, count),
            "ibm,numa-lookup-index-table": cells(count, *range(count)),
            "ibm,numa-distance-table": cells(len(table)) + table,
        }
    if count == 1:
        return {
            "ibm,associativity-reference-points": cells(4, 4, 2),
            "ibm,max-associativity-domains": cells(4, 0, 0, 0, 1),
        }
    return {
        "ibm,associativity-reference-points": cells(4, 3, 2, 1),
        "ibm,max-associativity-domains": cells(4, *[count] * LEVELS),
    }
