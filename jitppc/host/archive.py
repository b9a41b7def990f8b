"""Archives that a kernel unpacks as its first file system, the same bytes every time."""

import gzip
import stat
from collections.abc import Mapping
from dataclasses import dataclass


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


def console() -> Entry:
    """What the kernel opens for its first program: /dev/console."""
    return Entry(stat.S_IFCHR | 0o600, device=(5, 1))


def cpio(entries: Mapping[str, Entry]) -> bytes:
    """The entries as an archive in the kernel's "newc" format.

    Ref: Linux, initramfs buffer format.
    """
    members = [*entries.items(), ("TRAILER!!!", Entry(0))]
    archive = b"".join(_member(n, name, entry) for n, (name, entry) in enumerate(members, 1))
    return archive + bytes(-len(archive) % 512)


def compressed(entries: Mapping[str, Entry]) -> bytes:
    """The archive as gzip, for the kernel's `initrd`."""
    return gzip.compress(cpio(entries), 6, mtime=0)


def _member(number: int, name: str, entry: Entry) -> bytes:
    """Header of 8-digit hexadecimal fields, name, and data, each padded to a word."""
    path = name.encode() + b"\0"
    fields = (number, entry.mode, 0, 0, 1, 0, len(entry.data), 0, 0, *entry.device, len(path), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + path) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
