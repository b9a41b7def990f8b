"""Host memory by address, for Numba code: plain loads and stores, and the views of records."""

from __future__ import annotations

from typing import Any

import llvmlite.ir as lir
import numpy as np
from numba import carray, njit, types
from numba.extending import intrinsic

from jitppc.ir.layout import (
    CELL,
    CODE_ENTRY,
    CPU_STATE,
    HOT,
    INSTALL,
    MACHINE_STATE,
    MMU_STATE,
    PAGE_INFO,
    SEEN,
    TLB_ENTRY,
)

U = np.uint64
I = np.int64


def _loader(bits: int) -> Any:
    @intrinsic
    def load(_context: Any, _address: Any) -> Any:
        def generate(_c: Any, builder: Any, _s: Any, args: Any) -> Any:
            pointer = builder.inttoptr(args[0], lir.IntType(bits).as_pointer())
            value = builder.load(pointer)
            value.align = 1
            return value if bits == 64 else builder.zext(value, lir.IntType(64))
        return types.uint64(types.uint64), generate
    return load


def _storer(bits: int) -> Any:
    @intrinsic
    def store(_context: Any, _address: Any, _value: Any) -> Any:
        def generate(_c: Any, builder: Any, _s: Any, args: Any) -> Any:
            value = args[1] if bits == 64 else builder.trunc(args[1], lir.IntType(bits))
            pointer = builder.inttoptr(args[0], lir.IntType(bits).as_pointer())
            builder.store(value, pointer).align = 1
            return args[1]
        return types.uint64(types.uint64, types.uint64), generate
    return store


load8, load16, load32, load64 = (_loader(n) for n in (8, 16, 32, 64))
store8, store16, store32, store64 = (_storer(n) for n in (8, 16, 32, 64))


@intrinsic
def pointer_of(_context: Any, _address: Any) -> Any:
    """A host address as a pointer, for carray."""
    def generate(_c: Any, builder: Any, _s: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], lir.IntType(8).as_pointer())
    return types.voidptr(types.uint64), generate


@intrinsic
def address_of(_context: Any, _pointer: Any) -> Any:
    """A pointer as a host address."""
    def generate(_c: Any, builder: Any, _s: Any, args: Any) -> Any:
        return builder.ptrtoint(args[0], lir.IntType(64))
    return types.uint64(types.voidptr), generate


@intrinsic
def call_device(_context: Any, _function: Any, _gra: Any, _kind: Any, _value: Any) -> Any:
    """Call MACHINE_STATE's mmio_call; it takes the GIL itself."""
    def generate(_c: Any, builder: Any, _s: Any, args: Any) -> Any:
        word = lir.IntType(64)
        function = lir.FunctionType(word, [word] * 3)
        return builder.call(builder.inttoptr(args[0], function.as_pointer()), args[1:])
    return types.uint64(*[types.uint64] * 4), generate


@intrinsic
def bswap64(_context: Any, _x: Any) -> Any:
    """Bytes in reverse order."""
    def generate(_c: Any, builder: Any, _s: Any, args: Any) -> Any:
        return builder.bswap(args[0])
    return types.uint64(types.uint64), generate


@njit(inline="always")
def cpu_at(pointer: Any) -> Any:
    """The CPU_STATE record at a pointer."""
    return carray(pointer, 1, CPU_STATE)[0]


@njit(inline="always")
def machine_of(cpu: Any) -> Any:
    """The MACHINE_STATE record of a vCPU."""
    return carray(pointer_of(cpu.machine), 1, MACHINE_STATE)[0]


@njit(inline="always")
def mmu_of(cpu: Any) -> Any:
    """The MMU_STATE record of a vCPU."""
    return carray(pointer_of(cpu.mmu), 1, MMU_STATE)[0]


@njit(inline="always")
def tlb_entry(address: Any) -> Any:
    """The TLB_ENTRY at a host address."""
    return carray(pointer_of(address), 1, TLB_ENTRY)[0]


@njit(inline="always")
def code_entry(address: Any) -> Any:
    """The CODE_ENTRY at a host address."""
    return carray(pointer_of(address), 1, CODE_ENTRY)[0]


@njit(inline="always")
def cell_at(address: Any) -> Any:
    """The CELL at a host address."""
    return carray(pointer_of(address), 1, CELL)[0]


@njit(inline="always")
def page_info(address: Any) -> Any:
    """The PAGE_INFO at a host address."""
    return carray(pointer_of(address), 1, PAGE_INFO)[0]


@njit(inline="always")
def hot_at(address: Any) -> Any:
    """The HOT request at a host address."""
    return carray(pointer_of(address), 1, HOT)[0]


@njit(inline="always")
def seen_at(address: Any) -> Any:
    """The SEEN record at a host address."""
    return carray(pointer_of(address), 1, SEEN)[0]


@njit(inline="always")
def install_at(address: Any) -> Any:
    """The INSTALL record at a host address."""
    return carray(pointer_of(address), 1, INSTALL)[0]
