"""Host bridges: places, pins, messages; which devices they take."""

from itertools import pairwise

import pytest
from devices.pci.fake_bus import FakeRegion
from pci_fakes import FakeSources, make_chipset

from jitppc.devices.pci.bars import Bar
from jitppc.devices.pci.config_space import Command, Reg
from jitppc.devices.pci.function import Identity, PciFunction
from jitppc.errors import OptionError
from jitppc.spapr.hardware import Device, Hardware
from jitppc.spapr.pci.host_bridge import HostBridge, parse_address
from jitppc.spapr.pci.mmio import MmioMap, Place
from jitppc.spapr.pci.msi import FIRST_MSI, MSI_ADDRESS, MSI_COUNT, MsiPool

BAD = 0xFFFFFFFF


def make_function(name="thing", region=None):
    function = PciFunction(name, Identity(0x1234, 1, 0x020000))
    function.add_bar(Bar(0, region or FakeRegion(0x1000)))
    return function


# Host bridges without a machine.


@pytest.fixture
def sources():
    return FakeSources()


@pytest.fixture
def bridge(sources):
    return HostBridge(make_chipset(sources))


def test_functions_take_free_slots_or_the_address_they_ask_for(bridge):
    assert [bridge.plug(make_function(), a) for a in (None, "1", "4.0", "4.2", None)] == [
        0x00,
        0x08,
        0x20,
        0x22,
        0x10,
    ]
    with pytest.raises(OptionError, match=r"thing is at PCI address 04\.2"):
        bridge.plug(make_function("other"), "4.2")
    assert bridge.functions[0x20].config_read(Reg.HEADER_TYPE, 1) == 0x80
    assert bridge.functions[0x08].config_read(Reg.HEADER_TYPE, 1) == 0
    bridge.reset()
    bridge.assign_bars()
    assert bridge.functions[0x22].config_read(Reg.HEADER_TYPE, 1) == 0x80


def test_a_bus_has_32_slots(bridge):
    for _ in range(32):
        bridge.plug(make_function())
    with pytest.raises(OptionError, match="no free slot"):
        bridge.plug(make_function())


@pytest.mark.parametrize("address", ["20", "1.8", "-1", "x", "1.", "1.2.3", "", 256, -1])
def test_other_addresses_are_refused(address):
    if address == "1.":
        assert parse_address(address) == 8
        return
    with pytest.raises(OptionError, match="SLOT"):
        parse_address(address)


def test_firmware_gives_each_region_a_place_of_its_own(bridge):
    io, small, large, high = (
        Bar(0, FakeRegion(0x20), is_io=True),
        Bar(1, FakeRegion(0x1000)),
        Bar(2, FakeRegion(1 << 20)),
        Bar(4, FakeRegion(0x4000), is_64=True, is_prefetchable=True),
    )
    for _ in range(2):
        function = PciFunction("thing", Identity(1, 2, 3))
        for bar in (io, small, large, high):
            function.add_bar(bar)
        bridge.plug(function)
    bridge.reset()
    bridge.assign_bars()
    mapped = [function.mapped() for function in bridge.functions.values()]
    assert [[f"{address:x}" for _, address in each] for each in mapped] == [
        ["1000", "80000000", "80100000", "210000000000"],
        ["1020", "80200000", "80300000", "210000010000"],
    ]
    assert bridge.chipset.mmio.place(0x200000001020, 4).region is io.region
    assert bridge.chipset.mmio.place(0x2000803FFFFC, 4).region is large.region
    assert bridge.chipset.mmio.place(0x210000013FFF, 1).region is high.region


def test_a_region_that_fits_no_window_is_left_alone(bridge):
    bridge.plug(make_function(region=FakeRegion(1 << 31)))
    bridge.plug(make_function())
    bridge.reset()
    bridge.assign_bars()
    assert bridge.functions[0].config_read(0x10, 4) == 0x80000000
    assert bridge.functions[8].config_read(0x10, 4) == 0
    assert bridge.chipset.mmio.place(0x200080000000, 4) is not None


def test_moving_a_region_moves_what_the_guest_finds(bridge):
    region = FakeRegion(0x1000)
    bridge.plug(make_function(region=region))
    bridge.reset()
    bridge.assign_bars()
    mmio, function = bridge.chipset.mmio, bridge.functions[0]
    mmio.store(0x200080000010, 4, 1)
    function.config_write(0x10, 4, 0x90000000)
    mmio.store(0x200080000010, 4, 2)
    mmio.store(0x200090000010, 4, 3)
    function.config_write(Reg.COMMAND, 2, 0)
    mmio.store(0x200090000010, 4, 4)
    function.config_write(0x10, 4, 0x1000)
    function.config_write(Reg.COMMAND, 2, Command.MEMORY)
    assert [value for _, _, value in region.stores] == [1, 3]


def test_pins_of_a_slot_are_swizzled_and_shared(bridge, sources):
    assert [bridge.lsi(slot, pin) - 0x1200 for slot in (0, 1, 5) for pin in (1, 2, 4)] == [
        *(0, 1, 3),
        *(1, 2, 0),
        *(1, 2, 0),
    ]
    for slot in (1, 5, 2):
        bridge.plug(make_function(), slot << 3)
    one, five, two = (bridge.functions[slot << 3] for slot in (1, 5, 2))
    one.set_intx(True)
    five.set_intx(True)
    one.set_intx(False)
    assert sources.levels == {0x1201: True}
    five.set_intx(False)
    two.set_intx(True)
    assert sources.levels == {0x1201: False, 0x1202: True}


def test_bridges_share_no_address_and_no_number(sources):
    chipset = make_chipset(sources)
    bridges = [HostBridge(chipset, index) for index in range(31)]
    windows = sorted((w.gra, w.gra + w.size) for b in bridges for w in b.windows.all)
    assert all(end <= start for (_, end), (start, _) in pairwise(windows))
    assert windows[0][0] == 0x2000_0000_0000
    assert windows[-1][1] == 0x4000_0000_0000
    assert len(sources.claimed) == 4 * 31
    assert len(list(chipset.tces)) == 31


# The map.


def test_the_map_answers_where_something_is():
    mmio = MmioMap()
    low, high = FakeRegion(0x100), FakeRegion(0x1000)
    mmio.replace("a", [Place(0x5000, high)])
    mmio.replace("b", [Place(0x2000, low), Place(0x5800, low)])
    assert mmio.load(0x2080, 1) == 0x80
    assert mmio.load(0x5804, 2) == 0x804
    assert [mmio.load(gra, 4) for gra in (0x1FFC, 0x20FE, 0x2100, 0, 0x6000)] == [BAD] * 5
    mmio.replace("b", [])
    assert mmio.load(0x2080, 1) == 0xFF
    mmio.store(0x2080, 1, 5)
    assert low.stores == []


def test_the_map_knows_where_bells_are_rung():
    """Not those of regions that nobody sees."""
    told, low, high = [], FakeRegion(0x100), FakeRegion(0x1000)
    mmio = MmioMap(told.append)
    low.doorbells, high.doorbells = [(0x10, 5)], [(0x300, 6), (0x304, 7)]
    mmio.replace("a", [Place(0x5000, high)])
    mmio.replace("b", [Place(0x2000, low), Place(0x5800, low)])
    mmio.replace("a", [])
    both = [(0x5300, 6), (0x5304, 7)]
    assert [both, [(0x2010, 5), *both], [(0x2010, 5), (0x5810, 5)]] == told


# Messages.


def test_sources_of_messages_follow_one_another_and_come_back(sources):
    pool = MsiPool(sources)
    first, second = pool.take(3), pool.take(2)
    assert (first.first, second.first) == (FIRST_MSI, FIRST_MSI + 3)
    pool.give_back(first)
    assert pool.take(4).first == FIRST_MSI + 5
    assert pool.take(2).first == FIRST_MSI
    assert pool.take(0) is None
    assert pool.take(MSI_COUNT) is None


def test_aligned_sources_are_for_messages_of_the_first_kind(sources):
    pool = MsiPool(sources)
    firsts = [pool.take(n, is_aligned=True).first - FIRST_MSI for n in (1, 4, 2, 3, 32, 8)]
    assert firsts == [0, 4, 2, 8, 32, 16]
    assert pool.take(1).first == FIRST_MSI + 1
    pool.take(MSI_COUNT - 64)
    assert pool.take(32, is_aligned=True) is None


def test_messages_that_nobody_has_are_dropped(sources):
    pool = MsiPool(sources)
    pool.take(1)
    for address, data in (
        (MSI_ADDRESS, FIRST_MSI + 1),
        (MSI_ADDRESS, FIRST_MSI - 1),
        (MSI_ADDRESS + 4, FIRST_MSI),
        (0, FIRST_MSI),
        (MSI_ADDRESS, FIRST_MSI + MSI_COUNT),
    ):
        pool.send(address, data)
    assert sources.pulses == []
    pool.send(MSI_ADDRESS, FIRST_MSI)
    assert sources.pulses == [FIRST_MSI]


# Plugging.


def test_several_bridges_have_buses_of_their_own(machine_with):
    devices = (
        Device("spapr-pci-host-bridge", {"index": "3", "id": "more"}),
        Device("spapr-pci-host-bridge", {"index": "1"}),
        Device("virtio-rng-pci", {"bus": "more.0", "addr": "5"}),
        Device("virtio-rng-pci", {"bus": "pci.2"}),
        Device("virtio-rng-pci", {}),
    )
    machine = machine_with(hardware=Hardware(devices=devices))
    found = {bridge.index: list(bridge.functions) for bridge in machine.board.bridges}
    assert found == {0: [0], 3: [0x28], 1: [0]}
    names = [node.name for node in machine._client.state.tree.root.nodes]
    assert [name for name in names if name.startswith("pci@")] == [
        "pci@800000020000000",
        "pci@800000020000003",
        "pci@800000020000001",
    ]


def test_ring_features_can_be_hidden(machine_with):
    words = {"event_idx": "off", "indirect_desc": "off", "multifunction": "on", "romfile": ""}
    devices = (Device("virtio-rng-pci", {}), Device("virtio-rng-pci", words))
    mmio = machine_with(hardware=Hardware(devices=devices)).board.mmio
    assert [mmio.load(0x2100_0000_0004 + at, 4) >> 28 for at in (0, 0x10000)] == [3, 0]


@pytest.mark.parametrize(
    ("model", "properties", "says"),
    [
        ("spapr-pci-host-bridge", {}, "index=1"),
        ("spapr-pci-host-bridge", {"index": "31"}, "index=30"),
        ("spapr-pci-host-bridge", {"index": "0"}, "already"),
        ("virtio-rng-pci", {"disable-legacy": "off"}, "modern"),
        ("virtio-rng-pci", {"vectors": "5000"}, "at most"),
        ("virtio-rng-pci", {"romfile": "efi.rom"}, "romfile"),
        ("virtio-rng-pci", {"addr": "40"}, "SLOT"),
        ("virtio-rng-pci", {"bus": "pci.7"}, "pci.7"),
        ("virtio-rng-pci", {"iommu-platform": "on"}, "iommu_platform"),
    ],
)
def test_what_cannot_be_plugged_is_refused_in_a_line(machine_with, model, properties, says):
    with pytest.raises(OptionError, match=says) as caught:
        machine_with(hardware=Hardware(devices=(Device(model, properties),)))
    assert "\n" not in str(caught.value)
