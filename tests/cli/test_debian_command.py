"""Laws of `jitppc debian`'s command line; what it makes is for tests/guest."""

import pytest

from jitppc.cli.debian import _devices, _free_port
from jitppc.cli.debian_options import DEBIAN_OPTIONS, disk_size
from jitppc.cli.line import parse
from jitppc.config import run_config
from jitppc.errors import OptionError
from jitppc.host.net import passt
from jitppc.host.qemu_line.hardware import hardware_of
from jitppc.options import RUN_OPTIONS


def hardware(tmp_path, *line):
    settings, _ = parse(line, (*DEBIAN_OPTIONS, *RUN_OPTIONS))
    wanted = settings | _devices(tmp_path / "disk", settings)
    return hardware_of(run_config({"kernel": "k", **wanted}).hardware)


def models(described):
    return [device.model for device in described.devices]


def test_a_size_is_what_a_debian_needs():
    assert 8 << 30 == disk_size("8G") == disk_size("8192M")
    for text in ("1G", "lots", "8", "-8G", "99999T"):
        with pytest.raises(ValueError, match=r"size|2G"):
            disk_size(text)


def test_the_disk_and_a_network_with_a_way_in(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(passt, "is_installed", lambda: True)
    described = hardware(tmp_path)
    assert ["virtio-net-pci", "virtio-blk-pci", "virtio-rng-pci"] == models(described)
    (rule,) = described.netdevs[0].open.args[0].forwards
    assert ("tcp", "127.0.0.1", 22) == (rule.protocol, rule.host_address, rule.guest_port)
    assert f"ssh -p {rule.host_port} root@127.0.0.1" in capsys.readouterr().err


@pytest.mark.parametrize("line", [["-nic", "none"], ["-nodefaults"]])
def test_the_user_may_have_another_network_or_none(tmp_path, line):
    assert ["virtio-blk-pci", "virtio-rng-pci"] == models(hardware(tmp_path, *line))


def test_more_disks_may_be_given(tmp_path):
    described = hardware(tmp_path, "-nic", "none", "-drive", "file=b,if=virtio,format=raw")
    assert 2 == len(described.drives)


def test_a_port_in_use_is_passed_over():
    import socket

    with socket.socket() as taken:
        first = _free_port()
        taken.bind(("127.0.0.1", first))
        taken.listen()
        assert _free_port() > first


def test_the_size_of_a_disk_that_is_there_is_not_changed(tmp_path):
    from jitppc.cli.debian import debian_command

    path = tmp_path / "disk"
    path.write_bytes(bytes(512))
    with pytest.raises(OptionError, match="-size is for making one"):
        debian_command({"disk": path, "size": 8 << 30}, [])
    with pytest.raises(OptionError, match="not a public key"):
        debian_command({"disk": tmp_path / "new", "ssh_key": path}, [])
