"""What native code depends on beside the guest: our sources, LLVM, Numba, the host's CPU.

Found out without loading LLVM, which a warm start does not need.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from pathlib import Path

ROOMS = ("ir", "frontend", "backend", "runtime/native")
#: lines of /proc/cpuinfo that LLVM's choice of instructions follows from
_CPU_LINES = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags")


@functools.cache
def tools() -> str:
    """What compiles, and for what."""
    return " ".join([_package("numba"), _package("llvmlite"), _cpu()])


def _package(name: str) -> str:
    """Its version, and the identity of its libraries: a distribution may link another LLVM."""
    spec, found = importlib.util.find_spec(name), [name]
    for place in (spec.submodule_search_locations if spec is not None else None) or ():
        found.append(Path(place, "_version.py").read_text(encoding="utf-8"))
        for path in sorted(Path(place, "binding").glob("*.so")):
            status = path.stat()
            found.append(f"{path.name} {status.st_size} {status.st_mtime_ns}")
    return " ".join(found)


def _cpu() -> str:
    """The first processor as Linux describes it, or as LLVM does."""
    found: dict[str, str] = {}
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
            for line in file:
                name, _colon, value = line.partition(":")
                if not name.strip():
                    break
                found[name.strip()] = value.strip()
    except OSError:
        pass
    if "flags" in found:
        return " ".join(found.get(name, "") for name in _CPU_LINES)
    from jitppc.backend.objects import host_signature

    return host_signature()


@functools.cache
def source_key(exact: bool) -> str:
    """Hash of everything that tier 0 depends on."""
    digest = hashlib.sha256(f"{tools()} exact={exact}".encode())
    package = Path(__file__).parent.parent
    for room in ROOMS:
        for path in sorted((package / room).rglob("*.py")):
            digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    for name in ("tier0.py", "native_source.py"):
        digest.update((package / "runtime" / name).read_bytes())
    return digest.hexdigest()


def region_key(options: str) -> str:
    """Hash of everything that regions depend on, beside the guest's code."""
    package = Path(__file__).parent
    parts = [source_key(exact=False).encode(), options.encode()]
    names = ("worker.py", "region_file.py", "region_translation.py", "page_profile.py")
    parts += [(package / name).read_bytes() for name in names]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:40]
