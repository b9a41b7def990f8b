"""What an operation's result does to the FPSCR. Ref: Book I 4.4, 7.4."""

from __future__ import annotations

from jitppc.ir.fpscr import FPSCR, settle
from jitppc.ir.ieee import Format, Result
from jitppc.ir.types import I64


def settled(fpscr: int, r: Result) -> int:
    """The FPSCR after an operation with this result, with NO_RESULT."""
    return settle(fpscr, r.exceptions, -1 if r.fprf is None else r.fprf, r.fi, r.fr) & I64.mask


def unrounded(fpscr: int, exceptions: int) -> int:
    """The FPSCR after an operation that has no FR, FI and FPRF, with NO_RESULT."""
    return settled(fpscr, Result(0, None, exceptions)) | fpscr & (FPSCR.FR | FPSCR.FI)


def signalling(fmt: Format, operands: tuple[int, ...]) -> int:
    """VXSNAN if any operand is a signalling NaN."""
    return FPSCR.VXSNAN if any(fmt.is_signalling(x) for x in operands) else 0


def limits(is_signed: bool, bits: int) -> tuple[int, int]:
    """The least and the greatest integer of a type."""
    return (-1 << (bits - 1), (1 << (bits - 1)) - 1) if is_signed else (0, (1 << bits) - 1)
