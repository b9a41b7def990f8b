import pytest
from devices.pci.fake_bus import FakeBus

from jitppc.devices.pci import msix
from jitppc.devices.pci.config_space import Command, Reg
from jitppc.devices.pci.function import Identity, PciFunction

WINDOW = 0x400_0000_0000


@pytest.fixture
def function():
    """A function with three vectors, messages 0x1300 to 0x1302, enabled."""
    made = PciFunction("thing", Identity(1, 2, 3))
    made.add_msix(3, 1)
    made.plug(FakeBus())
    made.config_write(Reg.COMMAND, 2, Command.BUS_MASTER)
    for vector in range(3):
        made.msix.set_message(vector, WINDOW, 0x1300 + vector)
    control(made, msix.CONTROL_ENABLE)
    return made


def control(function, value):
    start = function.config_read(Reg.CAPABILITIES, 1)
    function.config_write(start + 2, 2, value)


def pending(function):
    return function.msix.load(function.msix.pba_offset, 8)


def mask(function, vector, value):
    function.msix.store(16 * vector + 12, 4, value)


def test_the_capability_says_where_table_and_pending_bits_are(function):
    start = function.config_read(Reg.CAPABILITIES, 1)
    assert function.config_read(start, 1) == 0x11
    assert function.config_read(start + 2, 2) == msix.CONTROL_ENABLE | 2
    assert function.config_read(start + 4, 4) == 1
    assert function.config_read(start + 8, 4) == function.msix.pba_offset | 1
    assert function.msix.pba_offset >= 48


def test_a_vector_sends_its_message(function):
    function.msix.notify(1)
    function.msix.notify(3)
    function.msix.notify(-1)
    assert function.bus.messages == [(WINDOW, 0x1301)]


def test_masked_vectors_wait_and_come_once(function):
    mask(function, 1, 1)
    function.msix.notify(1)
    function.msix.notify(1)
    function.msix.notify(2)
    assert function.bus.messages == [(WINDOW, 0x1302)]
    assert pending(function) == 2
    mask(function, 1, 0)
    assert function.bus.messages[1:] == [(WINDOW, 0x1301)]
    assert pending(function) == 0


def test_the_function_mask_holds_all_vectors_back(function):
    control(function, msix.CONTROL_ENABLE | msix.CONTROL_MASK_ALL)
    for vector in (2, 0):
        function.msix.notify(vector)
    assert function.bus.messages == []
    assert pending(function) == 5
    control(function, msix.CONTROL_ENABLE)
    assert function.bus.messages == [(WINDOW, 0x1300), (WINDOW, 0x1302)]


def test_nothing_is_sent_while_disabled_or_no_bus_master(function):
    control(function, 0)
    function.msix.notify(0)
    control(function, msix.CONTROL_ENABLE)
    function.config_write(Reg.COMMAND, 2, 0)
    function.msix.notify(0)
    assert function.bus.messages == []


def test_a_function_that_sends_messages_lets_go_of_its_pin(function):
    function.set_intx(True)
    assert function.bus.intx == []
    control(function, 0)
    assert function.bus.intx == [True]
    control(function, msix.CONTROL_ENABLE)
    assert function.bus.intx == [True, False]


def test_after_reset_all_vectors_are_masked(function):
    function.reset()
    control(function, msix.CONTROL_ENABLE)
    function.msix.notify(0)
    assert function.bus.messages == []
    assert [function.msix.load(16 * v + 12, 4) for v in range(3)] == [1, 1, 1]


def test_the_region_takes_aligned_words_only(function):
    before = function.msix.load(0, 8)
    for offset, size in ((0, 1), (0, 2), (2, 4), (4, 8), (48, 4), (function.msix.pba_offset, 8)):
        function.msix.store(offset, size, 0)
    assert function.msix.load(0, 8) == before
    function.msix.store(0, 8, 0x1122334455667788)
    assert function.msix.load(4, 4) == 0x11223344
    assert function.msix.load(44, 8) == 0
    assert function.msix.load(function.msix.pba_offset - 1, 2) == 0


@pytest.mark.parametrize("count", [1, 64, 65, 128, 129, 2048])
def test_table_and_pending_bits_fit_the_region_for_any_count(count):
    table = msix.MsixTable(count, lambda address, data: None)
    assert table.pba_offset >= 16 * count
    assert table.pba_offset + (count + 63) // 64 * 8 <= table.size_bytes
    assert table.size_bytes & table.size_bytes - 1 == 0
    with pytest.raises(ValueError, match="vectors"):
        msix.MsixTable(msix.MAX_VECTORS + count, lambda address, data: None)
