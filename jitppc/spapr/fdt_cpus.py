"""The /cpus part of the tree. Ref: LoPAR appendix C.6.2 (CPU node properties); reference §4.3."""

from fdt import Node

from jitppc.spapr.cpu_models import CpuModel
from jitppc.spapr.fdt_values import EMPTY, cells, node, put, text
from jitppc.spapr.hash_pages import DEFAULT_LIMIT_LOG2, segment_page_sizes

CACHE_SIZE = 0x8000
CACHE_LINE_SIZE = 128
SLB_SIZE = 32


def show_mode(core: Node, model: CpuModel, mode: CpuModel | None) -> None:
    """The node says in which compatibility mode the core runs. Ref: LoPAR appendix C.6.2."""
    put(core, "cpu-version", cells(mode.logical_pvr if mode else model.pvr))
    put(core, "ibm,pa-features", (mode or model).pa_features)


def cpu_node(
    model: CpuModel, mode: CpuModel | None, vcpu_id: int, hash_table_log2: int, threads: int = 1
) -> Node:
    """One core, by the id of its first thread."""
    servers = range(vcpu_id, vcpu_id + threads)
    core = node(
        f"{model.tree_name}@{vcpu_id:x}",
        {
            "reg": cells(vcpu_id),
            "device_type": text("cpu"),
            "d-cache-block-size": cells(CACHE_LINE_SIZE),
            "d-cache-line-size": cells(CACHE_LINE_SIZE),
            "i-cache-block-size": cells(CACHE_LINE_SIZE),
            "i-cache-line-size": cells(CACHE_LINE_SIZE),
            "d-cache-size": cells(CACHE_SIZE),
            "i-cache-size": cells(CACHE_SIZE),
            "timebase-frequency": cells(model.timebase_hz),
            "clock-frequency": cells(model.clock_hz),
            "status": text("okay"),
            "64-bit": EMPTY,
            "ibm,purr": cells(1),
            "ibm,spurr": cells(1),
            "ibm,vmx": cells(2),
            "ibm,dfp": cells(1),
            "ibm,chip-id": cells(0),
            "ibm,ppc-interrupt-server#s": cells(*servers),
            "ibm,ppc-interrupt-gserver#s": cells(*(n for server in servers for n in (server, 0))),
            "ibm,pft-size": cells(0, hash_table_log2),
            "slb-size": cells(SLB_SIZE),
            "ibm,slb-size": cells(SLB_SIZE),
            "ibm,processor-segment-sizes": cells(28, 40, 0xFFFFFFFF, 0xFFFFFFFF),
            "ibm,segment-page-sizes": segment_page_sizes(DEFAULT_LIMIT_LOG2),
        },
    )
    if model.has_radix:
        put(core, "ibm,processor-radix-AP-encodings", cells(*model.radix_ap_encodings))
        put(core, "ibm,dec-bits", cells(model.decrementer_bits))
    show_mode(core, model, mode)
    return core


def cpus_node(
    model: CpuModel,
    mode: CpuModel | None,
    vcpu_count: int,
    hash_table_log2: int,
    threads: int = 1,
) -> Node:
    """All cores; ids of threads are 0 to vcpu_count - 1."""
    return node(
        "cpus",
        {"#address-cells": cells(1), "#size-cells": cells(0)},
        [
            cpu_node(model, mode, vcpu_id, hash_table_log2, threads)
            for vcpu_id in range(0, vcpu_count, threads)
        ],
    )
