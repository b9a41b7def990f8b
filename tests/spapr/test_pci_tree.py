"""Our PCI nodes beside those that QEMU makes for the same devices: each difference has a reason."""

import re
import subprocess

import fdt
import pytest

from jitppc.spapr.fdt_values import cells, get
from jitppc.spapr.hardware import Device, Hardware

DEVICES = (
    Device("virtio-rng-pci", {"disable-legacy": "on"}),
    Device("virtio-rng-pci", {"disable-legacy": "on", "vectors": "0"}),
    Device("virtio-rng-pci", {"disable-legacy": "on", "addr": "1f.7"}),
    Device("virtio-rng-pci", {"disable-legacy": "on", "addr": "1f.0", "vectors": "9"}),
    Device("spapr-pci-host-bridge", {"id": "more", "index": "3"}),
    Device("virtio-rng-pci", {"disable-legacy": "on", "bus": "more.0", "addr": "5"}),
)

HOTPLUG = "nothing can be hot-plugged"
HANDLES = "QEMU gives every node its handle as a property; we do where one is referred to"

# path of the node and property: why we have it not.
ABSENT = {
    ("/pci@.*", "ibm,(my-)?drc-.*"): HOTPLUG,
    ("/pci@.*", "phandle"): HANDLES,
}
# path and property that only we have.
ADDED = {
    ("/pci@[^/]*/.*", "assigned-addresses"): "regions have their places before the kernel starts",
}


def spelled(device):
    words = [device.model, *(f"{name}={value}" for name, value in device.properties.items())]
    if device.properties.get("addr") == "1f.0":
        words.append("multifunction=on")
    return ["-device", ",".join(words)]


def properties_by_path(root):
    """Those of PCI nodes."""
    found = {}

    def visit(node, path):
        found[path] = {p.name: get(node, p.name) for p in node.props}
        for child in node.nodes:
            visit(child, f"{path}/{child.name}")

    for node in root.nodes:
        if node.name.startswith("pci@"):
            visit(node, f"/{node.name}")
    return found


@pytest.fixture(scope="module")
def reference(tmp_path_factory, require_tool):
    program = require_tool("qemu-system-ppc64")
    path = tmp_path_factory.mktemp("tree") / "qemu.dtb"
    devices = [word for device in DEVICES for word in spelled(device)]
    machine = f"pseries,x-vof=on,dumpdtb={path}"
    command = [program, "-M", machine, "-nodefaults", "-nographic", "-m", "1G", *devices]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return properties_by_path(fdt.parse_dtb(path.read_bytes()).root)


@pytest.fixture
def ours(machine_with):
    machine = machine_with(hardware=Hardware(devices=DEVICES))
    return properties_by_path(machine._client.state.tree.root)


def explained(table, path, name):
    return any(re.fullmatch(p, path) and re.fullmatch(n, name) for p, n in table)


def test_the_same_nodes_are_there(ours, reference):
    assert set(ours) == set(reference)
    assert len(ours) == 7


def test_every_difference_from_qemus_nodes_is_explained(ours, reference):
    for path, properties in reference.items():
        for name, value in properties.items():
            if name in ours[path]:
                assert ours[path][name] == value, (path, name)
            else:
                assert explained(ABSENT, path, name), f"{path} {name} is missing"
        for name in ours[path].keys() - properties.keys():
            assert explained(ADDED, path, name), f"{path} {name} is not in QEMU's"


def test_no_explanation_is_out_of_date(ours, reference):
    missing = [(p, n) for p in reference for n in reference[p].keys() - ours[p].keys()]
    added = [(p, n) for p in reference for n in ours[p].keys() - reference[p].keys()]
    for key in ABSENT:
        assert any(explained({key}, *pair) for pair in missing), key
    for key in ADDED:
        assert any(explained({key}, *pair) for pair in added), key


def test_assigned_addresses_are_those_of_the_registers(machine_with):
    machine = machine_with(hardware=Hardware(devices=DEVICES))
    bridge = machine.board.bridges[0]
    nodes = properties_by_path(machine._client.state.tree.root)
    for devfn, function in bridge.functions.items():
        where = f"{devfn >> 3:x},{devfn & 7:x}".removesuffix(",0")
        assigned = nodes[f"/pci@800000020000000/legacy-device@{where}"]["assigned-addresses"]
        for bar, address in function.mapped():
            hi = (0x83000000 if bar.is_64 else 0x82000000) | devfn << 8 | bar.offset
            size = bar.region.size_bytes
            row = cells(hi, address >> 32, address & 0xFFFFFFFF, size >> 32, size)
            assert row in assigned
