"""Rounding, and what becomes of a result that is too large, too small or inexact.

Ref: Book I 5.5.2 (rounding modes), 5.5.10 (exceptions), "Rounding and Range Actions".
"""

from __future__ import annotations

from jitppc.ir.fpscr import FPSCR

from .formats import (
    EXCEPTIONS,
    FI,
    FINITE,
    FR,
    INFINITE,
    bias,
    deliver,
    deliver_special,
    e_max,
    e_min,
    fill_nines,
    largest_exponent,
    precision,
)
from .limbs import (
    EXACT,
    HALF,
    Work,
    add_small,
    clear,
    digit,
    digit_count,
    shift_left,
    shift_right,
    trailing_zeros,
)

#: the modes of FPSCR[DRN]
NEAREST, TO_ZERO, UP, DOWN, NEAR_AWAY, NEAR_ZERO, AWAY, PREPARE = range(8)

OX, UX, XX, OE, UE = FPSCR.OX, FPSCR.UX, FPSCR.XX, FPSCR.OE, FPSCR.UE


def current_mode(fpscr: int) -> int:
    """FPSCR[DRN]."""
    return fpscr >> 32 & 7


def immediate_mode(r: int, rmc: int, fpscr: int) -> int:
    """The mode that the fields R and RMC name."""
    if r:
        if rmc < 2:
            return UP if rmc == 0 else DOWN
        return AWAY if rmc == 2 else NEAR_ZERO
    if rmc == 3:
        return current_mode(fpscr)
    return NEAR_AWAY if rmc == 2 else rmc


def grows(mode: int, sign: int, last: int, rest: int) -> int:
    """1 if rounding takes the next number away from zero; `last` is the last digit kept."""
    if mode == NEAREST:
        grown = rest > HALF or (rest == HALF and last & 1)
    elif mode in (UP, DOWN):
        grown = rest and sign == (mode == DOWN)
    elif mode == NEAR_AWAY:
        grown = rest >= HALF
    elif mode == NEAR_ZERO:
        grown = rest > HALF
    elif mode == AWAY:
        grown = rest
    elif mode == PREPARE:
        grown = rest and last in (0, 5)
    else:
        grown = False
    return 1 if grown else 0


def rounded_off(w: Work, at: int, n: int, more: int, sign: int, mode: int) -> None:
    """Drop n digits, and round; `more` is 1 if something was lost behind them. Sets FI and FR."""
    rest = shift_right(w, at, n) | more
    grown = grows(mode, sign, digit(w, at, 0), rest)
    add_small(w, at, grown)
    w[FI], w[FR] = 0 if rest == EXACT else 1, grown


def finish(w: Work, at: int, size: int, source: int, sign: int, exponent: int, ideal: int,
           more: int, fpscr: int) -> int:
    """Deliver the coefficient at `at` times 10**exponent, rounded to format `size`.

    Args:
        source: the operands' format. Where an enabled overflow or underflow asks for a wrapped
            exponent, the result has this format, which is returned.
        ideal: of the forms of an exact result, the one nearest to this exponent is delivered.
        more: 1 if the number is a little larger, by less than 1 in the last of at least
            precision + 1 digits.
    """
    mode, p, count = current_mode(fpscr), precision(size), digit_count(w, at)
    if count == 0:
        deliver(w, at, size, FINITE, sign, within(size, ideal))
        return size
    wrap = e_max(source) * 3 // 2 if source == size else e_max(source) // 2
    tiny, form, exceptions = exponent + count - 1 < e_min(size), size, 0
    drop = max(count - p, 0)
    if tiny and fpscr & UE:
        exponent, ideal, form, exceptions = exponent + wrap, ideal + wrap, source, UX
    elif tiny:
        drop = max(drop, -bias(size) - exponent)
    rounded_off(w, at, drop, more, sign, mode)
    exponent += drop
    if digit_count(w, at) > p:
        shift_right(w, at, 1)
        exponent += 1
    if w[FI]:
        exceptions |= XX | UX if tiny else XX
    count = digit_count(w, at)
    if not tiny and exponent + count - 1 > e_max(size):
        exceptions |= OX
        if not fpscr & OE:
            overflow(w, at, size, sign, mode)
            w[EXCEPTIONS] = exceptions | XX
            return size
        exponent, ideal, form = exponent - wrap, ideal - wrap, source
    if not w[FI]:
        exponent = toward_ideal(w, at, exponent, ideal, min(p - count, exponent + bias(form)))
    excess = exponent - largest_exponent(form)
    if excess > 0:
        shift_left(w, at, excess)
        exponent -= excess
    deliver(w, at, form, FINITE, sign, exponent)
    w[EXCEPTIONS] = exceptions
    return form


def within(size: int, exponent: int) -> int:
    """The exponent of the format that is nearest to this one."""
    return max(min(exponent, largest_exponent(size)), -bias(size))


def toward_ideal(w: Work, at: int, exponent: int, ideal: int, room: int) -> int:
    """The exponent, after moving the coefficient as near to the ideal as zeros allow; `room` is how
    many may come at the right.
    """
    if exponent < ideal:
        n = min(ideal - exponent, trailing_zeros(w, at))
        shift_right(w, at, n)
        return exponent + n
    n = min(exponent - ideal, room)
    shift_left(w, at, n)
    return exponent - n


def overflow(w: Work, at: int, size: int, sign: int, mode: int) -> None:
    """The result of an overflow that is not enabled: infinity, or the largest number."""
    clear(w, at)
    w[FI] = 1
    finite = mode in (TO_ZERO, PREPARE) or mode == (UP if sign else DOWN)
    w[FR] = 0 if finite else 1
    if finite:
        fill_nines(w, at, precision(size))
        deliver(w, at, size, FINITE, sign, largest_exponent(size))
    else:
        deliver_special(w, at, size, INFINITE, sign, 0)
