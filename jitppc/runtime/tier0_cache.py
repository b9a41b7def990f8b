"""The object cache of tier 0: compiled once per source, LLVM and host CPU, and kept on disk.

`tier0/KEY.objects` holds all images; `tier0/parts` those of single modules, so that a change of the
sources compiles little. A cache that cannot be used costs only time. An installation can have its
own copy (`prepare`), so that nobody has to compile at a first start.
"""

from __future__ import annotations

import compileall
import contextlib
import hashlib
import logging
import py_compile
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from jitppc.environment import cache_directory

from .private_directory import NotPrivateError, PrivateDirectory
from .toolchain import source_key, tools

log = logging.getLogger(__name__)
PART, PARTS, SUFFIX = "tier0", "parts", ".objects"
MAGIC = b"jitppc-objects-1\n"
PACKAGE, PREPARED = Path(__file__).parent.parent, "prepared"
#: of the modules kept; those not used for longest go first
PARTS_LIMIT_BYTES = 64 << 20
STALE_SECONDS = 7 * 86_400
#: told what is being compiled, how much of it is done, and of how much
Progress = Callable[[str, int, int], None]


class NoParts:
    """Keeps nothing."""

    def read(self, key: str) -> bytes | None:
        return None

    def write(self, key: str, content: bytes) -> None:
        pass


class KeptParts:
    """Objects by the hash of what they were made of, in `root/tier0/parts`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._salt = hashlib.sha256(tools().encode()).hexdigest()[:16]

    def _name(self, key: str) -> str:
        return f"{key}-{self._salt}{SUFFIX}"

    def read(self, key: str) -> bytes | None:
        found = _read(self._root, (PART, PARTS), self._name(key))
        return found[0] if found else None

    def write(self, key: str, content: bytes) -> None:
        _write(self._root, (PART, PARTS), self._name(key), [content])


def tier0_objects(exact: bool, use_cache: bool, progress: Progress | None) -> list[bytes]:
    """The images, from the cache if a sound copy is there."""
    if not use_cache:
        return _build(exact, progress, NoParts())
    root, name = cache_directory(), f"{source_key(exact)}{SUFFIX}"
    with contextlib.suppress(OSError):
        (PACKAGE / PREPARED / name).stat()
        found = _read(PACKAGE, (PREPARED,), name)
        if found is not None:
            return found
    found = _read(root, (PART,), name)
    if found is None:
        with _alone(root, f"{source_key(exact)}.lock"):
            found = _read(root, (PART,), name)       # another process may have compiled just this
            if found is None:
                found = _build(exact, progress, KeptParts(root))
                _write(root, (PART,), name, found)
                _tidy(root, name)
    return found


def prepare(progress: Progress | None) -> Path:
    """The interpreter lies in the installation, for all who may use it, and beside our sources lies
    what Python makes of them, as pip leaves it; returns the interpreter's file.

    OSError when the installation cannot be written.
    """
    by_contents = py_compile.PycInvalidationMode.CHECKED_HASH
    compileall.compile_dir(PACKAGE, quiet=2, invalidation_mode=by_contents)
    name = f"{source_key(exact=False)}{SUFFIX}"
    objects = tier0_objects(exact=False, use_cache=True, progress=progress)
    with PrivateDirectory(PACKAGE, PREPARED, create=True) as directory:
        directory.write(name, encode(objects))
        for other in directory.names():
            if other != name:
                directory.remove(other)
    file = PACKAGE / PREPARED / name
    file.parent.chmod(0o755)
    file.chmod(0o644)
    return file


def _build(exact: bool, progress: Progress | None, parts: NoParts | KeptParts) -> list[bytes]:
    from .tier0 import build  # with it come all rows, and LLVM

    return build(exact, progress, parts)


@contextlib.contextmanager
def _alone(root: Path, name: str) -> Iterator[None]:
    """No other process is in here at the same time, if the directory can be written at all."""
    with contextlib.ExitStack() as stack:
        try:
            directory = stack.enter_context(PrivateDirectory(root, PART, create=True))
            stack.enter_context(directory.alone(name))
        except OSError:
            log.debug("no lock in %s", root)
        yield


def _read(root: Path, parts: tuple[str, ...], name: str) -> list[bytes] | None:
    try:
        with PrivateDirectory(root, *parts) as directory:
            file = directory.open(name)
            data = file.read(0, file.size)
            directory.touch(name)
    except NotPrivateError as error:
        log.warning("%s", error)
        return None
    except OSError:
        return None
    try:
        return decode(data)
    except ValueError:
        log.warning("%s is damaged; compiling again", root.joinpath(*parts, name))
        return None


def encode(objects: list[bytes]) -> bytes:
    """A file with these objects."""
    body = struct.pack(f"<I{len(objects)}Q", len(objects), *map(len, objects)) + b"".join(objects)
    return MAGIC + hashlib.sha256(body).digest() + body


def decode(data: bytes) -> list[bytes]:
    """The objects of a file; ValueError when it is not as it was written."""
    start = len(MAGIC) + 32
    body = memoryview(data)[start:]
    if data[:len(MAGIC)] != MAGIC or hashlib.sha256(body).digest() != data[len(MAGIC):start]:
        raise ValueError("the digest does not fit")
    (count,) = struct.unpack_from("<I", body)
    sizes = struct.unpack_from(f"<{count}Q", body, 4)
    objects, at = [], 4 + 8 * count
    for size in sizes:
        objects.append(bytes(body[at:at + size]))
        at += size
    return objects


def _write(root: Path, parts: tuple[str, ...], name: str, objects: list[bytes]) -> None:
    try:
        with PrivateDirectory(root, *parts, create=True) as directory:
            directory.write(name, encode(objects))
    except OSError as error:
        says = error.strerror or error
        log.warning("the object cache cannot be written (%s); going on without", says)


def _tidy(root: Path, keep: str) -> None:
    """What was compiled from old sources and not used lately is waste."""
    with contextlib.suppress(OSError):
        with PrivateDirectory(root, PART) as directory:
            _drop(directory, keep, None)
        with PrivateDirectory(root, PART, PARTS) as directory:
            _drop(directory, "", PARTS_LIMIT_BYTES)


def _drop(directory: PrivateDirectory, keep: str, limit: int | None) -> None:
    files = [(directory.status(name), name) for name in directory.names()]
    total, now = 0, time.time()
    for status, name in sorted(files, key=lambda item: -item[0].st_mtime):
        total += status.st_size
        is_old = now - status.st_mtime > STALE_SECONDS
        if name.endswith(SUFFIX) and name != keep and (is_old or (limit and total > limit)):
            directory.remove(name)
