"""On the host: a file system in which the packages lie unpacked and are known to dpkg.

It is a program of its own (`python -m jitppc.debian.first_stage`), so that it may run under
fakeroot: who is not root makes files of root's all the same.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from jitppc.debian import dpkg_state, second_stage
from jitppc.debian.modules import order_of
from jitppc.errors import PackageError, UserError

LABEL = "debian"
SCRIPT = "/var/lib/jitppc/second-stage"
MODULES = "/var/lib/jitppc/modules"

# Since Debian 12 these are links into /usr. Ref: Debian policy 9.1.1, usrmerge.
_MERGED = ("bin", "sbin", "lib", "lib64")

_SSHD = """\
# Written by `jitppc debian`: one kind of host key, and root may log in.
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin yes
"""

_NETWORK = """\
[Match]
Type=ether

[Network]
DHCP=ipv4

[DHCPv4]
UseMTU=yes
"""

_MODULES = """\
# Written by `jitppc debian`: what may stand between the kernel and its disk.
virtio_pci
virtio_blk
virtio_scsi
ibmvscsi
sd_mod
ext4
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made: `image` of `size` bytes, from package files.

    Fields:
        sources: of sources.list.
        names: of /etc/hosts, for hosts that no name service knows.
        second_stage: the script that runs inside.
    """

    packages: list[str]
    image: str
    size: int
    sources: list[str]
    names: list[str]
    hostname: str
    authorized_keys: str
    second_stage: str


def as_text(plan: Plan) -> str:
    """The plan as JSON; equal plans have equal texts."""
    return json.dumps(asdict(plan), indent=1)


def run(plan: Plan, tell: Callable[[str], None]) -> None:
    """The image is there. Told is what each step does."""
    command = [sys.executable, "-m", "jitppc.debian.first_stage"]
    if os.geteuid() != 0:
        if shutil.which("fakeroot") is None:
            raise UserError("without root this needs fakeroot (Debian package fakeroot)")
        command = ["fakeroot", *command]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(as_text(plan).replace("\n", "") + "\n")
        process.stdin.flush()
        last = ""
        for line in process.stdout:
            last = line.strip()
            tell(last)
        process.stdin.close()
        status = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if status:
        raise PackageError(f"unpacking the system failed: {last}")


def make(plan: Plan) -> None:
    """All of it, in directories beside the image that go away, and the image at the end."""
    image = Path(plan.image)
    root, controls = image.with_name("root"), image.with_name("control")
    for directory in (root, controls):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o755)
    _merge_usr(root)
    print(f"unpacking {len(plan.packages)} packages", flush=True)
    unpacked = _unpack([Path(deb) for deb in plan.packages], root, controls)
    dpkg_state.write(root, unpacked)
    _configure(root, plan)
    print("making the file system", flush=True)
    _make_file_system(root, image, plan.size)
    for directory in (root, controls):
        shutil.rmtree(directory)


def _merge_usr(root: Path) -> None:
    for name in _MERGED:
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")


def _unpack(debs: Sequence[Path], root: Path, controls: Path) -> list[dpkg_state.Unpacked]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        listed = pool.map(lambda deb: _extract(deb, root), debs)
        return [
            dpkg_state.read_package(deb, controls / str(number), paths)
            for number, (deb, paths) in enumerate(zip(debs, listed, strict=True))
        ]


def _extract(deb: Path, root: Path) -> list[str]:
    """The package's files are below `root`; their paths, as dpkg lists them."""
    extract = ["tar", "-x", "-p", "--numeric-owner", "--keep-directory-symlink", "-C", str(root)]
    with tempfile.TemporaryFile() as contents:
        subprocess.run(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=contents, check=True)
        contents.seek(0)
        subprocess.run([*extract, "-f", "-"], stdin=contents, check=True)
        contents.seek(0)
        with tarfile.open(fileobj=contents) as archive:
            names = [member.name.removeprefix(".").rstrip("/") for member in archive]
    return [name or "/." for name in names]


def _configure(root: Path, plan: Plan) -> None:
    """What an installer would ask for, or write."""
    files = {
        "etc/fstab": f"LABEL={LABEL} / ext4 defaults,errors=remount-ro 0 1\n",
        "etc/hostname": f"{plan.hostname}\n",
        "etc/hosts": _lines("127.0.0.1 localhost", f"127.0.1.1 {plan.hostname}", *plan.names),
        "etc/resolv.conf": "nameserver 10.0.2.3\n",
        "etc/apt/sources.list": _lines(*plan.sources),
        "etc/apt/apt.conf.d/90jitppc": 'Acquire::Languages "none";\n',
        "etc/systemd/network/80-dhcp.network": _NETWORK,
        "etc/ssh/sshd_config.d/jitppc.conf": _SSHD,
        "etc/initramfs-tools/conf.d/jitppc": "MODULES=list\nRESUME=none\n",
        "etc/initramfs-tools/modules": _MODULES,
        "etc/kernel-img.conf": "do_symlinks = yes\n",
        "usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n",
        SCRIPT.lstrip("/"): plan.second_stage,
    }
    modules = root / MODULES.lstrip("/")
    modules.mkdir(parents=True)
    for number, path in enumerate(order_of(root / "usr/lib/modules", second_stage.MODULES)):
        shutil.copyfile(path, modules / f"{number:02}.ko")
    if plan.authorized_keys:
        files["root/.ssh/authorized_keys"] = plan.authorized_keys
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if text.startswith("#!") else 0o644)
    with contextlib.suppress(FileNotFoundError):
        (root / "root/.ssh").chmod(0o700)


def _lines(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


def _make_file_system(root: Path, image: Path, size: int) -> None:
    with image.open("wb") as file:
        file.truncate(size)
    command = ["mke2fs", "-q", "-F", "-t", "ext4", "-L", LABEL, "-E", "lazy_itable_init=1"]
    done = subprocess.run(
        [*command, "-d", str(root), str(image)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        image.unlink()
        raise PackageError(f"mke2fs: {done.stderr.strip().splitlines()[-1:]}")


def _end_with_parent() -> None:
    """Standard input stays open as long as the process that wants the image lives."""
    sys.stdin.read()
    os._exit(1)


def _main() -> int:
    plan = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        make(Plan(**plan))
    except (OSError, subprocess.CalledProcessError, tarfile.TarError, UserError) as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
