"""The native code cache: one executable arena below 2 GiB, and the loader that places relocatable
objects in it.

Below 2 GiB every reference between objects fits the small code model, so there is no GOT and no
stub except for functions of the C library. Loading costs microseconds where LLVM's own linkers
cost a tenth of a millisecond.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import threading
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .image import DISTANCE32, Image, LoadError, as_image, write

_PROT_RWX, _MAP_PRIVATE, _MAP_ANONYMOUS, _MAP_32BIT, _MAP_NORESERVE = 7, 2, 0x20, 0x40, 0x4000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.mmap.argtypes = [
    ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long,
]


class ArenaFullError(LoadError):
    """No room: what is loaded goes on working, nothing more can be."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A loaded image: where it lies and the addresses of its global symbols."""

    start: int
    size: int
    symbols: dict[str, int]


def _low_memory(size: int) -> int | None:
    """The address of fresh executable memory below 2 GiB."""
    flags = _MAP_PRIVATE | _MAP_ANONYMOUS | _MAP_32BIT | _MAP_NORESERVE
    base: int | None = _libc.mmap(None, size, _PROT_RWX, flags, -1, 0)
    return None if base == ctypes.c_void_p(-1).value else base


class Arena:
    """`size` bytes of executable memory, given back with the arena.

    Code that stays for good is placed from the bottom; the rest is for `Segments`. The host has a
    gibibyte of such addresses for the whole process.
    """

    def __init__(self, size: int = 64 << 20) -> None:
        base = _low_memory(size)
        if base is None:
            gc.collect()    # arenas of machines that refer to themselves
            base = _low_memory(size)
        if base is None:
            raise LoadError(f"no executable memory below 2 GiB: errno {ctypes.get_errno()}")
        self.base, self.size, self.next, self.end = base, size, base, base + size
        # not at exit: a vCPU's thread may still be in it
        weakref.finalize(self, _libc.munmap, base, size).atexit = False
        self.bytes = np.ctypeslib.as_array((ctypes.c_ubyte * size).from_address(base))
        self.symbols: dict[str, int] = {}
        #: what lies here for good, for profilers: name -> (address, size)
        self.places: dict[str, tuple[int, int]] = {}
        self.lock = threading.RLock()

    @property
    def used(self) -> int:
        """Bytes taken for good."""
        return self.next - self.base

    def _take(self, size: int, align: int) -> int:
        start = (self.next + align - 1) & -align
        if start + size > self.end:
            raise ArenaFullError("the code arena is full")
        self.next = start + size
        return start

    def reserve(self, kept: int) -> int:
        """Everything but `kept` bytes for what stays is given away; returns where it begins."""
        with self.lock:
            self.end = min(self.end, (self.next + kept + 4095) & -4096)
            return self.end

    def room(self, size: int) -> int:
        """The address of `size` bytes that somebody else writes code to."""
        with self.lock:
            return self._take(size, 64)

    def load(self, objects: Sequence[bytes | Image], export: bool = False) -> list[Placed]:
        """Place objects for good.

        They may refer to each other, to exported symbols, and to the C library.
        """
        with self.lock:
            images = [as_image(one) for one in objects]
            placed = []
            for image in images:
                start = self._take(len(image.content), image.align)
                placed.append(self._placed(image, start))
            known: dict[str, int] = {}
            for one in placed:
                known.update(one.symbols)
            self.write(images, [one.start for one in placed], known)
            if export:
                self.symbols.update(known)
                for image, one in zip(images, placed, strict=True):
                    for name, (at, size) in (image.symbols | image.local_symbols).items():
                        self.places[name] = one.start + at, size
            return placed

    @contextlib.contextmanager
    def scratch(self) -> Iterator[None]:
        """What is placed in here is overwritten later."""
        top, symbols = self.next, dict(self.symbols)
        try:
            yield
        finally:
            self.next, self.symbols = top, symbols

    @staticmethod
    def _placed(image: Image, start: int) -> Placed:
        symbols = {name: start + at for name, (at, _size) in image.symbols.items()}
        return Placed(start, len(image.content), symbols)

    def write(
        self, images: Sequence[Image], starts: Sequence[int], known: dict[str, int] | None = None
    ) -> None:
        """Images lie at these addresses, every reference filled in."""
        places_of = self.symbols | (known or {})
        tables, targets, origins = [], [], []
        for image, start in zip(images, starts, strict=True):
            at = start - self.base
            self.bytes[at:at + len(image.content)] = np.frombuffer(image.content, np.uint8)
            fixups = image.fixups
            if len(fixups):
                others = (places_of.get(name) or self.stub(name) for name in image.needs)
                addresses = [start, *others]
                tables.append(fixups)
                targets.append(np.array(addresses, np.int64)[fixups["target"]])
                origins.append(np.full(len(fixups), start, np.int64))
        if not tables:
            return
        table, origin = np.concatenate(tables), np.concatenate(origins)
        places = origin + table["at"]
        values = np.concatenate(targets) + table["addend"]
        values = np.where(table["kind"] >= DISTANCE32, values - places, values)
        write(self.bytes, places - self.base, table["kind"], values)

    def stub(self, name: str) -> int:
        """A jump to a function of the C library, which may lie anywhere."""
        if name in self.symbols:
            return self.symbols[name]
        try:
            target = ctypes.cast(getattr(_libc, name), ctypes.c_void_p).value
        except AttributeError as error:
            raise LoadError(f"nobody defines {name}") from error
        assert target is not None
        code = b"\xff\x25\x00\x00\x00\x00" + target.to_bytes(8, "little")   # jmp *[rip + 0]
        with self.lock:
            start = self._take(16, 16)
            at = start - self.base
            self.bytes[at:at + len(code)] = np.frombuffer(code, np.uint8)
            self.symbols[name] = start
        return start
