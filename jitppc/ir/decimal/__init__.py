"""Decimal floating-point arithmetic on bits, exact, with one rounding at the end.

This is the only statement of it. The evaluator runs it as it stands; native code is the same
source, compiled by Numba (runtime/native/decimals.py). So it keeps to what Numba compiles to plain
machine code: functions, loops, integers of 64 bits, and one workspace of integers, a list here and
an array there. Nothing is allocated, nothing is raised, and no product or sum leaves 64 bits.
Ref: Book I 5.
"""

from .operations import OPERATIONS, WORKSPACE, operate

__all__ = ["OPERATIONS", "WORKSPACE", "operate"]
