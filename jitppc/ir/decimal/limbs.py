"""Whole numbers in the workspace: LIMBS limbs of three decimal digits, least significant first.

A limb is what a declet encodes. A number is named by the place of its first limb.
"""

from __future__ import annotations

#: room for 108 digits: three times 34, and two for rounding
LIMBS = 36
BASE = 1000

Work = list[int]

#: what dropped digits amount to, in units of the last digit kept; or'ing 1 into it says that more
#: was lost behind them
EXACT, BELOW_HALF, HALF, ABOVE_HALF = 0, 1, 2, 3


def clear(w: Work, at: int) -> None:
    """The number is 0."""
    for i in range(LIMBS):
        w[at + i] = 0


def power_of_ten(n: int) -> int:
    """10**n, for n below 3."""
    if n == 0:
        return 1
    return 10 if n == 1 else 100


def digit_count(w: Work, at: int) -> int:
    """Significant digits; none of 0."""
    for i in range(LIMBS - 1, -1, -1):
        limb = w[at + i]
        if limb >= 100:
            return 3 * i + 3
        if limb >= 10:
            return 3 * i + 2
        if limb:
            return 3 * i + 1
    return 0


def digit(w: Work, at: int, n: int) -> int:
    """The digit that counts 10**n."""
    return w[at + n // 3] // power_of_ten(n % 3) % 10


def trailing_zeros(w: Work, at: int) -> int:
    """Zeros at the right end of a number that is not 0."""
    n = 0
    while w[at + n // 3] % (10 * power_of_ten(n % 3)) == 0:
        n += 1
    return n


def shift_left(w: Work, at: int, n: int) -> None:
    """Multiply by 10**n; digits beyond the last limb are lost."""
    whole, factor = n // 3, power_of_ten(n % 3)
    carry = 0
    for i in range(LIMBS - 1, -1, -1):
        w[at + i] = w[at + i - whole] if i >= whole else 0
    if factor > 1:
        for i in range(LIMBS):
            limb = w[at + i] * factor + carry
            carry = limb // BASE
            w[at + i] = limb - carry * BASE


def shift_right(w: Work, at: int, n: int) -> int:
    """Divide by 10**n; says what the remainder amounts to."""
    n = min(n, 3 * LIMBS)
    rest = remainder(w, at, n)
    whole, divisor = n // 3, power_of_ten(n % 3)
    for i in range(LIMBS):
        w[at + i] = w[at + i + whole] if i + whole < LIMBS else 0
    if divisor > 1:
        above = 0
        for i in range(LIMBS - 1, -1, -1):
            limb = above * BASE + w[at + i]
            w[at + i] = limb // divisor
            above = limb % divisor
    return rest


def remainder(w: Work, at: int, n: int) -> int:
    """What the last n digits amount to."""
    if n == 0:
        return EXACT
    first = digit(w, at, n - 1)
    sticky = w[at + (n - 1) // 3] % power_of_ten((n - 1) % 3)
    for i in range((n - 1) // 3):
        sticky |= w[at + i]
    if first == 5 and sticky == 0:
        return HALF
    if first >= 5:
        return ABOVE_HALF
    return BELOW_HALF if first or sticky else EXACT


def compare(w: Work, x: int, y: int) -> int:
    """Less than, equal to or greater than 0 as x is to y."""
    for i in range(LIMBS - 1, -1, -1):
        difference = w[x + i] - w[y + i]
        if difference:
            return difference
    return 0


def add_small(w: Work, at: int, n: int) -> None:
    """Add a number below BASE."""
    i = 0
    while n:
        limb = w[at + i] + n
        n = limb // BASE
        w[at + i] = limb - n * BASE
        i += 1


def add(w: Work, x: int, y: int) -> None:
    """x <- x + y."""
    carry = 0
    for i in range(LIMBS):
        limb = w[x + i] + w[y + i] + carry
        carry = 1 if limb >= BASE else 0
        w[x + i] = limb - carry * BASE


def subtract(w: Work, to: int, x: int, y: int) -> None:
    """`to` <- x - y, which is not negative; `to` may be x or y."""
    borrow = 0
    for i in range(LIMBS):
        limb = w[x + i] - w[y + i] - borrow
        borrow = 1 if limb < 0 else 0
        w[to + i] = limb + borrow * BASE


def limb_count(w: Work, at: int) -> int:
    """Limbs up to the last that is not 0."""
    for i in range(LIMBS - 1, -1, -1):
        if w[at + i]:
            return i + 1
    return 0


def multiply(w: Work, to: int, x: int, y: int) -> None:
    """`to` <- x * y; `to` is another number than both."""
    clear(w, to)
    nx, ny = limb_count(w, x), limb_count(w, y)
    for i in range(nx):
        carry = 0
        for j in range(ny):
            limb = w[to + i + j] + w[x + i] * w[y + j] + carry
            carry = limb // BASE
            w[to + i + j] = limb - carry * BASE
        w[to + i + ny] = carry


def divide(w: Work, to: int, x: int, y: int) -> int:
    """`to` <- x / y; says whether there was a remainder. Changes x and y.

    Both are first made three limbs longer, so that the divisor has four at least: then the quotient
    of the leading limbs is the limb wanted, or one more.
    """
    clear(w, to)
    shift_left(w, x, 9)
    shift_left(w, y, 9)
    ny = limb_count(w, y)
    leading = w[y + ny - 1]
    for k in range(2, 5):
        leading = leading * BASE + w[y + ny - k]
    for i in range(limb_count(w, x) - ny, -1, -1):
        part = w[x + i + ny]
        for k in range(1, 5):
            part = part * BASE + w[x + i + ny - k]
        q = part // leading
        if _take_away(w, x + i, y, ny, q):
            q -= 1
            _give_back(w, x + i, y, ny)
        w[to + i] = q
    return 1 if limb_count(w, x) else 0


def _take_away(w: Work, x: int, y: int, ny: int, q: int) -> int:
    """x <- x - q * y over ny + 1 limbs; 1 if that is below 0."""
    borrow = 0
    for j in range(ny + 1):
        limb = w[x + j] - borrow - (q * w[y + j] if j < ny else 0)
        borrow = -(limb // BASE)
        w[x + j] = limb + borrow * BASE
    return 1 if borrow else 0


def _give_back(w: Work, x: int, y: int, ny: int) -> None:
    """x <- x + y over ny + 1 limbs, where the last carry makes good a borrow."""
    carry = 0
    for j in range(ny + 1):
        limb = w[x + j] + carry + (w[y + j] if j < ny else 0)
        carry = 1 if limb >= BASE else 0
        w[x + j] = limb - carry * BASE
