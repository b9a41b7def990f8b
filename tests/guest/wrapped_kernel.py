"""zImage.pseries of a little-endian vmlinux, by the boot wrapper of Debian's linux-source.

Debian's kernels for ppc64el are vmlinux files. The wrapper's objects are compiled without a kernel
(some 15 seconds of CPU time), and a vmlinux is packed behind them. All of it is kept in the cache
directory.
"""

import hashlib
import os
import shutil
import subprocess

import be_kernel

from jitppc.environment import cache_directory

CROSS = "powerpc64le-linux-gnu-"
CONFIG = """\
CONFIG_64BIT=y
CONFIG_PPC64=y
CONFIG_PPC_BOOK3S_64=y
CONFIG_CPU_LITTLE_ENDIAN=y
CONFIG_PPC_PSERIES=y
CONFIG_PPC_OF_BOOT_TRAMPOLINE=y
# CONFIG_PPC_POWERNV is not set
# CONFIG_PPC_PMAC is not set
"""


def missing_tools():
    """What has to be installed first, in one line; nothing when all is there."""
    tools = [tool for tool in (f"{CROSS}gcc", *be_kernel.TOOLS[1:]) if shutil.which(tool) is None]
    if be_kernel.source_archive() is None:
        tools.append("linux-source-6.1")
    return " ".join(tools)


def zimage(vmlinux):
    """The zImage.pseries that holds this kernel."""
    archive = be_kernel.source_archive()
    key = f"{archive.name} {CONFIG}".encode() + hashlib.sha256(vmlinux.read_bytes()).digest()
    name = f"zImage-{hashlib.sha256(key).hexdigest()[:16]}"
    made = cache_directory() / "be" / name
    if not made.is_file():
        tree = be_kernel.unpacked(archive)
        work = made.parent / "boot-le.build"
        _compile(tree, work)
        pack(tree, work, vmlinux, made)
    return made


def _compile(tree, work):
    """The objects of the wrapper are in work/arch/powerpc/boot."""
    work.mkdir(parents=True, exist_ok=True)
    (work / "wanted").write_text(CONFIG)
    command = ["make", "-C", tree, f"O={work}", "ARCH=powerpc", f"CROSS_COMPILE={CROSS}"]
    environment = os.environ | {"KCONFIG_ALLCONFIG": str(work / "wanted")}
    for target in (["allnoconfig"], ["prepare"], ["bootwrapper_install", f"DESTDIR={work}/out"]):
        subprocess.run(
            [*command, *target], check=True, env=environment, stdout=subprocess.DEVNULL
        )


def pack(tree, work, vmlinux, made):
    """The wrapper's program with the kernel in it is at `made`."""
    script = tree / "arch/powerpc/boot/wrapper"
    partial = work / "zImage"
    flags = ["-D", "arch/powerpc/boot", "-C", CROSS, "-p", "pseries", "-W", work, "-o", partial]
    subprocess.run(
        ["sh", script, *flags, vmlinux], check=True, cwd=work,
        env=os.environ | {"srctree": str(tree)},
    )  # fmt: skip
    partial.replace(made)
