"""Fixed-point stores. Ref: Book I 3.3.3, 3.3.4 (stq), 3.3.5 (byte reversed).

A form with update and RA=0, which the book calls invalid, stores at (R0) + the offset and updates R0.
"""

from __future__ import annotations

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.builder import Builder

from .fixed_load import FORMS, REF_REVERSED, address, total

REF = "Book I 3.3.3"
REF_64 = "Book I 3.3.3.1"


def has_base(word: int) -> bool:
    """RA is not 0."""
    return word >> 16 & 31 != 0


def store(name: str, form: str, picture: str, bits: int, *, reverse: bool = False,
          update: bool = False, ref: str = REF, since: str = "PPC") -> None:
    """A row that stores the low `bits` of (RS)."""
    def plain(b: Builder, i: Fields) -> None:
        b.store(bits, address(b, i, form), b.gpr(i.RS), reverse)

    def updating(b: Builder, i: Fields) -> None:
        whole = total(b, i, form)
        b.store(bits, b.ea(whole), b.gpr(i.RS), reverse)
        b.set_gpr(i.RA, whole)

    asm, addend, _ = FORMS[form]
    body = updating if update else plain
    body.__doc__ = (f"MEM(EA, {bits // 8}) <- (RS){f'[{64 - bits}:63]' if bits < 64 else ''}"
                    f"{' reversed' * reverse}, "
                    f"{'RA <- EA = (RA)' if update else 'EA = (RA|0)'} + {addend}.")
    insn(form, picture, "RS," + asm, since=since, ref=ref, name=name,
         accept=has_base if update else None)(body)


store("stb", "D", "100110 RS RA D", 8)
store("stbu", "D", "100111 RS RA D", 8, update=True)
store("stbx", "X", "011111 RS RA RB 0011010111 /", 8)
store("stbux", "X", "011111 RS RA RB 0011110111 /", 8, update=True)
store("sth", "D", "101100 RS RA D", 16)
store("sthu", "D", "101101 RS RA D", 16, update=True)
store("sthx", "X", "011111 RS RA RB 0110010111 /", 16)
store("sthux", "X", "011111 RS RA RB 0110110111 /", 16, update=True)
store("stw", "D", "100100 RS RA D", 32)
store("stwu", "D", "100101 RS RA D", 32, update=True)
store("stwx", "X", "011111 RS RA RB 0010010111 /", 32)
store("stwux", "X", "011111 RS RA RB 0010110111 /", 32, update=True)
store("std", "DS", "111110 RS RA DS 00", 64, ref=REF_64)
store("stdu", "DS", "111110 RS RA DS 01", 64, update=True, ref=REF_64)
store("stdx", "X", "011111 RS RA RB 0010010101 /", 64, ref=REF_64)
store("stdux", "X", "011111 RS RA RB 0010110101 /", 64, update=True, ref=REF_64)
store("sthbrx", "X", "011111 RS RA RB 1110010110 /", 16, reverse=True, ref=REF_REVERSED)
store("stwbrx", "X", "011111 RS RA RB 1010010110 /", 32, reverse=True, ref=REF_REVERSED)
store("stdbrx", "X", "011111 RS RA RB 1010010100 /", 64, reverse=True, ref=REF_REVERSED,
      since="2.06")


def store_quad(b: Builder, i: Fields) -> None:
    """MEM(EA, 16) <- RSp || RSp+1."""
    b.invalid_form_if(b.ne(b.and_(i.RSp, 1), 0))
    ea = b.ea(b.gpr_or_zero(i.RA), i.DS)
    b.store(128, ea, b.pack(b.gpr(i.RSp), b.gpr(b.or_(i.RSp, 1))))


@insn("DS", "111110 RSp RA DS 10", "RSp,DS(RA)", since="2.07", ref="Book I 3.3.4",
      accept=lambda word: not word >> 21 & 1)
def stq(b: Builder, i: Fields) -> None:
    """MEM(EA, 16) <- RSp || RSp+1, EA = (RA|0) + EXTS(DS || 0b00); any alignment."""
    store_quad(b, i)


@insn("DS", "111110 RSp RA DS 10", "RSp,DS(RA)", since="2.03", until="2.06", ref="Book III 4.4.1 of ISA 2.06",
      name="stq", key="stq.2.06", accept=lambda word: not word >> 21 & 1)
def stq_(b: Builder, i: Fields) -> None:
    """The same, privileged."""
    b.privileged()
    store_quad(b, i)
