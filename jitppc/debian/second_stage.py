"""In the guest: the packages are configured, by dpkg and their own scripts, as on any machine.

The guest is the system's own kernel with a small RAM disk: it mounts the disk, goes there, and
runs the script below. Lines that begin with MARK are for us.
"""

import re
import time
from pathlib import Path

from jitppc.errors import PackageError
from jitppc.host.packages import Progress

MARK = "jitppc-debian:"
SECONDS = 4 * 3600

SCRIPT = """\
#!/bin/sh
# Written by `jitppc debian`; runs once, inside.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C LANG=C
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true
say() { echo "@MARK@ $*"; }
fail() { say "failed: $*"; exit 1; }
cd /var/lib/dpkg/info || exit 1
say "step running the scripts that come before unpacking"
for script in base-passwd.preinst *.preinst; do
    [ -x "$script" ] && [ ! -e "/var/lib/jitppc/$script.done" ] || continue
    name=${script%.preinst}
    DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_PACKAGE=${name%:*} \\
    DPKG_MAINTSCRIPT_ARCH=ppc64el DPKG_RUNNING_VERSION=1.21.0 \\
        "./$script" install </dev/null || fail "$script"
    : >"/var/lib/jitppc/$script.done"
done
# One kind of host key is enough, and others are slow to make: what is there is not made.
touch /etc/ssh/ssh_host_rsa_key /etc/ssh/ssh_host_ecdsa_key
# The kernel's own script makes its RAM disk; triggers would make it once more.
sed -i s/^update_initramfs=yes/update_initramfs=no/ /etc/initramfs-tools/update-initramfs.conf
say "step configuring"
exec 3>&1
dpkg --force-unsafe-io --status-fd 3 --configure -a </dev/null >/var/log/jitppc-debian.log 2>&1 ||
    { tail -n 20 /var/log/jitppc-debian.log; fail "dpkg --configure -a"; }
say "step finishing"
sed -i s/^update_initramfs=no/update_initramfs=yes/ /etc/initramfs-tools/update-initramfs.conf
find /etc/ssh -name 'ssh_host_*' -empty -delete
printf 'root:%s\\n' '@PASSWORD@' | chpasswd || fail chpasswd
systemctl enable systemd-networkd >/dev/null 2>&1 || fail "systemctl enable"
rm -f /usr/sbin/policy-rc.d
rm -rf /var/lib/jitppc
sync
say done
"""

INIT = """\
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in $(cat /modules); do insmod /$module || echo "@MARK@ failed: insmod $module"; done
i=0
while [ ! -b /dev/vda ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i + 1)); done
mount -t ext4 -o nobarrier,data=writeback,noatime /dev/vda /root || echo "@MARK@ failed: mount"
mount -t proc proc /root/proc
mount -t sysfs sys /root/sys
mount -o bind /dev /root/dev
mkdir -p /root/run
mount -t tmpfs run /root/run
chroot /root @SCRIPT@ || echo "@MARK@ failed: the second stage"
umount /root/run /root/dev /root/sys /root/proc
umount /root || mount -o remount,ro /root
sync
poweroff -f
"""

# From virtio's disk up to its file system, in the order in which they are loaded.
MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")


def script(password: str) -> str:
    """What runs inside."""
    if not re.fullmatch(r"[\w-]+", password):
        raise ValueError("a password of letters and digits")
    return SCRIPT.replace("@MARK@", MARK).replace("@PASSWORD@", password)


def init(script_path: str) -> str:
    """The first program of the RAM disk."""
    return INIT.replace("@MARK@", MARK).replace("@SCRIPT@", script_path)


class Follower:
    """Follows what the guest says: progress by what dpkg reports, the end, and failures.

    Args:
        total: how many packages are to be configured.
    """

    def __init__(self, total: int, tell: Progress) -> None:
        self._total = total
        self._tell = tell
        self._done: set[str] = set()
        self._rest = b""
        self.failure = ""
        self.is_done = False

    def feed(self, data: bytes) -> None:
        """Console output of the guest."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for raw in lines:
            self._line(raw.decode("utf-8", "replace").strip())

    def _line(self, line: str) -> None:
        if line.startswith(MARK):
            word, _, rest = line.removeprefix(MARK).strip().partition(" ")
            if word == "failed:":
                self.failure = self.failure or rest
            elif word == "done":
                self.is_done = True
            else:
                self._tell(rest, None)
        # status: PACKAGE: STATE, and processing: configure: PACKAGE. Ref: dpkg(1), --status-fd.
        elif match := re.fullmatch(r"status: (\S+): installed", line):
            self._done.add(match[1])
        elif match := re.fullmatch(r"processing: (?:configure|trigproc): (\S+)", line):
            self._tell(f"configuring {match[1]}", len(self._done) / max(1, self._total))
        elif line.startswith("status: ") and " : error : " in line:
            self.failure = self.failure or line


def run(
    kernel: Path,
    initrd: Path,
    image: Path,
    total: int,
    tell: Progress,
    strategy: str = "regions",
) -> None:
    """The image holds a configured system; PackageError says what went wrong inside."""
    from functools import partial

    from jitppc.host.block.open import open_image
    from jitppc.host.block.options import ImageOptions
    from jitppc.spapr.hardware import Device, Drive, Hardware
    from jitppc.spapr.machine import Machine

    options = ImageOptions(image, "raw", cache="unsafe", discard="unmap")
    hardware = Hardware(
        drives=(Drive("disk", partial(open_image, options)),),
        devices=(Device("virtio-blk-pci", {"drive": "disk"}), Device("virtio-rng-pci")),
    )
    follower = Follower(total, tell)
    with Machine(
        kernel, initrd, "console=hvc0 quiet", "1G", strategy=strategy, hardware=hardware
    ) as machine:
        machine.on_console = follower.feed
        end = time.monotonic() + SECONDS
        stop = machine.run(timeout=end - time.monotonic())
        tail = machine.console_output[-400:].decode("utf-8", "replace")
    if follower.failure or not follower.is_done or stop.reason != "poweroff":
        what = follower.failure or f"the guest stopped: {stop.reason} {stop.detail}; {tail!r}"
        raise PackageError(f"configuring the system failed: {what}")
