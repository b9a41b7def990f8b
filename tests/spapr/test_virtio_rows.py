"""Rows of virtio devices: what is refused, what properties become, folders from a command line."""

import pytest

from jitppc.config import HardwareWords
from jitppc.errors import OptionError
from jitppc.host.folders import DiodFolder, find_diod
from jitppc.host.qemu_line.shares import Shares
from jitppc.spapr.device_models import device_model
from jitppc.spapr.hardware import CharBackend, Device, Drive, Folder, Hardware, Netdev


class Cable:
    def start(self, receive, link):
        link(True)

    def send(self, frame):
        pass

    def close(self):
        pass


class Line(Cable):
    def start(self, receive):
        pass


class Disk(Cable):
    size, is_read_only, serial = 1 << 20, False, ""


class Server(Cable):
    tree, user = "/", 0


def hardware(*devices):
    return Hardware(
        drives=(Drive("d", Disk),) if any("drive" in d.properties for d in devices) else (),
        netdevs=(Netdev("n", Cable), Netdev("m", Cable)),
        chardevs=(CharBackend("c", Line), CharBackend("e", Line)),
        folders=(Folder("f", Server),),
        devices=devices,
    )


REFUSED = {
    "mac of a group": Device("virtio-net-pci", {"netdev": "n", "mac": "01:00:5e:00:00:01"}),
    "mac of five bytes": Device("virtio-net-pci", {"netdev": "n", "mac": "52:54:00:12:34"}),
    "too many pairs": Device("virtio-net-pci", {"netdev": "n", "queue-pairs": "129"}),
    "mtu": Device("virtio-net-pci", {"netdev": "n", "host_mtu": "67"}),
    "no netdev": Device("virtio-net-pci"),
    "no tag": Device("virtio-9p-pci", {"fsdev": "f"}),
    "no folder": Device("virtio-9p-pci", {"mount_tag": "t"}),
    "block size": Device("virtio-blk-pci", {"drive": "d", "logical_block_size": "1000"}),
    "physical block size": Device("virtio-blk-pci", {"drive": "d", "logical_block_size": "4k"}),
    "no ports": Device("virtio-serial-pci", {"max_ports": "0"}),
    "a port without its bus": Device("virtconsole", {"chardev": "c"}),
}


@pytest.mark.parametrize("device", REFUSED.values(), ids=REFUSED)
def test_is_refused_by_name(machine_with, device):
    with pytest.raises(OptionError):
        machine_with(hardware=hardware(device))


def test_a_port_that_is_taken_is_refused(machine_with):
    serial = Device("virtio-serial-pci", {"max_ports": "2"})
    port = {"nr": "1", "chardev": "c"}
    again = Device("virtserialport", {"nr": "1", "chardev": "e"})
    with pytest.raises(OptionError, match="port 1 is taken"):
        machine_with(hardware=hardware(serial, Device("virtserialport", port), again))


def test_adapters_without_an_address_get_the_reference_machines(machine_with):
    devices = [Device("virtio-net-pci", {"netdev": n, "id": n}) for n in ("n", "m")]
    made = machine_with(hardware=hardware(*devices))
    addresses = [made.board.part(name).device.config()[:6].hex() for name in ("n", "m")]
    assert ["525400123456", "525400123457"] == addresses
    made.close()


def test_every_row_can_be_plugged_and_closed(machine_with):
    made = machine_with(
        hardware=hardware(
            Device("virtio-blk-pci", {"drive": "d", "serial": "S", "num-queues": "4"}),
            Device("virtio-net-pci", {"netdev": "n", "queue-pairs": "2"}),
            Device("virtio-scsi-pci", {"id": "bus"}),
            Device("virtio-serial-pci"),
            Device("virtconsole", {"chardev": "c"}),
            Device("virtserialport", {"chardev": "e", "name": "x"}),
            Device("virtio-balloon-pci"),
            Device("virtio-9p-pci", {"fsdev": "f", "mount_tag": "t"}),
            Device("virtio-rng-pci", {"max-bytes": "1k", "period": "500"}),
        )
    )
    assert made.board.scsi_bus("bus.0") is made.board.part("bus").device.bus
    made.reset()
    made.close()


@pytest.mark.parametrize("is_late", ["on", "off"])
def test_a_disk_without_a_write_cache_makes_every_write_durable(machine_with, is_late):
    values = {"drive": "d", "id": "b", "write-cache": is_late}
    machine = machine_with(hardware=hardware(Device("virtio-blk-pci", values)))
    assert (is_late == "on") == machine.board.part("b").device.writeback


def test_names_without_pci_are_the_same_rows():
    for name in ("virtio-net", "virtio-scsi", "virtio-9p"):
        assert device_model(name) is device_model(f"{name}-pci")


def test_virtfs_is_a_folder_and_its_device(tmp_path):
    pairs = (("fsdriver", "local"), ("path", str(tmp_path)), ("mount_tag", "t"))
    shares = Shares(HardwareWords(folders=(pairs,)))
    ((folder,), (device,)) = shares.folders, shares.devices
    assert {"fsdev": folder.id, "mount_tag": "t"} == device.properties
    mapped = (*pairs, ("security_model", "mapped-xattr"))
    with pytest.raises(OptionError, match="mapped-xattr"):
        Shares(HardwareWords(folders=(mapped,)))


@pytest.mark.skipif(find_diod() is None, reason="needs diod (`make test` installs it as root)")
def test_what_is_no_folder_is_refused(tmp_path):
    with pytest.raises(OptionError, match="not a folder"):
        DiodFolder(tmp_path / "missing")
    assert str(tmp_path) == DiodFolder(tmp_path).tree
