"""What QEMU's options say about hardware, as the machine's description."""

import re

import pytest

from jitppc.cli.line import parse
from jitppc.config import run_config
from jitppc.errors import OptionError
from jitppc.host.block.options import ImageOptions
from jitppc.host.net import passt
from jitppc.host.net.passt import Forward, command_of
from jitppc.host.qemu_line.disks import Disks
from jitppc.host.qemu_line.hardware import hardware_of
from jitppc.host.qemu_line.lines import Lines
from jitppc.host.qemu_line.networks import Networks, forward
from jitppc.keyed_values import pairs_of, split
from jitppc.options import RUN_OPTIONS
from jitppc.spapr.hardware import CONSOLE


def words(*line):
    return run_config(parse(("-kernel", "k", *line), RUN_OPTIONS)[0]).hardware


def image_of(drive) -> ImageOptions:
    return drive.open.args[0]


def shown(devices):
    return [(device.model, dict(device.properties)) for device in devices]


def test_commas_separate_and_two_are_one():
    assert ["file=a,b", "x=1"] == split("file=a,,b,x=1")
    assert (("first", "a"), ("b", "c"), ("d", "on")) == pairs_of("a,b=c,d", "first")
    assert (("a", "1"), ("b.c", "on"), ("b.d.0", "x")) == pairs_of(
        '{"a": 1, "b": {"c": true, "d": ["x"]}}'
    )


def test_a_disk_without_a_bus_is_on_the_scsi_bus_that_comes_with_it():
    disks = Disks(words("-drive", "file=a", "-cdrom", "c.iso", "-hda", "b,c.img"))
    assert ["a", "b,c.img", "c.iso"] == sorted(str(image_of(d).path) for d in disks.drives)
    (adapter, *rest) = shown(disks.devices)
    assert "spapr-vscsi" == adapter[0]
    places = {model + properties["drive"]: properties["scsi-id"] for model, properties in rest}
    assert {0, 1, 2} == set(places.values())
    assert [2] == [at for name, at in places.items() if name.startswith("scsi-cd")]


def test_a_virtio_disk_brings_its_device():
    disks = Disks(
        words("-drive", "file=a,if=virtio,id=x,cache=none,discard=unmap,serial=S,snapshot=on")
    )
    assert [("virtio-blk-pci", {"drive": "x"})] == shown(disks.devices)
    image = image_of(disks.drives[0])
    assert ("none", "unmap", "S", True) == (
        image.cache,
        image.discard,
        image.serial,
        image.is_snapshot,
    )


@pytest.mark.parametrize(
    ("said", "mode"),
    [
        ("cache.direct=on", "none"),
        ("cache.direct=on,cache.writeback=off", "directsync"),
        ("cache.writeback=off", "writethrough"),
        ("cache.no-flush=on,cache.direct=on", "unsafe"),
        ("cache=none,cache.direct=off", "writeback"),
        ("cache=directsync,cache.writeback=on", "none"),
        ("cache=unsafe", "unsafe"),
        ("cache=unsafe,cache.no-flush=off", "writeback"),
    ],
)
def test_a_cache_mode_may_be_said_in_parts(said, mode):
    disks = Disks(words("-drive", f"file=a,{said}"))
    assert mode == image_of(disks.drives[0]).cache


def test_objects_of_which_nothing_is_needed_are_taken():
    line = ("-object", "rng-random,id=r,filename=/dev/urandom", "-object", "iothread,id=t")
    line += ("-device", "virtio-rng-pci,rng=r", "-device", "virtio-scsi-pci,iothread=t")
    found = shown(hardware_of(words("-nodefaults", *line)).devices)
    assert [("virtio-rng-pci", {"rng": "r"}), ("virtio-scsi-pci", {"iothread": "t"})] == found
    memory = ("-object", "memory-backend-ram,id=m,size=1G", *line)
    with pytest.raises(OptionError, match="memdev"):
        run_config(parse(("-kernel", "k", *memory), RUN_OPTIONS)[0])


def test_if_none_brings_none_and_pflash_is_the_nvram():
    disks = Disks(words("-drive", "file=a,if=none,id=x", "-drive", "file=n,if=pflash,format=raw"))
    assert ([], ["x"], "n") == (
        shown(disks.devices),
        [drive.id for drive in disks.drives],
        str(disks.nvram),
    )


def test_snapshot_holds_for_all_that_can_be_written():
    line = words("-snapshot", "-hda", "a", "-cdrom", "b", "-drive", "file=c,snapshot=off")
    answers = {str(image_of(d).path): image_of(d).is_snapshot for d in Disks(line).drives}
    assert {"a": True, "b": False, "c": False} == answers


@pytest.mark.parametrize(
    "line",
    [
        ["driver=qcow2,node-name=x,file.driver=file,file.filename=a,file.locking=off,read-only=on"],
        ["driver=file,node-name=f,filename=a,locking=off", "qcow2,node-name=x,file=f,read-only=on"],
        [
            """{"driver": "qcow2", "node-name": "x", "read-only": true,
                "file": {"driver": "file", "filename": "a", "locking": "off"}}"""
        ],
    ],
)
def test_nodes_of_blockdev_make_one_image(line):
    options = [word for value in line for word in ("-blockdev", value)]
    disks = Disks(words(*options, "-device", "virtio-blk-pci,drive=x"))
    (drive,) = disks.drives
    image = image_of(drive)
    assert ("x", "a", "qcow2", True, False) == (
        drive.id,
        str(image.path),
        image.format,
        image.is_read_only,
        image.is_locked,
    )


def test_an_nbd_node_is_an_address():
    line = words(
        "-blockdev",
        "nbd,node-name=x,server.type=unix,server.path=/run/s,export=e",
        "-device",
        "scsi-hd,drive=x",
    )
    assert "nbd+unix:/e?socket=/run/s" == str(image_of(Disks(line).drives[0]).path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["-drive", "if=virtio"], "file= is missing"),
        (
            ["-drive", "file=a,id=x,format=raw", "-drive", "file=b,id=x,format=raw"],
            "two drives have the id 'x'",
        ),
        (
            ["-drive", "file=a,index=0,format=raw", "-drive", "file=b,index=0,format=raw"],
            "two drives want place 0",
        ),
        (["-drive", "file=a,index=9,format=raw"], "0 to 6"),
        (
            ["-blockdev", "qcow2,node-name=x,file=g", "-device", "virtio-blk-pci,drive=x"],
            "there is no node 'g'",
        ),
        (["-nic", "user,hostfwd=tcp:22"], "say tcp:[ADDRESS]:PORT-[ADDRESS]:PORT"),
        (["-nic", "user,hostfwd=tcp::0-:22"], "1 to 65535"),
        (["-nic", "user,net=10.0.2.0/24,dns=10.0.3.1"], "10.0.3.1 is not in it"),
        (["-nic", "user,net=fish"], "fish"),
        (["-netdev", "socket,id=n,listen=a:1,connect=b:2"], "say listen= or connect="),
        (["-netdev", "stream,id=n"], "are missing"),
        (["-netdev", "user,id=n", "-netdev", "user,id=n"], "two networks have the id 'n'"),
        (["-serial", "stdio", "-serial", "mon:stdio"], "both want standard input and output"),
        (["-chardev", "stdio,id=c", "-serial", "stdio"], "both want standard input and output"),
        (["-serial", "chardev:x"], "no such -chardev"),
        (["-serial", "tcp:x"], "is not [ADDRESS]:PORT"),
        (["-chardev", "socket,id=c"], "are missing"),
        (["-device", "spapr-vtx"], "did you mean spapr-vty?"),
        (["-device", "spapr-vty,chardef=a"], "did you mean chardev?"),
        (["-global", "spapr-vtx.chardev=a"], "no device 'spapr-vtx'"),
    ],
)
def test_what_cannot_be_is_one_line(line, message):
    with pytest.raises(OptionError) as caught:
        hardware_of(words("-nodefaults", *line))
    assert message in str(caught.value)


def test_forwards_are_rules_of_passt():
    assert Forward("tcp", "", 2222, 22) == forward("tcp::2222-:22")
    assert Forward("tcp", "", 2222, 22) == forward(":" + ":2222-10.0.2.15:22")
    rules = (forward("tcp:127.0.0.1:2222-:22"), forward("udp::53-:5353"))
    command = command_of(passt.UserNet(rules))
    text = " ".join(command)
    assert "--tcp-ports 127.0.0.1/2222:22" in text
    assert "--udp-ports 53:5353" in text
    assert "--address 10.0.2.15 --netmask 24 --gateway 10.0.2.2" in text
    assert "--tcp-ports none" in " ".join(command_of(passt.UserNet()))


def test_a_format_that_nobody_says_is_said_once(tmp_path):
    said = []
    for name, begin in (("a.img", b""), ("b", b"QFI\xfb"), ("c.raw", b"QFI\xfb")):
        (tmp_path / name).write_bytes(begin.ljust(512))
    line = ("-drive", f"file={tmp_path}/a.img", "-drive", f"file={tmp_path}/b")
    assert ["raw", "qcow2"] == [image_of(d).format for d in Disks(words(*line), said.append).drives]
    assert ["format=raw", "format=qcow2"] == [re.search(r"format=\w+", text)[0] for text in said]
    Disks(words("-drive", f"file={tmp_path}/c.raw,format=raw"), said.append)
    assert 2 == len(said)
    with pytest.raises(OptionError, match="begins like qcow2"):
        Disks(words("-drive", f"file={tmp_path}/c.raw"), said.append)


def test_a_network_of_nic_brings_its_device():
    nets = Networks(words("-nic", "user,model=virtio-net-pci,mac=52:54:00:00:00:01", "-nic", "tap"))
    assert [
        ("virtio-net-pci", {"netdev": "#nic0", "mac": "52:54:00:00:00:01"}),
        ("spapr-vlan", {"netdev": "#nic1"}),
    ] == shown(nets.devices)


def test_nothing_asked_for_is_the_default_and_none_is_none(monkeypatch):
    monkeypatch.setattr(passt, "is_installed", lambda: False)
    assert [] == Networks(words()).netdevs
    monkeypatch.setattr(passt, "is_installed", lambda: True)
    assert ["spapr-vlan"] == [device.model for device in Networks(words()).devices]
    for line in (["-nic", "none"], ["-net", "none"], ["-nodefaults"]):
        assert [] == Networks(words(*line)).netdevs
    assert [] == Networks(words(), has_default=False).netdevs


def test_one_cable_of_net_is_a_device_and_a_network():
    nets = Networks(words("-net", "nic,model=virtio", "-net", "user"))
    assert [("virtio-net-pci", {"netdev": "#net"})] == shown(nets.devices)
    assert ["#net"] == [netdev.id for netdev in nets.netdevs]


def test_consoles_go_where_they_are_sent():
    said = []
    assert (CONSOLE,) == Lines(words(), said.append).serials
    assert () == Lines(words("-nodefaults"), said.append).serials
    assert () == Lines(words("-serial", "none"), said.append).serials
    lines = Lines(words("-serial", "null", "-serial", "stdio"), said.append)
    assert ("#serial0", CONSOLE) == lines.serials
    described = hardware_of(
        words("-nic", "none", "-chardev", "stdio,id=c,mux=on", "-device", "spapr-vty,chardev=c")
    )
    assert ((), [("spapr-vty", {"chardev": CONSOLE})]) == (
        described.serials,
        shown(described.devices),
    )
    assert described.uses_console


def test_globals_hold_where_a_device_does_not_say_otherwise():
    described = hardware_of(
        words(
            *("-nic", "none", "-global", "spapr-vty.chardev=a", "-chardev", "null,id=b"),
            *("-device", "spapr-vty", "-device", "spapr-vty,chardev=b"),
        )
    )
    assert ["a", "b"] == [device.properties["chardev"] for device in described.devices]
