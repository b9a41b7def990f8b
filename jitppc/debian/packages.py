"""What the system consists of."""

from pathlib import Path

from jitppc.host import package_sets, packages

SYSTEM = tuple(
    """
    ?essential usr-is-merged apt debian-archive-keyring linux-image-powerpc64le initramfs-tools
    systemd-sysv udev dbus kmod e2fsprogs openssh-server iproute2 iputils-ping netbase less
    """.split()
)
"""As a person would give it to apt-get: what cannot be missing, a kernel, systemd, ssh."""


def fetch(progress: packages.Progress, more: tuple[str, ...] = ()) -> list[Path]:
    """The package files, those that others need first."""
    return package_sets.fetch_set([*SYSTEM, *more], progress)
