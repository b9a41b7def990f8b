"""Fixed-point loads. Ref: Book I 3.3.2, 3.3.4 (lq), 3.3.5 (byte reversed).

Forms with update that the book calls invalid (RA=0, RA=RT) are carried out as they stand: (R0) is the base and
is updated, and what was loaded wins over the address. In 32-bit mode the access is to the truncated address,
but RA receives the whole sum.
"""

from __future__ import annotations

from collections.abc import Callable

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

REF = "Book I 3.3.2"
REF_64 = "Book I 3.3.2.1"
REF_REVERSED = "Book I 3.3.5"

#: by form: how the address is printed, its second addend in RTL, and that addend
FORMS: dict[str, tuple[str, str, Callable[[Builder, Fields], Value]]] = {
    "D": ("D(RA)", "EXTS(D)", lambda b, i: i.D),
    "DS": ("DS(RA)", "EXTS(DS || 0b00)", lambda b, i: i.DS),
    "X": ("RA,RB", "(RB)", lambda b, i: b.gpr(i.RB)),
}


def address(b: Builder, i: Fields, form: str) -> Value:
    """EA <- (RA|0) + the form's addend."""
    return b.ea(b.gpr_or_zero(i.RA), FORMS[form][2](b, i))


def total(b: Builder, i: Fields, form: str) -> Value:
    """(RA) + the form's addend, for forms with update: 64 bits also in 32-bit mode."""
    return b.add(b.gpr(i.RA), FORMS[form][2](b, i))


def is_valid_update(word: int) -> bool:
    """RA is neither 0 nor RT."""
    return word >> 16 & 31 not in (0, word >> 21 & 31)


def load(name: str, form: str, picture: str, bits: int, *, algebraic: bool = False,
         reverse: bool = False, update: bool = False, ref: str = REF, since: str = "PPC") -> None:
    """A row that loads `bits` into RT, extended with zeros (or, algebraic, with the sign)."""
    def loaded(b: Builder, ea: Value) -> Value:
        value = b.load(bits, ea, reverse)
        return b.sext(value) if algebraic else b.zext(value)

    def plain(b: Builder, i: Fields) -> None:
        b.set_gpr(i.RT, loaded(b, address(b, i, form)))

    def updating(b: Builder, i: Fields) -> None:
        whole = total(b, i, form)
        value = loaded(b, b.ea(whole))
        b.set_gpr(i.RA, whole)
        b.set_gpr(i.RT, value)

    asm, addend, _ = FORMS[form]
    body = updating if update else plain
    body.__doc__ = (f"RT <- {'EXTS' if algebraic else ''}(MEM(EA, {bits // 8}){' reversed' * reverse}), "
                    f"{'RA <- EA = (RA)' if update else 'EA = (RA|0)'} + {addend}.")
    insn(form, picture, "RT," + asm, since=since, ref=ref, name=name,
         accept=is_valid_update if update else None)(body)


load("lbz", "D", "100010 RT RA D", 8)
load("lbzu", "D", "100011 RT RA D", 8, update=True)
load("lbzx", "X", "011111 RT RA RB 0001010111 /", 8)
load("lbzux", "X", "011111 RT RA RB 0001110111 /", 8, update=True)
load("lhz", "D", "101000 RT RA D", 16)
load("lhzu", "D", "101001 RT RA D", 16, update=True)
load("lhzx", "X", "011111 RT RA RB 0100010111 /", 16)
load("lhzux", "X", "011111 RT RA RB 0100110111 /", 16, update=True)
load("lha", "D", "101010 RT RA D", 16, algebraic=True)
load("lhau", "D", "101011 RT RA D", 16, algebraic=True, update=True)
load("lhax", "X", "011111 RT RA RB 0101010111 /", 16, algebraic=True)
load("lhaux", "X", "011111 RT RA RB 0101110111 /", 16, algebraic=True, update=True)
load("lwz", "D", "100000 RT RA D", 32)
load("lwzu", "D", "100001 RT RA D", 32, update=True)
load("lwzx", "X", "011111 RT RA RB 0000010111 /", 32)
load("lwzux", "X", "011111 RT RA RB 0000110111 /", 32, update=True)
load("lwa", "DS", "111010 RT RA DS 10", 32, algebraic=True, ref=REF_64)
load("lwax", "X", "011111 RT RA RB 0101010101 /", 32, algebraic=True, ref=REF_64)
load("lwaux", "X", "011111 RT RA RB 0101110101 /", 32, algebraic=True, update=True, ref=REF_64)
load("ld", "DS", "111010 RT RA DS 00", 64, ref=REF_64)
load("ldu", "DS", "111010 RT RA DS 01", 64, update=True, ref=REF_64)
load("ldx", "X", "011111 RT RA RB 0000010101 /", 64, ref=REF_64)
load("ldux", "X", "011111 RT RA RB 0000110101 /", 64, update=True, ref=REF_64)
load("lhbrx", "X", "011111 RT RA RB 1100010110 /", 16, reverse=True, ref=REF_REVERSED)
load("lwbrx", "X", "011111 RT RA RB 1000010110 /", 32, reverse=True, ref=REF_REVERSED)
load("ldbrx", "X", "011111 RT RA RB 1000010100 /", 64, reverse=True, ref=REF_REVERSED,
     since="2.06")


def load_quad(b: Builder, i: Fields) -> None:
    """RTp || RTp+1 <- MEM(EA, 16)."""
    b.invalid_form_if(b.ne(b.and_(i.RTp, 1), 0))
    ea = b.ea(b.gpr_or_zero(i.RA), i.DQ)
    value = b.load(128, ea)
    b.set_gpr(i.RTp, b.hi(value))
    b.set_gpr(b.or_(i.RTp, 1), b.lo(value))


def is_valid_quad(word: int) -> bool:
    """RTp is even and not RA."""
    return not word >> 21 & 1 and word >> 21 & 31 != word >> 16 & 31


@insn("DQ", "111000 RTp RA DQ ////", "RTp,DQ(RA)", since="2.07", ref="Book I 3.3.4", accept=is_valid_quad)
def lq(b: Builder, i: Fields) -> None:
    """RTp || RTp+1 <- MEM(EA, 16), EA = (RA|0) + EXTS(DQ || 0b0000).

    Either byte order gives RTp the more significant doubleword. Any alignment will do.
    """
    load_quad(b, i)


@insn("DQ", "111000 RTp RA DQ ////", "RTp,DQ(RA)", since="2.03", until="2.06", ref="Book III 4.4.1 of ISA 2.06",
      name="lq", key="lq.2.06", accept=is_valid_quad)
def lq_(b: Builder, i: Fields) -> None:
    """The same, privileged."""
    b.privileged()
    load_quad(b, i)
