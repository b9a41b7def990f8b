"""The transport as a driver sees it, with a device type that only takes notes."""

import threading

import pytest
from devices.pci.fake_bus import FakeBus

from jitppc.devices.pci import msix
from jitppc.devices.pci.config_space import Command, Reg
from jitppc.devices.virtio.device import F_ACCESS_PLATFORM, F_VERSION_1
from jitppc.devices.virtio.pci import VirtioPci
from jitppc.devices.virtio.pci_registers import NO_VECTOR, Field, Status

ISR, DEVICE, NOTIFY = 0x1000, 0x2000, 0x3000
FEATURE = 1 << 5
READY = Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK


class Notes:
    """A device type with two queues that does nothing but remember."""

    device_id, class_code = 2, 0x010000
    features, queue_sizes = FEATURE, (256, 64)

    def __init__(self):
        self.calls, self.space = [], bytearray(range(16))

    def connect(self, transport):
        self.transport = transport

    def read_config(self, offset, count):
        return bytes(self.space[offset : offset + count]).ljust(count, b"\0")

    def write_config(self, offset, data):
        self.calls.append(("write", offset, data))

    def activate(self, features, queues):
        self.calls.append(("activate", features, queues))

    @property
    def bells(self):
        return [(0, 70), (2, 72)]

    def notify(self, index):
        self.calls.append(("notify", index))

    def reset(self):
        self.calls.append(("reset",))

    def close(self):
        self.calls.append(("close",))


class Driver:
    """Loads and stores of the modern BAR, and of configuration space."""

    def __init__(self, has_iommu=False, **options):
        self.device = Notes()
        self.pci = VirtioPci(self.device, "notes", has_iommu=has_iommu, **options)
        self.function, self.bus = self.pci.function, FakeBus()
        self.function.plug(self.bus)
        self.function.config_write(Reg.COMMAND, 2, Command.MEMORY | Command.BUS_MASTER)
        self.region = self.function.bars[-1].region

    def get(self, field, size):
        return self.region.load(field, size)

    def put(self, field, size, value):
        self.region.store(field, size, value)

    def accept(self, features):
        for half in (0, 1):
            self.put(Field.DRIVER_FEATURE_SELECT, 4, half)
            self.put(Field.DRIVER_FEATURE, 4, features >> 32 * half & 0xFFFFFFFF)

    def start(self, features=F_VERSION_1 | FEATURE):
        """As a driver begins, up to FEATURES_OK."""
        self.put(Field.DEVICE_STATUS, 1, Status.ACKNOWLEDGE | Status.DRIVER)
        self.accept(features)
        self.put(Field.DEVICE_STATUS, 1, READY)

    def set_queue(self, index, size, vector=NO_VECTOR):
        self.put(Field.QUEUE_SELECT, 2, index)
        self.put(Field.QUEUE_SIZE, 2, size)
        self.put(Field.QUEUE_VECTOR, 2, vector)
        for n, field in enumerate((Field.QUEUE_DESC, Field.QUEUE_DRIVER, Field.QUEUE_DEVICE)):
            self.put(field, 4, 0x1000 * (n + 1))
            self.put(field + 4, 4, index + 1)
        self.put(Field.QUEUE_ENABLE, 2, 1)

    def run(self, vector=NO_VECTOR):
        self.start()
        self.set_queue(0, 128, vector)
        self.put(Field.DEVICE_STATUS, 1, READY | Status.DRIVER_OK)
        return self.device.calls[-1][2][0]

    def enable_msix(self):
        start = self.capabilities()[msix.CAPABILITY_ID][0]
        self.function.config_write(start + 2, 2, msix.CONTROL_ENABLE)
        for vector in range(self.function.msix.count):
            self.function.msix.set_message(vector, 0x1000, vector)

    def capabilities(self):
        """Offsets by capability ID."""
        found, at = {}, self.function.config_read(Reg.CAPABILITIES, 1)
        while at:
            found.setdefault(self.function.config_read(at, 1), []).append(at)
            at = self.function.config_read(at + 1, 1)
        return found

    def virtio_capabilities(self):
        """(bar, offset, length) by cfg_type."""
        read = self.function.config_read
        return {
            read(at + 3, 1): (read(at + 4, 1), read(at + 8, 4), read(at + 12, 4))
            for at in self.capabilities()[0x09]
        }


@pytest.fixture
def driver():
    return Driver()


def test_the_function_is_a_modern_virtio_device(driver):
    assert driver.function.config_read(0, 4) == 0x10421AF4
    assert driver.function.config_read(8, 4) == 0x01000001
    assert driver.virtio_capabilities() == {
        1: (4, 0, 56),
        3: (4, 0x1000, 1),
        4: (4, 0x2000, 0x1000),
        2: (4, 0x3000, 0x1000),
        5: (0, 0, 0),
    }
    notify = [a for a in driver.capabilities()[9] if driver.function.config_read(a + 3, 1) == 2]
    assert driver.function.config_read(notify[0] + 16, 4) == 4


def test_features_are_offered_in_halves(driver):
    halves = []
    for half in (0, 1, 2, 0xFFFFFFFF):
        driver.put(Field.DEVICE_FEATURE_SELECT, 4, half)
        halves.append(driver.get(Field.DEVICE_FEATURE, 4))
        assert driver.get(Field.DEVICE_FEATURE_SELECT, 4) == half
    assert halves == [FEATURE, F_VERSION_1 >> 32, 0, 0]


def test_a_driver_gets_what_it_negotiated_and_set_up(driver):
    driver.start()
    assert driver.get(Field.DEVICE_STATUS, 1) == READY
    assert driver.get(Field.NUM_QUEUES, 2) == 2
    driver.set_queue(1, 32)
    driver.put(Field.DEVICE_STATUS, 1, READY | Status.DRIVER_OK)
    _, features, (first, second) = driver.device.calls[-1]
    assert features == F_VERSION_1 | FEATURE
    assert first is None
    assert (second.index, second.size) == (1, 32)
    addresses = second.descriptors, second.driver, second.device
    assert addresses == (0x2_0000_1000, 0x2_0000_2000, 0x2_0000_3000)
    assert second.dma is driver.bus.memory


@pytest.mark.parametrize("features", [0, FEATURE, F_VERSION_1 | 2, F_VERSION_1 | 1 << 63])
def test_features_that_do_not_fit_are_refused(driver, features):
    driver.start(features)
    assert driver.get(Field.DEVICE_STATUS, 1) == Status.ACKNOWLEDGE | Status.DRIVER
    driver.put(Field.DEVICE_STATUS, 1, READY | Status.DRIVER_OK)
    assert driver.get(Field.DEVICE_STATUS, 1) == Status.ACKNOWLEDGE | Status.DRIVER
    assert driver.device.calls == []


def test_an_offered_iommu_must_be_accepted():
    for features, fits in ((F_VERSION_1, False), (F_VERSION_1 | F_ACCESS_PLATFORM, True)):
        driver = Driver(has_iommu=True)
        driver.start(features)
        assert bool(driver.get(Field.DEVICE_STATUS, 1) & Status.FEATURES_OK) is fits


def test_features_stay_after_they_are_agreed(driver):
    driver.start()
    driver.accept(0)
    driver.put(Field.DEVICE_STATUS, 1, READY | Status.DRIVER_OK)
    assert driver.device.calls == [("activate", F_VERSION_1 | FEATURE, [None, None])]


def test_queue_registers_take_what_can_be_and_keep_it_once_enabled(driver):
    driver.put(Field.QUEUE_SELECT, 2, 1)
    for size in (0, 3, 128, 65535):
        driver.put(Field.QUEUE_SIZE, 2, size)
        assert driver.get(Field.QUEUE_SIZE, 2) == 64
    driver.set_queue(1, 16)
    driver.put(Field.QUEUE_SIZE, 2, 8)
    driver.put(Field.QUEUE_DESC, 8, 5)
    driver.put(Field.QUEUE_ENABLE, 2, 0)
    assert driver.get(Field.QUEUE_SIZE, 2) == 16
    assert driver.get(Field.QUEUE_DESC, 8) == 0x2_0000_1000
    assert driver.get(Field.QUEUE_ENABLE, 2) == 1
    assert driver.get(Field.QUEUE_NOTIFY_OFF, 2) == 1
    driver.put(Field.QUEUE_SELECT, 2, 2)
    assert driver.get(Field.QUEUE_SIZE, 2) == 0
    driver.put(Field.QUEUE_SIZE, 2, 8)
    assert driver.get(Field.QUEUE_SIZE, 2) == 0


def test_doorbells_ring_while_the_driver_is_ready(driver):
    driver.put(NOTIFY, 2, 0)
    driver.run()
    driver.put(NOTIFY + 4, 2, 1)
    driver.put(NOTIFY + 8, 2, 2)
    assert [call for call in driver.device.calls if call[0] == "notify"] == [("notify", 1)]


def test_doorbells_are_on_the_bus_while_the_driver_is_ready(driver):
    """They are not any more when the device is reset."""
    seen, place = [], driver.function.bars[-1].region
    driver.bus.decoding_changed = lambda: seen.append((place.doorbells, driver.device.calls[-1][0]))
    assert [] == place.doorbells
    driver.run()
    assert [([(0x3000, 70), (0x3008, 72)], "activate")] == seen
    driver.put(Field.DEVICE_STATUS, 1, 0)
    assert [([], "activate")] == seen[1:]
    assert ("reset",) == driver.device.calls[-1]
    driver.run()
    driver.pci.close()
    assert [([], "activate"), ("close",)] == [seen[-1], driver.device.calls[-1]]


def test_a_status_of_zero_resets_everything(driver):
    driver.run(vector=1)
    driver.put(Field.CONFIG_VECTOR, 2, 2)
    driver.put(Field.DEVICE_STATUS, 1, 0)
    assert driver.device.calls[-1] == ("reset",)
    assert driver.get(Field.DEVICE_STATUS, 1) == 0
    driver.put(Field.QUEUE_SELECT, 2, 0)
    values = [driver.get(f, 2) for f in (Field.QUEUE_SIZE, Field.QUEUE_VECTOR, Field.CONFIG_VECTOR)]
    assert values == [256, NO_VECTOR, NO_VECTOR]
    driver.run()


def test_without_msix_the_pin_tells_and_reading_isr_lets_it_go(driver):
    setup = driver.run()
    setup.interrupt()
    driver.device.transport.config_changed()
    assert driver.bus.intx == [True]
    assert driver.get(ISR, 1) == 3
    assert driver.bus.intx == [True, False]
    assert driver.get(ISR, 1) == 0


def test_with_msix_each_queue_and_the_configuration_have_their_vector(driver):
    driver.enable_msix()
    driver.put(Field.CONFIG_VECTOR, 2, 2)
    setup = driver.run(vector=1)
    setup.interrupt()
    driver.device.transport.config_changed()
    assert driver.bus.messages == [(0x1000, 1), (0x1000, 2)]
    assert driver.bus.intx == []
    assert driver.get(ISR, 1) == 0


def test_a_vector_that_is_not_there_reads_back_as_none(driver):
    driver.put(Field.CONFIG_VECTOR, 2, 3)
    assert driver.get(Field.CONFIG_VECTOR, 2) == NO_VECTOR
    driver.enable_msix()
    driver.run(vector=3).interrupt()
    assert driver.bus.messages == []


def test_a_broken_device_says_so_and_interrupts(driver):
    driver.enable_msix()
    driver.put(Field.CONFIG_VECTOR, 2, 0)
    driver.run()
    generation = driver.get(Field.CONFIG_GENERATION, 1)
    driver.device.transport.needs_reset()
    assert driver.get(Field.DEVICE_STATUS, 1) & Status.NEEDS_RESET
    assert driver.bus.messages == [(0x1000, 0)]
    assert driver.get(Field.CONFIG_GENERATION, 1) == generation + 1
    driver.put(Field.DEVICE_STATUS, 1, READY)
    assert driver.get(Field.DEVICE_STATUS, 1) & Status.NEEDS_RESET
    driver.put(Field.DEVICE_STATUS, 1, 0)
    assert driver.get(Field.DEVICE_STATUS, 1) == 0


def test_nobody_is_told_before_the_driver_is_ready(driver):
    driver.device.transport.config_changed()
    driver.device.transport.needs_reset()
    assert driver.bus.intx == driver.bus.messages == []


def test_the_device_has_its_own_page(driver):
    assert driver.get(DEVICE + 4, 4) == 0x07060504
    driver.put(DEVICE + 2, 2, 0x1234)
    assert driver.device.calls == [("write", 2, b"\x34\x12")]


def test_configuration_space_is_a_window_into_the_bar(driver):
    write, read = driver.function.config_write, driver.function.config_read
    window = next(a for a in driver.capabilities()[9] if read(a + 3, 1) == 5)
    write(window + 4, 1, 4)
    write(window + 8, 4, DEVICE + 4)
    write(window + 12, 4, 2)
    assert read(window + 16, 4) == 0x0504
    write(window + 16, 4, 0xABCD)
    assert driver.device.calls == [("write", 4, b"\xcd\xab")]
    for bar, offset, length in ((0, 0, 4), (4, 0x4000, 4), (4, 2, 4), (4, 0, 3), (4, 0, 1 << 31)):
        write(window + 4, 1, bar)
        write(window + 8, 4, offset)
        write(window + 12, 4, length)
        write(window + 16, 4, 1)
        read(window + 16, 4)
    assert len(driver.device.calls) == 1


def test_vectors_are_as_many_as_asked_for():
    assert Driver().function.msix.count == 3
    assert Driver(vector_count=8).function.msix.count == 8
    without = Driver(vector_count=0)
    assert without.function.msix is None
    without.run(vector=0).interrupt()
    assert without.bus.intx == [True]


def test_reset_of_the_function_resets_the_device(driver):
    driver.run().interrupt()
    driver.function.reset()
    assert driver.device.calls[-1] == ("reset",)
    assert driver.get(ISR, 1) == 0
    assert driver.bus.intx == [True, False]


def test_a_reset_that_takes_long_shows_in_the_status_and_stops_nobody():
    driver = Driver()
    driver.put(Field.DEVICE_STATUS, 1, Status.ACKNOWLEDGE)
    transfer = threading.Event()
    driver.device.reset = lambda: transfer.wait(60)
    driver.put(Field.DEVICE_STATUS, 1, 0)
    assert Status.ACKNOWLEDGE == driver.get(Field.DEVICE_STATUS, 1)
    driver.put(Field.DEVICE_STATUS, 1, Status.ACKNOWLEDGE | Status.DRIVER)  # dropped
    transfer.set()
    driver.pci.common.finish_reset()
    assert 0 == driver.get(Field.DEVICE_STATUS, 1)
