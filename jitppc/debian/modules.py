"""Kernel modules in the order in which they can be loaded, by what they say they need."""

import re
from pathlib import Path


def order_of(tree: Path, wanted: tuple[str, ...]) -> list[Path]:
    """The modules below `tree` with these names, each behind those that it needs.

    A module lists them in its `.modinfo` (depends=a,b). Names that are no module are taken to be
    built into the kernel.
    """
    by_name = {_name(path): path for path in tree.rglob("*.ko")}
    order: list[Path] = []

    def add(name: str) -> None:
        path = by_name.get(name)
        if path is None or path in order:
            return
        for needed in _needs(path):
            add(needed)
        order.append(path)

    for name in wanted:
        add(name)
    return order


def _name(path: Path) -> str:
    return path.name.removesuffix(".ko").replace("-", "_")


def _needs(path: Path) -> list[str]:
    data = path.read_bytes()
    found = re.search(rb"\0depends=([^\0]*)\0", data)
    soft = re.findall(rb"\0softdep=pre: ([^\0]*)\0", data)
    names = found[1].decode().split(",") if found else []
    names += [name for text in soft for name in text.decode().split()]
    return [name.replace("-", "_") for name in names if name]
