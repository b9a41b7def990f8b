"""virtio-console: text both ways, several ports, the messages that make them known."""

import struct
import time

import pytest
from virtio_backends import Line
from virtio_driver import Driver

from jitppc.devices.virtio import console
from jitppc.devices.virtio.console import VirtioConsole, first_queue, port_of

MESSAGE = struct.Struct("<IHH")


@pytest.fixture
def lines():
    return Line(), Line(), Line()


@pytest.fixture
def device(lines):
    made = VirtioConsole(max_ports=4)
    made.add_port(lines[0], is_console=True)
    made.add_port(lines[1], name="org.example.agent")
    made.add_port(lines[2], name="three", number=3)
    return made


@pytest.fixture
def driver(device):
    with Driver(device) as made:
        yield made


def tell(driver, port, event, value=1):
    driver.request(console.CONTROL_OUT, MESSAGE.pack(port, event, value), 0)


def hear(driver, count):
    """The device's next messages."""
    found = []
    for _ in range(count):
        address = driver.bump(64)
        driver.send(console.CONTROL_IN, [(address, 64, True)])
        ((_, length),) = driver.wait_used(console.CONTROL_IN)
        data = driver.ram.read(address, length)
        found.append((*MESSAGE.unpack_from(data), data[8:]))
    return found


def bring_up(driver):
    tell(driver, 0, console.DEVICE_READY)
    assert [(n, console.DEVICE_ADD, 1, b"") for n in (0, 1, 3)] == hear(driver, 3)
    for port in (0, 1, 3):
        tell(driver, port, console.PORT_READY)
    hear(driver, 2 + 2 + 2)
    for port in (0, 1, 3):
        tell(driver, port, console.PORT_OPEN)


def test_queues_have_the_numbers_of_the_specification():
    assert [0, 4, 6, 8] == [first_queue(n) for n in range(4)]
    assert [0, 0, 1, 1, 2, 2] == [port_of(n) for n in (0, 1, 4, 5, 6, 7)]


def test_ports_are_added_and_described(driver):
    tell(driver, 0, console.DEVICE_READY)
    assert [(n, console.DEVICE_ADD, 1, b"") for n in (0, 1, 3)] == hear(driver, 3)
    tell(driver, 0, console.PORT_READY)
    expected = [(0, console.CONSOLE_PORT, 1, b""), (0, console.PORT_OPEN, 1, b"")]
    assert expected == hear(driver, 2)
    tell(driver, 1, console.PORT_READY)
    named = (1, console.PORT_NAME, 1, b"org.example.agent")
    assert [named, (1, console.PORT_OPEN, 1, b"")] == hear(driver, 2)


def test_text_goes_both_ways_on_every_port(driver, lines):
    bring_up(driver)
    for port, line in zip((0, 1, 3), lines, strict=True):
        queue = first_queue(port)
        driver.request(queue + 1, b"from the guest", 0, cut=(3, 7))
        assert b"from the guest" == line.output
        assert 12 == line.type(b"to the guest")
        assert b"to the " == driver.request(queue, b"", 7)
        assert b"guest\0\0" == driver.request(queue, b"", 7)


def test_text_waits_until_the_guest_has_the_port_open(driver, lines):
    assert 5 == lines[1].type(b"early")
    bring_up(driver)
    assert b"early" == driver.request(first_queue(1), b"", 5)
    tell(driver, 1, console.PORT_OPEN, 0)
    assert 4 == lines[1].type(b"late")
    address = driver.bump(8)
    driver.ram.put(address, bytes(8))
    driver.send(first_queue(1), [(address, 8, True)])
    time.sleep(0.05)
    assert bytes(8) == driver.ram.read(address, 8)
    tell(driver, 1, console.PORT_OPEN, 1)
    driver.wait_used(first_queue(1))
    assert b"late" == driver.ram.read(address, 4)


def test_a_mebibyte_waits_and_the_rest_is_refused(driver, lines):
    bring_up(driver)
    assert console.MAX_WAITING == lines[0].type(bytes(console.MAX_WAITING + 5))
    assert 0 == lines[0].type(b"more")


def test_without_multiport_there_is_one_console(device, lines):
    with Driver(device, features=device.features & ~console.F_MULTIPORT) as driver:
        driver.request(1, b"hello", 0)
        assert b"hello" == lines[0].output
        lines[0].type(b"x")
        assert b"x" == driver.request(0, b"", 1)


def test_messages_that_make_no_sense_change_nothing(driver, lines):
    bring_up(driver)
    for message in (b"", b"short", MESSAGE.pack(2, 3, 1), MESSAGE.pack(1 << 31, 6, 1),
                    MESSAGE.pack(0, 99, 1), MESSAGE.pack(0, console.DEVICE_ADD, 1)):  # fmt: skip
        driver.request(console.CONTROL_OUT, message or b"\0", 0)
    driver.request(1, b"alive", 0)
    assert b"alive" == lines[0].output


def test_a_driver_that_never_listens_does_not_fill_memory(driver):
    for _ in range(console.MAX_MESSAGES):
        tell(driver, 0, console.DEVICE_READY)
    assert console.MAX_MESSAGES == len(driver.device._messages)


def test_a_new_size_is_told(driver, device):
    assert struct.pack("<HHI", 80, 25, 4) == device.read_config(0, 8)
    device.resize(132, 50)
    assert struct.pack("<HH", 132, 50) == device.read_config(0, 4)
    assert 1 == driver.transport.config_changes
    assert [(0, console.RESIZE, 0, struct.pack("<HH", 132, 50))] == hear(driver, 1)


def test_emergency_output_needs_no_queue(device, lines):
    device.write_config(8, b"!\0\0\0")
    assert b"!" == lines[0].output


def test_a_port_has_a_number_of_its_own(device):
    with pytest.raises(ValueError, match="port 3 is taken"):
        device.add_port(Line(), number=3)
    assert 2 == device.add_port(Line()).number
    with pytest.raises(ValueError, match="there is none"):
        device.add_port(Line())


def test_after_a_reset_ports_are_closed_and_text_waits(driver, device, lines):
    bring_up(driver)
    device.reset()
    lines[0].type(b"between")
    driver.build()
    driver.activate()
    bring_up(driver)
    assert b"between" == driver.request(0, b"", 7)


def test_buffers_that_wait_for_text_cost_no_time(driver, device, monkeypatch):
    """A receive queue has buffers all the time; its thread sleeps nevertheless."""
    bring_up(driver)
    calls = []
    monkeypatch.setattr(device, "_give_typed", lambda queue, port: calls.append(port))
    for _ in range(10):
        driver.send(0, [(driver.bump(16), 16, True)])
    time.sleep(0.1)
    assert len(calls) < 20
