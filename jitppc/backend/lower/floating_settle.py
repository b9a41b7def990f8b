"""`jit_settle(cpu)`: make the FPSCR what the pending record says, and forget the record.

The meaning is `settled` in jitppc/ir/ops/floating_ordinary.py.
"""

from __future__ import annotations

from jitppc.ir.block import Value
from jitppc.ir.builder import OpsMixin
from jitppc.ir.fpscr import FPSCR, Pending
from jitppc.ir.layout import offset
from jitppc.ir.types import I64

from . import floating_fast as fast
from .emitter import Emitter
from .floating_functions import PARAMETER, SLOW, emit_body, symbol
from .floating_soft import flag

NAME = "jit_settle"
DECLARATION = f"declare void @{NAME}(ptr)"
FIELDS = ("fpscr", "fp_kind", "fp_x", "fp_y", "fp_z", "fp_class")
FR_FI = FPSCR.FR | FPSCR.FI


def _rounded_to(b: OpsMixin, x: Value, rounded: Value) -> Value:
    """FR and FI after x was rounded to a number."""
    magnitudes = [b.and_(n, fast.SIGN - 1) for n in (x, rounded)]
    grew = flag(b, b.ult(*magnitudes), FPSCR.FR)
    return b.or_(grew, flag(b, b.d_lg(x, rounded), FPSCR.FI))


class _Settle:
    """The function under construction."""

    def __init__(self) -> None:
        self.e = Emitter()
        self.values = {name: Value(PARAMETER, I64, (), 64, False) for name in FIELDS}
        for name, value in self.values.items():
            at = self.e.tmp(f"getelementptr i8, ptr %cpu, i64 {offset(name)}")
            self.e.names[value] = self.e.tmp(f"load i64, ptr {at}")

    def compute(self, b: OpsMixin, result: Value) -> str:
        """Write what the builder holds."""
        emit_body(self.e, b, (result,))
        return self.e.of(result)

    def cases(self) -> dict[int, str]:
        """For each operation: the block that computes FR and FI, and its result."""
        e, v, results = self.e, self.values, {}
        e.line("case0:")
        e.line("br label %told")
        results[0] = self.e.of(v["fpscr"])
        for number in (Pending.EXACT, Pending.INTEGER, Pending.WHOLE, *Pending.OPERATIONS):
            e.line(f"case{number}:")
            b = OpsMixin()
            if number in Pending.OPERATIONS:
                results[number] = self.operation(*Pending.OPERATIONS[number])
            elif number == Pending.EXACT:
                results[number] = "0"
            else:
                y = b.d_of_int(v["fp_y"]) if number == Pending.INTEGER else v["fp_y"]
                results[number] = self.compute(b, _rounded_to(b, v["fp_x"], y))
            e.line("br label %told")
        return results

    def operation(self, name: str, attr: object) -> str:
        """The FPSCR after an operation on the record's operands."""
        e, v = self.e, self.values
        operands = [v[f] for f in ("fp_x", "fp_y", "fp_z")][: Pending.OPERANDS[name]]
        callee = symbol(name, attr) + SLOW
        types = ", ".join("i64" for _ in (*operands, 0))
        e.need(callee, f'declare i128 @"{callee}"({types}) cold nounwind memory(none)')
        arguments = ", ".join(f"i64 {e.of(x)}" for x in (*operands, v["fpscr"]))
        packed = e.tmp(f'call i128 @"{callee}"({arguments})')
        return e.tmp(f"trunc i128 {e.tmp(f'lshr i128 {packed}, 64')} to i64")

    def text(self) -> str:
        """The definition."""
        e, v = self.e, self.values
        kind = e.of(v["fp_kind"])
        nothing = e.tmp(f"icmp eq i64 {kind}, 0")
        e.line(f"br i1 {nothing}, label %done, label %pending")
        e.line("pending:")
        operation = e.tmp(f"and i64 {kind}, {Pending.OPERATION}")
        numbers = [0, Pending.EXACT, Pending.INTEGER, Pending.WHOLE, *Pending.OPERATIONS]
        targets = " ".join(f"i64 {n}, label %case{n}" for n in numbers)
        e.line(f"switch i64 {operation}, label %case0 [{targets}]")
        results = self.cases()
        e.line("told:")
        texts = ", ".join(f"[{text}, %case{number}]" for number, text in results.items())
        status = Value(PARAMETER, I64, (), 64, False)
        e.names[status] = e.tmp(f"phi i64 {texts}")
        final = self.compute(b := OpsMixin(), self._merged(b, status))
        for name, text in (("fpscr", final), ("fp_kind", "0")):
            at = e.tmp(f"getelementptr i8, ptr %cpu, i64 {offset(name)}")
            e.line(f"store i64 {text}, ptr {at}")
        e.line("br label %done")
        e.line("done:")
        e.line("ret void")
        return e.definition(f"void @{NAME}(ptr %cpu) cold nounwind")

    def _merged(self, b: OpsMixin, status: Value) -> Value:
        v = self.values
        kind, number = v["fp_kind"], v["fp_class"]
        fpscr = b.or_(b.and_(v["fpscr"], ~FR_FI), b.and_(status, FR_FI))
        is_nonzero = b.ne(b.and_(number, fast.SIGN - 1), 0)
        is_infinite = b.eq(b.and_(number, fast.SIGN - 1), fast.INFINITY)
        classified = b.or_(
            b.or_(b.and_(fpscr, ~FPSCR.FPRF), flag(b, is_infinite, FPSCR.FU)),
            fast.class_of_number(b, number, is_nonzero),
        )
        fpscr = b.select(b.ne(b.and_(kind, Pending.CLASS), 0), classified, fpscr)
        code = b.shl(b.and_(b.lshr(kind, Pending.CODE_SHIFT), 15), 12)
        compared = b.or_(b.and_(fpscr, ~FPSCR.FPCC), code)
        return b.select(b.ne(b.and_(kind, Pending.CODE), 0), compared, fpscr)


def settle_function() -> tuple[str, dict[str, str]]:
    """The function, and what it needs declared."""
    made = _Settle()
    return made.text(), made.e.declarations
