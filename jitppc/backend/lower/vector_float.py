"""Lowering of VMX single-precision ops (see ir/ops/vector_float.py). LLVM leaves NaN payloads
open, so every NaN result is put in by hand.
"""

from __future__ import annotations

import math
import struct

from jitppc.ir.block import Value
from jitppc.ir.ops.vector_float import DEFAULT_NAN, EXP2, INFINITY, LOG2, QUIET, ROOT_HALF, SIGN

from .emitter import Emitter, lowers
from .vector import intrinsic, lanes, masks, splat, whole

BITS, INTS, LONGS = "<4 x i1>", "<4 x i32>", "<4 x i64>"
SINGLES, DOUBLES = "<4 x float>", "<4 x double>"


def words(number: int) -> str:
    """A constant of four equal words."""
    return splat(str(number), "i32", 4)


def longs(number: int) -> str:
    """A constant of four equal doublewords."""
    return splat(str(number), "i64", 4)


def doubles(number: float) -> str:
    """A constant of four equal doubles."""
    return splat(f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}", "double", 4)


def singles(e: Emitter, value: Value) -> str:
    """An i128 operand as four singles."""
    return e.tmp(f"bitcast i128 {e.of(value)} to {SINGLES}")


def cast(e: Emitter, x: str, source: str, target: str) -> str:
    """Bits read as another type."""
    return e.tmp(f"bitcast {source} {x} to {target}")


def either(e: Emitter, condition: str, of: str, x: str, y: str) -> str:
    """Lanewise x where the condition holds, else y."""
    return e.tmp(f"select {BITS} {condition}, {of} {x}, {of} {y}")


def with_nans(e: Emitter, result: str, *operands: str) -> str:
    """Words of the result, with the book's NaNs for these operands (all singles)."""
    is_nan = e.tmp(f"fcmp uno {SINGLES} {result}, {result}")
    bits = either(e, is_nan, INTS, words(DEFAULT_NAN), cast(e, result, SINGLES, INTS))
    for operand in reversed(operands):
        is_nan = e.tmp(f"fcmp uno {SINGLES} {operand}, {operand}")
        quieted = e.tmp(f"or {INTS} {cast(e, operand, SINGLES, INTS)}, {words(QUIET)}")
        bits = either(e, is_nan, INTS, quieted, bits)
    return bits


@lowers("vfadd", "vfsub")
def _sum(e: Emitter, v: Value) -> str:
    x, y = (singles(e, a) for a in v.args)
    return whole(e, with_nans(e, e.tmp(f"f{v.op.name[2:]} {SINGLES} {x}, {y}"), x, y), 32)


@lowers("vfmax", "vfmin")
def _extreme(e: Emitter, v: Value) -> str:
    x, y = (singles(e, a) for a in v.args)
    above, join = ("ogt", "and") if v.op.name == "vfmax" else ("olt", "or")
    # equal operands are the same, or zeros of any signs
    x_bits, y_bits = cast(e, x, SINGLES, INTS), cast(e, y, SINGLES, INTS)
    equal = cast(e, e.tmp(f"{join} {INTS} {x_bits}, {y_bits}"), INTS, SINGLES)
    result = either(e, e.tmp(f"fcmp {above} {SINGLES} {y}, {x}"), SINGLES, y, equal)
    result = either(e, e.tmp(f"fcmp {above} {SINGLES} {x}, {y}"), SINGLES, x, result)
    return whole(e, with_nans(e, result, x, y), 32)


@lowers("vfcmp")
def _compare(e: Emitter, v: Value) -> str:
    x, y = (singles(e, a) for a in v.args)
    return masks(e, e.tmp(f"fcmp o{v.attr} {SINGLES} {x}, {y}"), 32)


@lowers("vfround")
def _round(e: Emitter, v: Value) -> str:
    x = singles(e, v.args[0])
    name = {"nearest": "roundeven", "zero": "trunc", "up": "ceil", "down": "floor"}[v.attr]
    return whole(e, with_nans(e, intrinsic(e, f"llvm.{name}.v4f32", SINGLES, (SINGLES, x)), x), 32)


@lowers("vfflush")
def _flush(e: Emitter, v: Value) -> str:
    x = lanes(e, v.args[0], 32)
    exponent = e.tmp(f"and {INTS} {x}, {words(INFINITY)}")
    small = e.tmp(f"icmp eq {INTS} {exponent}, zeroinitializer")
    flushed = either(e, small, INTS, e.tmp(f"and {INTS} {x}, {words(SIGN)}"), x)
    kept, changed = e.of(v.args[0]), whole(e, flushed, 32)
    return e.tmp(f"select i1 {e.of(v.args[1])}, i128 {changed}, i128 {kept}")


@lowers("vffromint")
def _from_integer(e: Emitter, v: Value) -> str:
    x = lanes(e, v.args[0], 32)
    converted = e.tmp(f"{'s' if v.attr else 'u'}itofp {INTS} {x} to {SINGLES}")
    exponent = e.tmp(f"sub i64 127, {_scale(e, v)}")
    factor_bits = e.tmp(f"trunc i64 {e.tmp(f'shl i64 {exponent}, 23')} to i32")
    factor = cast(e, _spread(e, factor_bits, "i32"), INTS, SINGLES)
    return whole(e, cast(e, e.tmp(f"fmul {SINGLES} {converted}, {factor}"), SINGLES, INTS), 32)


def _scale(e: Emitter, v: Value) -> str:
    return e.tmp(f"and i64 {e.of(v.args[1])}, 31")


def _spread(e: Emitter, element: str, of: str) -> str:
    first = e.tmp(f"insertelement <4 x {of}> poison, {of} {element}, i64 0")
    return e.tmp(f"shufflevector <4 x {of}> {first}, <4 x {of}> poison, <4 x i32> zeroinitializer")


def _scaled(e: Emitter, v: Value) -> str:
    """The operand times 2 to the power of the second, as doubles."""
    exponent = e.tmp(f"shl i64 {e.tmp(f'add i64 {_scale(e, v)}, 1023')}, 52")
    factor = cast(e, _spread(e, exponent, "i64"), LONGS, DOUBLES)
    x = e.tmp(f"fpext {SINGLES} {singles(e, v.args[0])} to {DOUBLES}")
    return e.tmp(f"fmul {DOUBLES} {x}, {factor}")


@lowers("vftoint")
def _to_integer(e: Emitter, v: Value) -> str:
    name = f"llvm.fpto{'s' if v.attr else 'u'}i.sat.v4i32.v4f64"
    return whole(e, intrinsic(e, name, INTS, (DOUBLES, _scaled(e, v))), 32)


@lowers("vfsaturates")
def _saturates(e: Emitter, v: Value) -> str:
    low, high = (-(2.0 ** 31) - 1, 2.0 ** 31) if v.attr else (-1.0, 2.0 ** 32)
    x = _scaled(e, v)
    below = e.tmp(f"fcmp ole {DOUBLES} {x}, {doubles(low)}")
    above = e.tmp(f"fcmp oge {DOUBLES} {x}, {doubles(high)}")
    return e.tmp(f"icmp ne i4 {cast(e, e.tmp(f'or {BITS} {below}, {above}'), BITS, 'i4')}, 0")


@lowers("vfmadd")
def _multiply_add(e: Emitter, v: Value) -> str:
    x, z, y = (singles(e, a) for a in v.args[:3])
    dx, dz, dy = (e.tmp(f"fpext {SINGLES} {s} to {DOUBLES}") for s in (x, z, y))
    if v.attr:
        dz = e.tmp(f"fneg {DOUBLES} {dz}")
    exact = _sum_to_odd(e, e.tmp(f"fmul {DOUBLES} {dx}, {dy}"), dz)
    bits = cast(e, e.tmp(f"fptrunc {DOUBLES} {exact} to {SINGLES}"), SINGLES, INTS)
    magnitude = intrinsic(e, "llvm.fabs.v4f64", DOUBLES, (DOUBLES, exact))
    small = e.tmp(f"fcmp olt {DOUBLES} {magnitude}, {doubles(2.0 ** -126)}")
    flushes = _spread(e, e.of(v.args[3]), "i1")
    zeros = e.tmp(f"and {INTS} {bits}, {words(SIGN)}")
    bits = either(e, e.tmp(f"and {BITS} {small}, {flushes}"), INTS, zeros, bits)
    if v.attr:
        bits = e.tmp(f"xor {INTS} {bits}, {words(SIGN)}")
    return whole(e, with_nans(e, cast(e, bits, INTS, SINGLES), x, z, y), 32)


def _sum_to_odd(e: Emitter, x: str, y: str) -> str:
    total = e.tmp(f"fadd {DOUBLES} {x}, {y}")
    part = e.tmp(f"fsub {DOUBLES} {total}, {x}")
    rest = e.tmp(f"fsub {DOUBLES} {x}, {e.tmp(f'fsub {DOUBLES} {total}, {part}')}")
    error = e.tmp(f"fadd {DOUBLES} {rest}, {e.tmp(f'fsub {DOUBLES} {y}, {part}')}")
    inexact = e.tmp(f"fcmp one {DOUBLES} {error}, zeroinitializer")
    bits, error_bits = cast(e, total, DOUBLES, LONGS), cast(e, error, DOUBLES, LONGS)
    last = e.tmp(f"and {LONGS} {bits}, {longs(1)}")
    is_even = e.tmp(f"icmp eq {LONGS} {last}, zeroinitializer")
    unlike = e.tmp(f"ashr {LONGS} {e.tmp(f'xor {LONGS} {bits}, {error_bits}')}, {longs(63)}")
    step = e.tmp(f"or {LONGS} {unlike}, {longs(1)}")
    step = either(e, e.tmp(f"and {BITS} {inexact}, {is_even}"), LONGS, step, "zeroinitializer")
    return cast(e, e.tmp(f"add {LONGS} {bits}, {step}"), LONGS, DOUBLES)


@lowers("vfestimate")
def _estimate(e: Emitter, v: Value) -> str:
    x = singles(e, v.args[0])
    wide = e.tmp(f"fpext {SINGLES} {x} to {DOUBLES}")
    result = e.tmp(f"fptrunc {DOUBLES} {_ESTIMATES[v.attr](e, wide)} to {SINGLES}")
    return whole(e, with_nans(e, result, x), 32)


def _reciprocal(e: Emitter, x: str) -> str:
    return e.tmp(f"fdiv {DOUBLES} {doubles(1.0)}, {x}")


def _reciprocal_root(e: Emitter, x: str) -> str:
    return _reciprocal(e, intrinsic(e, "llvm.sqrt.v4f64", DOUBLES, (DOUBLES, x)))


def _horner(e: Emitter, coefficients: tuple[float, ...], x: str) -> str:
    total = doubles(coefficients[0])
    for c in coefficients[1:]:
        total = e.tmp(f"fadd {DOUBLES} {e.tmp(f'fmul {DOUBLES} {total}, {x}')}, {doubles(c)}")
    return total


def _exp2(e: Emitter, x: str) -> str:
    magic = 1.5 * 2.0 ** 52       # adding it rounds to an integer, which is then in the low bits
    x = either(e, e.tmp(f"fcmp ogt {DOUBLES} {x}, {doubles(200.0)}"), DOUBLES, doubles(200.0), x)
    x = either(e, e.tmp(f"fcmp olt {DOUBLES} {x}, {doubles(-200.0)}"), DOUBLES, doubles(-200.0), x)
    moved = e.tmp(f"fadd {DOUBLES} {x}, {doubles(magic)}")
    fraction = e.tmp(f"fsub {DOUBLES} {x}, {e.tmp(f'fsub {DOUBLES} {moved}, {doubles(magic)}')}")
    magic_bits = struct.unpack("<q", struct.pack("<d", magic))[0]
    exponent = e.tmp(f"add {LONGS} {cast(e, moved, DOUBLES, LONGS)}, {longs(1023 - magic_bits)}")
    power = cast(e, e.tmp(f"shl {LONGS} {exponent}, {longs(52)}"), LONGS, DOUBLES)
    return e.tmp(f"fmul {DOUBLES} {_horner(e, EXP2, fraction)}, {power}")


def _log2(e: Emitter, x: str) -> str:
    bits = cast(e, x, DOUBLES, LONGS)
    biased = e.tmp(f"lshr {LONGS} {bits}, {longs(52)}")
    kept = e.tmp(f"and {LONGS} {bits}, {longs((1 << 52) - 1)}")
    fraction = cast(e, e.tmp(f"or {LONGS} {kept}, {longs(1022 << 52)}"), LONGS, DOUBLES)
    low = e.tmp(f"fcmp olt {DOUBLES} {fraction}, {doubles(ROOT_HALF)}")
    doubled = e.tmp(f"fmul {DOUBLES} {fraction}, {doubles(2.0)}")
    fraction = either(e, low, DOUBLES, doubled, fraction)
    exponent = e.tmp(f"sub {LONGS} {biased}, {longs(1022)}")
    exponent = e.tmp(f"add {LONGS} {exponent}, {e.tmp(f'sext {BITS} {low} to {LONGS}')}")
    s = e.tmp(f"fdiv {DOUBLES} {e.tmp(f'fsub {DOUBLES} {fraction}, {doubles(1.0)}')}, "
              f"{e.tmp(f'fadd {DOUBLES} {fraction}, {doubles(1.0)}')}")
    series = e.tmp(f"fmul {DOUBLES} {s}, {_horner(e, LOG2, e.tmp(f'fmul {DOUBLES} {s}, {s}'))}")
    result = e.tmp(f"fadd {DOUBLES} {e.tmp(f'sitofp {LONGS} {exponent} to {DOUBLES}')}, {series}")
    specials = ("oeq", math.inf, math.inf), ("olt", 0.0, math.nan), ("oeq", 0.0, -math.inf)
    for relation, number, special in specials:
        holds = e.tmp(f"fcmp {relation} {DOUBLES} {x}, {doubles(number)}")
        result = either(e, holds, DOUBLES, doubles(special), result)
    return result


_ESTIMATES = {"reciprocal": _reciprocal, "reciprocal root": _reciprocal_root,
              "exp2": _exp2, "log2": _log2}
