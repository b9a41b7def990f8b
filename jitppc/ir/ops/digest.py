"""The digest of hashst and hashchk: a cipher like SIMON 32/64 over two doublewords. Ref: Book I 3.3.17 (ISA 3.1B)."""

from __future__ import annotations

from collections.abc import Sequence

from jitppc.ir.types import I64, Type

from .row import Op

KEY_ROUNDS, ROUNDS = 28, 32
CONSTANT, SEQUENCE = 0xFFFC, 0xFA2561CDF44AC398


def _rotl16(x: int, n: int) -> int:
    return (x << n | x >> 16 - n) & 0xFFFF


def _round_keys(key: int) -> list[int]:
    """The schedule: 32 halfwords."""
    k = [key >> shift & 0xFFFF for shift in (48, 32, 16, 0)]
    for n in range(KEY_ROUNDS):
        mixed = _rotl16(k[n + 3], 13) ^ k[n + 1]
        k.append(CONSTANT ^ (SEQUENCE >> 63 - n & 1) ^ k[n] ^ mixed ^ _rotl16(mixed, 15))
    return k


def _encrypt(word: int, keys: Sequence[int], lane: int) -> int:
    """A word, whose right half goes first; each lane takes the keys of four rounds in an order of its own."""
    left, right = word & 0xFFFF, word >> 16
    for n in range(ROUNDS):
        own = keys[n & ~3 | n + lane & 3]
        left, right = right ^ (_rotl16(left, 1) & _rotl16(left, 8)) ^ _rotl16(left, 2) ^ own, left
    return right << 16 | left


def blocks(ra: int, rb: int) -> list[int]:
    """The four words to encrypt: bytes of both operands by turns, from halves of them."""
    words = []
    for shift_a, shift_b in ((32, 0), (0, 32)):
        a, b = (ra >> shift_a & 0xFFFFFFFF).to_bytes(4, "little"), (rb >> shift_b & 0xFFFFFFFF).to_bytes(4, "big")
        both = 0
        for n in range(4):
            both |= a[n] << 16 * n | b[n] << 16 * n + 8
        words += [both >> 32, both & 0xFFFFFFFF]
    return words


def digest(ra: int, rb: int, key: int) -> int:
    """The digest of two doublewords under a key."""
    keys = _round_keys(key)
    w = [_encrypt(word, keys, lane) for lane, word in enumerate(blocks(ra, rb))]
    return (w[0] << 32 | w[1]) ^ (w[2] << 32 | w[3])


def _evaluate(_t: Type, _a: object, ra: int, rb: int, key: int) -> int:
    return digest(ra, rb, key)


ROWS = (Op("hash_digest", (I64, I64, I64), I64, "The digest of two doublewords under a key.", _evaluate),)
