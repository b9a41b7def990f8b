"""Our tree beside the decoded tree of the reference machine: each difference has its reason."""

import functools
import re
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import fdt as fdt_library
import pytest
from pci_fakes import make_chipset
from tree_differences import ABSENT, ADDED, DIFFERENT, page

import jitppc.spapr.rtas.rows  # noqa: F401
from jitppc.spapr import fdt
from jitppc.spapr.cpu_models import cpu_model
from jitppc.spapr.fdt_values import cells, get, text, walk
from jitppc.spapr.interrupts import IcMode
from jitppc.spapr.pci.host_bridge import HostBridge
from jitppc.spapr.pci.tree import bridge_node
from jitppc.spapr.rtas.table import advertised_tokens
from jitppc.spapr.tce import TceTables
from jitppc.spapr.vio.bus import VioBus
from jitppc.spapr.vio.nvram import Nvram
from jitppc.spapr.vio.vlan import Vlan
from jitppc.spapr.vio.vscsi import Vscsi
from jitppc.spapr.vio.vty import Vty
from jitppc.spapr.vio.window import DmaWindow

DATA = Path(__file__).parent / "data"
MODELS = {"power8": "power8_v2.0", "power9": "power9_v2.0"}
#: QEMU is asked for these trees; 7.2 has no POWER11
ASKED = {"power7": "power7_v2.3", "power10": "power10"}
QEMU_FLAGS = "-m 1G -smp 2 -nographic -net none -vga none -serial null -monitor none".split()
QEMU_FLAGS += ["-netdev", "user,id=lan", "-object", "rng-builtin,id=random"]
QEMU_FLAGS += ["-device", "spapr-vlan,netdev=lan,mac=52:54:00:12:34:56"]
QEMU_FLAGS += ["-device", "spapr-rng,rng=random"]
QEMUS_POWER10 = 0x00800200      # the first one
PAGE = Path(__file__).parents[2] / "docs/device_tree.md"


@functools.cache
def reference_tree(model="power9"):
    """Path of the node to its properties, as bytes; None where the dump has cut a value."""
    dump = DATA / f"reference_{model}_fdt.txt"
    return decoded_tree(dump.read_text()) if dump.exists() else qemus_tree(model)


def qemus_tree(model):
    program = shutil.which("qemu-system-ppc64")
    assert program, "qemu-system-ppc64 is among the programs that tests need"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "qemu.dtb"
        command = [program, "-M", f"pseries,dumpdtb={path}", "-cpu", model, *QEMU_FLAGS]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return properties_of(fdt_library.parse_dtb(path.read_bytes()).root)


def decoded_tree(dump):
    tree, path = {}, []
    for raw in dump.splitlines():
        line = raw.strip()
        if line.endswith("{"):
            path.append(line[:-1].strip())
            tree["/" + "/".join(path[1:])] = {}
        elif line == "}":
            path.pop()
        elif line:
            name, _, value = line.partition(" = ")
            tree["/" + "/".join(path[1:])][name] = reference_value(value)
    return tree


def reference_value(value):
    if value == "...":
        return None
    if value.startswith("<"):
        return cells(*(int(word, 16) for word in value[1:-1].split()))
    if value.startswith("["):
        return bytes.fromhex(value[1:-1])
    return text(*re.findall(r"'([^']*)'", value))


def our_root(**changes):
    bus = VioBus(lambda irq: None, lambda irq: None)
    bus.plug(lambda slot: Vty(slot, None))
    bus.plug(Nvram)
    tces = TceTables()
    bus.plug(lambda slot: Vscsi(slot, DmaWindow(slot.unit_address, tces, None)))
    mac = bytes.fromhex("525400123456")
    bus.plug(lambda slot: Vlan(slot, DmaWindow(slot.unit_address, tces, None), None, mac))
    options = {
        "model": cpu_model("power9_v2.0"),
        "ram_size": 1 << 30,
        "vcpu_count": 2,
        "interrupts": IcMode.DUAL,
        "vio_nodes": bus.tree_nodes(),
        "pci_nodes": (bridge_node(HostBridge(make_chipset())),),
        "stdout_path": "/vdevice/vty@71000000",
        "rtas_tokens": advertised_tokens(),
    } | changes
    return fdt.build_root(fdt.TreeSpec(**options))


def properties_of(root):
    tree = {}

    def visit(node, path):
        tree[path or "/"] = {p.name: get(node, p.name) for p in node.props}
        for child in node.nodes:
            visit(child, f"{path}/{child.name}")

    visit(root, "")
    return tree


def our_tree(**changes):
    return properties_of(our_root(**changes))


def explained(table, path, name):
    return any(
        re.fullmatch(p, path) and (n is None or (name is not None and re.fullmatch(n, name)))
        for p, n in table
    )


def both_trees(model):
    """Ours and the reference's: POWER8 has no choice of interrupt controllers."""
    cpu = cpu_model((MODELS | ASKED)[model])
    if model == "power10":
        cpu = replace(cpu, pvr=QEMUS_POWER10)
    controllers = IcMode.DUAL if cpu.has_xive else IcMode.XICS
    return our_tree(model=cpu, interrupts=controllers), reference_tree(model)


@pytest.mark.parametrize("model", [*MODELS, *ASKED])
def test_every_difference_from_the_reference_tree_is_explained(model):
    ours, reference = both_trees(model)
    for path, properties in reference.items():
        if path not in ours:
            assert explained(ABSENT, path, None), f"node {path} is missing"
            continue
        for name, value in properties.items():
            if name not in ours[path]:
                assert explained(ABSENT, path, name), f"{path} {name} is missing"
            elif ours[path][name] != value:
                assert explained(DIFFERENT, path, name), (path, name, ours[path][name], value)
    for path, properties in ours.items():
        for name in properties.keys() - reference[path].keys():
            assert explained(ADDED, path, name), f"{path} {name} is not in the reference"


@pytest.mark.parametrize("model", MODELS)
def test_no_explanation_is_out_of_date(model):
    ours, reference = both_trees(model)
    pairs = [(path, name) for path, values in reference.items() for name in values]
    pairs += [(path, None) for path in reference]
    missing = [(p, n) for p, n in pairs if p not in ours or (n and n not in ours[p])]
    for key in ABSENT:
        assert any(explained({key: ""}, *pair) for pair in missing), key
    for path, name in DIFFERENT:
        assert any(
            re.fullmatch(path, p) and ours[p][n] != reference[p][n]
            for p, n in pairs
            if p in ours and n == name
        ), (path, name)


def test_the_page_of_differences_is_up_to_date():
    """If not: python tests/spapr/tree_differences.py > docs/device_tree.md"""
    assert PAGE.read_text() == page()


def test_pa_features_drop_only_what_the_processor_lacks():
    ours = our_tree()["/cpus/PowerPC,POWER9@0"]["ibm,pa-features"]
    reference = reference_tree()["/cpus/PowerPC,POWER9@0"]["ibm,pa-features"]
    differing = {i: (a, b) for i, (a, b) in enumerate(zip(ours, reference, strict=True)) if a != b}
    assert all(a & ~b == 0 for a, b in differing.values())
    # Two bytes of header; SAO, EBB (twice), multiple match, SPR SO, copy-paste.
    assert set(differing) == {2 + i for i in (4, 5, 30, 34, 36, 38)} & set(differing)
    assert ours[2 + 40] == 0x80


@pytest.mark.parametrize(
    ("mib", "pieces"),
    [
        (1024, [(0, 1024)]),
        (2048, [(0, 2048)]),
        (3072, [(0, 2048), (2048, 1024)]),
        (3840, [(0, 2048), (2048, 1024), (3072, 512), (3584, 256)]),
    ],
)
def test_memory_nodes_are_naturally_aligned_powers_of_two(mib, pieces):
    found = fdt.memory_pieces([mib << 20])
    assert [(start >> 20, size >> 20) for start, size, _ in found] == pieces


def test_bootargs_and_initrd_are_in_chosen():
    chosen = our_tree(bootargs="console=hvc0", initrd=(0x600000, 0x700000))["/chosen"]
    assert chosen["bootargs"] == b"console=hvc0\0"
    assert chosen["linux,initrd-start"] == cells(0x600000)
    assert chosen["linux,initrd-end"] == cells(0x700000)


def test_flattened_tree_reads_back_the_same():
    blob = fdt.flatten(our_root(), [(0x400000, 0x1234), (0x600000, 5)])
    back = fdt_library.parse_dtb(blob)
    reserved = [(entry["address"], entry["size"]) for entry in back.entries]
    assert reserved == [(0x400000, 0x1234), (0x600000, 5)]
    names = [node.name for node in walk(back.root)]
    assert names == [node.name for node in walk(our_root())]
    assert get(back.root.get_subnode("rtas"), "nvram-fetch") == cells(0x2012)
