"""Debian packages of the guest's architecture, through the machine's own package client.

apt-get runs with a state directory of its own below the cache directory, so that no root is needed
and the host's package lists and database stay untouched. It takes the machine's own sources, keys
and proxy settings, and checks signatures and hashes as always; the hash is checked once more here
before anything is unpacked.
"""

import fcntl
import hashlib
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jitppc.environment import cache_directory
from jitppc.errors import PackageError

OWN_KERNEL = "to run a kernel of your own: jitppc run -kernel FILE -initrd FILE"

# Settings over the machine's own. The hooks are cleared because images of containers use them to
# empty the host's package cache.
_APT_CONF = """\
#clear APT::Architectures;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
APT::Architecture "{arch}";
APT::Architectures {{ "{arch}"; }};
APT::Sandbox::User "root";
APT::Get::Always-Include-Phased-Updates "true";
Dir::State "{root}/state";
Dir::State::status "{root}/state/status";
Dir::Cache "{root}/cache";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Log "{root}/log";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Acquire::Retries "2";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
"""


class Progress(Protocol):
    """Told what is going on; `fraction` is None while the end cannot be foreseen."""

    def __call__(self, what: str, fraction: float | None) -> None: ...


def _silent(what: str, fraction: float | None) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One package version, as the package client would download it."""

    file_name: str
    size_bytes: int
    sha256: str


def fetch(package: str, arch: str = "ppc64el", progress: Progress = _silent) -> Path:
    """The unpacked tree of `package` lies in the cache directory; its path is returned.

    A tree that is there already costs no look at the network. Processes that ask at the same time
    wait for each other. An interrupted download leaves no tree.
    """
    tree = tree_path(package, arch)
    if tree.is_dir():
        return tree
    root = tree.parent.parent
    with _locked(root):
        if not tree.is_dir():
            _fetch_locked(package, arch, root, tree, progress)
    return tree


def tree_path(package: str, arch: str = "ppc64el") -> Path:
    """Where `fetch` puts the package, there or not."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", package):
        raise PackageError(f"{package!r} is not the name of a package")
    return cache_directory() / "packages" / arch / "trees" / package


def available() -> bool:
    """This machine has the package client that `fetch` uses."""
    return shutil.which("apt-get") is not None and shutil.which("dpkg-deb") is not None


def _fetch_locked(package: str, arch: str, root: Path, tree: Path, progress: Progress) -> None:
    if not available():
        raise PackageError(
            f"{package} is fetched with apt-get, and this machine has none; {OWN_KERNEL}"
        )
    apt = _Apt(root / "apt", arch)
    deb = _download(apt, package, progress)
    progress(f"unpacking {deb.name}", None)
    partial = tree.with_name(tree.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    unpacked = subprocess.run(
        ["dpkg-deb", "-x", str(deb), str(partial)], capture_output=True, text=True, check=False
    )
    if unpacked.returncode:
        deb.unlink(missing_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        raise PackageError(f"{deb.name} cannot be unpacked: {_last_line(unpacked.stderr)}")
    # The rename is what makes a tree exist, so a tree is always whole.
    partial.rename(tree)
    deb.unlink()


def _download(apt: "_Apt", package: str, progress: Progress) -> Path:
    """The package file is in the download directory, and its hash is right."""
    candidate = apt.candidate(package) if apt.has_lists() else None
    failure = ""
    for attempt in range(2):
        if candidate is None or attempt:
            # A source that does not carry this architecture fails here; what counts is whether the
            # package is found afterwards.
            failure = apt.update(progress)
            candidate = apt.candidate(package)
        if candidate is None:
            reason = failure or f"none of this machine's apt sources has it for {apt.arch}"
            raise PackageError(f"apt-get does not find {package}: {reason}; {OWN_KERNEL}")
        deb = apt.downloads / candidate.file_name
        if _is_intact(deb, candidate):
            return deb
        deb.unlink(missing_ok=True)
        failure = apt.download(package, candidate, progress)
        if _is_intact(deb, candidate):
            return deb
    raise PackageError(f"apt-get cannot download {package}: {failure or 'its hash is wrong'}")


def _is_intact(deb: Path, candidate: Candidate) -> bool:
    if not deb.is_file() or deb.stat().st_size != candidate.size_bytes:
        return False
    with deb.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == candidate.sha256


class _Apt:
    """apt-get with lists, cache and log below `root`, for one architecture."""

    def __init__(self, root: Path, arch: str) -> None:
        self.root = root
        self.arch = arch
        self.downloads = root / "downloads"
        for part in ("state/lists/partial", "cache/archives/partial", "log", "downloads"):
            (root / part).mkdir(parents=True, exist_ok=True)
        (root / "state/status").touch()
        self._conf = root / "apt.conf"
        self._conf.write_text(_APT_CONF.format(arch=arch, root=root), encoding="utf-8")

    def has_lists(self) -> bool:
        return any((self.root / "state/lists").glob("*_Packages*"))

    def candidate(self, package: str) -> Candidate | None:
        """What `download` would fetch, or None when no list knows the package."""
        done = subprocess.run(
            self._command("download", "--print-uris", package),
            capture_output=True,
            text=True,
            check=False,
            cwd=self.downloads,
        )
        # 'URI' FILE SIZE SHA256:HASH
        for line in done.stdout.splitlines():
            words = shlex.split(line)
            if len(words) == 4 and words[3].startswith("SHA256:"):
                # On disk a colon (of an epoch) is written %3a, as in the name printed here.
                return Candidate(words[1], int(words[2]), words[3].removeprefix("SHA256:"))
        return None

    def update(self, progress: Progress) -> str:
        """The lists are as fresh as can be; what failed is returned."""
        return self._run_with_status(
            ["update"], lambda fraction: progress("reading package lists", fraction)
        )

    def download(self, package: str, candidate: Candidate, progress: Progress) -> str:
        """The file is in `downloads`, or the returned text says why not."""
        what = f"fetching {package} ({candidate.size_bytes / 1e6:.1f} MB)"
        return self._run_with_status(["download", package], lambda f: progress(what, f))

    def _command(self, *words: str) -> list[str]:
        return ["apt-get", "-c", str(self._conf), "-q", *words]

    def _run_with_status(self, words: list[str], tell: Callable[[float | None], None]) -> str:
        """Run apt-get and read its status lines, `dlstatus:ITEM:PERCENT:TEXT`, from a pipe."""
        read_end, write_end = os.pipe()
        tell(None)
        command = self._command("-o", f"APT::Status-Fd={write_end}", *words)
        log_path = self.root / "log/last.txt"
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(write_end,),
                cwd=self.downloads,
            )
        os.close(write_end)
        try:
            with os.fdopen(read_end, errors="replace") as status:
                for line in status:
                    parts = line.split(":", 3)
                    if parts[0] == "dlstatus" and len(parts) == 4:
                        tell(float(parts[2]) / 100)
            returncode = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
        if not returncode:
            return ""
        errors = [
            line.strip()
            for line in log_path.read_text(encoding="utf-8", errors="replace").splitlines()
            if line.startswith("E:")
        ]
        return errors[0] if errors else f"apt-get exits with {returncode}"


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Only this process works below `root`."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / "lock").open("w")
    except OSError as error:
        raise PackageError(f"the cache directory cannot be written: {error}") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no reason given"
