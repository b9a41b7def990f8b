"""Big-endian kernels for guests, from Debian's linux-source; kept in the cache directory.

python tests/guest/be_kernel.py [NAME...]      build those that are not there yet, and say where

Debian has no big-endian pseries kernels, so these are made with a cross compiler from a small
configuration (be_kernel.config). One takes some 20 minutes of CPU time.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from jitppc.environment import cache_directory
from jitppc.host.archive import compressed, console, directory, program

SOURCES = Path("/usr/src")
CROSS = "powerpc64-linux-gnu-"
CONFIG = Path(__file__).with_name("be_kernel.config")
INIT = Path(__file__).with_name("be_init.c")
TOOLS = (f"{CROSS}gcc", "make", "flex", "bison", "bc")
IMAGES = ("vmlinux", "zImage.pseries")
VARIANTS = {
    "64k-elfv1": "CONFIG_PPC_64K_PAGES=y\n",
    "4k-elfv2": "CONFIG_PPC_4K_PAGES=y\nCONFIG_PPC64_BIG_ENDIAN_ELF_ABI_V2=y\n",
}
"""Name to what is added to the configuration."""


def source_archive():
    """The newest kernel source that is installed, or None."""
    found = SOURCES.glob("linux-source-*.tar.xz")
    return max(found, key=lambda path: [int(n) for n in path.name[13:-7].split(".")], default=None)


def wanted_config(variant):
    return CONFIG.read_text() + VARIANTS[variant]


def folder_of(variant, archive):
    """Where a variant is kept: its name holds all that it depends on."""
    compiler = subprocess.run([f"{CROSS}gcc", "-dumpfullversion"], capture_output=True, check=True)
    state = archive.stat()
    key = f"{archive.name} {state.st_size} {wanted_config(variant)} {compiler.stdout!r}"
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    return cache_directory() / "be" / f"{variant}-{digest}"


def built(variant):
    """The folder with the variant's images, or None when it has not been built."""
    archive = source_archive()
    if archive is None or shutil.which(f"{CROSS}gcc") is None:
        return None
    folder = folder_of(variant, archive)
    return folder if all((folder / name).is_file() for name in IMAGES) else None


def build(variant):
    """The images are in the folder that is returned. Takes many minutes the first time."""
    archive = source_archive()
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if archive is None or missing:
        names = " ".join(missing) or "the kernel's source"
        raise SystemExit(f"missing: {names}: apt-get install linux-source-6.1 flex bison bc")
    folder = folder_of(variant, archive)
    if built(variant):
        return folder
    tree = unpacked(archive)
    work = folder.parent / f"{variant}.build"  # kept: another configuration begins there
    work.mkdir(parents=True, exist_ok=True)
    (work / "wanted").write_text(wanted_config(variant))
    command = ["make", "-C", tree, f"O={work}", "ARCH=powerpc", f"CROSS_COMPILE={CROSS}"]
    environment = os.environ | {"KCONFIG_ALLCONFIG": str(work / "wanted")}
    subprocess.run([*command, "allnoconfig"], check=True, env=environment, stdout=sys.stderr)
    subprocess.run([*command, f"-j{os.cpu_count()}", *IMAGES], check=True, stdout=sys.stderr)
    folder.mkdir(exist_ok=True)
    for name, where in zip(IMAGES, (work, work / "arch/powerpc/boot"), strict=True):
        shutil.copy(where / name, folder / name)
    return folder


def with_initrd(variant, initrd, made):
    """A zImage.pseries of a built variant that brings its initrd along is at `made`.

    The tree that it was built in is needed; False when that is gone.
    """
    archive = source_archive()
    work = cache_directory() / "be" / f"{variant}.build"
    if built(variant) is None or not (work / "arch/powerpc/boot/wrapper.a").is_file():
        return False
    tree = unpacked(archive)
    flags = ["-D", "arch/powerpc/boot", "-C", CROSS, "-p", "pseries", "-W", made.parent]
    command = ["sh", tree / "arch/powerpc/boot/wrapper", *flags, "-i", initrd, "-o", made]
    subprocess.run(
        [*command, "vmlinux"], check=True, cwd=work, env=os.environ | {"srctree": str(tree)}
    )
    return True


def unpacked(archive):
    """The source tree, unpacked once."""
    root = cache_directory() / "be"
    tree = root / archive.name.removesuffix(".tar.xz")
    if not (tree / "Makefile").is_file():
        partial = root / "unpacking"
        shutil.rmtree(partial, ignore_errors=True)
        with tarfile.open(archive) as packed:
            packed.extractall(partial, filter="tar")
        (partial / tree.name).rename(tree)
    return tree


def initramfs(folder):
    """An initramfs whose /init is our own shell, compiled in `folder`."""
    made = folder / "init"
    flags = ["-O2", "-static", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([f"{CROSS}gcc", *flags, "-o", made, INIT], check=True)
    entries = {name: directory() for name in ("dev", "proc", "sys")}
    entries |= {"dev/console": console(), "init": program(made.read_bytes())}
    archive = folder / "initramfs.gz"
    archive.write_bytes(compressed(entries))
    return archive


if __name__ == "__main__":
    for name in sys.argv[1:] or VARIANTS:
        print(build(name))
