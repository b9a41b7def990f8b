"""The device tree of the machine, as a tree of the `fdt` library.

Ref: LoPAR appendices B and C; PAPR properties as reference §4 lists them. What the reference
machine has and we have not (hot-plug connectors, the hash MMU) is named in
tests/spapr/test_spapr_fdt.py.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import fdt
from fdt import Node

from jitppc.numa import Numa, one_node
from jitppc.spapr.associativity import Form, node_associativity, rtas_properties
from jitppc.spapr.cas import platform_support
from jitppc.spapr.cpu_models import CpuModel
from jitppc.spapr.fdt_associativity import show_associativity
from jitppc.spapr.fdt_cpus import cpus_node
from jitppc.spapr.fdt_interrupts import show_interrupts, xics_node
from jitppc.spapr.fdt_values import (
    EMPTY,
    cells,
    cells64,
    get,
    node,
    put,
    text,
    value_of,
)
from jitppc.spapr.hash_pages import DEFAULT_LIMIT_LOG2, HashTable, ResizeHpt
from jitppc.spapr.interrupts import IcMode
from jitppc.spapr.kernel_image import KernelImage
from jitppc.spapr.memory_map import (
    LMB_SIZE,
    RTAS_ERROR_LOG_MAX,
    hash_table_size_log2,
    rma_size,
    rtas_size,
)

EPOW_IRQ = 0x1000
HOTPLUG_IRQ = 0x1001

AGREED = ("ibm,arch-vec-5-platform-support", "ibm,architecture-vec-5")
"""Properties of /chosen."""

HYPERTAS_FUNCTIONS = (
    "hcall-pft",
    "hcall-term",
    "hcall-dabr",
    "hcall-interrupt",
    "hcall-tce",
    "hcall-vio",
    "hcall-splpar",
    "hcall-join",
    "hcall-bulk",
    "hcall-set-mode",
    "hcall-sprg0",
    "hcall-copy",
    "hcall-debug",
    "hcall-vphn",
    "hcall-multi-tce",
    "hcall-watchdog",
)

HPT_RESIZE_FUNCTION = "hcall-hpt-resize"


@dataclass(frozen=True, slots=True)
class TreeSpec:
    """Everything the tree depends on. `initrd` is (start, end) in guest real memory.

    `kernel` is for firmware that runs in the guest, as are the letters of `boot_order`.
    """

    model: CpuModel
    ram_size: int
    vcpu_count: int = 1
    threads: int = 1
    max_vcpus: int = 0
    numa: Numa | None = None
    hash_page_limit_log2: int = DEFAULT_LIMIT_LOG2
    has_storage_keys: bool = False
    resize_hpt: ResizeHpt = ResizeHpt.ENABLED
    mode: CpuModel | None = None
    interrupts: IcMode = IcMode.XICS
    bootargs: str = ""
    initrd: tuple[int, int] | None = None
    kernel: KernelImage | None = None
    boot_order: str = ""
    boot_list: str = ""
    has_boot_menu: bool = False
    vio_nodes: tuple[Node, ...] = ()
    pci_nodes: tuple[Node, ...] = ()
    stdout_path: str = ""
    rtas_tokens: Mapping[str, int] = field(default_factory=dict)
    rng_seed: bytes = bytes(32)
    uuid: str = "00000000-0000-0000-0000-000000000000"

    @property
    def nodes(self) -> Numa:
        return self.numa or one_node(self.ram_size)


def memory_pieces(sizes: Sequence[int]) -> list[tuple[int, int, int]]:
    """(start, size, NUMA node) of the memory nodes, by the bytes that each NUMA node has.

    The RMA comes first, and then naturally aligned powers of two.
    """
    start = rma_size(sizes[0])
    pieces = [(0, start, 0)]
    for number, end in enumerate(itertools.accumulate(sizes)):
        while start < end:
            size = min(start & -start, 1 << ((end - start).bit_length() - 1))
            pieces.append((start, size, number))
            start += size
    return pieces


def memory_node(start: int, size: int, numa: Numa, number: int) -> Node:
    return node(
        f"memory@{start:x}",
        {
            "device_type": text("memory"),
            "reg": cells64(start, size),
            "ibm,associativity": node_associativity(numa, number, Form.FORM1),
        },
    )


def chosen_node(spec: TreeSpec) -> Node:
    """Ref: LoPAR appendix B.6.12 (/chosen); reference §4.2."""
    chosen = node(
        "chosen",
        {
            "qemu,graphic-width": cells(800),
            "qemu,graphic-height": cells(600),
            "qemu,graphic-depth": cells(32),
            "linux,pci-probe-only": cells(0),
            "ibm,arch-vec-5-platform-support": platform_support(spec.model, spec.interrupts),
            "rng-seed": spec.rng_seed,
            "ibm,architecture-vec-5": bytes(2),
            "bootargs": text(spec.bootargs),
        },
    )
    if spec.stdout_path:
        put(chosen, "linux,stdout-path", text(spec.stdout_path))
        put(chosen, "stdout-path", text(spec.stdout_path))
    if spec.initrd is not None:
        put(chosen, "linux,initrd-start", cells(spec.initrd[0]))
        put(chosen, "linux,initrd-end", cells(spec.initrd[1]))
    if spec.kernel is not None:
        start = spec.kernel.start
        put(chosen, "qemu,boot-kernel", cells64(start, spec.kernel.end - start))
        if spec.kernel.is_little_endian:
            put(chosen, "qemu,boot-kernel-le", EMPTY)
    if spec.boot_list:
        put(chosen, "qemu,boot-list", text(spec.boot_list))
    if spec.boot_order:
        put(chosen, "qemu,boot-device", text(spec.boot_order))
    if spec.has_boot_menu:
        put(chosen, "qemu,boot-menu", cells(1))
    return chosen


def hypertas_functions(spec: TreeSpec) -> list[str]:
    """What the hypervisor can do, the hypercalls of resizing before the last one."""
    has_resizing = spec.resize_hpt is not ResizeHpt.DISABLED
    *first, last = HYPERTAS_FUNCTIONS
    return [*first, *([HPT_RESIZE_FUNCTION] if has_resizing else []), last]


def rtas_node(spec: TreeSpec) -> Node:
    """Ref: LoPAR appendix B.6.3 (RTAS node); reference §4.5."""
    properties = {
        "ibm,hypertas-functions": text(*hypertas_functions(spec)),
        "qemu,hypertas-functions": text("hcall-memop1"),
        **rtas_properties(spec.nodes, Form.FORM1),
        "rtas-size": cells(rtas_size(spec.vcpu_count)),
        "rtas-error-log-max": cells(RTAS_ERROR_LOG_MAX),
        "rtas-event-scan-rate": cells(1),
        "ibm,change-msix-capable": EMPTY,
        "ibm,extended-os-term": EMPTY,
        "ibm,lrdr-capacity": cells64(0) + cells(0, LMB_SIZE, spec.max_vcpus or spec.vcpu_count),
    }
    properties |= {name: cells(token) for name, token in spec.rtas_tokens.items()}
    return node("rtas", properties)


def event_sources_node() -> Node:
    """Ref: LoPAR 10.2.2.1 (event sources). Only power events: nothing is hot-pluggable yet."""
    return node(
        "event-sources",
        {
            "interrupt-controller": EMPTY,
            "#interrupt-cells": cells(2),
            "interrupt-ranges": cells(EPOW_IRQ, 1),
        },
        [node("epow-events", {"interrupts": cells(EPOW_IRQ, 0)})],
    )


def vdevice_node(children: tuple[Node, ...]) -> Node:
    """Ref: LoPAR appendix B.6.9 (/vdevice)."""
    return node(
        "vdevice",
        {
            "device_type": text("vdevice"),
            "compatible": text("IBM,vdevice"),
            "#address-cells": cells(1),
            "#size-cells": cells(0),
            "#interrupt-cells": cells(2),
            "interrupt-controller": EMPTY,
        },
        children,
    )


def platform_facilities_node() -> Node:
    """Ref: LoPAR appendix B.6.13 (platform facilities); H_RANDOM is always there."""
    return node(
        "ibm,platform-facilities",
        {
            "device_type": text("ibm,platform-facilities"),
            "#address-cells": cells(1),
            "#size-cells": cells(0),
        },
        [node("ibm,random-v1", {"compatible": text("ibm,random")})],
    )


def build_root(spec: TreeSpec) -> Node:
    """The whole tree before client-architecture-support."""
    root = node(
        "/",
        {
            "device_type": text("chrp"),
            "model": text("IBM pSeries (emulated by qemu)"),
            "compatible": text("qemu,pseries"),
            "vm,uuid": text(spec.uuid),
            "#address-cells": cells(2),
            "#size-cells": cells(2),
        },
        [
            xics_node(spec.max_vcpus or spec.vcpu_count),
            *(
                memory_node(start, size, spec.nodes, number)
                for start, size, number in memory_pieces(spec.nodes.memory)
            ),
            vdevice_node(spec.vio_nodes),
            *spec.pci_nodes,
            platform_facilities_node(),
            cpus_node(
                spec.model,
                spec.mode,
                spec.vcpu_count,
                HashTable(
                    hash_table_size_log2(spec.ram_size),
                    spec.hash_page_limit_log2,
                    spec.has_storage_keys,
                ),
                spec.threads,
            ),
            event_sources_node(),
            rtas_node(spec),
            chosen_node(spec),
        ],
    )
    if spec.nodes.count > 1:
        show_associativity(root, spec.nodes, Form.FORM1)
    if spec.interrupts is IcMode.XIVE:
        show_interrupts(root, spec.vcpu_count, is_xive=True)
    return root


def flatten(root: Node, reserved: Sequence[tuple[int, int]] = ()) -> bytes:
    """The flattened tree (version 17), for dumps and for guests that take r3 = tree.

    `reserved` are (start, size) of memory that is taken: SLOF gives it to nobody.
    """
    blob = fdt.FDT(entries=[{"address": start, "size": size} for start, size in reserved])
    blob.root = root
    return blob.to_dtb(version=17)


def reply_to_cas(root: Node) -> bytes:
    """The flattened tree for firmware that merges it into its own: /chosen has what was agreed."""
    chosen = next(child for child in root.nodes if child.name == "chosen")
    agreed = node("chosen", {name: get(chosen, name) or EMPTY for name in AGREED})
    made = node("/", {prop.name: value_of(prop) for prop in root.props})
    made.nodes.extend(agreed if child is chosen else child for child in root.nodes)
    return flatten(made)
