"""The device that docs/devices.md builds works, and the files that it names are there."""

import re
from pathlib import Path

from spapr.pci_fakes import FakeSources, make_chipset

from jitppc.devices.pci.config_space import Command, Reg
from jitppc.spapr.pci.host_bridge import HostBridge
from jitppc.spapr.pci.msi import MSI_ADDRESS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/devices.md").read_text()


def test_the_example_counts_and_interrupts():
    names = {}
    exec(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1], names)
    counter, sources = names["Counter"](), FakeSources()
    bridge = HostBridge(make_chipset(sources))
    bridge.plug(counter.function)
    bridge.reset()
    bridge.assign_bars()
    grant = bridge.chipset.msis.take(1)
    counter.function.msix.set_message(0, MSI_ADDRESS, grant.first)
    at = counter.function.config_read(Reg.CAPABILITIES, 1)
    counter.function.config_write(at + 2, 2, 0x8000)
    counter.function.config_write(Reg.COMMAND, 2, Command.MEMORY | Command.BUS_MASTER)
    mmio = bridge.chipset.mmio
    for _ in range(20):
        mmio.store(0x2000_8000_0000, 4, 0)
    assert mmio.load(0x2000_8000_0000, 4) == 20
    assert sources.pulses == [grant.first] * 2
    bridge.reset()
    assert counter.count == 0


def test_every_file_named_is_there():
    named = re.findall(r"`((?:devices|spapr|host|runtime|tests)/[\w/.]+)`", PAGE)
    named += re.findall(r"(?<!`)\b(spapr/(?:pci|rtas)/\w+)", PAGE)
    assert len(named) > 15
    for name in named:
        path = ROOT / name if name.startswith("tests") else ROOT / "jitppc" / name
        assert path.exists() or path.with_suffix(".py").exists(), name


def test_every_name_of_code_is_there():
    sources = "".join(path.read_text() for path in (ROOT / "jitppc").rglob("*.py"))
    names = set(re.findall(r"`([A-Z]\w+(?:\.\w+)*)(?:\(\))?`", PAGE)) - {"EVENT_IDX", "SLOT"}
    for name in names:
        for word in name.split("."):
            assert re.search(rf"\b{word}\b", sources), name
