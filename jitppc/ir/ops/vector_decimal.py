"""Ops on decimal digits, a nibble each."""

from __future__ import annotations

from jitppc.ir.types import I128

from .row import Op

ROWS = (
    Op("decimal_digits", (I128,), I128, "The low 31 decimal digits of an unsigned number.",
       lambda t, a, x: int(str(x % 10 ** 31), 16)),
)
