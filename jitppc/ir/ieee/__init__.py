"""IEEE 754 binary arithmetic on bits, exact and slow: Python integers, one rounding at the end.

Power's rules for NaNs and exceptions; tininess is detected before rounding. The judge of everything
the back end does with floating point. Every function returns a `Result`, whose exceptions are FPSCR
bits. Ref: Book I 4.3, 4.4.
"""

from .arithmetic import add, divide, multiply, multiply_add, square_root
from .convert import (
    compare,
    from_integer,
    is_tiny,
    narrowed,
    order,
    rounded_to,
    stored_single,
    to_integer,
    to_integral,
    widened,
)
from .formats import BFLOAT, DOUBLE, HALF, QUAD, SINGLE, Format, Result, exactly, result_class
from .rounding import (
    DOWN,
    NEAR_AWAY,
    NEAREST,
    TO_ODD,
    TO_ZERO,
    UP,
    Rounding,
    encoded,
    invalid,
    nan_result,
    rounded,
)

__all__ = [
    "BFLOAT",
    "DOUBLE",
    "DOWN",
    "HALF",
    "NEAREST",
    "NEAR_AWAY",
    "QUAD",
    "SINGLE",
    "TO_ODD",
    "TO_ZERO",
    "UP",
    "Format",
    "Result",
    "Rounding",
    "add",
    "compare",
    "divide",
    "encoded",
    "exactly",
    "from_integer",
    "invalid",
    "is_tiny",
    "multiply",
    "multiply_add",
    "nan_result",
    "narrowed",
    "order",
    "result_class",
    "rounded",
    "rounded_to",
    "square_root",
    "stored_single",
    "to_integer",
    "to_integral",
    "widened",
]
