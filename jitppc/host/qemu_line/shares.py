"""`-fsdev`, `-virtfs`: folders of the host, and the devices that come with them."""

from functools import partial
from pathlib import Path

from jitppc.config import HardwareWords
from jitppc.errors import OptionError
from jitppc.host.folders import DiodFolder
from jitppc.keyed_values import Pairs
from jitppc.spapr.hardware import Device, Folder


class Shares:
    """All folders of a command line: `folders`, and `devices` made for some."""

    def __init__(self, words: HardwareWords) -> None:
        self.folders: list[Folder] = []
        self.devices: list[Device] = []
        for pairs in words.fsdevs:
            self._add(dict(pairs)["id"], pairs)
        for number, pairs in enumerate(words.folders):
            keys = dict(pairs)
            name = keys.get("id", f"#virtfs{number}")
            self._add(name, pairs)
            properties = {"fsdev": name, "mount_tag": keys["mount_tag"]}
            self.devices.append(Device("virtio-9p-pci", properties))

    def _add(self, name: str, pairs: Pairs) -> None:
        if any(name == folder.id for folder in self.folders):
            raise OptionError(f"two folders have the id {name!r}")
        keys = dict(pairs)
        model = keys.get("security_model", "none")
        if model.startswith("mapped"):
            raise OptionError(
                f"security_model={model}: who owns files is not kept beside them here; "
                "give none or passthrough"
            )
        opened = partial(
            DiodFolder,
            Path(keys["path"]),
            read_only=keys.get("readonly", "off") == "on",
            as_guest_users=model == "passthrough",
        )
        self.folders.append(Folder(name, opened))
