"""The options of `jitppc debian` besides those of `jitppc run`."""

from pathlib import Path

from jitppc.option import Option

DISK = "debian-ppc64el.img"
SSH_PORT = 2222
SMALLEST = 2 << 30


def disk_size(text: str) -> int:
    """Bytes of `8G` or `8192M`; a Debian system needs 2G."""
    units = {"M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
    number, unit = text[:-1], text[-1:].upper()
    if not number.isdecimal() or unit not in units:
        raise ValueError(f"{text!r} is not a size such as 8G")
    size = int(number) * units[unit]
    if not SMALLEST <= size <= 16 << 40:
        raise ValueError("a disk for Debian has 2G to 16T")
    return size


DEBIAN_OPTIONS = (
    Option(("disk",), "FILE", f"the disk ({DISK}); made when it is missing", "disk", Path, "disk"),
    Option(("size",), "SIZE", "size of a new disk (8G)", "size", disk_size, "disk"),
    Option(("ssh-key",), "FILE", "public key that may log in to a new disk as root", "ssh_key",
           Path, "disk"),
    Option(("no-boot",), "", "only make the disk", "no_boot", group="disk"),
)  # fmt: skip

DEBIAN_NOTES = f"""\
The packages come through this machine's apt-get into the cache directory, are unpacked into a file
system here, and configured inside jitppc. root's password is printed once, when the disk is made.
What is done already is kept beside the disk when it is interrupted. Later runs only boot it.

The disk is whole, without partitions; its kernel and initrd are read from it. Without -nic the
guest is on the network through passt, and port {SSH_PORT} of this machine (or the next free one)
leads to its ssh server. All options of `jitppc run` but -kernel and -initrd may follow; -append is
added to the kernel's command line."""
