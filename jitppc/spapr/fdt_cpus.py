"""The /cpus part of the tree. Ref: LoPAR appendix C.6.2 (CPU node properties); reference §4.3."""

from fdt import Node

from jitppc.spapr.cpu_models import CpuModel
from jitppc.spapr.fdt_values import EMPTY, cells, node, put, text
from jitppc.spapr.hash_pages import STORAGE_KEYS, HashTable, segment_page_sizes

CACHE_SIZE = 0x8000
CACHE_LINE_SIZE = 128


def show_mode(core: Node, model: CpuModel, mode: CpuModel | None) -> None:
    """The node says in which compatibility mode the core runs. Ref: LoPAR appendix C.6.2."""
    shown = mode or model
    put(core, "cpu-version", cells(mode.logical_pvr if mode else model.pvr))
    values = {
        "ibm,pa-features": shown.pa_features,
        "ibm,vmx": cells(shown.vector) if shown.vector else b"",
        "ibm,dfp": cells(1) if shown.has_decimal else b"",
    }
    for name, value in values.items():
        if value:
            put(core, name, value)
        elif core.exist_property(name):
            core.remove_property(name)


def cpu_node(
    model: CpuModel,
    mode: CpuModel | None,
    vcpu_id: int,
    table: HashTable,
    threads: int = 1,
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
            "i-cache-size": cells(model.instruction_cache_bytes),
            "timebase-frequency": cells(model.timebase_hz),
            "clock-frequency": cells(model.clock_hz),
            "status": text("okay"),
            "64-bit": EMPTY,
            "ibm,chip-id": cells(0),
            "ibm,ppc-interrupt-server#s": cells(*servers),
            "ibm,ppc-interrupt-gserver#s": cells(*(n for server in servers for n in (server, 0))),
            "ibm,pft-size": cells(0, table.size_log2),
            "slb-size": cells(model.slb_size),
            "ibm,slb-size": cells(model.slb_size),
            "ibm,segment-page-sizes": segment_page_sizes(
                table.page_limit_log2, is_basic=model.is_basic
            ),
        },
    )
    if not model.is_basic:
        put(core, "ibm,purr", cells(1))
        put(core, "ibm,spurr", cells(1))
        put(core, "ibm,processor-segment-sizes", cells(28, 40, 0xFFFFFFFF, 0xFFFFFFFF))
        if table.has_storage_keys:
            put(core, "ibm,processor-storage-keys", cells(STORAGE_KEYS, STORAGE_KEYS))
    if model.has_radix:
        put(core, "ibm,processor-radix-AP-encodings", cells(*model.radix_ap_encodings))
    if model.has_large_decrementer:
        put(core, "ibm,dec-bits", cells(model.decrementer_bits))
    show_mode(core, model, mode)
    return core


def cpus_node(
    model: CpuModel,
    mode: CpuModel | None,
    vcpu_count: int,
    table: HashTable,
    threads: int = 1,
) -> Node:
    """All cores; ids of threads are 0 to vcpu_count - 1."""
    return node(
        "cpus",
        {"#address-cells": cells(1), "#size-cells": cells(0)},
        [
            cpu_node(model, mode, vcpu_id, table, threads)
            for vcpu_id in range(0, vcpu_count, threads)
        ],
    )
