"""`-drive`, `-blockdev`, `-hda`, `-cdrom`: images, and the devices that come with them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from jitppc.config import HardwareWords
from jitppc.errors import OptionError
from jitppc.host.block.formats import detect
from jitppc.host.block.open import open_image, served_at
from jitppc.host.block.options import ImageOptions
from jitppc.keyed_values import Pairs
from jitppc.spapr.hardware import Device, Drive

SCSI_ADAPTER = "spapr-vscsi"
PER_BUS = 7
DURABLE = ("writethrough", "directsync")
"""Cache modes in which a write is durable before the guest is told."""


class Disks:
    """All images of a command line.

    Attributes:
        drives: those that devices refer to, or that need one.
        devices: made for images that name a bus.
        nvram: the file that keeps the NVRAM.
    """

    def __init__(self, words: HardwareWords, say: Callable[[str], None] | None = None) -> None:
        """With `say`, images of which no format is said are looked at, and it is told what for."""
        self._say = say
        self.drives: list[Drive] = []
        self.devices: list[Device] = []
        self.nvram: Path | None = None
        self._snapshot = words.snapshot
        self._scsi_taken: set[int] = set()
        named = [dict(pairs) for pairs in words.drives]
        for index, pairs in enumerate((words.hda, words.hdb, words.hdc, words.hdd)):
            if pairs:
                named.append({**dict(pairs), "index": str(index), "media": "disk"})
        if words.cdrom:
            named.append({**dict(words.cdrom), "index": "2", "media": "cdrom"})
        # Those that want a place get it before the others take what is free.
        for number, keys in enumerate(sorted(named, key=lambda k: not {"index", "unit"} & set(k))):
            self._add(keys, number)
        if any(device.model in {"scsi-hd", "scsi-cd"} for device in self.devices):
            self.devices.insert(0, Device(SCSI_ADAPTER, {"id": "scsi"}))
        used = {device.get("drive") for device in map(dict, words.devices)}
        self._add_nodes(words.blockdevs, used)

    def _add(self, keys: Mapping[str, str], number: int) -> None:
        if not keys.get("file"):
            raise OptionError("-drive: file= is missing (an empty CD-ROM drive is not there yet)")
        bus = keys.get("if", "scsi")
        options = self._image(keys)
        if bus == "pflash":
            if options.format not in {"", "raw"}:
                raise OptionError("-drive if=pflash: the NVRAM's file is raw")
            self.nvram = options.path
            return
        name = keys.get("id") or f"{bus}{number}"
        if any(name == drive.id for drive in self.drives):
            raise OptionError(f"two drives have the id {name!r}")
        self.drives.append(Drive(name, partial(open_image, self._looked_at(options))))
        if bus == "virtio":
            self.devices.append(Device("virtio-blk-pci", {"drive": name}))
        elif bus == "scsi":
            model = "scsi-cd" if keys.get("media") == "cdrom" else "scsi-hd"
            place = {"drive": name, "bus": "scsi.0", "scsi-id": self._place(keys)}
            self.devices.append(Device(model, place))

    def _looked_at(self, options: ImageOptions) -> ImageOptions:
        """With a format, whatever the image holds when it is opened."""
        if self._say is None or options.format or served_at(options.path):
            return options
        found = detect(options.path)
        self._say(f"{options.path}: format {found}, by its look; format={found} says so for good")
        return replace(options, format=found)

    def _place(self, keys: Mapping[str, str]) -> int:
        text = keys.get("unit", keys.get("index"))
        if text is None:
            free = [place for place in range(PER_BUS) if place not in self._scsi_taken]
            if not free:
                raise OptionError(f"the SCSI bus has room for {PER_BUS} disks; if=virtio for more")
            place = free[0]
        elif not text.isdecimal() or int(text) >= PER_BUS:
            raise OptionError(f"-drive index={text}: a place on the SCSI bus is 0 to {PER_BUS - 1}")
        else:
            place = int(text)
            if place in self._scsi_taken:
                raise OptionError(f"two drives want place {place} of the SCSI bus")
        self._scsi_taken.add(place)
        return place

    def _image(self, keys: Mapping[str, str]) -> ImageOptions:
        is_cd = keys.get("media") == "cdrom"
        says_read_only = keys.get("readonly", keys.get("read-only", "off")) == "on"
        read_only = says_read_only or is_cd
        wants_snapshot = keys.get("snapshot", "on" if self._snapshot else "off") == "on"
        return ImageOptions(
            path=Path(keys["file"]),
            format=keys.get("format", ""),
            cache=_cache(keys),
            discard=keys.get("discard", "ignore"),
            is_read_only=read_only,
            is_snapshot=wants_snapshot and not read_only,
            serial=keys.get("serial", ""),
            is_locked=keys.get("locking", keys.get("file.locking", "auto")) != "off",
        )

    # -blockdev

    def _add_nodes(self, blockdevs: tuple[Pairs, ...], used: set[str | None]) -> None:
        """Nodes that a device names become drives; those below others are parts of them."""
        nodes: dict[str, dict[str, str]] = {}
        for number, pairs in enumerate(blockdevs):
            keys = dict(pairs)
            name = keys.get("node-name", f"#block{number}")
            if name in nodes or any(name == drive.id for drive in self.drives):
                raise OptionError(f"two -blockdev have the node-name {name!r}")
            nodes[name] = keys
        for name in nodes:
            if name in used:
                options = _node_image(name, nodes)
                if self._snapshot and not options.is_read_only:
                    options = replace(options, is_snapshot=True)
                self.drives.append(Drive(name, partial(open_image, options)))


def _cache(keys: Mapping[str, str]) -> str:
    """The cache mode, said as a whole or in parts (`cache.direct` and its kind) or not at all."""
    whole = keys.get("cache", "writeback")
    direct = keys.get("cache.direct", "on" if whole in {"none", "directsync"} else "off") == "on"
    late = keys.get("cache.writeback", "off" if whole in DURABLE else "on") == "on"
    if keys.get("cache.no-flush", "on" if whole == "unsafe" else "off") == "on":
        return "unsafe"
    return {(False, True): "writeback", (True, True): "none", (False, False): "writethrough"}.get(
        (direct, late), "directsync"
    )


def _node_image(name: str, nodes: Mapping[str, Mapping[str, str]]) -> ImageOptions:
    """A format node and the node below it, named or nested, as one image."""
    keys: dict[str, Any] = dict(nodes[name])
    image_format = keys["driver"]
    if image_format in {"file", "host_device", "nbd"}:
        image_format, below = "raw", keys
    elif "file" in keys:
        if keys["file"] not in nodes:
            raise OptionError(f"-blockdev {name}: there is no node {keys['file']!r}")
        below = dict(nodes[keys["file"]])
    else:
        below = {
            key.removeprefix("file."): value
            for key, value in keys.items()
            if key.startswith("file.")
        }
    merged = {**below, **keys}
    return ImageOptions(
        path=_node_path(name, below),
        format=image_format,
        cache=_cache(merged),
        discard=merged.get("discard", "ignore"),
        is_read_only=merged.get("read-only") == "on",
        is_locked=below.get("locking", "auto") != "off",
    )


def _node_path(name: str, below: Mapping[str, str]) -> Path:
    if below.get("driver", "file") in {"file", "host_device"}:
        if not below.get("filename"):
            raise OptionError(f"-blockdev {name}: filename= is missing")
        return Path(below["filename"])
    if below["driver"] != "nbd":
        raise OptionError(f"-blockdev {name}: one format above another is not there")
    export = below.get("export", "")
    if "server.path" in below:
        return Path(f"nbd+unix:///{export}?socket={below['server.path']}")
    if "server.host" not in below:
        raise OptionError(f"-blockdev {name}: server.host= or server.path= is missing")
    return Path(f"nbd://{below['server.host']}:{below.get('server.port', 10809)}/{export}")
