"""Sums to square roots: operands of a format, rounded once, kept in it. Ref: Book I 4.6.6."""

from __future__ import annotations

import math

from jitppc.ir.fpscr import FPSCR

from .formats import Format, Result, exactly
from .rounding import Rounding, invalid, nan_result


def _sum(
    fmt: Format, first: tuple[bool, int, int], second: tuple[bool, int, int], how: Rounding
) -> Result:
    """The rounded sum of two numbers given as (negative, m, e)."""
    (n1, m1, e1), (n2, m2, e2) = first, second
    if not m1 and not m2:
        negative = n1 if n1 == n2 else how.zero_is_negative
        return exactly(fmt, fmt.sign_bit if negative else 0)
    e = min(e1, e2)
    total = (-m1 if n1 else m1) * (1 << (e1 - e)) + (-m2 if n2 else m2) * (1 << (e2 - e))
    if not total:
        return exactly(fmt, fmt.sign_bit if how.zero_is_negative else 0)
    return how(fmt, total < 0, abs(total), e)


def multiply_add(
    fmt: Format,
    x: int,
    z: int,
    y: int,
    how: Rounding,
    *,
    subtract: bool = False,
    negate: bool = False,
) -> Result:
    """X * z + y, or x * z - y, negated after rounding when `negate`, except NaNs."""
    product_invalid = (fmt.is_infinite(x) and fmt.is_zero(z)) or (
        fmt.is_zero(x) and fmt.is_infinite(z)
    )
    from_nan = nan_result(fmt, (x, y, z), FPSCR.VXIMZ if product_invalid else 0)
    if from_nan is not None:
        return from_nan
    if product_invalid:
        return invalid(fmt, FPSCR.VXIMZ)
    sign = fmt.sign_bit
    if subtract:
        y ^= sign
    product_sign = (x ^ z) & sign
    if fmt.is_infinite(x) or fmt.is_infinite(z):
        if fmt.is_infinite(y) and y & sign != product_sign:
            return invalid(fmt, FPSCR.VXISI)
        result = exactly(fmt, product_sign | fmt.infinity)
    elif fmt.is_infinite(y):
        result = exactly(fmt, y)
    else:
        (mx, ex), (mz, ez), (my, ey) = fmt.parts(x), fmt.parts(z), fmt.parts(y)
        result = _sum(fmt, (bool(product_sign), mx * mz, ex + ez), (bool(y & sign), my, ey), how)
    return _negated(fmt, result) if negate else result


def _negated(fmt: Format, r: Result) -> Result:
    fprf = r.fprf
    if fprf is not None:
        if fprf & FPSCR.FE:
            fprf ^= FPSCR.C
        else:
            fprf ^= FPSCR.FL | FPSCR.FG
    return Result(r.bits ^ fmt.sign_bit, fprf, r.exceptions, r.fi, r.fr)


def add(fmt: Format, x: int, y: int, how: Rounding, *, subtract: bool = False) -> Result:
    """x + y, or x - y."""
    from_nan = nan_result(fmt, (x, y))
    if from_nan is not None:
        return from_nan
    sign = fmt.sign_bit
    if subtract:
        y ^= sign
    if fmt.is_infinite(x):
        if fmt.is_infinite(y) and x != y:
            return invalid(fmt, FPSCR.VXISI)
        return exactly(fmt, x)
    if fmt.is_infinite(y):
        return exactly(fmt, y)
    return _sum(fmt, (bool(x & sign), *fmt.parts(x)), (bool(y & sign), *fmt.parts(y)), how)


def multiply(fmt: Format, x: int, y: int, how: Rounding) -> Result:
    """x * y."""
    from_nan = nan_result(fmt, (x, y))
    if from_nan is not None:
        return from_nan
    sign = (x ^ y) & fmt.sign_bit
    if fmt.is_infinite(x) or fmt.is_infinite(y):
        if fmt.is_zero(x) or fmt.is_zero(y):
            return invalid(fmt, FPSCR.VXIMZ)
        return exactly(fmt, sign | fmt.infinity)
    (mx, ex), (my, ey) = fmt.parts(x), fmt.parts(y)
    if not mx or not my:
        return exactly(fmt, sign)
    return how(fmt, bool(sign), mx * my, ex + ey)


def divide(fmt: Format, x: int, y: int, how: Rounding) -> Result:
    """x / y."""
    from_nan = nan_result(fmt, (x, y))
    if from_nan is not None:
        return from_nan
    sign = (x ^ y) & fmt.sign_bit
    if fmt.is_infinite(x):
        return (
            invalid(fmt, FPSCR.VXIDI) if fmt.is_infinite(y) else exactly(fmt, sign | fmt.infinity)
        )
    if fmt.is_infinite(y):
        return exactly(fmt, sign)
    (mx, ex), (my, ey) = fmt.parts(x), fmt.parts(y)
    if not my:
        return exactly(fmt, sign | fmt.infinity, FPSCR.ZX) if mx else invalid(fmt, FPSCR.VXZDZ)
    if not mx:
        return exactly(fmt, sign)
    shift = 2 * fmt.fraction_bits + 4
    quotient, rest = divmod(mx << shift, my)
    return how(fmt, bool(sign), quotient << 1 | bool(rest), ex - ey - shift - 1)


def square_root(fmt: Format, x: int, how: Rounding) -> Result:
    """The square root of x."""
    from_nan = nan_result(fmt, (x,))
    if from_nan is not None:
        return from_nan
    if fmt.is_zero(x):
        return exactly(fmt, x)
    if x & fmt.sign_bit:
        return invalid(fmt, FPSCR.VXSQRT)
    if fmt.is_infinite(x):
        return exactly(fmt, x)
    m, e = fmt.parts(x)
    shift = 2 * fmt.fraction_bits + 6
    shift += (e - shift) & 1
    root = math.isqrt(m << shift)
    return how(fmt, False, root << 1 | (root * root != m << shift), (e - shift) // 2 - 1)
