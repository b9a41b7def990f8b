"""The disk: made in stages, each kept when it is whole; and what a finished one boots with."""

import fcntl
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jitppc.debian import first_stage, packages, second_stage
from jitppc.debian.first_stage import LABEL
from jitppc.errors import UserError
from jitppc.host import archive, package_sets
from jitppc.host import packages as host_packages
from jitppc.host.packages import Progress

DEFAULT_SIZE = 8 << 30
APPEND = f"root=LABEL={LABEL} rw console=hvc0 quiet"
PROGRAMS = {"mke2fs": "e2fsprogs", "debugfs": "e2fsprogs", "dpkg-deb": "dpkg", "tar": "tar"}
APPLETS = "sh mount umount cat echo sleep insmod chroot mkdir sync poweroff".split()
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asks for."""

    path: Path
    size: int
    hostname: str = "debian"
    authorized_keys: str = ""
    password: str = ""
    strategy: str = "regions"


def make(wish: Wish, tell: Progress) -> str:
    """The disk is at `wish.path`; root's password is returned, and kept nowhere.

    An interrupted run leaves the finished stages beside it, and the next one goes on from there.
    """
    for program, package in PROGRAMS.items():
        if shutil.which(program) is None:
            raise UserError(f"{program} is missing (Debian package {package})")
    unpacked = wish.path.with_name(wish.path.name + ".unpacked")
    partial = wish.path.with_name(wish.path.name + ".partial")
    secret = wish.path.with_name(wish.path.name + ".password")
    with _locked(wish.path):
        if wish.path.exists():
            raise UserError(f"{wish.path} is there already")
        debs = packages.fetch(tell)
        if not secret.exists():
            password = wish.password or "".join(secrets.choice(_LETTERS) for _ in range(10))
            _write_private(secret, password)
        password = secret.read_text(encoding="ascii")
        if not (unpacked.exists() and unpacked.stat().st_size == wish.size):
            unpacked.unlink(missing_ok=True)
            plan = first_stage.Plan(
                packages=[str(deb) for deb in debs],
                image=str(partial),
                size=wish.size,
                sources=package_sets.sources(),
                hostname=wish.hostname,
                authorized_keys=wish.authorized_keys,
                second_stage=second_stage.script(password),
            )
            first_stage.run(plan, lambda what: tell(what, None))
            partial.rename(unpacked)
        tell("copying the unpacked system", None)
        _copy_sparse(unpacked, partial)
        with tempfile.TemporaryDirectory(prefix="jitppc-") as directory:
            kernel, initrd = _stage_files(partial, Path(directory), tell)
            second_stage.run(kernel, initrd, partial, len(debs), tell, wish.strategy)
        # What is left is in the host's page cache; the name appears when it is on the disk.
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.rename(wish.path)
        unpacked.unlink()
        secret.unlink()
        return password


def _write_private(path: Path, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(text)


def _copy_sparse(source: Path, target: Path) -> None:
    subprocess.run(
        ["cp", "--sparse=always", "--reflink=auto", str(source), str(target)], check=True
    )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Only this process makes this disk."""
    lock_path = path.with_name(path.name + ".lock")
    try:
        lock = lock_path.open("w")
    except OSError as error:
        raise UserError(f"{lock_path}: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{path}: another jitppc is making this disk") from None
        try:
            yield
        finally:
            lock_path.unlink(missing_ok=True)


def _stage_files(image: Path, directory: Path, tell: Progress) -> tuple[Path, Path]:
    """Kernel and RAM disk of the second stage, out of the image."""
    tell("making the RAM disk of the second stage", None)
    kernel_name = _newest(image, "/boot", "vmlinux-")
    kernel = directory / "vmlinux"
    dump(image, f"/boot/{kernel_name}", kernel)
    entries = {name: archive.directory() for name in ("bin", "dev", "proc", "sys", "root")}
    entries["dev/console"] = archive.console()
    busybox = host_packages.fetch("busybox-static", progress=tell)
    program = next(p for p in (busybox / "bin/busybox", busybox / "usr/bin/busybox") if p.is_file())
    entries["bin/busybox"] = archive.program(program.read_bytes())
    entries |= {f"bin/{name}": archive.symlink("busybox") for name in APPLETS}
    modules = directory / Path(first_stage.MODULES).name
    debugfs(image, f'rdump "{first_stage.MODULES}" "{directory}"')
    names = sorted(path.name for path in modules.iterdir())
    entries |= {name: archive.program((modules / name).read_bytes()) for name in names}
    entries["modules"] = archive.program("".join(f"{name}\n" for name in names).encode())
    entries["init"] = archive.program(second_stage.init(first_stage.SCRIPT).encode())
    initrd = directory / "initrd.gz"
    initrd.write_bytes(archive.compressed(entries))
    return kernel, initrd


def debugfs(image: Path, request: str) -> str:
    """What debugfs answers; it reads the image without mounting it."""
    done = subprocess.run(
        ["debugfs", "-R", request, str(image)], capture_output=True, text=True, check=False
    )
    return done.stdout


def dump(image: Path, path: str, target: Path) -> None:
    """A file of the image is at `target`."""
    debugfs(image, f'dump "{path}" "{target}"')
    if not target.is_file() or not target.stat().st_size:
        raise UserError(f"{image} has no {path}: is it a disk made by `jitppc debian`?")


def _newest(image: Path, directory: str, prefix: str) -> str:
    listed = debugfs(image, f"ls -p {directory}")
    names = re.findall(rf"/({re.escape(prefix)}[^/]+)/", listed)
    if not names:
        raise UserError(f"{image} has no {directory}/{prefix}*: is it a disk of `jitppc debian`?")
    return max(names, key=lambda name: [int(n) for n in re.findall(r"\d+", name)])


def boot_files(image: Path, directory: Path) -> tuple[Path, Path]:
    """The newest kernel of a finished disk and its RAM disk, as files in `directory`."""
    kernel_name = _newest(image, "/boot", "vmlinux-")
    version = kernel_name.removeprefix("vmlinux-")
    kernel, initrd = directory / "vmlinux", directory / "initrd.img"
    dump(image, f"/boot/{kernel_name}", kernel)
    dump(image, f"/boot/initrd.img-{version}", initrd)
    return kernel, initrd
