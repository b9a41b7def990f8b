"""What the native routines behind loads and stores do, written from the book.

Each takes a CPU_STATE record, a memory (see jitppc.ir.interp.Memory) and the routine's operands.
Ref: Book I 3.3.6 (move assist), 7.6.3 (lxvl, lxvll, stxvl, stxvll); Book II 4.4 (copy, paste.).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jitppc.ir.interp import Memory

Routine = Callable[..., None]


def load_string(record: np.void, memory: Memory, register: int, ea: int, count: int) -> None:
    data = memory.load(ea, count) if count else b""
    for number in range(0, count, 4):
        word = data[number : number + 4].ljust(4, b"\0")
        record["gpr"][(register + number // 4) % 32] = int.from_bytes(word, "big")


def store_string(record: np.void, memory: Memory, register: int, ea: int, count: int) -> None:
    data = b""
    for number in range(0, count, 4):
        word = int(record["gpr"][(register + number // 4) % 32]) & 0xFFFFFFFF
        data += word.to_bytes(4, "big")
    if count:
        memory.store(ea, data[:count])


def _set_vsr(record: np.void, number: int, value: int) -> None:
    record["vsr"][number] = [value & (1 << 64) - 1, value >> 64]


def _vsr(record: np.void, number: int) -> int:
    low, high = record["vsr"][number]
    return int(high) << 64 | int(low)


def lxvl(record: np.void, memory: Memory, register: int, ea: int, count: int) -> None:
    data = memory.load(ea, count) if count else b""
    if record["little"]:
        _set_vsr(record, register, int.from_bytes(data, "little"))
    else:
        _set_vsr(record, register, int.from_bytes(data.ljust(16, b"\0"), "big"))


def lxvll(record: np.void, memory: Memory, register: int, ea: int, count: int) -> None:
    data = memory.load(ea, count) if count else b""
    _set_vsr(record, register, int.from_bytes(data.ljust(16, b"\0"), "big"))


def stxvl(record: np.void, memory: Memory, register: int, ea: int, count: int) -> None:
    value = _vsr(record, register)
    data = value.to_bytes(16, "little") if record["little"] else value.to_bytes(16, "big")
    if count:
        memory.store(ea, data[:count])


def stxvll(record: np.void, memory: Memory, register: int, ea: int, count: int) -> None:
    if count:
        memory.store(ea, _vsr(record, register).to_bytes(16, "big")[:count])


def copy(record: np.void, memory: Memory, ea: int, *_: int) -> None:
    record["copied"] = np.frombuffer(memory.load(ea, 128), np.uint64)
    record["has_copied"] = 1


def paste(record: np.void, memory: Memory, ea: int, *_: int) -> None:
    if record["has_copied"]:
        memory.store(ea, record["copied"].tobytes())
    record["crf"][0] = 2 * int(record["has_copied"]) | int(record["so"])
    record["has_copied"] = 0


ROUTINES: dict[str, Routine] = {
    f.__name__: f
    for f in (load_string, store_string, lxvl, lxvll, stxvl, stxvll, copy, paste)
}
