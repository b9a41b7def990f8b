"""Laws of the board and of the table of device models."""

import pytest

from jitppc.errors import OptionError
from jitppc.spapr.device_model import DeviceModel, Property, number, size_bytes, switch
from jitppc.spapr.device_models import DEVICE_MODELS, device_help, device_model
from jitppc.spapr.hardware import CharBackend, Device, Drive, Hardware


class Line:
    """A chardev that keeps what is written and says what becomes of it."""

    def __init__(self):
        self.data, self.receive, self.is_closed = b"", None, False

    def start(self, receive):
        self.receive = receive

    def write(self, data):
        self.data += data

    def close(self):
        self.is_closed = True


class Disk(Line):
    size = 512


def chars(*names):
    lines = {name: Line() for name in names}
    return lines, tuple(CharBackend(name, lambda line=line: line) for name, line in lines.items())


def test_consoles_come_first_and_each_has_its_line(machine_with):
    lines, chardevs = chars("a", "b")
    made = machine_with(hardware=Hardware(chardevs=chardevs, serials=("a", "b")))
    names = [node.name for node in made.board.vio.tree_nodes()]
    assert ["vty@71000000", "vty@71000001", "nvram@71000002"] == names
    first, second = made.board.consoles
    first.write(b"one")
    second.write(b"two")
    lines["b"].receive(b"typed")
    assert (b"one", b"two") == (lines["a"].data, lines["b"].data)
    assert b"one" == made.console_output
    assert b"typed" == second.read()
    made.type("x")
    assert b"x" == first.read()
    made.close()
    assert lines["a"].is_closed
    assert lines["b"].is_closed


def test_what_is_typed_goes_to_the_device_on_the_users_console(machine_with):
    _, chardevs = chars("a")
    user = Line()
    made = machine_with(
        console=user, hardware=Hardware(chardevs=chardevs, serials=("a", "console"))
    )
    made.type("x")
    made.board.consoles[1].write(b"answer")
    assert (b"", b"x", b"answer") == (*(vty.read() for vty in made.board.consoles), user.data)


def test_a_machine_without_consoles_has_no_stdout(machine_with):
    made = machine_with(hardware=Hardware(serials=()))
    assert b"stdout-path" not in made.device_tree()
    made.type("nobody hears")


@pytest.mark.parametrize(
    ("hardware", "message"),
    [
        (Hardware(devices=(Device("spapr-vtx"),)), "'spapr-vtx'; did you mean spapr-vty?"),
        (
            Hardware(devices=(Device("spapr-vty", {"chardef": "a"}),)),
            "spapr-vty has no property 'chardef'; did you mean chardev?",
        ),
        (Hardware(serials=("tty",)), "no chardev 'tty'"),
        (Hardware(serials=("console", "console")), "two devices want the chardev 'console'"),
        (Hardware(devices=(Device("spapr-vty"),)), "a chardev is missing"),
        (Hardware(devices=(Device("spapr-nvram"),) * 2), "has its spapr-nvram already"),
        (Hardware(drives=(Drive("d0", Disk),)), "no device uses the drive 'd0'"),
    ],
)
def test_what_cannot_be_plugged_is_refused_by_name(machine_with, hardware, message):
    with pytest.raises(OptionError) as caught:
        machine_with(hardware=hardware)
    assert message in str(caught.value)


def test_two_devices_have_different_ids(machine_with):
    _, chardevs = chars("a", "b")
    devices = tuple(Device("spapr-vty", {"id": "x", "chardev": name}) for name in "ab")
    with pytest.raises(OptionError, match="two devices have the id 'x'"):
        machine_with(hardware=Hardware(chardevs=chardevs, serials=(), devices=devices))


def test_a_board_that_cannot_be_made_keeps_nothing_open(machine_with):
    lines, chardevs = chars("a")
    with pytest.raises(OptionError):
        machine_with(
            hardware=Hardware(chardevs=chardevs, serials=("a",), devices=(Device("none"),))
        )
    assert lines["a"].is_closed


def test_every_row_has_properties_of_its_own_and_says_what_they_are():
    for row in DEVICE_MODELS.values():
        names = [item.name for item in row.all_properties]
        assert len(names) == len(set(names)), row.name
        assert all(item.says for item in row.all_properties)
        assert row.name in device_help()
        assert all(name in device_help(row.name) for name in names)
        assert row is device_model(row.name)


def test_values_are_parsed_and_defaults_filled_in():
    row = DeviceModel(
        "toy",
        "",
        "a toy",
        lambda board, values: None,
        (
            Property("on", "a switch", switch, default=True),
            Property("n", "a number", number, default=3),
            Property("size", "bytes", size_bytes),
        ),
    )
    assert {"id": None, "bus": None, "on": False, "n": 16, "size": 65536} == row.values(
        {"on": "off", "n": "0x10", "size": "64k"}
    )
    assert (True, 3) == (row.values({})["on"], row.values({"n": 3})["n"])
    for given, message in {
        ("on", "maybe"): "toy: on is on or off, not 'maybe'",
        ("n", "-1"): "toy: n is a number from 0, not '-1'",
        ("size", "1 parsec"): "toy: size is a size such as",
    }.items():
        with pytest.raises(OptionError) as caught:
            row.values(dict([given]))
        assert message in str(caught.value)
