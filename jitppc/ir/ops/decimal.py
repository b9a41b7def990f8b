"""Decimal floating-point operations. Each is two ops, as those of quads: `dfp` gives the result and `dfp_status` the
FPSCR, with NO_RESULT. What neither rounds nor has exceptions is `dfp_move`; `dfp_test` and `dfp_test_status` are tests,
which have no exceptions but say their result in FPCC too. All four are jitppc/ir/decimal.

The attribute is (operation, size of the format). Operands are x, y, the control operand, and the FPSCR; numbers are in
an i128, shorter ones at its right. Condition codes are in the low bits. Ref: Book I 5.6.
"""

from __future__ import annotations

import functools

from jitppc.ir.decimal import OPERATIONS, WORKSPACE, operate
from jitppc.ir.types import I64, I128, Type, signed

from .row import Effect, Op

Attr = tuple[str, int]


@functools.lru_cache(maxsize=8)
def outcome(attr: Attr, x: int, y: int, control: int, fpscr: int) -> tuple[int, int]:
    """Result and FPSCR. The two ops of an operation ask one after the other."""
    name, size = attr
    xh, xl, yh, yl = (signed(value >> shift, 64) for value in (x, y) for shift in (64, 0))
    work = [0] * WORKSPACE
    status = operate(work, OPERATIONS[name], size, xh, xl, yh, yl, signed(control, 64), fpscr)
    high, low = work[:2]
    return (high & I64.mask) << 64 | low & I64.mask, status & I64.mask


def _result(_t: Type, attr: Attr, *operands: int) -> int:
    return outcome(attr, *operands)[0]


def _status(_t: Type, attr: Attr, *operands: int) -> int:
    return outcome(attr, *operands)[1]


_OPERANDS = (I128, I128, I64, I64)
_MAY = Effect.MAY_INTERRUPT

ROWS = (
    Op("dfp", _OPERANDS, I128, "The result of a decimal operation.", _result, _MAY, attr="kind"),
    Op("dfp_status", _OPERANDS, I64, "The FPSCR after it.", _status, _MAY, attr="kind"),
    Op("dfp_test", _OPERANDS, I128, "The condition code of a decimal test.", _result, attr="kind"),
    Op("dfp_test_status", _OPERANDS, I64, "The FPSCR after it.", _status, attr="kind"),
    Op("dfp_move", _OPERANDS, I128, "A decimal number rearranged; the FPSCR stays.", _result, attr="kind"),
)
