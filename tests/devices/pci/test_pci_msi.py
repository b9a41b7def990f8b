import pytest
from devices.pci.fake_bus import FakeBus

from jitppc.devices.pci import msi
from jitppc.devices.pci.config_space import Command, Reg
from jitppc.devices.pci.function import Identity, PciFunction

WINDOW = 0x400_0000_0000


class Guest:
    """A function with eight vectors, and software that reaches its capability."""

    def __init__(self):
        self.function = PciFunction("thing", Identity(1, 2, 3))
        self.function.add_msi(8)
        self.bus = FakeBus()
        self.function.plug(self.bus)
        self.function.config_write(Reg.COMMAND, 2, Command.BUS_MASTER)
        self.at = self.function.config_read(Reg.CAPABILITIES, 1)

    def get(self, offset, size):
        return self.function.config_read(self.at + offset, size)

    def put(self, offset, size, value):
        self.function.config_write(self.at + offset, size, value)

    def enable(self, count_log2=3):
        self.function.msi.set_message(WINDOW, 0x1308, 1 << count_log2)
        self.put(msi.CONTROL, 2, count_log2 << 4 | 1)

    def notify(self, *vectors):
        for vector in vectors:
            self.function.msi.notify(vector)


@pytest.fixture
def guest():
    return Guest()


def test_the_capability_says_what_the_function_can(guest):
    assert guest.get(0, 1) == 0x05
    assert guest.get(msi.CONTROL, 2) == 3 << 1 | 1 << 7 | 1 << 8
    for offset in range(0, msi.SIZE, 4):
        guest.put(offset, 4, 0xFFFFFFFF)
    assert guest.get(msi.CONTROL, 2) == 0x1F7
    words = [guest.get(offset, 4) for offset in range(msi.ADDRESS, msi.SIZE, 4)]
    assert words == [0xFFFFFFFC, 0xFFFFFFFF, 0xFFFF, 0xFF, 0]


def test_vectors_send_consecutive_messages(guest):
    guest.enable()
    guest.notify(0, 5, 8, -1)
    assert guest.bus.messages == [(WINDOW, 0x1308), (WINDOW, 0x130D)]


def test_only_vectors_that_software_enabled_send(guest):
    guest.enable(count_log2=1)
    guest.notify(1, 2)
    assert guest.bus.messages == [(WINDOW, 0x1309)]
    guest.put(msi.CONTROL, 2, 0)
    guest.notify(0)
    assert len(guest.bus.messages) == 1


def test_masked_vectors_wait_and_come_once(guest):
    guest.enable()
    guest.put(msi.MASK, 4, 1 << 3)
    guest.notify(3, 3)
    assert guest.bus.messages == []
    assert guest.get(msi.PENDING, 4) == 1 << 3
    guest.put(msi.MASK, 4, 0)
    assert guest.bus.messages == [(WINDOW, 0x130B)]
    assert guest.get(msi.PENDING, 4) == 0


def test_software_can_write_the_message_itself(guest):
    guest.put(msi.ADDRESS, 4, 0x1234)
    guest.put(msi.ADDRESS + 4, 4, 5)
    guest.put(msi.DATA, 2, 0x77)
    guest.put(msi.CONTROL, 2, 1)
    guest.notify(0)
    assert guest.bus.messages == [(0x5_0000_1234, 0x77)]


def test_reset_forgets_messages(guest):
    guest.enable()
    guest.function.reset()
    guest.function.config_write(Reg.COMMAND, 2, Command.BUS_MASTER)
    guest.notify(0)
    assert guest.bus.messages == []
    assert guest.get(msi.ADDRESS, 4) == 0


@pytest.mark.parametrize("count", [0, 3, 64, -1])
def test_other_numbers_of_vectors_cannot_be(count):
    with pytest.raises(ValueError, match="MSI vectors"):
        PciFunction("thing", Identity(1, 2, 3)).add_msi(count)
