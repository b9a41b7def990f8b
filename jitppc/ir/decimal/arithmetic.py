"""Sums, products, quotients, comparisons and tests. Ref: Book I 5.6.1 to 5.6.3."""

from __future__ import annotations

from jitppc.ir.fpscr import FPSCR

from .formats import (
    EXCEPTIONS,
    FINITE,
    FPRF,
    INFINITE,
    LOW,
    QUIET,
    SIGNALLING,
    UNCHANGED,
    bias,
    deliver,
    deliver_special,
    is_subnormal,
    largest_exponent,
    precision,
    unpack,
)
from .limbs import (
    LIMBS,
    Work,
    add,
    clear,
    compare,
    digit_count,
    divide,
    multiply,
    shift_left,
    subtract,
)
from .rounding import DOWN, current_mode, finish

#: places of the operands and of a result in the workspace
X, Y, Z = 8, 8 + LIMBS, 8 + 2 * LIMBS
WORKSPACE = 8 + 3 * LIMBS

VXSNAN, VXISI, VXIDI, VXZDZ = FPSCR.VXSNAN, FPSCR.VXISI, FPSCR.VXIDI, FPSCR.VXZDZ
VXIMZ, VXVC, ZX, VE = FPSCR.VXIMZ, FPSCR.VXVC, FPSCR.ZX, FPSCR.VE
INVALID = FPSCR.INVALID

#: condition codes: less, greater, equal, unordered
LESS, GREATER, EQUAL, UNORDERED = 8, 4, 2, 1


def nan_result(w: Work, size: int, x_kind: int, x_sign: int, y_kind: int, y_sign: int) -> int:
    """1 if an operand is a NaN: the result is the first signalling one, else the first, quiet."""
    if x_kind < QUIET and y_kind < QUIET:
        return 0
    from_x = x_kind == SIGNALLING or (x_kind == QUIET and y_kind != SIGNALLING)
    signals = x_kind == SIGNALLING or y_kind == SIGNALLING
    deliver(w, X if from_x else Y, size, QUIET, x_sign if from_x else y_sign, 0)
    w[EXCEPTIONS] = VXSNAN if signals else 0
    return 1


def invalid(w: Work, size: int, cause: int) -> None:
    """The result of an invalid operation: the NaN without sign or payload."""
    deliver_special(w, Z, size, QUIET, 0, cause)


def total(w: Work, size: int, flip: int, xh: int, xl: int, yh: int, yl: int, fpscr: int) -> None:
    """x + y, or with `flip` x - y."""
    x_kind, x_sign, ex = unpack(w, X, size, xh, xl)
    y_kind, y_sign, ey = unpack(w, Y, size, yh, yl)
    if nan_result(w, size, x_kind, x_sign, y_kind, y_sign):
        return
    y_sign ^= flip
    if x_kind == INFINITE and y_kind == INFINITE and x_sign != y_sign:
        invalid(w, size, VXISI)
    elif x_kind == INFINITE or y_kind == INFINITE:
        deliver_special(w, Z, size, INFINITE, x_sign if x_kind == INFINITE else y_sign, 0)
    elif ex >= ey:
        add_signed(w, size, X, x_sign, ex, Y, y_sign, ey, fpscr)
    else:
        add_signed(w, size, Y, y_sign, ey, X, x_sign, ex, fpscr)


def add_signed(w: Work, size: int, x: int, x_sign: int, ex: int, y: int, y_sign: int, ey: int,
               fpscr: int) -> None:
    """The sum of two finite numbers, ex not below ey."""
    distance, p, more, e = ex - ey, precision(size), 0, ey
    if digit_count(w, x) and digit_count(w, y) and distance > 2 * p + 2:
        # y is too small to be seen but by the rounding
        e, more = ex - p - 2, 1
        shift_left(w, x, p + 2)
        clear(w, y)
        w[y] = 0 if x_sign == y_sign else 1
    elif digit_count(w, y):
        shift_left(w, x, distance)
    else:
        e = ex
    sign = x_sign
    if x_sign == y_sign:
        add(w, x, y)
    elif compare(w, x, y) >= 0:
        subtract(w, x, x, y)
    else:
        subtract(w, x, y, x)
        sign = y_sign
    if digit_count(w, x) == 0 and x_sign != y_sign:
        sign = 1 if current_mode(fpscr) == DOWN else 0
    finish(w, x, size, size, sign, e, ey, more, fpscr)


def product(w: Work, size: int, xh: int, xl: int, yh: int, yl: int, fpscr: int) -> None:
    """x * y."""
    x_kind, x_sign, ex = unpack(w, X, size, xh, xl)
    y_kind, y_sign, ey = unpack(w, Y, size, yh, yl)
    if nan_result(w, size, x_kind, x_sign, y_kind, y_sign):
        return
    sign = x_sign ^ y_sign
    if x_kind == INFINITE or y_kind == INFINITE:
        x_is_zero = x_kind == FINITE and digit_count(w, X) == 0
        y_is_zero = y_kind == FINITE and digit_count(w, Y) == 0
        if x_is_zero or y_is_zero:
            invalid(w, size, VXIMZ)
        else:
            deliver_special(w, Z, size, INFINITE, sign, 0)
        return
    multiply(w, Z, X, Y)
    finish(w, Z, size, size, sign, ex + ey, ex + ey, 0, fpscr)


def quotient(w: Work, size: int, xh: int, xl: int, yh: int, yl: int, fpscr: int) -> None:
    """x / y."""
    x_kind, x_sign, ex = unpack(w, X, size, xh, xl)
    y_kind, y_sign, ey = unpack(w, Y, size, yh, yl)
    if nan_result(w, size, x_kind, x_sign, y_kind, y_sign):
        return
    sign, nx, ny = x_sign ^ y_sign, digit_count(w, X), digit_count(w, Y)
    if x_kind == INFINITE:
        if y_kind == INFINITE:
            invalid(w, size, VXIDI)
        else:
            deliver_special(w, Z, size, INFINITE, sign, 0)
    elif y_kind == INFINITE:
        clear(w, Z)
        deliver(w, Z, size, FINITE, sign, -bias(size))
    elif ny == 0:
        if nx == 0:
            invalid(w, size, VXZDZ)
        else:
            deliver_special(w, Z, size, INFINITE, sign, ZX)
    elif nx == 0:
        finish(w, X, size, size, sign, 0, ex - ey, 0, fpscr)
    else:
        # so far to the left that the quotient has one digit more than can stay, at least
        n = precision(size) + 1 + ny - nx
        shift_left(w, X, n)
        more = divide(w, Z, X, Y)
        finish(w, Z, size, size, sign, ex - ey - n, ex - ey, more, fpscr)


# --- comparisons and tests: the result is a condition code, in LOW


def code_of(w: Work, code: int) -> None:
    """The result is a condition code."""
    w[LOW] = code
    w[FPRF] = UNCHANGED


def comparison(w: Work, size: int, ordered: int, xh: int, xl: int, yh: int, yl: int,
               fpscr: int) -> None:
    """x compared with y; `ordered`: a quiet NaN is invalid, too."""
    x_kind, x_sign, ex = unpack(w, X, size, xh, xl)
    y_kind, y_sign, ey = unpack(w, Y, size, yh, yl)
    if x_kind >= QUIET or y_kind >= QUIET:
        code_of(w, UNORDERED)
        signals = x_kind == SIGNALLING or y_kind == SIGNALLING
        w[EXCEPTIONS] = VXSNAN if signals else 0
        if ordered and not (signals and fpscr & VE):
            w[EXCEPTIONS] |= VXVC
        return
    difference = magnitude_order(w, x_kind, ex, y_kind, ey)
    x_is_zero = x_kind == FINITE and digit_count(w, X) == 0
    y_is_zero = y_kind == FINITE and digit_count(w, Y) == 0
    if x_is_zero and y_is_zero:
        code_of(w, EQUAL)
    elif x_sign != y_sign:
        code_of(w, LESS if x_sign else GREATER)
    elif difference == 0:
        code_of(w, EQUAL)
    else:
        code_of(w, LESS if (difference < 0) != (x_sign != 0) else GREATER)


def magnitude_order(w: Work, x_kind: int, ex: int, y_kind: int, ey: int) -> int:
    """As |x| is to |y|: less than, equal to or greater than 0."""
    if x_kind != FINITE or y_kind != FINITE:
        return (x_kind == INFINITE) - (y_kind == INFINITE)
    nx, ny = digit_count(w, X), digit_count(w, Y)
    if nx == 0 or ny == 0:
        return nx - ny
    if ex + nx != ey + ny:
        return ex + nx - ey - ny
    if ex > ey:
        shift_left(w, X, ex - ey)
    else:
        shift_left(w, Y, ey - ex)
    return compare(w, X, Y)


def class_test(w: Work, size: int, xh: int, xl: int, mask: int) -> None:
    """Sign, and whether the class of x is in the mask: zero, subnormal, normal, infinite, quiet,
    signalling.
    """
    kind, sign, e = unpack(w, X, size, xh, xl)
    if kind != FINITE:
        bit = 4 >> (kind - INFINITE)
    elif digit_count(w, X) == 0:
        bit = 32
    else:
        bit = 16 if is_subnormal(w, X, size, e) else 8
    code_of(w, sign << 3 | (EQUAL if bit & mask else 0))


def group_test(w: Work, size: int, xh: int, xl: int, mask: int) -> None:
    """The same for groups: zeros with an ordinary or an extreme exponent, numbers that are small or
    have an extreme exponent, normal ones with a first digit of 0 or another, infinities and NaNs.
    """
    kind, sign, e = unpack(w, X, size, xh, xl)
    n, is_extreme = digit_count(w, X), e in (-bias(size), largest_exponent(size))
    if kind != FINITE:
        bit = 1
    elif n == 0:
        bit = 16 if is_extreme else 32
    elif is_extreme or is_subnormal(w, X, size, e):
        bit = 8
    else:
        bit = 4 if n < precision(size) else 2
    code_of(w, sign << 3 | (EQUAL if bit & mask else 0))


def exponent_test(w: Work, size: int, xh: int, xl: int, yh: int, yl: int) -> None:
    """The exponents of x and y compared; infinities are alike, and so are NaNs."""
    x_kind, _, ex = unpack(w, X, size, xh, xl)
    y_kind, _, ey = unpack(w, Y, size, yh, yl)
    if x_kind != FINITE or y_kind != FINITE:
        code_of(w, EQUAL if min(x_kind, QUIET) == min(y_kind, QUIET) else UNORDERED)
    elif ex == ey:
        code_of(w, EQUAL)
    else:
        code_of(w, LESS if ex < ey else GREATER)


def significance_test(w: Work, size: int, reference: int, yh: int, yl: int) -> None:
    """The reference compared with the number of y's significant digits; it is above those of 0,
    and 0 is above all.
    """
    kind, _, _ = unpack(w, Y, size, yh, yl)
    n = digit_count(w, Y)
    if kind != FINITE:
        code_of(w, UNORDERED)
    elif reference == 0 or n == 0 or reference > n:
        code_of(w, GREATER)
    else:
        code_of(w, EQUAL if reference == n else LESS)
