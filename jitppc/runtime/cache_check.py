"""Checks everything that native code is kept in: every digest, every owner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jitppc.backend.image import Image, LoadError

from . import region_store, tier0_cache
from .private_directory import UNFINISHED, NotPrivateError, PrivateDirectory
from .region_file import REGION, DamagedError, Segment


@dataclass(frozen=True, slots=True)
class Finding:
    """What a file is like.

    Fields:
        entries: how many sound things are in it.
        problems: what is wrong, a line each.
    """

    path: Path
    size: int
    entries: int
    problems: tuple[str, ...] = ()


def check(root: Path) -> Iterator[Finding]:
    """Every file with native code below the cache directory."""
    yield from _check(root, (tier0_cache.PART,))
    yield from _check(root, (tier0_cache.PART, tier0_cache.PARTS))
    part = root / region_store.PART
    for store in sorted(part.iterdir()) if part.is_dir() else ():
        yield from _check(root, (region_store.PART, store.name))


def _check(root: Path, parts: tuple[str, ...]) -> Iterator[Finding]:
    path = root.joinpath(*parts)
    try:
        with PrivateDirectory(root, *parts) as directory:
            for name in directory.names():
                finding = _check_file(directory, name)
                if finding is not None:
                    yield finding
    except FileNotFoundError:
        return
    except NotPrivateError as error:
        yield Finding(path, 0, 0, (str(error).removeprefix(f"{path} "),))
    except OSError as error:
        yield Finding(path, 0, 0, (error.strerror or str(error),))


def _check_file(directory: PrivateDirectory, name: str) -> Finding | None:
    path = directory.path / name
    if name.endswith(UNFINISHED):
        size = directory.status(name).st_size
        return Finding(path, size, 0, ("left by a process that ended while it wrote",))
    if not name.endswith((tier0_cache.SUFFIX, region_store.SUFFIX)):
        return None                                  # locks, directories
    try:
        file = directory.open(name)
        if name.endswith(region_store.SUFFIX):
            return Finding(path, file.size, *_check_segment(Segment(file)))
        objects = tier0_cache.decode(file.read(0, file.size))
        return Finding(path, file.size, len(objects))
    except NotPrivateError as error:
        return Finding(path, 0, 0, (str(error).removeprefix(f"{path} "),))
    except OSError as error:
        return Finding(path, 0, 0, (error.strerror or str(error),))
    except ValueError as error:
        return Finding(path, file.size, 0, (str(error),))


def _check_segment(segment: Segment) -> tuple[int, tuple[str, ...]]:
    sound, problems = 0, []
    for number, page, kind, index, _instructions, _stamp in segment.entries():
        try:
            content = segment.content(number)
            if kind == REGION:
                Image.from_bytes(content)
            sound += 1
        except (DamagedError, LoadError) as error:
            problems.append(f"{error} (page {page.hex()}, word {index})")
    return sound, tuple(problems)
