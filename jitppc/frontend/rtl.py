"""Functions of the book's RTL under the book's names, over the builder. Ref: Book I 1.3.4."""

from __future__ import annotations

from jitppc.ir.block import Value
from jitppc.ir.builder import Builder, Operand


def EXTS(b: Builder, x: Value, bits: int) -> Value:
    """The low `bits` of a doubleword, sign-extended."""
    return b.sext(b.trunc(x, bits))


def ABS(b: Builder, x: Value) -> Value:
    """The magnitude of a signed doubleword, as an unsigned one."""
    return b.select(b.slt(x, 0), b.neg(x), x)


def MASK(b: Builder, mb: Value, me: Value) -> Value:
    """Ones from bit mb through bit me (0..63), wrapping when mb > me."""
    ones = b.const(-1)
    head = b.lshr(ones, mb)
    tail = b.shl(ones, b.sub(63, me))
    return b.select(b.ule(mb, me), b.and_(head, tail), b.or_(head, tail))


def ROTL32(b: Builder, x: Value, n: Operand) -> Value:
    """The low word, doubled into both halves, rotated left: what 32-bit rotates rotate."""
    low = b.zext(b.trunc(x, 32))
    return b.rotl(b.or_(low, b.shl(low, 32)), n)


def add_overflow(b: Builder, x: Value, y: Value, total: Value, bit: int = 63) -> Value:
    """i1: the signed sum x + y (+ carry) = total overflowed out of the bit `bit` from the right."""
    both = b.and_(b.xor(x, total), b.xor(y, total))
    return b.trunc(b.lshr(both, bit), 1)


def carry_out32(b: Builder, x: Value, y: Value, total: Value) -> Value:
    """i1: the carry out of bit 32 of x + y (+ carry) = total."""
    return b.trunc(b.lshr(b.xor(b.xor(x, y), total), 32), 1)


def DIVIDE_EXTENDED(b: Builder, high: Value, divisor: Value) -> Value:
    """(high || 0) / divisor, unsigned, when high < divisor; else meaningless.

    Schoolbook division by two digits of 32 bits, since LLVM has no 128-bit division of its own.
    """
    shift = b.ctlz(divisor)
    v = b.shl(divisor, shift)                             # normalised: its top bit is 1
    first, rest = _digit(b, b.shl(high, shift), v)
    second, _ = _digit(b, rest, v)
    return b.add(b.shl(first, 32), second)


def _digit(b: Builder, u: Value, v: Value) -> tuple[Value, Value]:
    """One digit q = (u << 32) / v, and the rest. The estimate by v's top word is 0 to 2 too big."""
    v_high, v_low = b.lshr(v, 32), b.and_(v, 0xFFFFFFFF)
    q = b.udiv(u, v_high)
    r = b.sub(u, b.mul(q, v_high))
    for _ in range(2):
        too_big = b.or_(b.ne(b.lshr(q, 32), 0), b.ult(b.shl(r, 32), b.mul(q, v_low)))
        too_big = b.and_(too_big, b.eq(b.lshr(r, 32), 0))
        q = b.select(too_big, b.sub(q, 1), q)
        r = b.select(too_big, b.add(r, v_high), r)
    return q, b.sub(b.shl(u, 32), b.mul(q, v))
