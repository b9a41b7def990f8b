"""Host memory by address, for Numba code: plain loads and stores, and the views of records."""

from __future__ import annotations

from typing import Any

import llvmlite.ir as lir
import numpy as np
from numba import carray, njit, types
from numba.extending import intrinsic

from jitppc.frontend.pairs import PAGE_WORDS
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
    SHARED_STATE,
    TLB_ENTRY,
)

U = np.uint64
I = np.int64

memmove = types.ExternalFunction(
    "memmove", types.voidptr(types.voidptr, types.voidptr, types.uint64))


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


def _pointer(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, lir.IntType(64).as_pointer())


def _exchanger(operation: str) -> Any:
    @intrinsic
    def exchange(_context: Any, _address: Any, _value: Any) -> Any:
        def generate(_c: Any, builder: Any, _s: Any, args: Any) -> Any:
            return builder.atomic_rmw(operation, _pointer(builder, args[0]), args[1], "seq_cst")
        return types.uint64(types.uint64, types.uint64), generate
    return exchange


#: atomic on an aligned doubleword, and full barriers: what was there comes back
exchange, fetch_or, fetch_and = (_exchanger(name) for name in ("xchg", "or", "and"))


@intrinsic
def compare_and_swap(_context: Any, _address: Any, _old: Any, _new: Any) -> Any:
    """1 if an aligned doubleword was `old`, and is `new` now; a full barrier."""
    def generate(_c: Any, builder: Any, _s: Any, args: Any) -> Any:
        pair = builder.cmpxchg(_pointer(builder, args[0]), args[1], args[2], "seq_cst", "seq_cst")
        return builder.zext(builder.extract_value(pair, 1), lir.IntType(64))
    return types.uint64(*[types.uint64] * 3), generate


@intrinsic
def load_acquire(_context: Any, _address: Any) -> Any:
    """An aligned doubleword; nothing behind it is performed before."""
    def generate(_c: Any, builder: Any, _s: Any, args: Any) -> Any:
        return builder.load_atomic(_pointer(builder, args[0]), "acquire", 8)
    return types.uint64(types.uint64), generate


@intrinsic
def store_release(_context: Any, _address: Any, _value: Any) -> Any:
    """Everything before it is seen by who sees the value."""
    def generate(_c: Any, builder: Any, _s: Any, args: Any) -> Any:
        builder.store_atomic(args[1], _pointer(builder, args[0]), "release", 8)
        return args[1]
    return types.uint64(types.uint64, types.uint64), generate


@intrinsic
def load16_acquire(_context: Any, _address: Any) -> Any:
    """An aligned halfword; nothing behind it is performed before."""
    def generate(_c: Any, builder: Any, _s: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], lir.IntType(16).as_pointer())
        return builder.zext(builder.load_atomic(pointer, "acquire", 2), lir.IntType(64))
    return types.uint64(types.uint64), generate


@intrinsic
def store16_release(_context: Any, _address: Any, _value: Any) -> Any:
    """As `store_release`, for an aligned halfword."""
    def generate(_c: Any, builder: Any, _s: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], lir.IntType(16).as_pointer())
        builder.store_atomic(builder.trunc(args[1], lir.IntType(16)), pointer, "release", 2)
        return args[1]
    return types.uint64(types.uint64, types.uint64), generate


@intrinsic
def fence(_context: Any) -> Any:
    """All accesses before it are performed before all behind it."""
    def generate(_c: Any, builder: Any, _s: Any, _args: Any) -> Any:
        builder.fence("seq_cst")
        return lir.Constant(lir.IntType(64), 0)
    return types.uint64(), generate


def _swapper(bits: int) -> Any:
    """Compare-and-swap of 8 to 128 aligned bits; doublewords (old low, old high, new low, high)."""
    @intrinsic
    def swap(_context: Any, _a: Any, _ol: Any, _oh: Any, _nl: Any, _nh: Any) -> Any:
        def generate(_c: Any, builder: Any, _s: Any, args: Any) -> Any:
            kind, wide = lir.IntType(bits), lir.IntType(128)

            def joined(low: Any, high: Any) -> Any:
                if bits <= 64:
                    return low if bits == 64 else builder.trunc(low, kind)
                top = builder.shl(builder.zext(high, wide), lir.Constant(wide, 64))
                return builder.or_(top, builder.zext(low, wide))
            pointer = builder.inttoptr(args[0], kind.as_pointer())
            old, new = joined(args[1], args[2]), joined(args[3], args[4])
            pair = builder.cmpxchg(pointer, old, new, "seq_cst", "seq_cst")
            return builder.zext(builder.extract_value(pair, 1), lir.IntType(64))
        return types.uint64(*[types.uint64] * 5), generate
    return swap


swap8, swap16, swap32, swap64, swap128 = (_swapper(n) for n in (8, 16, 32, 64, 128))


_QUADWORD = lir.IntType(128)


@intrinsic
def load128(_context: Any, _address: Any) -> Any:
    """Both doublewords of an aligned quadword in one access of the host."""
    def generate(_c: Any, builder: Any, _s: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], _QUADWORD.as_pointer())
        value, word = builder.load_atomic(pointer, "acquire", 16), lir.IntType(64)
        high = builder.lshr(value, lir.Constant(_QUADWORD, 64))
        pair = lir.Constant(lir.LiteralStructType([word] * 2), lir.Undefined)
        pair = builder.insert_value(pair, builder.trunc(value, word), 0)
        return builder.insert_value(pair, builder.trunc(high, word), 1)
    return types.UniTuple(types.uint64, 2)(types.uint64), generate


@intrinsic
def store128(_context: Any, _address: Any, _low: Any, _high: Any) -> Any:
    """Both doublewords of an aligned quadword in one access of the host."""
    def generate(_c: Any, builder: Any, _s: Any, args: Any) -> Any:
        low, high = (builder.zext(arg, _QUADWORD) for arg in args[1:])
        value = builder.or_(builder.shl(high, lir.Constant(_QUADWORD, 64)), low)
        pointer = builder.inttoptr(args[0], _QUADWORD.as_pointer())
        builder.store_atomic(value, pointer, "release", 16)
        return args[1]
    return types.uint64(*[types.uint64] * 3), generate


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
def shared_at(address: Any) -> Any:
    """The SHARED_STATE record at a host address."""
    return carray(pointer_of(address), 1, SHARED_STATE)[0]


@njit(inline="always")
def shared_of(cpu: Any) -> Any:
    """The SHARED_STATE record of a vCPU's machine."""
    return shared_at(machine_of(cpu).shared)


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
def words_at(address: Any) -> Any:
    """The words of a page of code at a host address, as a PAGE_WORDS record."""
    return carray(pointer_of(address), 1, PAGE_WORDS)[0]


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
