"""Where our device tree differs from the decoded trees of the reference machine, and why.

python tests/spapr/tree_differences.py > docs/device_tree.md
"""

HOTPLUG = "nothing can be hot-plugged"
EEH = "no PCI error handling: the reference has it for passed-through devices only"
DEVICE = "a device of the reference's command line"

# path of the node, property or None for the whole node: why we have it not.
ABSENT = {
    ("/", "ibm,drc-.*"): HOTPLUG,
    ("/ibm,persistent-memory", None): HOTPLUG,
    ("/pci@800000020000000", "ibm,(my-)?drc-.*"): HOTPLUG,
    ("/pci@800000020000000/.*", None): DEVICE,
    ("/event-sources/hot-plug-events", None): HOTPLUG,
    ("/cpus", "ibm,drc-.*"): HOTPLUG,
    ("/cpus/.*", "ibm,my-drc-index"): HOTPLUG,
    ("/rtas", "ibm,(set-eeh-option|get-config-addr.*|.*slot.*|configure-pe)"): EEH,
    ("/rtas", "ibm,configure-connector"): HOTPLUG,
    ("/rtas", "ibm,suspend-me"): "no migration",
}

# path and property: why ours has another value.
DIFFERENT = {
    ("/chosen", "rng-seed"): "random",
    ("/pci@800000020000000", "interrupt-map"): "the dump has cut it; see test_pci_tree",
    ("/event-sources", "interrupt-ranges"): HOTPLUG,
    ("/cpus/.*", "ibm,pa-features"): "SAO, EBB, copy-paste are left out",
}

# path and property that only we have.
ADDED = {
    ("/chosen", "bootargs"): "-append is always there",
}

TITLES = {
    "What we have not": ABSENT,
    "What has another value": DIFFERENT,
    "What only we have": ADDED,
}


HEAD = """\
# The device tree beside the reference's

Written by `python tests/spapr/tree_differences.py`. `tests/spapr/test_spapr_fdt.py` compares our
trees of a POWER8 and a POWER9 machine with the decoded ones of QEMU 7.2 (`-m 1G -smp 2`, in
`tests/spapr/data`) and fails at a difference that is not here, and at an explanation that is out of
date. It asks QEMU itself for trees of a POWER7 and a POWER10 machine, with the same explanations
(7.2 has no POWER11, and the first POWER10). PCI functions are compared with QEMU's in
`test_pci_tree.py`, NUMA nodes and the XIVE controller in `test_spapr_numa.py`, processors of other
models in `test_spapr_cpu_models.py`. Paths and names are regular expressions.
"""


def page() -> str:
    """docs/device_tree.md."""
    lines = [HEAD.rstrip()]
    for title, table in TITLES.items():
        lines += ["", f"## {title}", "", "| node | property | why |", "|---|---|---|"]
        for (path, name), why in table.items():
            shown = "the node" if name is None else f"`{name}`".replace("|", "\\|")
            lines.append(f"| `{path}` | {shown} | {why} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
