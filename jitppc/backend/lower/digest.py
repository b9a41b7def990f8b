"""Lowering of the digest of hashst and hashchk: one function, generated from the op's own steps."""

from __future__ import annotations

import functools

from jitppc.ir.block import Value
from jitppc.ir.builder import OpsMixin
from jitppc.ir.ops.digest import CONSTANT, KEY_ROUNDS, ROUNDS, SEQUENCE

from .emitter import Emitter, lowers
from .floating_functions import emit_body, parameters_of


def _round_keys(b: OpsMixin, key: Value) -> list[Value]:
    k = [b.trunc(b.lshr(key, shift), 16) for shift in (48, 32, 16, 0)]
    for n in range(KEY_ROUNDS):
        mixed = b.xor(b.rotl(k[n + 3], 13), k[n + 1])
        fixed = CONSTANT ^ (SEQUENCE >> 63 - n & 1)
        k.append(b.xor(b.xor(b.xor(k[n], fixed), mixed), b.rotl(mixed, 15)))
    return k


def _encrypt(b: OpsMixin, word: Value, keys: list[Value], lane: int) -> Value:
    left, right = b.trunc(word, 16), b.trunc(b.lshr(word, 16), 16)
    for n in range(ROUNDS):
        mixed = b.xor(b.and_(b.rotl(left, 1), b.rotl(left, 8)), b.rotl(left, 2))
        own = keys[n & ~3 | n + lane & 3]
        left, right = b.xor(b.xor(right, mixed), own), left
    return b.or_(b.shl(b.zext(right), 16), b.zext(left))


def _byte(b: OpsMixin, x: Value, shift: int, to: int) -> Value:
    return b.shl(b.and_(b.lshr(x, shift), 0xFF), to)


def _blocks(b: OpsMixin, ra: Value, rb: Value) -> list[Value]:
    words = []
    for shift_a, shift_b in ((32, 0), (0, 32)):
        both = b.const(0)
        for n in range(4):
            both = b.or_(both, _byte(b, ra, shift_a + 8 * n, 16 * n))
            both = b.or_(both, _byte(b, rb, shift_b + 24 - 8 * n, 16 * n + 8))
        words += [b.lshr(both, 32), both]
    return words


@functools.cache
def _function() -> tuple[str, dict[str, str]]:
    b, e, values = OpsMixin(), Emitter(), parameters_of("hash_digest")
    ra, rb, key = values
    e.names.update((value, f"%x{n}") for n, value in enumerate(values))
    keys = _round_keys(b, key)
    w = [_encrypt(b, word, keys, lane) for lane, word in enumerate(_blocks(b, ra, rb))]
    high, low = b.shl(b.xor(w[0], w[2]), 32), b.xor(w[1], w[3])
    result = b.or_(high, low)
    emit_body(e, b, (result,))
    e.line(f"ret i64 {e.of(result)}")
    head = "internal i64 @jitppc.hash_digest(i64 %x0, i64 %x1, i64 %x2) noinline nounwind"
    return e.definition(head), e.declarations


@lowers("hash_digest")
def _digest(e: Emitter, v: Value) -> str:
    text, needs = _function()
    for name, declaration in needs.items():
        e.need(name, declaration)
    e.need("jitppc.hash_digest", text)
    operands = ", ".join(f"i64 {e.of(a)}" for a in v.args)
    return e.tmp(f"call i64 @jitppc.hash_digest({operands})")
