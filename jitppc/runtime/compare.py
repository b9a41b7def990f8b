"""What two vCPUs and two memories must agree on, and where they do not."""

from __future__ import annotations

import ctypes
import os

import numpy as np

from jitppc.ir.layout import CPU_STATE

from .memory import GuestMemory
from .vcpu import Vcpu

#: fields that belong to the guest, or follow from what the guest has done
COMPARED = (
    "gpr", "msr", "nia", "crf", "so", "ov", "ca", "ov32", "ca32", "xer_low", "little", "sixty_four",
    "ea_mask", "fpscr", "vscr", "xer_mid", "reserve_ea", "reserve_bits", "vsr", "spr", "lpcr",
    "slb", "process_table", "retired", "external", "system_reset", "doorbell", "dec_deadline",
    "dec_pending", "tb_offset", "interrupts", "unknown_count", "random_state",
)  # fmt: skip
PAGE = 4096

Registers = tuple[bytes, ...]

_libc = ctypes.CDLL(None)
_libc.memcmp.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]


def _spans() -> list[tuple[int, int]]:
    """The compared bytes of CPU_STATE, neighbours joined."""
    assert CPU_STATE.fields is not None
    spans: list[tuple[int, int]] = []
    for kind, start, *_ in sorted((CPU_STATE.fields[n] for n in COMPARED), key=lambda f: f[1]):
        end = start + kind.itemsize
        if spans and spans[-1][1] == start:
            spans[-1] = spans[-1][0], end
        else:
            spans.append((start, end))
    return spans


SPANS = _spans()


def registers_of(vcpu: Vcpu) -> Registers:
    """A copy of everything compared."""
    return tuple(ctypes.string_at(vcpu.address + a, b - a) for a, b in SPANS)


def _record(registers: Registers) -> np.void:
    raw = bytearray(CPU_STATE.itemsize)
    for (start, end), data in zip(SPANS, registers, strict=True):
        raw[start:end] = data
    return np.frombuffer(bytes(raw), CPU_STATE)[0]


def different_registers(first: Registers, second: Registers, names: tuple[str, str]) -> list[str]:
    """A line for each register that differs."""
    if first == second:
        return []
    a, b = _record(first), _record(second)
    lines = []
    for name in COMPARED:
        x, y = np.atleast_1d(a[name]), np.atleast_1d(b[name])
        for place in np.argwhere(x != y):
            at = tuple(place)
            label = name + ("" if a[name].ndim == 0 else "".join(f"[{n}]" for n in at))
            lines.append(f"{label:8} {names[0]} {int(x[at]):016x}  {names[1]} {int(y[at]):016x}")
    return lines


# --- memory
def _extents(memory: GuestMemory) -> list[tuple[int, int]]:
    """The parts of RAM that have ever been touched."""
    found, at = [], 0
    while at < memory.size:
        try:
            start = os.lseek(memory.fd, at, os.SEEK_DATA)
        except OSError:  # nothing behind `at`
            break
        at = os.lseek(memory.fd, start, os.SEEK_HOLE)
        found.append((start, at))
    return found


def _differs(a: GuestMemory, b: GuestMemory, start: int, size: int) -> bool:
    return bool(_libc.memcmp(a.base + start, b.base + start, size))


def different_pages(a: GuestMemory, b: GuestMemory, most: int = 64) -> list[int]:
    """Numbers of the first pages of RAM that differ."""
    pages: set[int] = set()
    chunk = 1 << 20
    starts = {
        at
        for memory in (a, b)
        for start, end in _extents(memory)
        for at in range(start & -chunk, end, chunk)
    }
    for at in sorted(starts):
        size = min(chunk, a.size - at)
        if _differs(a, b, at, size):
            inside = range(at, at + size, PAGE)
            pages.update(page // PAGE for page in inside if _differs(a, b, page, PAGE))
        if len(pages) >= most:
            break
    return sorted(pages)[:most]


def pages_differ(a: GuestMemory, b: GuestMemory, pages: tuple[int, ...]) -> list[str]:
    """A line for each of the pages that differs."""
    lines = []
    for page in pages:
        if not _differs(a, b, page * PAGE, PAGE):
            continue
        x, y = a.read(page * PAGE, PAGE), b.read(page * PAGE, PAGE)
        at = next(n for n in range(PAGE) if x[n] != y[n]) & ~7
        lines.append(
            f"real {page * PAGE + at:#x}: {x[at : at + 16].hex()}, {y[at : at + 16].hex()}"
        )
    return lines
