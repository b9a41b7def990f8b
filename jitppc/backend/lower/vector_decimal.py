"""Lowering of ops on decimal digits."""

from __future__ import annotations

from jitppc.ir.block import Value

from .emitter import Emitter, lowers

SIXES, CARRIES, ALL = int("6" * 31, 16), int("1" * 31 + "0", 16), (1 << 124) - 1

#: For each bit of the number, from the left, the digits are doubled and the bit added: adding 6 to
#: each digit makes decimal carries binary ones, and it is taken back where none came out. A carry
#: out of the last digit is dropped.
_DIGITS = f"""define internal i128 @jitppc.decimal_digits(i128 %x) {{
entry:
 br label %loop
loop:
 %digits = phi i128 [ 0, %entry ], [ %corrected, %loop ]
 %rest = phi i128 [ %x, %entry ], [ %next, %loop ]
 %count = phi i64 [ 128, %entry ], [ %left, %loop ]
 %bit = lshr i128 %rest, 127
 %next = shl i128 %rest, 1
 %biased = add i128 %digits, {SIXES}
 %partial = add i128 %biased, %digits
 %total = add i128 %partial, %bit
 %mixed = xor i128 %biased, %digits
 %carried = xor i128 %mixed, %total
 %none = xor i128 %carried, -1
 %without = and i128 %none, {CARRIES}
 %fours = lshr i128 %without, 2
 %twos = lshr i128 %without, 3
 %bias = or i128 %fours, %twos
 %unbiased = sub i128 %total, %bias
 %corrected = and i128 %unbiased, {ALL}
 %left = sub i64 %count, 1
 %more = icmp ne i64 %left, 0
 br i1 %more, label %loop, label %done
done:
 ret i128 %corrected
}}"""


@lowers("decimal_digits")
def _decimal_digits(e: Emitter, v: Value) -> str:
    e.need("jitppc.decimal_digits", _DIGITS)
    return e.tmp(f"call i128 @jitppc.decimal_digits(i128 {e.of(v.args[0])})")
