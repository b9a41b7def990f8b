import pytest
from devices.pci.fake_bus import FakeBus, FakeRegion

from jitppc.devices.pci.bars import Bar
from jitppc.devices.pci.config_space import Command, ConfigSpace, Reg
from jitppc.devices.pci.function import Capability, Identity, PciFunction

WHO = Identity(0x1234, 0x5678, 0x020000, 3)
ALL_ONES = 0xFFFFFFFF


@pytest.fixture
def function():
    made = PciFunction("thing", WHO)
    made.add_bar(Bar(0, FakeRegion(0x40), is_io=True))
    made.add_bar(Bar(1, FakeRegion(0x1000)))
    made.add_bar(Bar(2, FakeRegion(1 << 33), is_64=True, is_prefetchable=True))
    made.plug(FakeBus())
    return made


def test_identity_is_read_only(function):
    before = [function.config_read(offset, 4) for offset in (0, 8, 0x2C)]
    assert before == [0x56781234, 0x02000003, 0x11001AF4]
    for offset in (0, 8, 0x2C, 0x34):
        function.config_write(offset, 4, ALL_ONES)
    assert [function.config_read(offset, 4) for offset in (0, 8, 0x2C)] == before
    assert function.config_read(Reg.INTERRUPT_PIN, 1) == 1


def test_software_finds_the_size_of_each_region_by_writing_ones(function):
    for offset in range(Reg.BAR0, Reg.BAR0 + 24, 4):
        function.config_write(offset, 4, ALL_ONES)
    found = [function.config_read(offset, 4) for offset in range(Reg.BAR0, Reg.BAR0 + 24, 4)]
    assert found == [0xFFFFFFC1, 0xFFFFF000, 0x0000000C, 0xFFFFFFFE, 0, 0]


def test_regions_are_decoded_as_the_command_register_says(function):
    function.config_write(0x10, 4, 0x2000)
    function.config_write(0x14, 4, 0x80001234)
    function.config_write(0x1C, 4, 0x2100)
    assert function.mapped() == []
    assert function.bus.changes == 0
    function.config_write(Reg.COMMAND, 2, Command.IO)
    assert [address for _, address in function.mapped()] == [0x2000]
    function.config_write(Reg.COMMAND, 2, Command.MEMORY)
    assert [address for _, address in function.mapped()] == [0x80001000, 0x2100 << 32 & -(1 << 33)]
    assert function.bus.changes == 2
    function.config_write(Reg.CACHE_LINE_SIZE, 1, 8)
    assert function.bus.changes == 2


def test_the_interrupt_pin_follows_the_device_unless_it_is_disabled(function):
    function.set_intx(True)
    function.set_intx(True)
    assert function.bus.intx == [True]
    assert function.config_read(Reg.STATUS, 2) & 8
    function.config_write(Reg.COMMAND, 2, Command.INTERRUPT_DISABLE)
    assert function.bus.intx == [True, False]
    assert function.config_read(Reg.STATUS, 2) & 8
    function.config_write(Reg.COMMAND, 2, 0)
    function.set_intx(False)
    assert function.bus.intx == [True, False, True, False]
    assert not function.config_read(Reg.STATUS, 2) & 8


def test_reset_takes_back_what_software_wrote():
    resets = []
    function = PciFunction("thing", WHO, lambda: resets.append(1))
    function.add_bar(Bar(0, FakeRegion(0x1000)))
    function.plug(FakeBus())
    image = bytes(function.config._bytes)
    function.config_write(0x10, 4, 0x80000000)
    function.config_write(Reg.COMMAND, 2, 0xFFFF)
    function.set_intx(True)
    function.reset()
    assert bytes(function.config._bytes) == image
    assert function.mapped() == []
    assert not function.is_bus_master
    assert resets == [1]


def test_capabilities_are_a_list_and_tell_of_accesses():
    seen = []
    function = PciFunction("thing", WHO)
    first = function.add_capability(Capability(0x05, bytes(7)))
    second = function.add_capability(
        Capability(
            0x09,
            b"\x14\x05",
            b"\x00\xf0",
            lambda at, n: seen.append(("load", at, n)),
            lambda at, n: seen.append(("store", at, n)),
        )
    )
    function.plug(FakeBus())
    config = function.config_read
    assert config(Reg.STATUS, 2) & 0x10
    assert config(Reg.CAPABILITIES, 1) == first
    assert [config(first, 1), config(first + 1, 1)] == [0x05, second]
    assert second % 4 == 0
    assert config(second, 4) == 0x05140009
    function.config_write(second, 4, ALL_ONES)
    assert config(second, 4) == 0xF5140009
    assert seen == [("load", 0, 4), ("store", 0, 4), ("load", 0, 4)]


def test_there_is_an_end_to_capabilities():
    config = ConfigSpace()
    config.add_capability(1, 0xA0)
    with pytest.raises(ValueError, match="no room"):
        config.add_capability(2, 0x40)
