"""How bodies reach decimal operands: a long number is an FPR, a quad an even-odd pair of them.

Every instruction exists for both sizes, under opcode 59 and, with a q behind its name, under 63; so the rows are made
by functions of the size. What the numbers are is jitppc/ir/decimal. Ref: Book I 5.2.1.
"""

from __future__ import annotations

from collections.abc import Callable

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder, Operand
from jitppc.ir.fpscr import NO_RESULT

from .fp_registers import record_cr1, set_fpscr

LONG, QUAD = 64, 128
SIZES = (LONG, QUAD)
OPCODE = {LONG: "111011", QUAD: "111111"}
_SHIFT = {"FRTp": 21, "FRAp": 16, "FRBp": 11}

Body = Callable[[Builder, Fields], None]


def sized(size: int, text: str) -> str:
    """A picture or operands for a size: FRT*, FRA* and FRB* name pairs where numbers are quads."""
    return text.replace("*", "p" if size == QUAD else "")


def row(size: int, form: str, name: str, picture: str, asm: str, says: str, body: Body, ref: str,
        since: str = "2.05") -> None:
    """Register a row. An odd register is no pair: an invalid form, which POWER9 refuses."""
    picture, asm = sized(size, picture), sized(size, asm)
    pairs = [field for field in _SHIFT if field in picture.split()]

    def guarded(b: Builder, i: Fields) -> None:
        odd = b.const(0)
        for pair in pairs:
            odd = b.or_(odd, getattr(i, pair))
        b.invalid_form_if(b.ne(b.and_(odd, 1), 0))
        b.require("FP")
        body(b, i)

    def accept(word: int) -> bool:
        return not any(word >> _SHIFT[pair] & 1 for pair in pairs)

    guarded.__doc__, guarded.__module__ = sized(size, says), body.__module__
    insn(form, f"{OPCODE[size]} {picture}", asm, since=since, ref=ref, name=name, accept=accept if pairs else None)(
        guarded)


def both(form: str, name: str, picture: str, asm: str, says: str, body: Callable[[int], Body], ref: str,
         since: str = "2.05") -> None:
    """The rows of an instruction for both sizes."""
    for size in SIZES:
        row(size, form, name + "q" * (size == QUAD), picture, asm, says, body(size), ref, since)


def fpr(b: Builder, i: Fields, field: str) -> Value:
    """The FPR that a field names, as an i128."""
    return b.zext128(b.get("fpr", getattr(i, field)))


def number(b: Builder, i: Fields, size: int, field: str) -> Value:
    """The number of this size that a field names (FRA, FRB), as an i128."""
    if size == LONG:
        return fpr(b, i, field)
    index = getattr(i, field + "p")
    return b.pack(b.get("fpr", index), b.get("fpr", b.or_(index, 1)))


def put(b: Builder, index: Operand, bits: Value, forbidden: Value | None = None) -> None:
    """Write an FPR, unless `forbidden`. The other doubleword of the VSR becomes 0."""
    result = b.pack(bits, 0)
    b.set("vsr", index, result if forbidden is None else b.select(forbidden, b.get("vsr", index), result))


def put_number(b: Builder, i: Fields, size: int, bits: Value, forbidden: Value | None = None) -> None:
    """Write the number of this size that FRT names, unless `forbidden`."""
    if size == LONG:
        put(b, i.FRT, b.lo(bits), forbidden)
    else:
        put(b, i.FRTp, b.hi(bits), forbidden)
        put(b, b.or_(i.FRTp, 1), b.lo(bits), forbidden)


def finish(b: Builder, i: Fields, status: Value) -> None:
    """Write CR1, where Rc says so, and the FPSCR."""
    fpscr = b.and_(status, ~NO_RESULT)
    if i.Rc:
        record_cr1(b, fpscr)
    set_fpscr(b, fpscr)


def compute(b: Builder, operation: str, size: int, x: Operand, y: Operand, control: Operand) -> tuple[Value, Value]:
    """Result and FPSCR of an operation on numbers of a size."""
    attr, operands = (operation, size), (x, y, control, b.get("fpscr"))
    return b.dfp(attr, *operands), b.dfp_status(attr, *operands)


def deliver(b: Builder, i: Fields, operation: str, size: int, x: Operand, y: Operand, control: Operand = 0,
            target: int | None = None) -> None:
    """FRT (of size `target`, if that is another), CR1 and the FPSCR <- what an operation computes; FRT stays where an
    enabled exception forbids it.
    """
    result, status = compute(b, operation, size, x, y, control)
    put_number(b, i, size if target is None else target, result, b.slt(status, 0))
    finish(b, i, status)


def deliver_move(b: Builder, i: Fields, operation: str, size: int, x: Operand, y: Operand, control: Operand = 0,
                 target: int | None = None) -> None:
    """FRT <- a number rearranged; CR1 <- what the FPSCR has."""
    result = b.dfp_move((operation, size), x, y, control, b.get("fpscr"))
    put_number(b, i, size if target is None else target, result)
    if i.Rc:
        record_cr1(b, b.get("fpscr"))


def deliver_test(b: Builder, i: Fields, operation: str, size: int, x: Operand, y: Operand, control: Operand) -> None:
    """CR field BF and FPCC <- what a test finds out."""
    attr, operands = (operation, size), (x, y, control, b.get("fpscr"))
    b.set_crf(i.BF, b.trunc(b.lo(b.dfp_test(attr, *operands)), 8))
    b.set("fpscr", b.dfp_test_status(attr, *operands))
