"""Matrix-multiply assist: outer products of floating-point numbers. Ref: Book I 7.6.3.

The letters behind a name: p or n for the sign of the product, p or n for that of the accumulator it joins. FR, FI and
FPRF stay; if any element has an enabled exception, the accumulator stays too.
"""

from __future__ import annotations

from collections.abc import Callable

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder
from jitppc.ir.fpscr import NO_RESULT
from jitppc.ir.types import I1, I128

from .fp_registers import set_fpscr
from .mma import PREFIX, REF, SUFFIX, columns, is_on, is_valid, products, row_of
from .prefix import prefixed

Computed = tuple[Value, Value]
#: (builder, kind, x of the row in every element, y, addend, FPSCR) -> vector, FPSCR
Element = Callable[[Builder, str, Value, Value, Value, Value], Computed]


#: the multiply-add that a kind is
FUSED = {"pp": "madd", "pn": "msub", "np": "nmsub", "nn": "nmadd"}


def whole(precision: int) -> Element:
    """Products of whole elements, and their sums with the accumulator's, rounded once."""
    def element(b: Builder, kind: str, x: Value, y: Value, z: Value, fpscr: Value) -> Computed:
        if not kind:
            operands: tuple[Value, ...] = (x, y, fpscr)
            attr, name = ("mul", precision), "fv_binary"
        else:
            operands, name = (x, y, z, fpscr), "fv_fma"
            attr = (FUSED[kind], precision)
        return b.emit(name, *operands, attr=attr), b.emit(f"{name}_status", *operands, attr=attr)
    return element


def halves(source: str) -> Element:
    """Sums of two products of half-precision numbers or bfloats."""
    def element(b: Builder, kind: str, x: Value, y: Value, z: Value, fpscr: Value) -> Computed:
        operands, attr = (x, y, z, fpscr), (source, kind)
        return b.emit("fv_outer", *operands, attr=attr), b.emit("fv_outer_status", *operands, attr=attr)
    return element


def product_rows(stem: str, xos: dict[str, str], lane: int, element: Element, count: int) -> None:
    """The plain and the prefixed row of each kind of an outer product; `count` parts to a word, or none."""
    for kind, xo in xos.items():
        product_row(f"{stem}{kind}", xo, lane, element, count, kind)


def product_row(name: str, xo: str, lane: int, element: Element, count: int, kind: str) -> None:
    """The plain and the prefixed row of one kind."""
    def rows_of(b: Builder, i: Fields, masked: bool) -> None:
        b.require("VSX")
        left, right = operands_of(b, i, lane)
        fpscr, forbidden, results = b.get("fpscr"), b.const(0, I1), []
        parts = products(b, i.P, count) if masked and count else None
        if masked:
            allowed = columns(b, i.Y, lane)
        for row in range(4):
            x, y, z = left[row], right, b.get("vsr", row_of(b, i, row)) if kind else b.const(0, I128)
            if masked:
                inside = b.select(is_on(b, i.X, 4, row), allowed, b.const(0, I128))
                within = b.and_(inside, parts) if parts is not None else inside
                x, y, z = b.and_(x, within), b.and_(y, within), b.and_(z, inside)
            result, status = element(b, kind, x, y, z, fpscr)
            forbidden = b.or_(forbidden, b.slt(status, 0))
            fpscr = b.and_(status, ~NO_RESULT)
            results.append(b.and_(result, inside) if masked else result)
        for row, result in enumerate(results):
            number = row_of(b, i, row)
            b.set("vsr", number, b.select(forbidden, b.get("vsr", number), result))
        set_fpscr(b, fpscr)

    suffix = SUFFIX.format(xo)
    if lane == 64:
        suffix = suffix.replace(" A ", " Ap 0 ")
    xa = "XAp" if lane == 64 else "XA"

    @insn("XX3", suffix, f"AT,{xa},XB", since="3.1", ref=REF, name=name, accept=is_valid)
    def _plain(b: Builder, i: Fields) -> None:
        """ACC[AT] <- for each element of XA and of XB their product, or that joined with the accumulator's element."""
        rows_of(b, i, masked=False)

    mask = f"P:{count} {'/' * (8 - count)}" if count else "/" * 8
    prefix = PREFIX.format(mask) if lane == 32 else PREFIX.format(mask).replace("Y:4", "Y:2 //")
    asm = f"AT,{xa},XB,X,Y" + (",P" if count else "")

    @prefixed("MMIRR:XX3", f"{prefix} {suffix}", asm, ref=REF, name=f"pm{name}", accept=is_valid)
    def _masked(b: Builder, i: Fields) -> None:
        """The same, for the rows, columns and products that the masks allow; zeros elsewhere."""
        rows_of(b, i, masked=True)


def operands_of(b: Builder, i: Fields, lane: int) -> tuple[list[Value], Value]:
    """For each row its element of XA (or of the pair XAp) in every element; and XB."""
    if lane == 32:
        xa = b.get("vsr", i.XA)
        return [b.vsplat(32, b.vextract(32, xa, row)) for row in range(4)], b.get("vsr", i.XB)
    first, second = b.get("vsr", i.XAp), b.get("vsr", b.or_(i.XAp, 1))
    return [b.vsplat(64, half) for v in (first, second) for half in (b.hi(v), b.lo(v))], b.get("vsr", i.XB)


product_rows("xvf32ger", {"": "00011011", "pp": "00011010", "pn": "10011010", "np": "01011010", "nn": "11011010"},
             32, whole(32), 0)
product_rows("xvf64ger", {"": "00111011", "pp": "00111010", "pn": "10111010", "np": "01111010", "nn": "11111010"},
             64, whole(64), 0)
product_rows("xvf16ger2", {"": "00010011", "pp": "00010010", "pn": "10010010", "np": "01010010", "nn": "11010010"},
             32, halves("half"), 2)
product_rows("xvbf16ger2", {"": "00110011", "pp": "00110010", "pn": "10110010", "np": "01110010", "nn": "11110010"},
             32, halves("bfloat"), 2)
