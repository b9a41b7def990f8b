"""The options that describe hardware, with the keys that their values have.

What the values mean is the business of `jitppc.host.qemu_line`, which makes a description of
hardware of them; the keys of `-device` are the properties in the table of device models.
"""

from collections.abc import Callable

from jitppc.keyed_values import SWITCH, Key, Pairs, check, keyed, pairs_of, split
from jitppc.numa import NUMA_KEYS, OBJECT_KEYS
from jitppc.option import Option
from jitppc.option_values import suggestion

_FORMATS = ("raw", "qcow2", "qed", "vmdk", "vhdx", "vpc", "vdi", "luks", "parallels")
_ERRORS = {
    "stop": "a failed transfer is reported to the guest: report",
    "ignore": "a failed transfer is reported to the guest: report",
    "enospc": "a failed transfer is reported to the guest: report",
}

DRIVE_KEYS = (
    Key("file", "image file, block device, or `nbd:` address"),
    Key("id", "name for `-device ...,drive=ID`"),
    Key("if", "bus: scsi (the default), virtio, none; pflash is the NVRAM's file",
        ("scsi", "virtio", "none", "pflash"),
        {"ide": "pseries has no IDE; if=scsi or if=virtio",
         "floppy": "pseries has no floppy drive", "sd": "pseries has no SD card reader",
         "mtd": "pseries has no flash memory; if=pflash is its NVRAM"}),
    Key("format", "raw, qcow2, ...; without it the image is looked at", _FORMATS),
    Key("media", "kind of medium", ("disk", "cdrom")),
    Key("index", "place on the bus, from 0"),
    Key("bus", "number of the SCSI bus", ("0",)),
    Key("unit", "place on the bus, from 0"),
    Key("readonly", "the guest cannot write", SWITCH),
    Key("read-only", "the same", SWITCH),
    Key("snapshot", "writes go to an overlay that is gone afterwards", SWITCH),
    Key("cache", "what a write and a flush promise",
        ("writeback", "none", "writethrough", "directsync", "unsafe")),
    Key("cache.direct", "the same in parts: past the host's page cache", SWITCH),
    Key("cache.writeback", "off: a write is durable before the guest is told", SWITCH),
    Key("cache.no-flush", "on: a flush does nothing", SWITCH),
    Key("discard", "whether the guest's discards give back room",
        ("ignore", "unmap"), {"on": "say unmap", "off": "say ignore"}),
    Key("serial", "serial number that the guest sees"),
    Key("file.locking", "others that lock as QEMU does are kept out", ("auto", *SWITCH)),
    Key("locking", "the same", ("auto", *SWITCH)),
    Key("aio", "how QEMU transfers", ("threads", "native", "io_uring"), is_idle=True),
    Key("detect-zeroes", "zeros become holes", ("off",),
        {"on": "there is only off", "unmap": "there is only off"}),
    Key("werror", "what a failed write does", ("report",), _ERRORS),
    Key("rerror", "what a failed read does", ("report",), _ERRORS),
    Key("copy-on-read", "copies from a backing file", ("off",), {"on": "there is only off"}),
    Key("l2-cache-size", "cache of qcow2 tables", is_idle=True),
)  # fmt: skip

BLOCKDEV_KEYS = (
    Key("driver", "file, host_device, nbd, or a format",
        ("file", "host_device", "nbd", *_FORMATS)),
    Key("node-name", "name, for `drive=` of a device or `file=` of another node"),
    Key("file", "node below a format"),
    Key("filename", "image file or block device"),
    *(Key(f"file.{name}", "the same of the node below")
      for name in ("driver", "filename", "node-name", "locking", "aio")),
    *(Key(f"{prefix}{name}", "address of an NBD server")
      for prefix in ("", "file.")
      for name in ("server.type", "server.path", "server.host", "server.port", "export")),
    Key("read-only", "the guest cannot write", SWITCH),
    Key("auto-read-only", "read-only when it cannot be written", SWITCH, is_idle=True),
    Key("discard", "whether the guest's discards give back room", ("ignore", "unmap")),
    Key("cache.direct", "past the host's page cache", SWITCH),
    Key("cache.no-flush", "a flush does nothing", SWITCH),
    Key("file.cache.direct", "past the host's page cache", SWITCH),
    Key("file.cache.no-flush", "a flush does nothing", SWITCH),
    Key("locking", "others that lock as QEMU does are kept out", ("auto", *SWITCH)),
    Key("aio", "how QEMU transfers", ("threads", "native", "io_uring"), is_idle=True),
    Key("detect-zeroes", "zeros become holes", ("off",), {"on": "there is only off"}),
)  # fmt: skip

_NET_KINDS = ("user", "tap", "stream", "socket")
_NET_REFUSED = {
    kind: f"there are {', '.join(_NET_KINDS)}"
    for kind in ("bridge", "vde", "vhost-user", "l2tpv3", "af-xdp", "hubport", "vhost-vdpa")
}
_NO_SERVER = {"": "passt has no such server"}
_NET_KEYS = (
    Key("hostfwd", "(user) `tcp:[ADDRESS]:PORT-[ADDRESS]:PORT`, or `udp:`; may occur again"),
    Key("net", "(user) the guest's network (10.0.2.0/24)"),
    Key("host", "(user) the host as the guest sees it (number 2 of the network)"),
    Key("dhcpstart", "(user) the guest's address (number 15)"),
    Key("dns", "(user) name service as the guest sees it (number 3)"),
    Key("ipv4", "(user)", ("on",), {"off": "there is always IPv4"}),
    Key("ipv6", "(user) IPv6 too, with the host's own address (off)", SWITCH),
    Key("restrict", "(user) no way out", ("off", "no", "n"), {"": "passt has no such mode"}),
    *(Key(name, "(user)", (), _NO_SERVER)
      for name in ("tftp", "bootfile", "smb", "guestfwd", "hostname", "domainname")),
    Key("ifname", "(tap) name of the interface"),
    Key("script", "(tap) program that sets it up (no)"),
    Key("downscript", "(tap) program run at the end (no)"),
    Key("fd", "(tap) descriptor of a TAP device opened by the caller"),
    Key("vhost", "(tap)", ("off",), {"on": "there is no vhost here"}),
    Key("server", "(stream) wait to be called", SWITCH),
    Key("addr.type", "(stream) kind of address", ("inet", "unix")),
    Key("addr.host", "(stream) name of the other end"),
    Key("addr.port", "(stream) its port"),
    Key("addr.path", "(stream) path of a UNIX socket"),
    Key("reconnect", "(stream) seconds; 0: once only (1)"),
    Key("listen", "(socket) `[ADDRESS]:PORT` to be called at"),
    Key("connect", "(socket) `ADDRESS:PORT` to call"),
    Key("mcast", "(socket)", (), {"": "say listen= or connect="}),
)  # fmt: skip

NETDEV_KEYS = (
    Key("type", "kind of network", _NET_KINDS, _NET_REFUSED),
    Key("id", "name for `-device ...,netdev=ID`"),
    *_NET_KEYS,
)

NIC_KEYS = (
    Key("type", "kind of network, or none", ("none", *_NET_KINDS), _NET_REFUSED),
    Key("model", "device model (spapr-vlan)"),
    Key("mac", "hardware address"),
    Key("macaddr", "the same"),
    Key("id", "name"),
    *_NET_KEYS,
)

NET_KEYS = (
    Key("type", "nic, kind of network, or none", ("none", "nic", *_NET_KINDS), _NET_REFUSED),
    Key("netdev", "(nic) id of the network"),
    *NIC_KEYS[1:],
)

_CHARDEVS = ("stdio", "null", "pty", "file", "socket")
_CHARDEVS_REFUSED = {
    kind: f"there are {', '.join(_CHARDEVS)}"
    for kind in "udp vc ringbuf pipe serial msmouse braille spicevmc".split()
}
CHARDEV_KEYS = (
    Key("backend", "kind of line", _CHARDEVS, _CHARDEVS_REFUSED),
    Key("id", "name"),
    Key("path", "(file) where to write; (socket) UNIX socket"),
    Key("append", "(file) behind what is there", SWITCH),
    Key("host", "(socket) address"),
    Key("port", "(socket) port"),
    Key("server", "(socket) wait to be called", SWITCH),
    Key("wait", "(socket) the machine starts when the first caller is there", SWITCH),
    Key("reconnect", "(socket) seconds", is_idle=True),
    Key("nodelay", "(socket) no delay of small packets", SWITCH, is_idle=True),
    Key("telnet", "(socket)", ("off",), {"on": "there is no telnet; a bare connection works"}),
    Key("signal", "(stdio) Ctrl-C of the terminal ends jitppc", ("off",),
        {"on": "keys go to the guest; Ctrl-A X quits"}),
    Key("mux", "(stdio) Ctrl-A commands, as always here", SWITCH, is_idle=True),
)  # fmt: skip

VIRTFS_KEYS = (
    Key("fsdriver", "how the folder is reached", ("local",),
        {"synth": "say local", "proxy": "say local"}),
    Key("path", "folder of the host"),
    Key("mount_tag", "name by which the guest mounts it"),
    Key("id", "name"),
    Key("security_model", "whose files the guest makes", ("none", "passthrough", "mapped",
        "mapped-xattr", "mapped-file")),
    Key("readonly", "the guest cannot write", SWITCH),
    Key("multidevs", "files of several devices", is_idle=True),
    Key("writeout", "write at once", is_idle=True),
)  # fmt: skip

FSDEV_KEYS = tuple(key for key in VIRTFS_KEYS if key.name != "mount_tag")

_BOOT_KEYS = (
    Key("order", "of devices that firmware tries (with -bios)"),
    Key("once", "the same for the first boot"),
    Key("menu", "firmware asks (with -bios)", SWITCH),
    Key("strict", "only what has a bootindex", SWITCH),
    Key("splash", "a picture", is_idle=True),
    Key("splash-time", "milliseconds", is_idle=True),
    Key("reboot-timeout", "milliseconds", is_idle=True),
)  # fmt: skip

_SERIALS = ("stdio", "mon:stdio", "none", "null", "pty", "file:", "unix:", "tcp:", "chardev:")


def device(text: str) -> Pairs:
    """The model and its properties; which there are is for the table of device models to say."""
    pairs = pairs_of(text, "driver")
    if not dict(pairs).get("driver"):
        raise ValueError("the device model is missing")
    return pairs


def netdev(text: str) -> Pairs:
    """A network with an id."""
    return keyed(NETDEV_KEYS, "type", needs=("type", "id"))(text)


def serial(text: str) -> str:
    """Where a console goes; the parts behind a colon are looked at when it is opened."""
    word = text.removeprefix("mon:")
    if word in {"stdio", "none", "null", "pty"}:
        return word
    kind, colon, rest = word.partition(":")
    if kind in {"file", "unix", "tcp", "chardev"} and colon and rest:
        return word
    if kind == "telnet":
        raise ValueError("there is no telnet; tcp: is a bare connection")
    guess = suggestion(word, _SERIALS) or f"; known: {', '.join(_SERIALS)}"
    raise ValueError(f"unknown value {text!r}{guess}")


def prom_variable(text: str) -> str:
    """A variable and its value."""
    name, equals, _ = text.partition("=")
    if not (name and equals and text.isascii() and text.isprintable()):
        raise ValueError("say NAME=VALUE, in ASCII")
    return text


def boot(text: str) -> Pairs:
    """An order alone, or keys."""
    pairs = pairs_of(text, "order")
    check(pairs, _BOOT_KEYS)
    for letter in dict(pairs).get("order", ""):
        if letter not in "abcdefghijklmnop":
            raise ValueError(f"a boot order has letters from a to p, not {letter!r}")
    return pairs


def global_property(text: str) -> tuple[str, str, str]:
    """Model, property and value of `MODEL.PROPERTY=VALUE`, or of driver=, property=, value=."""
    name, equals, value = text.partition("=")
    model, dot, key = name.rpartition(".")
    if equals and dot and "," not in name:
        return model, key, value
    found = dict(piece.partition("=")[::2] for piece in split(text))
    if set(found) != {"driver", "property", "value"}:
        raise ValueError("say MODEL.PROPERTY=VALUE")
    return found["driver"], found["property"], found["value"]


def _none_only(what: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() == "none":
            return "none"
        raise ValueError(f"jitppc has no {what} yet; only `none` is accepted")

    return parse


def _image(text: str) -> Pairs:
    """The image of `-hda` and its kind; commas belong to the name."""
    return (("file", text),)


DEVICE_OPTIONS = (
    Option(
        ("drive",), "file=FILE[,KEY=VALUE]", "a disk: if=virtio, scsi or none; format=, cache=, "
        "readonly=, snapshot=, ...", "drives", keyed(DRIVE_KEYS), "devices",
        repeats=True, keys="drive",
    ),
    Option(
        ("blockdev",), "driver=NAME,node-name=ID,...", "a disk image for `-device ...,drive=ID`; "
        "also as JSON", "blockdevs", keyed(BLOCKDEV_KEYS, "driver", needs=("driver",)), "devices",
        repeats=True, keys="blockdev",
    ),
    *(
        Option((f"hd{letter}",), "FILE", "SCSI disk", f"hd{letter}", _image, "devices",
               shown=letter == "a")
        for letter in "abcd"
    ),
    Option(("cdrom",), "FILE", "SCSI CD-ROM with this image", "cdrom", _image, "devices"),
    Option(("snapshot",), "", "writes to all disks go to overlays that are gone afterwards",
           "snapshot", group="devices"),
    Option(
        ("device",), "MODEL[,KEY=VALUE]", "a device; `help` lists them, `MODEL,help` its "
        "properties", "devices", device, "devices", repeats=True,
    ),
    Option(("global",), "MODEL.PROPERTY=VALUE", "a property of all devices of a model",
           "globals", global_property, "devices", repeats=True),
    Option(
        ("netdev",), "user|tap|stream|socket,id=ID,...", "a network for `-device ...,netdev=ID`",
        "netdevs", netdev, "devices", repeats=True, keys="netdev",
    ),
    Option(
        ("nic",), "user|tap|...|none[,model=MODEL]", "a network and its device; "
        "user,hostfwd=tcp::2222-:22 forwards a port", "nics",
        keyed(NIC_KEYS, "type", needs=("type",)), "devices", repeats=True, keys="nic",
    ),
    Option(
        ("net",), "nic|user|none|...", "the same in two options, as once in QEMU", "nets",
        keyed(NET_KEYS, "type", needs=("type",)), "devices", repeats=True, shown=False,
    ),
    Option(
        ("fsdev",), "local,id=ID,path=DIR,...", "a folder for `-device virtio-9p-pci,fsdev=ID,"
        "mount_tag=NAME`", "fsdevs", keyed(FSDEV_KEYS, "fsdriver", needs=("id", "path")),
        "devices", repeats=True, keys="fsdev",
    ),
    Option(
        ("virtfs",), "local,path=DIR,mount_tag=NAME,...", "a folder of the host in the guest (9p)",
        "folders", keyed(VIRTFS_KEYS, "fsdriver", needs=("path", "mount_tag")), "devices",
        repeats=True, keys="virtfs",
    ),
    Option(
        ("serial",), "WHERE", "a console: stdio, mon:stdio, pty, file:FILE, "
        "unix:PATH,server=on, tcp:HOST:PORT, chardev:ID, null, none", "serials", serial,
        "devices", repeats=True,
    ),
    Option(
        ("chardev",), "stdio|pty|file|socket|null,id=ID,...", "the other end of a console, for "
        "`-device spapr-vty,chardev=ID`", "chardevs",
        keyed(CHARDEV_KEYS, "backend", needs=("backend", "id")), "devices", repeats=True,
        keys="chardev",
    ),
    Option(("nodefaults",), "", "neither a console nor a network that was not asked for",
           "nodefaults", group="devices"),
    Option(("prom-env",), "NAME=VALUE", "variable of firmware, in a fresh NVRAM", "prom_env",
           prom_variable, "devices", repeats=True),
    Option(("boot",), "ORDER", "devices that firmware of -bios tries: c disk, d CD, n network",
           "boot", boot, "devices"),
    *(
        Option((name,), "none", what, "", _none_only(what), "devices")
        for name, what in {"vga": "display adapter", "display": "display window",
                           "monitor": "monitor", "parallel": "parallel port"}.items()
    ),
    Option(("nographic",), "", "console on this terminal (always so)", group="devices"),
)  # fmt: skip

KEY_TABLES = {
    "drive": DRIVE_KEYS,
    "blockdev": BLOCKDEV_KEYS,
    "netdev": NETDEV_KEYS,
    "nic": NIC_KEYS,
    "chardev": CHARDEV_KEYS,
    "fsdev": FSDEV_KEYS,
    "virtfs": VIRTFS_KEYS,
    "numa": NUMA_KEYS,
    "object": OBJECT_KEYS,
}
"""By the name of the option, for the reference."""
