"""The bits of the Floating-Point Status and Control Register, as masks. Ref: Book I 4.2.2."""

from __future__ import annotations

from typing import Any, Final


def _bit(number: int) -> int:
    return 1 << (63 - number)


class FPSCR:
    """Masks of the fields; the book's bit numbers are those of the 64-bit register."""

    DRN = 7 << (63 - 31)
    FX, FEX, VX, OX, UX, ZX, XX = (_bit(n) for n in range(32, 39))
    VXSNAN, VXISI, VXIDI, VXZDZ, VXIMZ, VXVC = (_bit(n) for n in range(39, 45))
    FR, FI = _bit(45), _bit(46)
    C, FL, FG, FE, FU = (_bit(n) for n in range(47, 52))
    VXSOFT, VXSQRT, VXCVI = _bit(53), _bit(54), _bit(55)
    VE, OE, UE, ZE, XE, NI = (_bit(n) for n in range(56, 62))
    RN = 3

    #: the class and condition code of a result
    FPRF = C | FL | FG | FE | FU
    FPCC = FL | FG | FE | FU
    #: the causes of an invalid operation exception, and all exceptions with their own bit
    INVALID = VXSNAN | VXISI | VXIDI | VXZDZ | VXIMZ | VXVC | VXSOFT | VXSQRT | VXCVI
    EXCEPTIONS = OX | UX | ZX | XX | INVALID
    ENABLES = VE | OE | UE | ZE | XE
    CONTROLS = ENABLES | NI | RN
    #: what mffs can read: bit 52 is reserved and reads as 0
    IMPLEMENTED = DRN | 0xFFFFFFFF & ~_bit(52)
    #: distance between an exception (VX OX UX ZX XX) and its enable bit
    ENABLE_SHIFT = 22


#: Not a bit of the register: set in the word an arithmetic op returns when an enabled exception
#: forbids the result.
NO_RESULT = _bit(0)
_NO_RESULT_SIGNED = -NO_RESULT

_FX, _FEX, _VX, _ZX, _VE, _ZE = FPSCR.FX, FPSCR.FEX, FPSCR.VX, FPSCR.ZX, FPSCR.VE, FPSCR.ZE
_FR, _FI, _FPRF, _INVALID, _ENABLES = FPSCR.FR, FPSCR.FI, FPSCR.FPRF, FPSCR.INVALID, FPSCR.ENABLES
_ENABLE_SHIFT = FPSCR.ENABLE_SHIFT


class Pending:
    """What fp_kind says of the pending record; 0 when nothing is pending.

    See ir/ops/floating_ordinary.py. Its low byte is the operation that FR and FI follow from (0:
    they stand in the FPSCR).
    """

    OPERATION = 0xFF
    #: FPRF is the class of the number in fp_class
    CLASS = 0x100
    #: FPCC is what stands from CODE_SHIFT on
    CODE, CODE_SHIFT, CODE_MASK = 0x200, 12, 0xF000

    #: nothing was rounded; fp_x was rounded to the integer fp_y; to the number fp_y
    EXACT, INTEGER, WHOLE = 1, 2, 3
    #: number -> op and attribute, with fp_x, fp_y and fp_z as operands
    OPERATIONS: Final[dict[int, tuple[str, Any]]] = dict(enumerate((
        ("f_add", 64), ("f_sub", 64), ("f_mul", 64), ("f_div", 64), ("f_sqrt", 64),
        ("f_fma", ("madd", 64)), ("f_fma", ("msub", 64)),
        ("f_add", 32), ("f_sub", 32), ("f_mul", 32), ("f_div", 32), ("f_sqrt", 32),
        ("f_fma", ("madd", 32)), ("f_fma", ("msub", 32)),
    ), 4))  # fmt: skip
    NUMBER: Final[dict[tuple[str, Any], int]] = {op: n for n, op in OPERATIONS.items()}
    OPERANDS: Final = {"f_add": 2, "f_sub": 2, "f_mul": 2, "f_div": 2, "f_sqrt": 1, "f_fma": 3}
    SINGLES: Final = frozenset(range(11, 18))


def with_summaries(fpscr: int) -> int:
    """VX and FEX made to say what the other bits say."""
    fpscr &= ~(_VX | _FEX)
    if fpscr & _INVALID:
        fpscr |= _VX
    if fpscr >> _ENABLE_SHIFT & fpscr & _ENABLES:
        fpscr |= _FEX
    return fpscr


def settle(fpscr: int, exceptions: int, fprf: int, fi: int, fr: int) -> int:
    """The FPSCR after an operation with these exceptions and rounding; `fprf` is -1 where that
    field stays. As a signed number: it is below 0, with NO_RESULT, when there is no result.

    Native code is made of this source too (see ir/decimal).
    """
    new = fpscr & ~(_FR | _FI) | exceptions
    if exceptions & ~fpscr:
        new |= _FX
    if (exceptions & _INVALID and fpscr & _VE) or (exceptions & _ZX and fpscr & _ZE):
        return with_summaries(new) | _NO_RESULT_SIGNED
    if fprf >= 0:
        new = new & ~_FPRF | fprf
    new |= (_FI if fi else 0) | (_FR if fr else 0)
    return with_summaries(new)
