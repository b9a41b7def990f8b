"""The object cache of tier 0: compiled once per source, LLVM and host CPU, and kept on disk."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import importlib.metadata
import logging
import os
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jitppc.config import cache_directory

from .tier0 import Progress, build

log = logging.getLogger(__name__)
MAGIC = b"jitppc-objects-1\n"
ROOMS = ("ir", "frontend", "backend", "runtime/native")


@functools.cache
def _tools() -> str:
    """What compiles, and for what."""
    import llvmlite

    from jitppc.backend.objects import host_signature

    return f"{llvmlite.__version__} {importlib.metadata.version('numba')} {host_signature()}"


@functools.cache
def source_key(exact: bool) -> str:
    """Hash of everything the objects depend on: our sources, LLVM, Numba, the host CPU."""
    digest = hashlib.sha256(f"{_tools()} exact={exact}".encode())
    package = Path(__file__).parent.parent
    for room in ROOMS:
        for path in sorted((package / room).rglob("*.py")):
            digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    for name in ("tier0.py", "native_source.py"):
        digest.update((package / "runtime" / name).read_bytes())
    return digest.hexdigest()


def region_key(options: str) -> str:
    """Hash of everything regions depend on, beside the guest's code."""
    worker = (Path(__file__).parent / "worker.py").read_bytes()
    digest = hashlib.sha256(f"{source_key(exact=False)} {options}".encode() + worker)
    return digest.hexdigest()[:40]


class NoParts:
    """Keeps nothing."""

    def read(self, key: str) -> bytes | None:
        return None

    def write(self, key: str, content: bytes) -> None:
        pass


class KeptParts:
    """Objects by the hash of what they were made of, in a directory: what a change of the sources
    did not touch is not compiled again.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._salt = hashlib.sha256(_tools().encode()).hexdigest()[:16]

    def _path(self, key: str) -> Path:
        return self._directory / f"{key}-{self._salt}.objects"

    def read(self, key: str) -> bytes | None:
        found = _read(self._path(key))
        return found[0] if found else None

    def write(self, key: str, content: bytes) -> None:
        _write(self._path(key), [content])


def tier0_objects(exact: bool, use_cache: bool, progress: Progress | None) -> list[bytes]:
    """The objects, from the cache if a sound copy is there.

    A cache that cannot be used costs only time.
    """
    if not use_cache:
        return build(exact, progress, NoParts())
    path = cache_directory() / "tier0" / f"{source_key(exact)}.objects"
    found = _read(path)
    if found is None:
        with _alone(path.with_suffix(".lock")):
            found = _read(path)              # another process may have been compiling just this
            if found is None:
                found = build(exact, progress, KeptParts(path.parent / "parts"))
                _write(path, found)
    return found


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """No other process is in here at the same time, if the directory can be written at all."""
    with contextlib.ExitStack() as stack:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fcntl.flock(stack.enter_context(path.open("w")), fcntl.LOCK_EX)
        except OSError:
            log.debug("no lock at %s", path)
        yield


def _read(path: Path) -> list[bytes] | None:
    try:
        if path.stat().st_uid != os.getuid() or path.parent.stat().st_mode & 0o022:
            log.warning("%s can be written by others; not used", path.parent)
            return None
        data = path.read_bytes()
    except OSError:
        return None
    digest, body = data[len(MAGIC):len(MAGIC) + 32], data[len(MAGIC) + 32:]
    if not data.startswith(MAGIC) or hashlib.sha256(body).digest() != digest:
        log.warning("%s is damaged; compiling again", path)
        return None
    (count,) = struct.unpack_from("<I", body)
    sizes = struct.unpack_from(f"<{count}Q", body, 4)
    objects, at = [], 4 + 8 * count
    for size in sizes:
        objects.append(body[at:at + size])
        at += size
    return objects


def _write(path: Path, objects: list[bytes]) -> None:
    body = struct.pack(f"<I{len(objects)}Q", len(objects), *map(len, objects)) + b"".join(objects)
    unfinished: Path | None = None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            unfinished = Path(file.name)
            file.write(MAGIC + hashlib.sha256(body).digest() + body)
        unfinished.replace(path)
    except OSError as error:
        if unfinished is not None:
            with contextlib.suppress(OSError):
                unfinished.unlink()
        log.warning("the object cache cannot be written (%s); going on without", error.strerror)
        return
    # sources changed: what was compiled from the old ones is waste
    for other in path.parent.glob("*.objects"):
        if other != path and other.stat().st_mtime < path.stat().st_mtime - 7 * 86400:
            other.unlink(missing_ok=True)
