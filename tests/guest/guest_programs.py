"""A program of Debian's for an initramfs, with the libraries it is linked to."""

import subprocess
from pathlib import Path

from elftools.elf.elffile import ELFFile

from jitppc.host.archive import Entry, program, symlink
from jitppc.host.package_sets import fetch_set

INTERPRETER = "lib64/ld64.so.2"


def program_entries(package: str, path: str, folder: Path) -> dict[str, Entry]:
    """The program is in /bin, and its libraries are in /lib; `folder` is for unpacking."""
    for deb in fetch_set([package], lambda _what, _share: None):
        subprocess.run(["dpkg-deb", "-x", str(deb), str(folder)], check=True)
    found = {file.name: file for file in folder.rglob("*.so*") if file.is_file()}
    entries = {f"bin/{Path(path).name}": program((folder / path).read_bytes())}
    wanted = needed(folder / path)
    while wanted:
        name = wanted.pop()
        if f"lib/{name}" not in entries:
            entries[f"lib/{name}"] = program(found[name].read_bytes())
            wanted += needed(found[name])
    entries[INTERPRETER] = symlink("/lib/ld64.so.2")
    return entries


def needed(path: Path) -> list[str]:
    """Names of the libraries that a program or library says it needs."""
    with path.open("rb") as file:
        tags = ELFFile(file).get_section_by_name(".dynamic").iter_tags("DT_NEEDED")
        return [tag.needed for tag in tags]
