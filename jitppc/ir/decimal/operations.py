"""One entry for all operations, and what they do to the FPSCR. Ref: Book I 5.2.2, 5.5.10."""

from __future__ import annotations

from jitppc.ir.fpscr import FPSCR, settle

from .adjustment import (
    converted,
    extracted,
    from_bcd,
    from_integer,
    inserted,
    integral,
    quantized,
    quantized_to,
    rerounded,
    shifted,
    to_bcd,
    to_integer,
)
from .arithmetic import (
    WORKSPACE,
    X,
    class_test,
    comparison,
    exponent_test,
    group_test,
    product,
    quotient,
    significance_test,
    total,
)
from .formats import EXCEPTIONS, FI, FPRF, FR, LOW, UNCHANGED
from .limbs import Work
from .rounding import immediate_mode

__all__ = ["OPERATIONS", "WORKSPACE", "operate"]

#: operations by name
OPERATIONS = {
    name: number
    for number, name in enumerate(
        "add sub mul div compare class_test group_test exponent_test significance_test quantize "
        "quantize_to reround integral convert from_integer to_integer to_bcd from_bcd extract "
        "insert shift_left shift_right".split()
    )
}
(ADD, SUB, MUL, DIV, COMPARE, CLASS_TEST, GROUP_TEST, EXPONENT_TEST, SIGNIFICANCE_TEST, QUANTIZE,
 QUANTIZE_TO, REROUND, INTEGRAL, CONVERT, FROM_INTEGER, TO_INTEGER, TO_BCD, FROM_BCD, EXTRACT,
 INSERT, SHIFT_LEFT, SHIFT_RIGHT) = range(22)

FPCC, ROUNDED = FPSCR.FPCC, FPSCR.FR | FPSCR.FI


def operate(w: Work, operation: int, size: int, xh: int, xl: int, yh: int, yl: int, control: int,
            fpscr: int) -> int:
    """The FPSCR after an operation; its result is in w[HIGH] and w[LOW].

    Args:
        w: WORKSPACE places; what is in them does not matter.
        operation: a number of OPERATIONS.
        size: of the format, 32, 64 or 128; x and y are (high, low), short ones in `low`. With one
            operand it is y, but of tests and shifts x.
        control: compare: 1 when a quiet NaN is invalid; tests: the mask or the reference;
            quantize: RMC; quantize_to: exponent << 2 | RMC; reround: digits << 2 | RMC;
            integral: tells << 3 | R << 2 | RMC; convert: the size of y; to_integer: its bits;
            to_bcd: SP; from_bcd: S; insert: the biased exponent; shifts: the distance.
        fpscr: before.

    Everything is a signed 64-bit number. Bit 0 of the FPSCR returned, the sign, says that an
    enabled exception forbids the result.
    """
    for place in range(X):
        w[place] = 0
    if operation <= DIV:
        if operation == MUL:
            product(w, size, xh, xl, yh, yl, fpscr)
        elif operation == DIV:
            quotient(w, size, xh, xl, yh, yl, fpscr)
        else:
            total(w, size, operation, xh, xl, yh, yl, fpscr)
    elif operation <= SIGNIFICANCE_TEST:
        return _condition(w, operation, size, xh, xl, yh, yl, control, fpscr)
    elif operation <= INTEGRAL:
        _adjust(w, operation, size, xh, xl, yh, yl, control, fpscr)
    elif operation == CONVERT:
        converted(w, size, control, yh, yl, fpscr)
    elif operation == FROM_INTEGER:
        from_integer(w, size, yh, yl, fpscr)
    elif operation == TO_INTEGER:
        to_integer(w, size, control, yh, yl, fpscr)
    elif operation == FROM_BCD:
        from_bcd(w, size, control, yh, yl)
    else:
        _rearrange(w, operation, size, xh, xl, yh, yl, control)
        return fpscr
    return settle(fpscr, w[EXCEPTIONS], w[FPRF], w[FI], w[FR])


def _condition(w: Work, operation: int, size: int, xh: int, xl: int, yh: int, yl: int,
               control: int, fpscr: int) -> int:
    """Comparisons and tests: they say it in FPCC too, and leave FR and FI alone."""
    if operation == COMPARE:
        comparison(w, size, control, xh, xl, yh, yl, fpscr)
    elif operation == CLASS_TEST:
        class_test(w, size, xh, xl, control)
    elif operation == GROUP_TEST:
        group_test(w, size, xh, xl, control)
    elif operation == EXPONENT_TEST:
        exponent_test(w, size, xh, xl, yh, yl)
    else:
        significance_test(w, size, control, yh, yl)
    told = fpscr & ~FPCC | w[LOW] << 12
    return settle(told, w[EXCEPTIONS], UNCHANGED, 0, 0) | fpscr & ROUNDED


def _adjust(w: Work, operation: int, size: int, xh: int, xl: int, yh: int, yl: int,
            control: int, fpscr: int) -> None:
    """Quantum adjustment. The last two bits of the control operand are RMC."""
    rmc, rest = control & 3, control >> 2
    if operation == INTEGRAL:
        mode = immediate_mode(rest & 1, rmc, fpscr)
        integral(w, size, rest >> 1, yh, yl, mode)
        return
    mode = immediate_mode(0, rmc, fpscr)
    if operation == QUANTIZE:
        quantized(w, size, xh, xl, yh, yl, mode)
    elif operation == QUANTIZE_TO:
        quantized_to(w, size, rest, yh, yl, mode)
    else:
        rerounded(w, size, rest, yh, yl, mode)


def _rearrange(w: Work, operation: int, size: int, xh: int, xl: int, yh: int, yl: int,
               control: int) -> None:
    """What neither rounds nor has exceptions."""
    if operation == TO_BCD:
        to_bcd(w, size, control, yh, yl)
    elif operation == EXTRACT:
        extracted(w, size, yh, yl)
    elif operation == INSERT:
        inserted(w, size, control, yh, yl)
    else:
        shifted(w, size, operation - SHIFT_LEFT, control, xh, xl)
