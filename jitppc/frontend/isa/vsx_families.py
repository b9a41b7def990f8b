"""Rows of VSX arithmetic made from tables: members of a family differ in opcode and precision alone.

Scalars are doubleword 0; vectors are handled element by element with the same f_ops, singles as doubles rounded to
single. A vector result is written only if no element has an enabled exception. Ref: Book I 7.4, 7.6.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.fpscr import FPSCR

from .fp_registers import deliver, deliver_pair, flag, scalar, set_fpscr, summarized
from .vsx_lanes import of_words, words

REF = "Book I 7.6.3"
XX3 = "111100 T A B {:08b} AX BX TX"
XX2 = "111100 T ///// B {:09b} BX TX"
#: an operation: (builder, precision, *operands, FPSCR) -> pack(FPSCR, double)
Operation = Callable[..., Value]
#: mnemonic, XO as the book prints it, precision
Members = Iterable[tuple[str, int, int]]
Body = Callable[[Builder, Fields], None]


def row(form: str, picture: str, asm: str, since: str, name: str, says: str, body: Body) -> None:
    """Register one row of a table."""
    body.__doc__ = says
    insn(form, picture, asm, since=since, ref=REF, name=name)(body)


# --- elements ---------------------------------------------------------------------------------------------

def elements(b: Builder, precision: int, value: Value) -> list[Value]:
    """The elements as doubles."""
    if precision == 64:
        return [b.hi(value), b.lo(value)]
    return [b.double_of_single(b.trunc(word, 32)) for word in words(b, value)]


def as_word(b: Builder, number: Value) -> Value:
    """A double that is a single, as the single, zero-extended to a doubleword."""
    return b.zext(b.single_of_double(number))


def joined(b: Builder, precision: int, results: list[Value]) -> Value:
    """The inverse of `elements`."""
    if precision == 64:
        return b.pack(*results)
    return of_words(b, [as_word(b, result) for result in results])


def controls_of(b: Builder) -> Value:
    """The FPSCR without its status: what an element's operation starts from, so that its own exceptions stand out.
    FEX stays, and FX is set, so that the first inexact element is nothing special.
    """
    return b.or_(b.and_(b.get("fpscr"), FPSCR.CONTROLS | FPSCR.FEX), FPSCR.FX)


def union(b: Builder, results: list[Value]) -> Value:
    """The exceptions of all elements, from what their operations returned."""
    status = b.hi(results[0])
    for result in results[1:]:
        status = b.or_(status, b.hi(result))
    return b.and_(status, FPSCR.EXCEPTIONS)


def deliver_vector(b: Builder, i: Fields, exceptions: Value, result: Value) -> None:
    """Write XT, unless an exception is enabled, and the FPSCR; FR, FI and FPRF stay."""
    old = b.get("fpscr")
    causes = b.or_(exceptions, flag(b, b.ne(b.and_(exceptions, FPSCR.INVALID), 0), FPSCR.VX))
    enabled = b.and_(b.and_(b.lshr(causes, FPSCR.ENABLE_SHIFT), old), FPSCR.ENABLES)
    b.set("vsr", i.XT, b.select(b.eq(enabled, 0), result, b.get("vsr", i.XT)))
    fresh = b.ne(b.and_(exceptions, b.not_(old)), 0)
    set_fpscr(b, summarized(b, b.or_(b.or_(old, exceptions), flag(b, fresh, FPSCR.FX))))


def each(b: Builder, i: Fields, precision: int, operation: Callable[..., Value], *vectors: Value) -> None:
    """XT's elements <- operation(*elements, controls)."""
    controls = controls_of(b)
    columns = zip(*(elements(b, precision, v) for v in vectors), strict=True)
    results = [operation(*column, controls) for column in columns]
    deliver_vector(b, i, union(b, results), joined(b, precision, [b.lo(r) for r in results]))


# --- families -----------------------------------------------------------------------------------------------

def scalar_binary(says: str, members: Members, operation: Operation, since: str = "2.06") -> None:
    """XT <- operation(XA, XB)."""
    for name, xo, precision in members:
        def body(b: Builder, i: Fields, precision: int = precision) -> None:
            b.require("VSX")
            packed = operation(b, precision, scalar(b, i.XA), scalar(b, i.XB), b.get("fpscr"))
            deliver(b, i.XT, packed)
        row("XX3", XX3.format(xo), "XT,XA,XB", "2.07" if precision == 32 else since, name, says, body)


def scalar_unary(says: str, members: Members, operation: Operation, since: str = "2.06") -> None:
    """XT <- operation(XB)."""
    for name, xo, precision in members:
        def body(b: Builder, i: Fields, precision: int = precision) -> None:
            b.require("VSX")
            deliver(b, i.XT, operation(b, precision, scalar(b, i.XB), b.get("fpscr")))
        row("XX2", XX2.format(xo), "XT,XB", "2.07" if precision == 32 else since, name, says, body)


def vector_binary(says: str, members: Members, operation: Operation) -> None:
    """XT <- operation(XA, XB), element by element."""
    for name, xo, precision in members:
        def body(b: Builder, i: Fields, precision: int = precision) -> None:
            b.require("VSX")
            each(b, i, precision, lambda x, y, fpscr: operation(b, precision, x, y, fpscr),
                 b.get("vsr", i.XA), b.get("vsr", i.XB))
        row("XX3", XX3.format(xo), "XT,XA,XB", "2.06", name, says, body)


def vector_unary(says: str, members: Members, operation: Operation) -> None:
    """XT <- operation(XB), element by element."""
    for name, xo, precision in members:
        def body(b: Builder, i: Fields, precision: int = precision) -> None:
            b.require("VSX")
            each(b, i, precision, lambda x, fpscr: operation(b, precision, x, fpscr), b.get("vsr", i.XB))
        row("XX2", XX2.format(xo), "XT,XB", "2.06", name, says, body)


def whole_vectors(says: str, members: Members, kind: str) -> None:
    """XT <- XA and XB, combined element by element by one pair of ops."""
    for name, xo, precision in members:
        def body(b: Builder, i: Fields, precision: int = precision) -> None:
            b.require("VSX")
            operands = b.get("vsr", i.XA), b.get("vsr", i.XB)
            deliver_pair(b, "vsr", i.XT, "fv_binary", (kind, precision), *operands)
        row("XX3", XX3.format(xo), "XT,XA,XB", "2.06", name, says, body)


def whole_vector_roots(says: str, members: Members) -> None:
    """XT <- the square roots of XB's elements."""
    for name, xo, precision in members:
        def body(b: Builder, i: Fields, precision: int = precision) -> None:
            b.require("VSX")
            deliver_pair(b, "vsr", i.XT, "fv_sqrt", precision, b.get("vsr", i.XB))
        row("XX2", XX2.format(xo), "XT,XB", "2.06", name, says, body)


#: what the letters of a multiply-add stand for
KINDS = {"madd": "XA × XB + XT", "msub": "XA × XB - XT", "nmadd": "-(XA × XB + XT)", "nmsub": "-(XA × XB - XT)"}


def fused(b: Builder, i: Fields, form: str, file: str) -> tuple[Value, Value, Value]:
    """Multiplicand, multiplier and addend: the a form adds XT, the m form multiplies by it."""
    xa, xb, xt = b.get(file, i.XA), b.get(file, i.XB), b.get(file, i.XT)
    return (xa, xb, xt) if form == "a" else (xa, xt, xb)


def fused_rows(stem: str, format_: str, first_xo: int, precision: int) -> None:
    """The eight multiply-adds of a stem (xs or xv) and format (dp or sp); opcodes follow one pattern."""
    steps = {"madd": 0, "msub": 16, "nmadd": 128, "nmsub": 144}
    for kind, step in steps.items():
        for form in "am":
            def body(b: Builder, i: Fields, kind: str = kind, form: str = form) -> None:
                b.require("VSX")
                if stem == "xs":
                    operands = fused(b, i, form, "vsr_high")
                    deliver(b, i.XT, b.f_fma((kind, precision), *operands, b.get("fpscr")))
                else:
                    deliver_pair(b, "vsr", i.XT, "fv_fma", (kind, precision), *fused(b, i, form, "vsr"))
            says = f"XT <- {KINDS[kind]}, rounded once" + ("" if form == "a" else "; XT and XB change places") + "."
            row("XX3", XX3.format(first_xo + step + (8 if form == "m" else 0)), "XT,XA,XB",
                "2.07" if stem == "xs" and precision == 32 else "2.06", f"{stem}{kind}{form}{format_}", says, body)
