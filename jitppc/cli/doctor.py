"""`jitppc doctor`: what jitppc runs on, in one screen."""

import os
import platform
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import jitppc
from jitppc.cli.cache import human_size, size_bytes
from jitppc.environment import cache_directory
from jitppc.option_values import GIB, host_memory_bytes

LIBRARIES = ("llvmlite", "numba", "numpy", "capstone", "pyelftools", "fdt")
OPTIONAL_LIBRARIES = ("rich",)

HELPERS = {
    "apt-get": "fetches the installer (`jitppc boot`)",
    "dpkg-deb": "unpacks it",
    "passt": "user networking (`-nic user`, `jitppc debian`)",
    "qemu-nbd": "serves qcow2 and other formats, and snapshots (`-drive`)",
    "diod": "serves folders of the host (`-virtfs`)",
    "mke2fs": "makes a file system (`jitppc debian`)",
    "debugfs": "reads the kernel out of it (`jitppc debian`)",
    "fakeroot": "the same without root (`jitppc debian`)",
    "nbdkit": "another server of images (tests)",
    "qemu-system-ppc64": "to compare with (`jitppc bench`, tests)",
    "powerpc64le-linux-gnu-gcc": "compiles workloads for the guest (`jitppc bench`)",
    "gcc": "compiles workloads for this host (`jitppc bench`)",
    "chromium": "looks at reports (tests)",
    "qemu-ppc64le": "to compare with (tests)",
    "powerpc64le-linux-gnu-objdump": "judges our disassembly (tests)",
    "gdb-multiarch": "debugs guests",
    "dtc": "prints device trees (tests)",
    "perf": "profiles",
}


def doctor_command(_settings: dict[str, Any], _arguments: list[str]) -> int:
    """Print the report; 1 when jitppc cannot work here."""
    problems: list[str] = []
    _say_host(problems)
    _say_libraries(problems)
    _say_cache(problems)
    print("helpers")
    for name, use in HELPERS.items():
        _row(name, shutil.which(name) or f"not found: {use}")
    print()
    for problem in problems:
        print(f"problem: {problem}")
    print("not ready" if problems else "ready: `jitppc boot` starts the Debian installer")
    return 1 if problems else 0


def _row(name: str, value: str) -> None:
    print(f"  {name:30} {value}")


def _say_host(problems: list[str]) -> None:
    print("host")
    _row("jitppc", jitppc.__version__)
    _row("Python", f"{platform.python_version()} ({sys.executable})")
    _row("system", f"{platform.system()} {platform.release()} {platform.machine()}")
    model, features = _cpu()
    _row("CPU", f"{model}, {len(os.sched_getaffinity(0))} usable")
    _row("CPU features", " ".join(features) or "none of interest")
    _row("memory", f"{host_memory_bytes() / GIB:.1f} GiB")
    if platform.machine() != "x86_64":
        problems.append(f"jitppc makes code for x86-64, and this host is {platform.machine()}")


def _cpu() -> tuple[str, list[str]]:
    """Model name, and those features that generated code gains from."""
    fields: dict[str, str] = {}
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _colon, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
    except OSError:
        return "unknown", []
    present = set(fields.get("flags", "").split())
    wanted = ("popcnt", "bmi1", "bmi2", "abm", "movbe", "avx", "avx2", "fma", "f16c", "avx512f")
    return fields.get("model name", "unknown"), [name for name in wanted if name in present]


def _say_libraries(problems: list[str]) -> None:
    print("libraries")
    for name in (*LIBRARIES, *OPTIONAL_LIBRARIES):
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = "not installed"
            if name in LIBRARIES:
                problems.append(f"{name} is not installed: pip install -e . brings it")
        if name == "llvmlite" and version != "not installed":
            version += _llvm()
        _row(name, version)


def _llvm() -> str:
    try:
        from llvmlite import binding
    except Exception as error:  # noqa: BLE001 - a broken library is a finding, not a failure
        return f" (does not load: {error})"
    numbers = ".".join(str(part) for part in binding.llvm_version_info)
    return f" (LLVM {numbers}, host {binding.get_host_cpu_name()})"


def _say_cache(problems: list[str]) -> None:
    print("cache")
    root = cache_directory()
    _row("directory", str(root))
    _row("size", human_size(size_bytes(root)) if root.is_dir() else "empty")
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
        state = "writable"
    except OSError as error:
        state = f"not writable ({error.strerror}): every start compiles anew"
    _row("state", state)
    free = _free_bytes(root)
    if free is not None:
        _row("free space", human_size(free))


def _free_bytes(path: Path) -> int | None:
    while not path.exists() and path != path.parent:
        path = path.parent
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return None
