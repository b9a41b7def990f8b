"""NUMA nodes: what the options say, and the tree beside QEMU's for the same options."""

import subprocess

import fdt as fdt_library
import pytest
from test_spapr_open_firmware import cas_vector

from jitppc.errors import OptionError
from jitppc.ir.hcalls import H
from jitppc.keyed_values import keyed
from jitppc.numa import NUMA_KEYS, OBJECT_KEYS, numa
from jitppc.spapr import fdt
from jitppc.spapr.associativity import Form
from jitppc.spapr.cas import Offer, negotiate
from jitppc.spapr.cpu_models import cpu_model
from jitppc.spapr.fdt_agreed import show_agreement
from jitppc.spapr.fdt_values import cells, get, walk
from jitppc.spapr.interrupts import IcMode

MIB = 1 << 20
PIECES = ["memory-backend-ram,id=m0,size=512M", "memory-backend-ram,id=m1,size=256M",
          "memory-backend-ram,id=m2,size=256M"]  # fmt: skip
NODES = ["node,nodeid=0,cpus=0-1,memdev=m0", "node,nodeid=1,cpus=2,memdev=m1",
         "node,nodeid=2,cpus=3,memdev=m2"]  # fmt: skip
FAR = ["dist,src=0,dst=1,val=20", "dist,src=0,dst=2,val=80", "dist,src=1,dst=2,val=40"]
WHAT = ("associativity", "xive", "plat-res", "platform-support", "compatible")


def described(nodes, pieces=PIECES, ram=1024, cpus=4):
    read, made = keyed(NUMA_KEYS, "type"), keyed(OBJECT_KEYS, "qom-type", needs=("id", "size"))
    return numa([read(text) for text in nodes], [made(text) for text in pieces], ram * MIB, cpus)


def our_root(nodes, **changes):
    spec = fdt.TreeSpec(
        model=cpu_model("power9_v2.0"), ram_size=1 << 30, vcpu_count=4, numa=nodes, **changes
    )
    return fdt.build_root(spec)


def chosen_properties(root, wanted=WHAT):
    """Of memory, processors, controller, /rtas and the root."""
    found = {}
    for node in walk(root):
        kinds = ("memory", "PowerPC", "interrupt-controller", "rtas", "chosen", "/")
        if node.name.startswith(kinds) or node is root:
            for prop in node.props:
                if prop.name == "reg" or any(word in prop.name for word in wanted):
                    found["" if node is root else node.name, prop.name] = get(node, prop.name)
    return found


@pytest.mark.parametrize("distances", [[], FAR, ["dist,src=2,dst=1,val=120"]])
def test_the_tree_says_of_nodes_and_of_xive_what_qemus_does(distances, tmp_path, require_tool):
    if distances and len(distances) < len(FAR):
        distances = [*distances, "dist,src=0,dst=1,val=30", "dist,src=0,dst=2,val=20"]
    words = [word for text in PIECES for word in ("-object", text)]
    words += [word for text in [*NODES, *distances] for word in ("-numa", text)]
    blob = tmp_path / "tree.dtb"
    machine = f"pseries,x-vof=on,ic-mode=xive,dumpdtb={blob}"
    command = [require_tool("qemu-system-ppc64"), "-M", machine, "-cpu", "power9_v2.0"]
    command += ["-nodefaults", "-nographic", "-m", "1G", "-smp", "4", *words]
    subprocess.run(command, check=True, capture_output=True)
    theirs = chosen_properties(fdt_library.parse_dtb(blob.read_bytes()).root)
    ours = our_root(described([*NODES, *distances]), interrupts=IcMode.XIVE)
    found = chosen_properties(ours)
    assert {key: found.get(key) for key in theirs} == theirs
    assert len(theirs) > 20


def test_a_guest_that_knows_form_2_gets_a_table_of_distances():
    nodes = described([*NODES, *FAR])
    offer = Offer(cpu_model("power9"), interrupts=IcMode.DUAL, vcpu_count=4, numa=nodes)
    vector = bytearray(cas_vector())
    at = vector.index(b"\x80\0\0\0\0\0\0\0\0\0\0\0")
    vector[at] |= 0x20

    class Memory:
        def contains(self, gra, n):
            return gra + n <= len(vector)

        def read(self, gra, n):
            return bytes(vector[gra : gra + n])

    result = negotiate(Memory(), 0, offer)
    assert (result.status, result.form) == (H.SUCCESS, Form.FORM2)
    assert result.architecture_vec_5[5] == 0x20
    root = our_root(nodes, interrupts=IcMode.DUAL)
    show_agreement(root, offer, result)
    rtas = root.get_subnode("rtas")
    table = bytes((10, 20, 80, 20, 10, 40, 80, 40, 10))
    assert get(rtas, "ibm,numa-distance-table") == cells(9) + table
    assert get(rtas, "ibm,numa-lookup-index-table") == cells(3, 0, 1, 2)
    assert get(rtas, "ibm,associativity-reference-points") == cells(1)
    found = chosen_properties(root, ("ibm,associativity",))
    assert found["memory@30000000", "ibm,associativity"] == cells(1, 2)
    assert found["PowerPC,POWER9@3", "ibm,associativity"] == cells(2, 2, 3)


def test_what_is_left_out_of_the_options_is_as_in_qemu():
    found = described(["node,mem=512M", "node,mem=512M"], pieces=[])
    assert (found.memory, found.cpus) == ((512 * MIB, 512 * MIB), (0, 1, 0, 1))
    assert found.distances == ((10, 20), (20, 10))
    assert described([], []) is None


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        (NODES[:2], "have 768 MiB together, -m says 1024"),
        (["node,memdev=m9"], "no such -object"),
        (["node,nodeid=1,mem=1G"], "without a gap"),
        (["node,mem=1G,cpus=0-9"], "cpus=9"),
        (["node,mem=1G,cpus=1-3"], "on which node is processor 0"),
        (["node,mem=1G,cpus=0-3", "dist,src=0,dst=1,val=20"], "no node 1"),
        (["node,mem=1G", "dist,src=0,dst=0,val=11"], "10 from itself"),
        (["node,nodeid=0,mem=1G", "node,nodeid=0,mem=1G"], "two nodes 0"),
        (["node", "node,mem=1G"], "node 0 needs memory"),
        (["node,mem=384M", "node,mem=640M"], "blocks of 256 MiB"),
    ],
)
def test_impossible_nodes_are_one_line(nodes, says):
    with pytest.raises(OptionError, match=says):
        described(nodes)


def test_the_home_node_is_told_by_vcpu(machine_with):
    def program(vcpu):
        vcpu.gpr[3:6] = [0x2EC, 1, 0]
        yield None

    nodes = described(["node,mem=256M", "node,mem=256M,cpus=0"], [], 512, 1)
    machine = machine_with(program, memory=512 * MIB, numa=nodes)
    machine.run(timeout=1)
    domains = [0, 1, 0xFFFFFFFF, *[(1 << 64) - 1] * 3]
    assert machine.cpu.gpr[3:10] == [0, *domains]
