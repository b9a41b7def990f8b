"""The interrupt controller's node. All others name it by its phandle, whichever it is.

Ref: LoPAR appendix B.6.10 (presentation controllers); reference §4.5.
"""

from fdt import Node

from jitppc.ir.xive_places import (
    FIRST_RESERVED_PRIORITY,
    OS_PAGE_GRA,
    PAGE_LOG2,
    PAGE_SIZE,
    RESERVED_PRIORITIES,
    USER_PAGE_GRA,
)
from jitppc.spapr.fdt_values import EMPTY, PHANDLE_INTERRUPTS, cells, cells64, node, put, text
from jitppc.spapr.fdt_values import replace as replace_node

RESERVED = "ibm,plat-res-int-priorities"


def xics_node(server_count: int) -> Node:
    return node(
        "interrupt-controller",
        {
            "device_type": text("PowerPC-External-Interrupt-Presentation"),
            "compatible": text("IBM,ppc-xicp"),
            "interrupt-controller": EMPTY,
            "ibm,interrupt-server-ranges": cells(0, server_count),
            "#interrupt-cells": cells(2),
            "linux,phandle": cells(PHANDLE_INTERRUPTS),
            "phandle": cells(PHANDLE_INTERRUPTS),
        },
    )


def xive_node(server_count: int) -> Node:
    """One source between processors for each of them; queues of 64 KiB."""
    return node(
        f"interrupt-controller@{USER_PAGE_GRA:x}",
        {
            "device_type": text("power-ivpe"),
            "compatible": text("ibm,power-ivpe"),
            "reg": cells64(USER_PAGE_GRA, PAGE_SIZE, OS_PAGE_GRA, PAGE_SIZE),
            "ibm,xive-eq-sizes": cells(PAGE_LOG2),
            "ibm,xive-lisn-ranges": cells(0, server_count),
            "interrupt-controller": EMPTY,
            "#interrupt-cells": cells(2),
            "linux,phandle": cells(PHANDLE_INTERRUPTS),
            "phandle": cells(PHANDLE_INTERRUPTS),
        },
    )


def show_interrupts(root: Node, server_count: int, *, is_xive: bool) -> None:
    """The tree has the node of this controller, and the root the priorities that XIVE reserves."""
    shown = xive_node(server_count) if is_xive else xics_node(server_count)
    name = "interrupt-controller"
    old = next((n for n in root.nodes if n.name.split("@")[0] == name), None)
    if old is None:
        root.append(shown)
    else:
        replace_node(old, shown)
    if is_xive:
        put(root, RESERVED, cells(FIRST_RESERVED_PRIORITY, RESERVED_PRIORITIES))
    elif root.get_property(RESERVED) is not None:
        root.remove_property(RESERVED)
