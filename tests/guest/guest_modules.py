"""Kernel modules of Debian's kernel for a guest, in the order in which they can be inserted."""

import re
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from initramfs import fetch_busybox

from jitppc.errors import PackageError
from jitppc.host.archive import Entry, program


def fetched_kernel() -> Path:
    """Debian's kernel; skips without a package client, and fails without the package."""
    from jitppc.host import installer, packages

    if not packages.available():
        pytest.skip("needs apt-get and dpkg-deb to fetch the guest's programs")
    try:
        return installer.fetch().kernel
    except PackageError as error:
        pytest.fail(str(error))


def fetched_guest(names: list[str]) -> tuple[Path, Path, dict[str, Entry], str]:
    """Kernel, busybox, and `module_entries` of these modules."""
    kernel = fetched_kernel()
    try:
        tree = module_tree(kernel_release(kernel))
        return kernel, fetch_busybox(), *module_entries(tree, names)
    except PackageError as error:
        pytest.fail(str(error))


def compiled(require_tool, source: Path, program_path: Path) -> Entry:
    """A C program for the guest, as a member of an initramfs."""
    compiler = require_tool("powerpc64le-linux-gnu-gcc")
    flags = ["-O2", "-mcpu=power8", "-static", "-pthread", "-Wall", "-Werror"]
    subprocess.run([compiler, *flags, "-o", program_path, source], check=True)
    return program(program_path.read_bytes())


def kernel_release(kernel: Path) -> str:
    """As `uname -r` in the guest."""
    found = re.search(rb"Linux version (\S+) \(", kernel.read_bytes())
    assert found, f"{kernel} does not say its version"
    return found[1].decode()


def module_tree(release: str) -> Path:
    """The folder of this kernel's modules, from its package."""
    from jitppc.host import packages

    tree = packages.fetch(f"linux-image-{release}", arch="ppc64el")
    return next(p for p in tree.glob(f"**/lib/modules/{release}") if p.is_dir())


def dependencies(module: Path) -> list[str]:
    """Names of the modules that this one needs."""
    with module.open("rb") as file:
        section = ELFFile(file).get_section_by_name(".modinfo")
        words = dict(w.split(b"=", 1) for w in section.data().split(b"\0") if b"=" in w)
    return [name for name in words[b"depends"].decode().split(",") if name]


def with_dependencies(tree: Path, names: list[str]) -> list[Path]:
    """Files of these modules and of all they need, each after what it needs."""
    files = {path.stem.replace("-", "_"): path for path in tree.glob("kernel/**/*.ko")}
    order: list[Path] = []

    def add(name: str) -> None:
        path = files[name.replace("-", "_")]
        if path not in order:
            for needed in dependencies(path):
                add(needed)
            order.append(path)

    for name in names:
        add(name)
    return order


def module_entries(tree: Path, names: list[str]) -> tuple[dict[str, Entry], str]:
    """Members of an initramfs, and the lines of a shell script that insert them."""
    files = with_dependencies(tree, names)
    entries = {f"modules/{path.name}": program(path.read_bytes()) for path in files}
    return entries, "".join(f"insmod /modules/{path.name}\n" for path in files)
