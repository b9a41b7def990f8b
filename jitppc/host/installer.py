"""The Debian installer for ppc64el: an unmodified pseries kernel and its initrd."""

from dataclasses import dataclass
from pathlib import Path

from jitppc.errors import PackageError
from jitppc.host import packages

PACKAGE = "debian-installer-12-netboot-ppc64el"


@dataclass(frozen=True, slots=True)
class Installer:
    """What `jitppc run` needs to boot it."""

    kernel: Path
    initrd: Path


def fetch(progress: packages.Progress = packages._silent) -> Installer:
    """Kernel and initrd of the installer are in the cache directory.

    The package is one for all architectures; it is kept with those of the guest's.
    """
    return find(packages.fetch(PACKAGE, progress=progress))


def find(tree: Path) -> Installer:
    """Kernel and initrd in an unpacked package; the text-mode image, not the graphical one."""
    kernels = sorted(tree.glob("**/text/**/vmlinux*")) or sorted(tree.glob("**/vmlinux*"))
    for kernel in kernels:
        for initrd in sorted(kernel.parent.glob("initrd*")):
            return Installer(kernel=kernel.resolve(), initrd=initrd.resolve())
    raise PackageError(f"{PACKAGE} holds no kernel with an initrd beside it ({tree})")
