"""The disk: made in stages, each kept when it is whole; and what a finished one boots with."""

import fcntl
import os
import re
import secrets
import shutil
import subprocess
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

    What an interrupted run has finished lies in `DISK.making`, and the next one goes on from there.
    """
    for program, package in PROGRAMS.items():
        if shutil.which(program) is None:
            raise UserError(f"{program} is missing (Debian package {package})")
    work = wish.path.with_name(wish.path.name + ".making")
    with _locked(work):
        if wish.path.exists():
            raise UserError(f"{wish.path} is there already")
        debs = packages.fetch(tell)
        password = _password(work / "password", wish)
        unpacked, partial = work / "unpacked", work / "partial"
        sources = package_sets.sources()
        plan = first_stage.Plan(
            packages=[str(deb) for deb in debs],
            image=str(partial),
            size=wish.size,
            sources=sources,
            names=package_sets.names_of(sources),
            hostname=wish.hostname,
            authorized_keys=wish.authorized_keys,
            second_stage=second_stage.script(password),
        )
        if not _is_made_by(unpacked, plan):
            first_stage.run(plan, lambda what: tell(what, None))
            partial.rename(unpacked)
            _plan_of(unpacked).write_text(first_stage.as_text(plan), encoding="utf-8")
        tell("copying the unpacked system", None)
        _copy_sparse(unpacked, partial)
        kernel, initrd = _stage_files(partial, work, tell)
        second_stage.run(kernel, initrd, partial, len(debs), tell, wish.strategy)
        # What is left is in the host's page cache; the name appears when it is on the disk.
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.rename(wish.path)
        shutil.rmtree(work)
        return password


def _password(path: Path, wish: Wish) -> str:
    """One for all runs that it takes."""
    if not path.exists():
        chosen = wish.password or "".join(secrets.choice(_LETTERS) for _ in range(10))
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="ascii") as file:
            file.write(chosen)
    return path.read_text(encoding="ascii")


def _plan_of(unpacked: Path) -> Path:
    return unpacked.with_name("plan.json")


def _is_made_by(unpacked: Path, plan: first_stage.Plan) -> bool:
    """An image is there that this very plan has made."""
    try:
        made_by = _plan_of(unpacked).read_text(encoding="utf-8")
    except OSError:
        return False
    return unpacked.is_file() and made_by == first_stage.as_text(plan)


def _copy_sparse(source: Path, target: Path) -> None:
    subprocess.run(
        ["cp", "--sparse=always", "--reflink=auto", str(source), str(target)], check=True
    )


@contextmanager
def _locked(work: Path) -> Iterator[None]:
    """The directory is there, and only this process works in it."""
    try:
        work.mkdir(mode=0o700, exist_ok=True)
        lock = (work / "lock").open("w")
    except OSError as error:
        raise UserError(f"{work}: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{work}: another jitppc is making this disk") from None
        yield


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
    shutil.rmtree(modules, ignore_errors=True)
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


def boot_files(image: Path) -> tuple[Path, Path]:
    """The newest kernel of a finished disk and its RAM disk.

    They are files in memory: nothing is left when this process has ended, however that was.
    """
    kernel_name = _newest(image, "/boot", "vmlinux-")
    version = kernel_name.removeprefix("vmlinux-")
    found = []
    for path in (f"/boot/{kernel_name}", f"/boot/initrd.img-{version}"):
        fd = os.memfd_create(path.rpartition("/")[2])
        found.append(Path(f"/proc/{os.getpid()}/fd/{fd}"))
        dump(image, path, found[-1])
    return found[0], found[1]
