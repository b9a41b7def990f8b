"""Processors and their compatibility modes: what a guest gets, and what the tree then says."""

import shutil
import subprocess

import fdt
import pytest
from test_spapr_open_firmware import BAD, cas_vector

from jitppc.errors import OptionError
from jitppc.ir.hcalls import H
from jitppc.spapr.cas import Offer, negotiate
from jitppc.spapr.cpu_models import (
    COMPAT_MODES,
    CPU_MODELS,
    cpu_model,
    newest_mode,
    with_small_decrementer,
)
from jitppc.spapr.fdt_cpus import cpu_node, show_mode
from jitppc.spapr.fdt_values import cells, get
from jitppc.spapr.hash_pages import HashTable

END = (0, 0xF0000000)
POWER9, POWER10, POWER11 = (0xFFFF0000, 0x004E0000), (0xFFFF0000, 0x00800000), (BAD, 0x0F000007)
POWER5_PLUS = (0xFFFF0000, 0x003B0000)
LEVEL_2_05, LEVEL_2_06 = (BAD, 0x0F000002), (BAD, 0x0F000003)
LEVEL_2_06_PLUS, LEVEL_2_07 = (BAD, 0x0F100003), (BAD, 0x0F000004)
LEVEL_3_00, LEVEL_3_10 = (BAD, 0x0F000005), (BAD, 0x0F000006)


def mode_for(cpu, newest, *pairs):
    """Name of the mode, None for none, or the status of the refusal."""

    class Memory:
        data = cas_vector(pvrs=(*pairs, END), byte24=0)

        def contains(self, gra, n):
            return gra + n <= len(self.data)

        def read(self, gra, n):
            return self.data[gra : gra + n]

    model = cpu_model(cpu)
    result = negotiate(Memory(), 0, Offer(model, newest_mode(model, newest)))
    if result.status != H.SUCCESS:
        return result.status
    return result.mode and result.mode.name


@pytest.mark.parametrize(
    ("cpu", "newest", "pairs", "mode"),
    [
        ("power10", None, [POWER9, POWER10, LEVEL_3_00, LEVEL_3_10], None),
        ("power10", None, [POWER9, LEVEL_3_00, LEVEL_3_10], "power10"),
        ("power10", None, [POWER9, LEVEL_3_00], "power9"),
        ("power10", None, [POWER9], H.HARDWARE),
        ("power9", None, [POWER10, LEVEL_3_10], H.HARDWARE),
        ("power9", None, [LEVEL_3_10, LEVEL_3_00], "power9"),
        ("power11", None, [LEVEL_3_00, LEVEL_3_10], "power10"),
        ("power11", None, [LEVEL_3_00, LEVEL_3_10, POWER11], "power11"),
        ("power10", "power9", [POWER10, LEVEL_3_00, LEVEL_3_10], "power9"),
        ("power10", "power10", [POWER10, LEVEL_3_00, LEVEL_3_10], "power10"),
        ("power10", "power9", [POWER10], H.HARDWARE),
        ("power10", "power6", [LEVEL_3_10, LEVEL_2_06, LEVEL_2_05], "power6"),
        ("power8", "power7", [LEVEL_2_07, LEVEL_2_06, LEVEL_2_05], "power7"),
        ("power8", "power7+", [LEVEL_2_06_PLUS, LEVEL_2_06], "power7+"),
        ("power7", None, [LEVEL_2_07, LEVEL_2_06_PLUS], "power7+"),
        ("power7+", "power7", [LEVEL_2_06_PLUS, LEVEL_2_06], "power7"),
        ("power5+", None, [POWER5_PLUS, LEVEL_2_05], None),
        ("power5+", None, [LEVEL_2_06, LEVEL_2_05], H.HARDWARE),
    ],
)
def test_a_guest_gets_the_newest_mode_it_knows(cpu, newest, pairs, mode):
    """Ref: LoPAR appendix B.6.2.3."""
    assert mode_for(cpu, newest, *pairs) == mode


@pytest.mark.parametrize(
    ("cpu", "name"), [("power9", "power10"), ("power8", "power9"), ("power5+", "power6")]
)
def test_a_mode_that_the_processor_lacks_is_refused(cpu, name):
    with pytest.raises(OptionError, match=r"has (the modes|no compatibility mode)"):
        newest_mode(cpu_model(cpu), name)


# Properties of a core's node that are not QEMU 7.2's, and why.
DIFFERENT = {
    "cpu-version": "QEMU 7.2 has the first POWER10, PVR 0x00800200",
    "ibm,pa-features": "ours says what the processor room executes; see FEATURE_BYTES",
    "ibm,my-drc-index": "nothing can be hot-plugged",
    "phandle": "QEMU gives every node its handle as a property; we do where one is referred to",
}


# -cpu and max-cpu-compat; QEMU 7.2 has no POWER11
BESIDE_QEMU = [
    *((cpu, None) for cpu in ("power5+", "power7", "power7+", "power8", "power9", "power10")),
    *(("power8", mode) for mode in ("power6", "power7", "power7+", "power8")),
    *(("power10", mode) for mode in ("power6", "power9", "power10")),
]


@pytest.fixture(scope="module", params=BESIDE_QEMU, ids=str)
def pair(request, tmp_path_factory):
    """Our node and QEMU's."""
    program = shutil.which("qemu-system-ppc64")
    assert program, "qemu-system-ppc64 is among the programs that tests need"
    path = tmp_path_factory.mktemp("tree") / "qemu.dtb"
    cpu, newest = request.param
    limit = f",max-cpu-compat={newest}" if newest else ""
    machine = f"pseries,x-vof=on,dumpdtb={path}{limit}"
    command = [program, "-M", machine, "-cpu", cpu, "-m", "1G"]
    command += ["-nodefaults", "-nographic"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    cpus = fdt.parse_dtb(path.read_bytes()).root.get_subnode("cpus")
    core = next(node for node in cpus.nodes if node.name.startswith("PowerPC"))
    mode = newest_mode(cpu_model(cpu), newest)
    model = cpu_model(cpu)
    if not (mode or model).has_large_decrementer:
        model = with_small_decrementer(model)
    return cpu_node(model, mode, 0, HashTable(23)), core


def test_a_cores_node_is_qemus_but_for_what_is_explained(pair):
    ours, theirs = pair
    assert ours.name == theirs.name
    names = {p.name for node in pair for p in node.props}
    differing = {n for n in names if get(ours, n) != get(theirs, n)}
    assert differing <= DIFFERENT.keys(), differing - DIFFERENT.keys()


def test_features_of_newer_levels_are_those_of_older_ones_and_more():
    old, new = (COMPAT_MODES[name].pa_features[2:] for name in ("power9", "power10"))
    assert len(old) == 66 and len(new) == 74  # noqa: PT018
    second_dawr = 64
    assert [n for n in range(74) if new[n] != (old[n] if n < 66 else 0)] == [second_dawr, 72]
    assert (old[second_dawr], new[second_dawr]) == (0, 0x80)


def test_the_tree_says_in_which_mode_a_core_runs():
    model, mode = CPU_MODELS["power10"], COMPAT_MODES["power9"]
    core = cpu_node(model, mode, 0, HashTable(23))
    assert get(core, "cpu-version") == (0x0F000005).to_bytes(4, "big")
    assert get(core, "ibm,pa-features") == mode.pa_features
    assert core.name == "PowerPC,POWER10@0"


def test_a_core_that_changes_its_mode_loses_what_the_mode_has_not():
    core = cpu_node(CPU_MODELS["power8"], None, 0, HashTable(23))
    show_mode(core, CPU_MODELS["power8"], COMPAT_MODES["power6"])
    assert get(core, "ibm,vmx") == (1).to_bytes(4, "big")
    assert not core.exist_property("ibm,pa-features")
    assert not core.exist_property("ibm,dfp")


def test_keys_are_told_of_where_they_are_wanted():
    table = HashTable(23, has_storage_keys=True)
    name = "ibm,processor-storage-keys"
    assert get(cpu_node(CPU_MODELS["power8"], None, 0, table), name) == cells(32, 32)
    assert not cpu_node(CPU_MODELS["power5+"], None, 0, table).exist_property(name)
    assert not cpu_node(CPU_MODELS["power8"], None, 0, HashTable(23)).exist_property(name)
