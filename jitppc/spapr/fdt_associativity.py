"""The tree says which NUMA node memory and processors belong to. Ref: reference §4.3 to §4.5."""

from fdt import Node

from jitppc.numa import Numa
from jitppc.spapr.associativity import (
    Form,
    cpu_associativity,
    node_associativity,
    rtas_properties,
)
from jitppc.spapr.fdt_values import get, put, walk


def _of_type(root: Node, kind: bytes) -> list[Node]:
    return [node for node in walk(root) if get(node, "device_type") == kind + b"\0"]


def _first(where: Node, name: str, size: int) -> int:
    return int.from_bytes((get(where, name) or bytes(size))[:size], "big")


def show_associativity(root: Node, numa: Numa, form: Form) -> None:
    """Memory, processors and /rtas speak this form."""
    ends = [sum(numa.memory[: n + 1]) for n in range(numa.count)]
    for memory in _of_type(root, b"memory"):
        start = _first(memory, "reg", 8)
        number = next(n for n, end in enumerate(ends) if start < end)
        put(memory, "ibm,associativity", node_associativity(numa, number, form))
    if numa.count > 1:
        for cpu in _of_type(root, b"cpu"):
            value = cpu_associativity(numa, _first(cpu, "reg", 4), form)
            put(cpu, "ibm,associativity", value)
    rtas = root.get_subnode("rtas")
    if rtas is not None:
        for name, value in rtas_properties(numa, form).items():
            put(rtas, name, value)
