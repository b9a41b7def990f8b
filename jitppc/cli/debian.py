"""`jitppc debian`: a Debian system on a disk image, made once and booted from then on."""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jitppc.cli.debian_options import DISK, SSH_PORT
from jitppc.cli.progress import Progress
from jitppc.cli.run import run, say
from jitppc.config import run_config
from jitppc.errors import OptionError

PORTS_TRIED = 20


def debian_command(settings: dict[str, Any], _arguments: list[str]) -> int:
    # Contradictions are found before anything is made.
    own = {key: settings.pop(key, None) for key in ("disk", "size", "ssh_key", "no_boot")}
    run_config({"kernel": "", **settings})
    from jitppc.debian import disk

    path = own["disk"] or Path(DISK)
    if not path.exists():
        _make(path, own, settings)
    elif own["size"]:
        raise OptionError(f"{path} is there already; -size is for making one")
    if own["no_boot"]:
        return 0
    kernel, initrd = disk.boot_files(path)
    append = f"{disk.APPEND} {settings.get('append', '')}".rstrip()
    own_words = {"kernel": kernel, "initrd": initrd, "append": append}
    return run(run_config({**settings, **_devices(path, settings), **own_words}))


def _make(path: Path, own: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    from jitppc.debian import disk

    keys = ""
    if own["ssh_key"] is not None:
        try:
            keys = own["ssh_key"].read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise OptionError(f"-ssh-key {own['ssh_key']}: {error}") from None
        if not keys.startswith(("ssh-", "ecdsa-", "sk-")):
            raise OptionError(f"-ssh-key {own['ssh_key']}: not a public key of ssh")
    wish = disk.Wish(
        path=path,
        size=own["size"] or disk.DEFAULT_SIZE,
        hostname=settings.get("name") or "debian",
        authorized_keys=keys,
        strategy=settings.get("strategy", "regions"),
    )
    say(f"making a Debian system on {path}; this takes some minutes, and can be interrupted")
    with Progress() as progress:
        password = disk.make(wish, progress)
    say(f"{path} is ready; root's password is {password}")


def _devices(path: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The disk, random numbers, and a network unless the user says something else."""
    name = "#debian"
    image = (("file", str(path)), ("format", "raw"), ("if", "none"), ("id", name))
    wanted: dict[str, Any] = {
        "drives": ((*image, ("discard", "unmap")), *settings.get("drives", ())),
        "devices": (
            (("driver", "virtio-blk-pci"), ("drive", name)),
            (("driver", "virtio-rng-pci"),),
            *settings.get("devices", ()),
        ),
    }
    from jitppc.host.net import passt

    asked = {"netdevs", "nics", "nets", "nodefaults"} & set(settings)
    if asked:
        return wanted
    if not passt.is_installed():
        say("no network: that needs passt (Debian package passt)")
        return wanted | {"nics": ((("type", "none"),),)}
    port = _free_port()
    forward = f"tcp:127.0.0.1:{port}-:22"
    nic = (("type", "user"), ("model", "virtio-net-pci"), ("hostfwd", forward))
    say(f"from here: ssh -p {port} root@127.0.0.1")
    return wanted | {"nics": (nic,)}


def _free_port() -> int:
    """2222, or the next one that nobody has."""
    for port in range(SSH_PORT, SSH_PORT + PORTS_TRIED):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OptionError(f"no port from {SSH_PORT} on is free for ssh; give -nic user,hostfwd=...")
