"""Functions of the book's RTL under the book's names, over the builder. Ref: Book I 1.3.4."""

from __future__ import annotations

from jitppc.ir.block import Value
from jitppc.ir.builder import Builder, Operand


def EXTS(b: Builder, x: Value, bits: int) -> Value:
    """The low `bits` of a doubleword, sign-extended."""
    return b.sext(b.trunc(x, bits))


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
