"""What an operation's result does to the FPSCR. Ref: Book I 4.4, 7.4."""

from __future__ import annotations

from jitppc.ir.fpscr import FPSCR, NO_RESULT, with_summaries
from jitppc.ir.ieee import Format, Result


def settled(fpscr: int, r: Result) -> int:
    """The FPSCR after an operation with this result, with NO_RESULT."""
    forbidden = bool((r.exceptions & FPSCR.INVALID and fpscr & FPSCR.VE)
                     or (r.exceptions & FPSCR.ZX and fpscr & FPSCR.ZE))
    new = (fpscr & ~(FPSCR.FR | FPSCR.FI)) | r.exceptions
    if r.exceptions & ~fpscr:
        new |= FPSCR.FX
    if forbidden:
        return with_summaries(new) | NO_RESULT
    if r.fprf is not None:
        new = new & ~FPSCR.FPRF | r.fprf
    new |= (FPSCR.FI if r.fi else 0) | (FPSCR.FR if r.fr else 0)
    return with_summaries(new)


def unrounded(fpscr: int, exceptions: int) -> int:
    """The FPSCR after an operation that has no FR, FI and FPRF, with NO_RESULT."""
    return settled(fpscr, Result(0, None, exceptions)) | fpscr & (FPSCR.FR | FPSCR.FI)


def signalling(fmt: Format, operands: tuple[int, ...]) -> int:
    """VXSNAN if any operand is a signalling NaN."""
    return FPSCR.VXSNAN if any(fmt.is_signalling(x) for x in operands) else 0


def limits(is_signed: bool, bits: int) -> tuple[int, int]:
    """The least and the greatest integer of a type."""
    return (-1 << (bits - 1), (1 << (bits - 1)) - 1) if is_signed else (0, (1 << bits) - 1)
