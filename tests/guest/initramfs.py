"""An initramfs with busybox whose /init opens a shell on the console; the same bytes every time.

python tests/guest/initramfs.py OUT.cpio.gz        write one, for use by hand
"""

import gzip
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

APPLETS = (
    "sh mount umount ls cat echo uname sha256sum awk ps grep sort uniq wc seq head tail tr "
    "poweroff reboot sleep dd md5sum date free dmesg kill test expr stty true setsid cttyhack"
).split()

PROMPT = "jitppc# "

INIT = f"""\
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
export PATH=/bin HOME=/ PS1='{PROMPT}'
echo "init is ready"
exec setsid cttyhack sh -i
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One member of the archive; `device` is (major, minor) of a node."""

    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def directory() -> Entry:
    return Entry(stat.S_IFDIR | 0o755)


def program(data: bytes) -> Entry:
    return Entry(stat.S_IFREG | 0o755, data)


def symlink(target: str) -> Entry:
    return Entry(stat.S_IFLNK | 0o777, target.encode())


def cpio(entries: Mapping[str, Entry]) -> bytes:
    """The entries as an archive in the kernel's "newc" format.

    Ref: Linux, initramfs buffer format.
    """
    members = [*entries.items(), ("TRAILER!!!", Entry(0))]
    archive = b"".join(_member(n, name, entry) for n, (name, entry) in enumerate(members, 1))
    return archive + bytes(-len(archive) % 512)


def _member(number: int, name: str, entry: Entry) -> bytes:
    """Header of 8-digit hexadecimal fields, name, and data, each padded to a word."""
    path = name.encode() + b"\0"
    fields = (number, entry.mode, 0, 0, 1, 0, len(entry.data), 0, 0, *entry.device, len(path), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + path) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def busybox_initramfs(busybox: Path, init: str = INIT) -> bytes:
    """The compressed archive for the kernel's `initrd`."""
    entries = {name: directory() for name in ("bin", "dev", "proc", "sys", "tmp")}
    entries["dev/console"] = Entry(stat.S_IFCHR | 0o600, device=(5, 1))
    entries["bin/busybox"] = program(busybox.read_bytes())
    entries |= {f"bin/{name}": symlink("busybox") for name in APPLETS}
    entries["init"] = program(init.encode())
    return gzip.compress(cpio(entries), 6, mtime=0)


def fetch_busybox() -> Path:
    """Debian's statically linked busybox for the guest."""
    from jitppc.host import packages

    tree = packages.fetch("busybox-static", arch="ppc64el")
    return next(p for p in (tree / "bin/busybox", tree / "usr/bin/busybox") if p.is_file())


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(busybox_initramfs(fetch_busybox()))
