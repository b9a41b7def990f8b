"""The bits of the Floating-Point Status and Control Register, as masks. Ref: Book I 4.2.2."""

from __future__ import annotations


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


def with_summaries(fpscr: int) -> int:
    """VX and FEX made to say what the other bits say."""
    fpscr &= ~(FPSCR.VX | FPSCR.FEX)
    if fpscr & FPSCR.INVALID:
        fpscr |= FPSCR.VX
    if fpscr >> FPSCR.ENABLE_SHIFT & fpscr & FPSCR.ENABLES:
        fpscr |= FPSCR.FEX
    return fpscr
