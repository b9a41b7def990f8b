"""Translations and the profile of earlier runs, by the contents of guest pages.

A store is a directory of segments (see region_file.py) for one translator: its name is a hash of
all that generated code depends on. Every process adds segments of its own and reads those of all;
when there are many, or they are too large together, one process merges them and leaves out the
pages that have not been used for longest. A store that cannot be read or written costs only time.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .private_directory import UNFINISHED, NotPrivateError, PrivateDirectory
from .region_file import PROFILE, REGION, SUFFIX, USE, DamagedError, Row, Segment, encode

log = logging.getLogger(__name__)
PART = "regions"
#: of one store, and of all stores together
LIMIT_BYTES = 256 << 20
MANY_SEGMENTS = 12
STALE_SECONDS = 7 * 86_400
#: a page's last use is written again when what is known is older than this
USE_SECONDS = 3600
#: kept in memory at most, until it is written
PENDING_BYTES = 16 << 20
#: pages known at a time; more, and those known for longest are forgotten (not on disk)
KNOWN_PAGES = 60_000


@dataclass(slots=True)
class Region:
    """One translation: on disk, or not yet."""

    instructions: int
    image: bytes | None = None
    segment: Segment | None = None
    number: int = 0

    def read(self) -> bytes | None:
        """The image, if it is sound."""
        if self.image is not None:
            return self.image
        assert self.segment is not None
        try:
            return self.segment.content(self.number)
        except DamagedError as error:
            log.warning("a kept translation is not used: %s", error)
            return None


@dataclass(slots=True)
class Page:
    """What is known of a page with certain contents."""

    regions: dict[int, Region] = field(default_factory=dict)
    profile: Region | None = None
    stamp: int = 0


class RegionStore:
    """The translations of one translator.

    Used by one thread. Without a directory everything is forgotten with the process.
    """

    def __init__(self, root: Path | None, key: str, limit: int = LIMIT_BYTES) -> None:
        """The store `root/regions/key`, read as far as it can be."""
        self._root, self._key, self._limit = root, key, limit
        self._pages: dict[bytes, Page] = {}
        self._pending: list[Row] = []
        self._pending_bytes = 0
        self._used: set[bytes] = set()
        self._segments = 0
        self.loaded = 0
        if root is not None:
            self._read_all()

    def __contains__(self, page: bytes) -> bool:
        return page in self._pages

    def regions(self, page: bytes) -> dict[int, Region]:
        """Translations of a page, by the number of their first word; and it counts as used."""
        known = self._pages.get(page)
        if known is None:
            return {}
        self._used.add(page)
        return known.regions

    def profile(self, page: bytes) -> bytes | None:
        """What `set_profile` said of the page last."""
        known = self._pages.get(page)
        return known.profile.read() if known is not None and known.profile is not None else None

    def add(self, page: bytes, index: int, instructions: int, image: bytes) -> None:
        """A new translation."""
        known = self._pages.setdefault(page, Page())
        known.regions[index] = Region(instructions, image)
        self._used.add(page)
        self._append(Row(page, REGION, index, instructions, _now(), image))

    def set_profile(self, page: bytes, content: bytes) -> None:
        """Something to remember of a page."""
        if self.profile(page) != content:
            self._pages.setdefault(page, Page()).profile = Region(0, content)
            self._append(Row(page, PROFILE, 0, 0, _now(), content))

    def _append(self, row: Row) -> None:
        self._pending.append(row)
        self._pending_bytes += len(row.content)
        if self._pending_bytes > PENDING_BYTES:
            self.save()
        while len(self._pages) > KNOWN_PAGES:
            oldest = next(iter(self._pages))
            del self._pages[oldest]
            self._used.discard(oldest)

    def save(self) -> None:
        """What is new is on disk. Failing costs only the next start's time."""
        now = _now()
        known = [(page, self._pages[page]) for page in self._used if page in self._pages]
        old = [page for page, what in known if 0 < what.stamp < now - USE_SECONDS]
        rows = self._pending + [Row(page, USE, 0, 0, now, b"") for page in old]
        self._pending, self._pending_bytes = [], 0
        if not rows or self._root is None:
            self._forget_images(rows)
            return
        name = f"{time.time_ns():x}-{os.getpid()}-{secrets.token_hex(3)}{SUFFIX}"
        try:
            with PrivateDirectory(self._root, PART, self._key, create=True) as directory:
                directory.write(name, *encode(rows))
                ours = _open(directory, name)
                if ours is not None:
                    self._index(ours)
                merge(directory, self._limit)
                drop_stale(self._root, self._key, self._limit)
            # merged by now, here or by somebody else: let go of the old files
            if ours is None or self._segments > 2 * MANY_SEGMENTS:
                self._pages.clear()
                self._segments = 0
                self._read_all()
        except (OSError, DamagedError) as error:
            says = getattr(error, "strerror", None) or error
            log.warning("translations cannot be kept (%s); going on without", says)
            self._root = None
            self._forget_images(rows)

    def _forget_images(self, rows: list[Row]) -> None:
        """Nothing was written: what takes room in memory is given up."""
        for row in rows:
            page = self._pages.get(row.page)
            if page is not None and row.kind == REGION:
                page.regions.pop(row.index, None)

    def _read_all(self) -> None:
        assert self._root is not None
        try:
            with PrivateDirectory(self._root, PART, self._key) as directory:
                for name in segment_names(directory):
                    segment = _open(directory, name)
                    if segment is not None:
                        self._index(segment)
        except NotPrivateError as error:
            log.warning("%s", error)
            self._root = None
        except OSError as error:
            if error.errno != errno.ENOENT:
                log.warning("kept translations cannot be read (%s)", error.strerror)
                self._root = None

    def _index(self, segment: Segment) -> None:
        self._segments += 1
        for number, name, kind, index, instructions, stamp in segment.entries():
            page = self._pages.setdefault(name, Page())
            page.stamp = max(page.stamp, stamp)
            if kind == REGION:
                page.regions[index] = Region(instructions, None, segment, number)
                self.loaded += 1
            elif kind == PROFILE:
                page.profile = Region(0, None, segment, number)


def _now() -> int:
    return int(time.time())


def segment_names(directory: PrivateDirectory) -> list[str]:
    """Names of the finished segments, oldest first."""
    return [name for name in directory.names() if name.endswith(SUFFIX)]


def _open(directory: PrivateDirectory, name: str) -> Segment | None:
    """A segment, or None when it is gone, or not ours; one that is damaged is removed."""
    try:
        return Segment(directory.open(name))
    except FileNotFoundError:        # merged meanwhile
        return None
    except NotPrivateError as error:
        log.warning("%s", error)
        return None
    except DamagedError as error:
        log.warning("%s: %s; removed", directory.path / name, error)
        directory.remove(name)
        return None


def merge(directory: PrivateDirectory, limit: int, many: int = MANY_SEGMENTS) -> None:
    """Few segments, and no more bytes than allowed: one is made of all when that is not so."""
    names = segment_names(directory)
    if len(names) <= many and sum(_sizes(directory, names)) <= limit:
        return
    with directory.alone("lock", wait=False) as is_ours:
        if not is_ours:              # somebody is at it
            return
        names = segment_names(directory)
        segments = [s for name in names if (s := _open(directory, name)) is not None]
        rows = list(_newest(segments, limit * 3 // 4))
        directory.write(f"{time.time_ns():x}-merged-{secrets.token_hex(3)}{SUFFIX}", *encode(rows))
        for name in names:
            directory.remove(name)
        for name in directory.names():
            with contextlib.suppress(FileNotFoundError):     # finished by who writes it
                age = time.time() - directory.status(name).st_mtime
                if name.endswith(UNFINISHED) and age > 3600:
                    directory.remove(name)


def _sizes(directory: PrivateDirectory, names: list[str]) -> Iterator[int]:
    for name in names:
        try:
            yield directory.status(name).st_size
        except FileNotFoundError:
            yield 0


def _newest(segments: list[Segment], room: int) -> Iterator[Row]:
    """The rows that stay: of each page the latest, of all pages the last used."""
    pages: dict[bytes, dict[tuple[int, int], tuple[Segment, int, int]]] = {}
    stamps: dict[bytes, tuple[int, int]] = {}            # last use, and the segment that says so
    for order, segment in enumerate(segments):
        for number, page, kind, index, instructions, stamp in segment.entries():
            stamps[page] = max(stamps.get(page, (0, 0)), (stamp, order))
            if kind != USE:
                pages.setdefault(page, {})[kind, index] = segment, number, instructions
    for page in sorted(pages, key=lambda one: stamps[one], reverse=True):
        for (kind, index), (segment, number, instructions) in pages[page].items():
            try:
                content = segment.content(number)
            except DamagedError:
                continue
            room -= len(content) + 64
            if room < 0:
                return
            yield Row(page, kind, index, instructions, stamps[page][0], content)


def drop_stale(root: Path, key: str, limit: int) -> None:
    """Stores of other translators are not there any more when they are old, or too much together.

    A store's age is that of its newest file.
    """
    with PrivateDirectory(root, PART) as parent:
        others = []
        for name in parent.names():
            if name == key:
                continue
            try:
                with PrivateDirectory(root, PART, name) as directory:
                    status = [directory.status(file) for file in directory.names()]
            except OSError:
                continue
            newest = max((s.st_mtime for s in status), default=0.0)
            others.append((newest, sum(s.st_size for s in status), name))
        total, now = 0, time.time()
        for newest, size, name in sorted(others, reverse=True):
            total += size
            if now - newest > STALE_SECONDS or total > limit:
                _remove_store(root, name)


def _remove_store(root: Path, name: str) -> None:
    with PrivateDirectory(root, PART, name) as directory:
        for file in directory.names():
            directory.remove(file)
    with contextlib.suppress(OSError):       # somebody has just written there
        (root / PART / name).rmdir()
