"""dpkg's database for packages that were unpacked by someone else and wait to be configured.

Ref: dpkg(1) (package states), deb-control(5), deb-triggers(5); the files of /var/lib/dpkg.
"""

import hashlib
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

INFO = Path("var/lib/dpkg/info")
# Fields of a package file that its entry in the database does not have.
_LEFT_OUT = {"Filename", "Size", "MD5sum", "SHA1", "SHA256", "Installed-Build-Depends"}


@dataclass(frozen=True, slots=True)
class Unpacked:
    """One package: its name in the database, its control fields, the paths that it has."""

    fields: dict[str, str]
    paths: tuple[str, ...]
    control: Path

    @property
    def file_stem(self) -> str:
        """How its files in `info` are called. Ref: dpkg, Multi-Arch packages carry their own."""
        name = self.fields["Package"]
        is_same = self.fields.get("Multi-Arch", "") == "same"
        return f"{name}:{self.fields['Architecture']}" if is_same else name


def fields_of(control: str) -> dict[str, str]:
    """The fields of a control file, continuation lines with them."""
    fields: dict[str, str] = {}
    key = ""
    for line in control.splitlines():
        if line[:1] in {" ", "\t"}:
            fields[key] += "\n" + line
        elif ":" in line:
            key, _, value = line.partition(":")
            fields[key] = value.strip()
    return fields


def read_package(deb: Path, control: Path, paths: Iterable[str]) -> Unpacked:
    """The package's control files are in the directory `control`."""
    subprocess.run(["dpkg-deb", "-e", str(deb), str(control)], check=True, capture_output=True)
    text = (control / "control").read_text(encoding="utf-8")
    return Unpacked(fields_of(text), tuple(paths), control)


def write(root: Path, packages: Sequence[Unpacked]) -> None:
    """The database below `root` has all packages, unpacked."""
    dpkg = root / "var/lib/dpkg"
    for part in ("info", "triggers", "updates", "alternatives", "parts"):
        (dpkg / part).mkdir(parents=True, exist_ok=True)
    (dpkg / "info/format").write_text("1\n")
    for empty in ("available", "diversions", "statoverride"):
        (dpkg / empty).touch()
    entries = []
    file_triggers: list[str] = []
    named: dict[str, list[str]] = {}
    for package in packages:
        entries.append(_entry(root, package))
        listed = "".join(f"{path}\n" for path in package.paths)
        (root / INFO / f"{package.file_stem}.list").write_text(listed)
        for file in sorted(package.control.iterdir()):
            if file.name == "control":
                continue
            copy = root / INFO / f"{package.file_stem}.{file.name}"
            copy.write_bytes(file.read_bytes())
            copy.chmod(file.stat().st_mode & 0o777)
            if file.name == "triggers":
                _add_triggers(package, file.read_text(), file_triggers, named)
    (dpkg / "status").write_text("\n".join(entries))
    if file_triggers:
        (dpkg / "triggers/File").write_text("".join(file_triggers))
    for name, interested in named.items():
        (dpkg / "triggers" / name).write_text("".join(interested))
    (dpkg / "triggers/Unincorp").touch()


def _entry(root: Path, package: Unpacked) -> str:
    fields = {key: text for key, text in package.fields.items() if key not in _LEFT_OUT}
    lines = [f"Package: {fields.pop('Package')}", "Status: install ok unpacked"]
    conffiles = _conffiles(root, package)
    if conffiles:
        lines.append("Conffiles:\n" + "\n".join(conffiles))
    lines += [f"{key}: {text}" if text[:1] != "\n" else f"{key}:{text}" for key, text in
              fields.items()]  # fmt: skip
    return "\n".join(lines) + "\n"


def _conffiles(root: Path, package: Unpacked) -> list[str]:
    """Each with its hash: as they lie there they are the distributor's."""
    listed = package.control / "conffiles"
    if not listed.is_file():
        return []
    lines = []
    for line in listed.read_text(encoding="utf-8").splitlines():
        path = line.strip()
        if path.startswith("/") and (root / path[1:]).is_file():
            digest = hashlib.md5((root / path[1:]).read_bytes(), usedforsecurity=False)
            lines.append(f" {path} {digest.hexdigest()}")
    return lines


def _add_triggers(
    package: Unpacked, text: str, files: list[str], named: dict[str, list[str]]
) -> None:
    """Who is interested in what. Ref: deb-triggers(5)."""
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if len(words) != 2 or not words[0].startswith("interest"):
            continue
        who = package.file_stem + ("/noawait" if words[0].endswith("noawait") else "")
        if words[1].startswith("/"):
            files.append(f"{words[1]} {who}\n")
        else:
            named.setdefault(words[1], []).append(f"{who}\n")
