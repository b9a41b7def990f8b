"""A set of packages with all they depend on, through the machine's own package client."""

import re
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from urllib.parse import unquote

from jitppc.environment import cache_directory
from jitppc.errors import PackageError
from jitppc.host.packages import Progress, _Apt, _locked, available


def fetch_set(packages: Sequence[str], progress: Progress, arch: str = "ppc64el") -> list[Path]:
    """The package files lie in the cache directory, those that others need first.

    `packages` are what apt-get install takes, `?essential` among them.
    """
    if not available():
        raise PackageError("packages are fetched with apt-get, and this machine has none")
    root = cache_directory() / "packages" / arch
    with _locked(root):
        apt = _Apt(root / "apt", arch)
        failure = "" if apt.has_lists() else apt.update(progress)
        for attempt in range(2):
            if attempt:
                # Lists that are too old name files that are gone.
                failure = apt.update(progress) or failure
            files, reason = _order(apt, packages)
            if not files:
                failure = reason or failure
                continue
            if all(file.is_file() for file in files):
                return files
            command = [*_INSTALL, "--download-only", *packages]
            tell = partial(progress, f"fetching {len(files)} packages")
            failure = apt._run_with_status(command, tell)
            if all(file.is_file() for file in files):
                return files
    raise PackageError(f"apt-get cannot give a system's packages: {failure}")


_INSTALL = ("install", "-y", "--no-install-recommends")


def _order(apt: _Apt, packages: Sequence[str]) -> tuple[list[Path], str]:
    """The files in the order in which apt would install them, there or not."""
    done = subprocess.run(
        apt._command(*_INSTALL, "--simulate", *packages),
        capture_output=True,
        text=True,
        check=False,
    )
    archives = apt.root / "cache/archives"
    # Inst PACKAGE (VERSION SOURCE... [ARCHITECTURE])
    found = re.findall(r"(?m)^Inst (\S+) \((\S+) .*\[(\w+)\]\)", done.stdout)
    errors = [line for line in done.stderr.splitlines() if line.startswith("E:")]
    files = [
        archives / f"{name.partition(':')[0]}_{version.replace(':', '%3a')}_{its_arch}.deb"
        for name, version, its_arch in found
    ]
    return files, errors[0] if errors else ""


def sources(arch: str = "ppc64el") -> list[str]:
    """Lines of a sources.list with what the machine's own apt uses for Debian."""
    apt = _Apt(cache_directory() / "packages" / arch / "apt", arch)
    wanted = "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
    done = subprocess.run(
        apt._command("indextargets", "--format", wanted),
        capture_output=True,
        text=True,
        check=False,
    )
    suites: dict[tuple[str, str], list[str]] = {}
    for line in done.stdout.splitlines():
        parts = line.split("|")
        if len(parts) == 4 and parts[0] in {"Debian", ""} and re.match(r"https?://", parts[1]):
            components = suites.setdefault((unquote(parts[1]), parts[2]), [])
            if parts[3] not in components:
                components.append(parts[3])
    return [f"deb {uri} {suite} {' '.join(parts)}" for (uri, suite), parts in suites.items()]


def names_of(lines: Sequence[str], hosts: Path = Path("/etc/hosts")) -> list[str]:
    """Lines of this machine's own table of names, for the hosts that the sources are on."""
    wanted = {match[1] for line in lines if (match := re.search(r"://(?:[^@/]*@)?([^:/ ]+)", line))}
    found = []
    for line in hosts.read_text(encoding="utf-8", errors="replace").splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if not address.startswith(("127.", "::1")):
            found += [f"{address} {name}" for name in names if name in wanted]
    return found
