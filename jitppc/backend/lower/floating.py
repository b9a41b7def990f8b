"""Lowering of floating-point ops that are an instruction or a few: moves between formats, and host
arithmetic.

Host arithmetic runs with MXCSR as the operating system gives it: nearest even, denormals kept,
exceptions masked.
"""

from __future__ import annotations

from jitppc.ir.block import Value

from . import floating_functions, floating_outer, floating_quad, floating_vector, host_flags
from .emitter import Emitter, lowers

__all__ = ["floating_functions", "floating_outer", "floating_quad", "floating_vector"]

HOST = {
    "d_add": "fadd", "d_sub": "fsub", "d_mul": "fmul", "d_div": "fdiv", "d_sqrt": "sqrt",
    "d_fma": "fma",
}
INFINITY = 0x7FF << 52


def as_double(e: Emitter, bits: str) -> str:
    """An i64 as LLVM's double."""
    return e.tmp(f"bitcast i64 {bits} to double")


def as_bits(e: Emitter, double: str) -> str:
    """LLVM's double as an i64."""
    return e.tmp(f"bitcast double {double} to i64")


@lowers(*HOST)
def _host(e: Emitter, v: Value) -> str:
    operands = [as_double(e, e.of(a)) for a in v.args]
    return as_bits(e, host_flags.arithmetic(e, HOST[v.op.name], "double", *operands))


@lowers("d_single")
def _single(e: Emitter, v: Value) -> str:
    single = host_flags.to_single(e, as_double(e, e.of(v.args[0])))
    return as_bits(e, e.tmp(f"fpext float {single} to double"))


@lowers("d_of_int")
def _of_int(e: Emitter, v: Value) -> str:
    return as_bits(e, host_flags.of_integer(e, e.of(v.args[0])))


@lowers("d_to_int")
def _to_int(e: Emitter, v: Value) -> str:
    """Frozen, because LLVM leaves more than the number open when it does not fit."""
    return e.tmp(f"freeze i64 {host_flags.to_integer(e, as_double(e, e.of(v.args[0])))}")


PREDICATES = {"d_lt": "olt", "d_lg": "one", "d_uno": "uno"}


@lowers(*PREDICATES)
def _compare(e: Emitter, v: Value) -> str:
    x, y = (as_double(e, e.of(a)) for a in v.args)
    return e.tmp(f"fcmp {PREDICATES[v.op.name]} double {x}, {y}")


def _nan(e: Emitter, sign_in_place: str, fraction_in_place: str) -> str:
    exponent = e.tmp(f"or i64 {fraction_in_place}, {INFINITY}")
    return e.tmp(f"or i64 {exponent}, {sign_in_place}")


@lowers("double_of_single")
def _double_of_single(e: Emitter, v: Value) -> str:
    """The host converts all but NaNs, which it would make quiet."""
    x = e.of(v.args[0])
    single = e.tmp(f"bitcast i32 {x} to float")
    number = as_bits(e, e.tmp(f"fpext float {single} to double"))
    wide = e.tmp(f"zext i32 {x} to i64")
    sign = e.tmp(f"shl i64 {e.tmp(f'and i64 {wide}, {1 << 31}')}, 32")
    fraction = e.tmp(f"shl i64 {e.tmp(f'and i64 {wide}, {(1 << 23) - 1}')}, 29")
    nan = _nan(e, sign, fraction)
    is_nan = e.tmp(f"fcmp uno float {single}, {single}")
    return e.tmp(f"select i1 {is_nan}, i64 {nan}, i64 {number}")


@lowers("double_of_half")
def _double_of_half(e: Emitter, v: Value) -> str:
    """The half's bits, moved to where a double has them, are the number times 2**-1008, denormals
    included.
    """
    x = e.of(v.args[0])
    sign = e.tmp(f"shl i64 {e.tmp(f'and i64 {x}, {1 << 15}')}, 48")
    fraction = e.tmp(f"shl i64 {e.tmp(f'and i64 {x}, {(1 << 10) - 1}')}, 42")
    small = e.tmp(f"shl i64 {e.tmp(f'and i64 {x}, {(1 << 15) - 1}')}, 42")
    number = as_bits(e, e.tmp(f"fmul double {as_double(e, small)}, 0x{1008 + 1023 << 52:016X}"))
    exponent = e.tmp(f"and i64 {x}, {31 << 10}")
    is_special = e.tmp(f"icmp eq i64 {exponent}, {31 << 10}")
    special = e.tmp(f"or i64 {fraction}, {INFINITY}")
    return e.tmp(f"or i64 {e.tmp(f'select i1 {is_special}, i64 {special}, i64 {number}')}, {sign}")


@lowers("single_of_double")
def _single_of_double(e: Emitter, v: Value) -> str:
    """Bits 0:1 and 5:34, or the significand shifted to where a denormal single has it."""
    x = e.of(v.args[0])
    exponent = e.tmp(f"and i64 {e.tmp(f'lshr i64 {x}, 52')}, 2047")
    top = e.tmp(f"shl i64 {e.tmp(f'lshr i64 {x}, 62')}, 30")
    below = e.tmp(f"lshr i64 {x}, 29")
    plain = e.tmp(f"or i64 {top}, {e.tmp(f'and i64 {below}, {(1 << 30) - 1}')}")
    significand = e.tmp(f"or i64 {e.tmp(f'and i64 {below}, {(1 << 23) - 1}')}, {1 << 23}")
    missing = e.tmp(f"sub i64 897, {exponent}")
    is_far = e.tmp(f"icmp ugt i64 {missing}, 24")
    amount = e.tmp(f"select i1 {is_far}, i64 24, i64 {missing}")
    sign = e.tmp(f"shl i64 {e.tmp(f'lshr i64 {x}, 63')}, 31")
    denormal = e.tmp(f"or i64 {sign}, {e.tmp(f'lshr i64 {significand}, {amount}')}")
    is_normal = e.tmp(f"icmp ugt i64 {exponent}, 896")
    is_zero = e.tmp(f"icmp eq i64 {e.tmp(f'shl i64 {x}, 1')}, 0")
    is_plain = e.tmp(f"or i1 {is_normal}, {is_zero}")
    return e.tmp(f"trunc i64 {e.tmp(f'select i1 {is_plain}, i64 {plain}, i64 {denormal}')} to i32")
