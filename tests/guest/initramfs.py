"""An initramfs with busybox whose /init opens a shell on the console; the same bytes every time.

python tests/guest/initramfs.py OUT.cpio.gz        write one, for use by hand
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from jitppc.host.archive import Entry, compressed, console, directory, program, symlink

APPLETS = (
    "sh mount umount ls cat echo uname sha256sum awk ps grep sort uniq wc seq head tail tr "
    "poweroff reboot sleep dd md5sum date free dmesg kill test expr stty true setsid cttyhack "
    "insmod readlink"
).split()

PROMPT = "jitppc# "

#: how every /init begins, behind its first line
MOUNTS = """\
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
"""

INIT = f"""\
#!/bin/sh
{MOUNTS}\
export PATH=/bin HOME=/ PS1='{PROMPT}'
echo "init is ready"
exec setsid cttyhack sh -i
"""


def busybox_initramfs(
    busybox: Path, init: str = INIT, more: Mapping[str, Entry] | None = None
) -> bytes:
    """The compressed archive for the kernel's `initrd`; folders of `more` are made."""
    entries = {name: directory() for name in ("bin", "dev", "proc", "sys", "tmp")}
    entries["dev/console"] = console()
    entries["bin/busybox"] = program(busybox.read_bytes())
    entries |= {f"bin/{name}": symlink("busybox") for name in APPLETS}
    for name, entry in (more or {}).items():
        if "/" in name:
            entries.setdefault(name.rpartition("/")[0], directory())
        entries[name] = entry
    entries["init"] = program(init.encode())
    return compressed(entries)


def fetch_busybox() -> Path:
    """Debian's statically linked busybox for the guest."""
    from jitppc.host import packages

    tree = packages.fetch("busybox-static", arch="ppc64el")
    return next(p for p in (tree / "bin/busybox", tree / "usr/bin/busybox") if p.is_file())


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(busybox_initramfs(fetch_busybox()))
