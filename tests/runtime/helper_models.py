"""What the native routines behind `b.helper` do, written from the book in plain Python.

Each model changes the state and memory and returns where execution goes on.
Ref: Book I 3.3.6 (move assist), 7.6.3 (lxvl, lxvll, stxvl, stxvll).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from bench import RealMemory, expect_interrupt

from jitppc.ir.interp import StorageInterrupt
from jitppc.ir.layout import MSR

Model = Callable[..., int]
MODELS: dict[str, Model] = {}


def model(function: Model) -> Model:
    MODELS[function.__name__] = function
    return function


def _guarded(function: Callable[..., None]) -> Model:
    def run(state: np.ndarray, memory: RealMemory, cia: int, *args: int) -> int:
        try:
            function(state[0], memory, *args)
        except StorageInterrupt:
            return expect_interrupt(state, "STORAGE", cia)
        return cia + 4 & int(state[0]["ea_mask"])

    run.__name__ = function.__name__
    return model(run)


@_guarded
def load_string(record: np.void, memory: RealMemory, register: int, ea: int, count: int) -> None:
    data = memory.load(ea, count) if count else b""
    for number in range(0, count, 4):
        word = data[number : number + 4].ljust(4, b"\0")
        record["gpr"][(register + number // 4) % 32] = int.from_bytes(word, "big")


@_guarded
def store_string(record: np.void, memory: RealMemory, register: int, ea: int, count: int) -> None:
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


@_guarded
def lxvl(record: np.void, memory: RealMemory, register: int, ea: int, count: int) -> None:
    data = memory.load(ea, count) if count else b""
    if record["little"]:
        _set_vsr(record, register, int.from_bytes(data, "little"))
    else:
        _set_vsr(record, register, int.from_bytes(data.ljust(16, b"\0"), "big"))


@_guarded
def lxvll(record: np.void, memory: RealMemory, register: int, ea: int, count: int) -> None:
    data = memory.load(ea, count) if count else b""
    _set_vsr(record, register, int.from_bytes(data.ljust(16, b"\0"), "big"))


@_guarded
def stxvl(record: np.void, memory: RealMemory, register: int, ea: int, count: int) -> None:
    order = "little" if record["little"] else "big"
    if count:
        memory.store(ea, _vsr(record, register).to_bytes(16, order)[:count])


@_guarded
def stxvll(record: np.void, memory: RealMemory, register: int, ea: int, count: int) -> None:
    if count:
        memory.store(ea, _vsr(record, register).to_bytes(16, "big")[:count])


@model
def unknown(state: np.ndarray, memory: RealMemory, cia: int, word: int, *_rest: int) -> int:
    return expect_interrupt(state, "PROGRAM_ILLEGAL", cia)


@model
def spr_other(state: np.ndarray, memory: RealMemory, cia: int, number: int, *_rest: int) -> int:
    """Ref: Book III 5.4.4: an SPR that is not implemented."""
    if int(state[0]["msr"]) & MSR.PR:
        kind = "PROGRAM_PRIVILEGED" if number & 0x10 else "PROGRAM_ILLEGAL"
        return expect_interrupt(state, kind, cia)
    if number in (0, 4, 5, 6):
        return expect_interrupt(state, "PROGRAM_ILLEGAL", cia)
    return cia + 4 & int(state[0]["ea_mask"])
