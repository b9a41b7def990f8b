"""Kernel modules of Debian's kernel for a guest, in the order in which they can be inserted."""

import re
from pathlib import Path

from elftools.elf.elffile import ELFFile

from jitppc.host.archive import Entry, program


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
