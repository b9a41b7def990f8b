"""Another exponent, another format, another kind of number. Ref: Book I 5.6.4 to 5.6.6."""

from __future__ import annotations

from jitppc.ir.fpscr import FPSCR

from .arithmetic import VXSNAN, X, Y, Z, invalid, nan_result
from .formats import (
    EXCEPTIONS,
    FI,
    FINITE,
    FPRF,
    FR,
    HIGH,
    INFINITE,
    LOW,
    QUIET,
    SIGNALLING,
    UNCHANGED,
    bias,
    declets,
    deliver,
    deliver_special,
    exponent_bits,
    largest_exponent,
    pack,
    precision,
    unpack,
)
from .limbs import BASE, LIMBS, Work, clear, digit, digit_count, shift_left, shift_right
from .rounding import current_mode, finish, rounded_off

VXCVI, XX = FPSCR.VXCVI, FPSCR.XX
WORD = 1 << 32

# --- quantum adjustment ---------------------------------------------------------------------------


def quantized(w: Work, size: int, xh: int, xl: int, yh: int, yl: int, mode: int) -> None:
    """y with the exponent of x."""
    x_kind, x_sign, ex = unpack(w, X, size, xh, xl)
    y_kind, y_sign, ey = unpack(w, Y, size, yh, yl)
    if nan_result(w, size, x_kind, x_sign, y_kind, y_sign):
        return
    if x_kind == INFINITE and y_kind == INFINITE:
        deliver_special(w, Z, size, INFINITE, y_sign, 0)
    elif x_kind == INFINITE or y_kind == INFINITE:
        invalid(w, size, VXCVI)
    else:
        to_exponent(w, size, y_sign, ey, ex, mode)


def quantized_to(w: Work, size: int, exponent: int, yh: int, yl: int, mode: int) -> None:
    """y with this exponent."""
    kind, sign, ey = unpack(w, Y, size, yh, yl)
    if nan_result(w, size, FINITE, 0, kind, sign):
        return
    if kind == INFINITE:
        invalid(w, size, VXCVI)
    else:
        to_exponent(w, size, sign, ey, exponent, mode)


def to_exponent(w: Work, size: int, sign: int, e: int, wanted: int, mode: int) -> None:
    """The finite number at Y with another exponent."""
    p, n = precision(size), digit_count(w, Y)
    if n == 0:
        deliver(w, Y, size, FINITE, sign, wanted)
        return
    if e - wanted > p - n:
        invalid(w, size, VXCVI)
        return
    if e >= wanted:
        shift_left(w, Y, e - wanted)
    else:
        rounded_off(w, Y, wanted - e, 0, sign, mode)
        w[EXCEPTIONS] = XX if w[FI] else 0
    deliver(w, Y, size, FINITE, sign, wanted)


def rerounded(w: Work, size: int, significance: int, yh: int, yl: int, mode: int) -> None:
    """y rounded to as many digits; 0 asks for none."""
    kind, sign, e = unpack(w, Y, size, yh, yl)
    if nan_result(w, size, FINITE, 0, kind, sign):
        return
    if kind == INFINITE:
        deliver_special(w, Z, size, INFINITE, sign, 0)
        return
    drop = digit_count(w, Y) - significance
    if significance and drop > 0:
        rounded_off(w, Y, drop, 0, sign, mode)
        e += drop
        if digit_count(w, Y) > significance:
            shift_right(w, Y, 1)
            e += 1
        if e > largest_exponent(size):
            w[FI] = w[FR] = 0
            invalid(w, size, VXCVI)
            return
        w[EXCEPTIONS] = XX if w[FI] else 0
    deliver(w, Y, size, FINITE, sign, e)


def integral(w: Work, size: int, tells: int, yh: int, yl: int, mode: int) -> None:
    """y rounded to an integer; with `tells`, inexactness is an exception."""
    kind, sign, e = unpack(w, Y, size, yh, yl)
    if nan_result(w, size, FINITE, 0, kind, sign):
        return
    if kind == INFINITE:
        deliver_special(w, Z, size, INFINITE, sign, 0)
        return
    if e < 0:
        rounded_off(w, Y, -e, 0, sign, mode)
        if tells:
            w[EXCEPTIONS] = XX if w[FI] else 0
        else:
            w[FI] = w[FR] = 0
    deliver(w, Y, size, FINITE, sign, max(e, 0))


# --- between formats ------------------------------------------------------------------------------


def converted(w: Work, size: int, source: int, yh: int, yl: int, fpscr: int) -> None:
    """y of the format `source` in the format `size`. Short numbers keep NaNs as they are."""
    kind, sign, e = unpack(w, Y, source, yh, yl)
    form = size
    if kind == FINITE:
        form = finish(w, Y, size, source if source > size else size, sign, e, e, 0, fpscr)
    elif kind == INFINITE:
        deliver_special(w, Z, size, INFINITE, sign, 0)
    elif min(size, source) == 32:
        deliver(w, Y, size, kind, sign, 0)
    else:
        nan_result(w, size, FINITE, 0, kind, sign)
    if source == 128 and form == 64:
        w[HIGH], w[LOW] = w[LOW], 0      # the even register of the pair; the other is 0


# --- integers: four words of 32 bits, the first the least -----------------------------------------


def from_integer(w: Work, size: int, yh: int, yl: int, fpscr: int) -> None:
    """The signed number of 128 bits as a decimal."""
    sign = yh >> 63 & 1
    clear(w, X)
    for i in range(4):
        half = yl if i < 2 else yh
        w[Z + i] = half >> 32 * (i & 1) & WORD - 1
    if sign:
        negate(w)
    for i in range(13):
        rest = 0
        for j in range(3, -1, -1):
            part = rest * WORD + w[Z + j]
            w[Z + j] = part // BASE
            rest = part - w[Z + j] * BASE
        w[X + i] = rest
    finish(w, X, size, size, sign, 0, 0, 0, fpscr)


def negate(w: Work) -> None:
    """The words at Z are those of minus the number."""
    carry = 1
    for i in range(4):
        word = (w[Z + i] ^ WORD - 1) + carry
        carry = word >> 32
        w[Z + i] = word & WORD - 1


def to_integer(w: Work, size: int, bits: int, yh: int, yl: int, fpscr: int) -> None:
    """y as a signed number of 64 or 128 bits: in LOW, or in HIGH and LOW."""
    kind, sign, e = unpack(w, Y, size, yh, yl)
    w[FPRF] = UNCHANGED
    if kind >= QUIET:
        out_of_range(w, bits, 1)
        w[EXCEPTIONS] = VXCVI | VXSNAN if kind == SIGNALLING else VXCVI
        return
    n = digit_count(w, Y)
    if kind == INFINITE or n + e > 40:
        if kind == INFINITE or n:
            out_of_range(w, bits, sign)
        else:
            w[HIGH] = w[LOW] = 0
        return
    if e < 0:
        rounded_off(w, Y, -e, 0, sign, current_mode(fpscr))
    else:
        shift_left(w, Y, e)
    if fits(w, bits, sign):
        if sign:
            negate(w)
        w[LOW], w[HIGH] = w[Z + 1] << 32 | w[Z], w[Z + 3] << 32 | w[Z + 2]
        w[EXCEPTIONS] = XX if w[FI] else 0
    else:
        w[FI] = w[FR] = 0
        out_of_range(w, bits, sign)


def fits(w: Work, bits: int, sign: int) -> int:
    """Put the number at Y into the words at Z; 1 if a signed integer has room for it."""
    for i in range(4):
        w[Z + i] = 0
    lost = 0
    for i in range(LIMBS - 1, -1, -1):
        carry = w[Y + i]
        for j in range(4):
            word = w[Z + j] * BASE + carry
            carry = word >> 32
            w[Z + j] = word & WORD - 1
        lost |= carry
    top = bits // 32 - 1
    for j in range(top):
        carry |= w[Z + j]
    for j in range(top + 1, 4):
        lost |= w[Z + j]
    if lost or w[Z + top] > WORD >> 1:
        return 0
    if w[Z + top] == WORD >> 1:
        return 1 if sign and carry == 0 else 0
    return 1


def out_of_range(w: Work, bits: int, sign: int) -> None:
    """The integer nearest to a number that is too large."""
    least, greatest = -1 << 63, (1 << 63) - 1
    w[EXCEPTIONS] = VXCVI
    w[HIGH] = least if sign else greatest
    w[LOW] = 0 if sign else -1
    if bits == 64:
        w[LOW] = w[HIGH]


# --- packed decimal -------------------------------------------------------------------------------


def to_bcd(w: Work, size: int, sp: int, yh: int, yl: int) -> None:
    """The last digits of y; with a sign (as SP = 0b10, 0b11 say) there is room for one less."""
    _, sign, _ = unpack(w, Y, size, yh, yl)
    w[HIGH] = w[LOW] = 0
    n, first = size // 4, 0
    if sp & 2:
        first = 1
        w[LOW] = 13 if sign else 12 | sp & 1 | (sp & 1) << 1
    for i in range(first, n):
        nibble = digit(w, Y, i - first)
        if i < 16:
            w[LOW] |= nibble << 4 * i
        else:
            w[HIGH] |= nibble << 4 * (i - 16)


def from_bcd(w: Work, size: int, is_signed: int, yh: int, yl: int) -> None:
    """The digits of y, of which with `is_signed` the last is a sign, as a number."""
    clear(w, X)
    sign, first, bad = 0, 0, 0
    if is_signed:
        first, code = 1, yl & 15
        sign = 1 if code in (11, 13) else 0
        bad = 1 if code < 10 else 0
    for i in range(size // 4 - 1, first - 1, -1):
        nibble = (yl if i < 16 else yh) >> 4 * (i & 15) & 15
        bad |= 1 if nibble > 9 else 0
        at = X + (i - first) // 3
        place = (i - first) % 3
        w[at] += nibble * (1 if place == 0 else 10 if place == 1 else 100)
    if bad:
        invalid(w, size, VXCVI)
    else:
        deliver(w, X, size, FINITE, sign, 0)


# --- fields ---------------------------------------------------------------------------------------


def extracted(w: Work, size: int, yh: int, yl: int) -> None:
    """The biased exponent, or -1 of an infinity, -2 of a quiet and -3 of a signalling NaN."""
    kind, _, e = unpack(w, Y, size, yh, yl)
    w[LOW] = e + bias(size) if kind == FINITE else -kind


def inserted(w: Work, size: int, exponent: int, yh: int, yl: int) -> None:
    """y with another biased exponent, or made infinity or NaN by the numbers of `extracted`, or by
    any other number a quiet NaN. Those keep the trailing significand as it is.
    """
    _, sign, _ = unpack(w, Y, size, yh, yl)
    if 0 <= exponent <= largest_exponent(size) + bias(size):
        pack(w, Y, size, FINITE, sign, exponent - bias(size))
        return
    clear(w, X)
    kind = INFINITE if exponent == -1 else SIGNALLING if exponent == -3 else QUIET
    pack(w, X, size, kind, sign, 0)
    trailing = (1 << (min(size, 64) - 6 - exponent_bits(size))) - 1
    if size == 128:
        w[HIGH] |= yh & trailing
        w[LOW] = yl
    else:
        w[LOW] |= yl & trailing


def shifted(w: Work, size: int, right: int, n: int, xh: int, xl: int) -> None:
    """x with its digits moved; infinities and NaNs have one digit less."""
    kind, sign, e = unpack(w, X, size, xh, xl)
    if right:
        shift_right(w, X, n)
    else:
        shift_left(w, X, n)
    if kind != FINITE:
        w[X + declets(size)] = 0
    pack(w, X, size, kind, sign, e)
