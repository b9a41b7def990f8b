"""Vector ops for cryptography: AES rounds and polynomial products. Byte 0 (the leftmost) is the first of an AES
state, which fills its columns one after another. Ref: FIPS 197.
"""

from __future__ import annotations

from jitppc.ir.types import I128, Type

from .row import Op
from .vector_lanes import join, split


def polynomial_product(x: int, y: int) -> int:
    """Product of two polynomials over GF(2), bit k standing for the power k."""
    product = 0
    while y:
        low = y & -y
        product ^= x * low
        y ^= low
    return product


def _times(x: int, y: int) -> int:
    """Product in the field of AES, modulo x^8 + x^4 + x^3 + x + 1."""
    product = polynomial_product(x, y)
    for k in range(14, 7, -1):
        if product >> k & 1:
            product ^= 0x11B << k - 8
    return product


def _tables() -> tuple[bytes, bytes]:
    """SBOX and its inverse, from powers of the generator 3 and 3's inverse, 0xF6."""
    inverse, power, reciprocal = bytearray(256), 1, 1
    for _ in range(255):
        inverse[power] = reciprocal
        power, reciprocal = _times(power, 3), _times(reciprocal, 0xF6)
    spread = [polynomial_product(x, 0b11111) for x in inverse]
    box = bytes((s ^ s >> 8) & 0xFF ^ 0x63 for s in spread)
    back = bytearray(256)
    for x, y in enumerate(box):
        back[y] = x
    return box, bytes(back)


SBOX, INVERSE_SBOX = _tables()
#: source byte of each byte of ShiftRows and InvShiftRows: row r moves r columns
SHIFT_ROWS = tuple((i + 4 * (i % 4)) % 16 for i in range(16))
INVERSE_SHIFT_ROWS = tuple((i - 4 * (i % 4)) % 16 for i in range(16))
MIX, INVERSE_MIX = (2, 3, 1, 1), (14, 11, 13, 9)


def _mix_columns(state: list[int], factors: tuple[int, ...]) -> list[int]:
    mixed = []
    for i in range(16):
        column, row = i & ~3, i & 3
        total = 0
        for k, factor in enumerate(factors):
            total ^= _times(state[column + (row + k) % 4], factor)
        mixed.append(total)
    return mixed


def _aes_round(_t: Type, kind: str, state: int, key: int) -> int:
    elements, keys = split(state, 8), split(key, 8)
    if kind in ("cipher", "cipherlast"):
        elements = [SBOX[elements[k]] for k in SHIFT_ROWS]
        if kind == "cipher":
            elements = _mix_columns(elements, MIX)
        return join(elements, 8) ^ key
    elements = [INVERSE_SBOX[elements[k]] ^ key_byte
                for k, key_byte in zip(INVERSE_SHIFT_ROWS, keys, strict=True)]
    if kind == "ncipher":
        elements = _mix_columns(elements, INVERSE_MIX)
    return join(elements, 8)


def _products(_t: Type, lane: int, x: int, y: int) -> int:
    products = [polynomial_product(a, b) for a, b in zip(split(x, lane), split(y, lane), strict=True)]
    return join([p ^ q for p, q in zip(products[::2], products[1::2], strict=True)], 2 * lane)


ROWS = (
    Op("aes_round", (I128, I128), I128, "One round of AES on a state with a round key; the attribute is cipher, "
       "cipherlast, ncipher or ncipherlast (ncipher adds the key before it mixes columns).", _aes_round, attr="kind"),
    Op("aes_sub_bytes", (I128,), I128, "SubBytes of AES.",
       lambda t, a, x: join([SBOX[e] for e in split(x, 8)], 8)),
    Op("vpmsum", (I128, I128), I128, "For each pair of lanes the sum over GF(2) of the two products of polynomials, "
       "in a lane of twice the width.", _products, attr="lane"),
)
