"""Operands for the floating-point ops: numbers at the edges of what they distinguish, FPSCRs."""

from __future__ import annotations

import random
import struct

from jitppc.ir import ieee
from jitppc.ir.fpscr import FPSCR, with_summaries
from jitppc.ir.ieee import DOUBLE, QUAD, SINGLE, Rounding
from jitppc.ir.ops import OPS
from jitppc.ir.types import I128

KINDS = ("madd", "msub", "nmadd", "nmsub")
BOTH = (True, False)
BY_PRECISION = ("f_add", "f_sub", "f_mul", "f_div", "f_sqrt", "f_reciprocal", "f_reciprocal_root")

#: every f_ op with every attribute that bodies use
VARIANTS = [
    *((name, precision) for name in BY_PRECISION for precision in (64, 32)),
    *(("f_fma", (kind, precision)) for kind in KINDS for precision in (64, 32)),
    ("f_narrow", 32),
    ("f_narrow", 16),
    ("f_narrow", "bfloat"),
    *(("f_from_int", (is_signed, precision)) for is_signed in BOTH for precision in (64, 32)),
    *(("f_to_int", (s, bits, truncates)) for s in BOTH for bits in (64, 32) for truncates in BOTH),
    *(("f_to_integral", how) for how in ("nearest", "away", "zero", "up", "down", "current")),
    ("f_compare", 0),
    ("f_compare", 1),
    *(("f_extremum", kind) for kind in ("max", "min", "maxc", "minc", "maxj", "minj")),
]

#: every pair of q_ ops likewise
QUAD_VARIANTS = [
    *(("q_binary", (kind, odd)) for kind in ("add", "sub", "mul", "div") for odd in BOTH),
    *(("q_fma", (kind, odd)) for kind in KINDS for odd in BOTH),
    *(
        (name, flag)
        for name in (
            "q_sqrt", "q_integral", "q_to_double", "q_of_int", "q_of_int128", "q_to_int128",
        )
        for flag in BOTH
    ),
    ("q_extended", None),
    ("q_of_double", None),
    *(("q_to_int", (is_signed, bits)) for is_signed in BOTH for bits in (64, 32)),
    ("q_compare", 0),
    ("q_compare", 1),
    ("q_extremum", "maxc"),
    ("q_extremum", "minc"),
]

#: every pair of fv_ ops likewise
VECTOR_VARIANTS = [
    *(("fv_binary", (kind, n)) for kind in ("add", "sub", "mul", "div") for n in (64, 32)),
    *(("fv_fma", (kind, precision)) for kind in KINDS for precision in (64, 32)),
    ("fv_sqrt", 64),
    ("fv_sqrt", 32),
]

EDGES = (
    0, 1, 1 << 63, 0x7FF << 52, 0xFFF << 52, 0x7FF8000000000000, 0x7FF0000000000001,
    0xFFF8000000000123, 0xFFF7FFFFE0000000, 0x3FF0000000000000, 0xBFF0000000000000,
    0x3FEFFFFFFFFFFFFF, 0x3FE0000000000000, 0x000FFFFFFFFFFFFF, 0x0010000000000000,
    0x8010000000000001, 0x7FEFFFFFFFFFFFFF, 0xFFEFFFFFFFFFFFFF, 0x47EFFFFFE0000000,
    0x47EFFFFFF0000000, 0x3810000000000000, 0x380FFFFFE0000000, 0x36A0000000000000,
    0x3690000000000000, 0xB6A0000000000001, 0x43E0000000000000, 0xC3E0000000000000,
    0x43EFFFFFFFFFFFFF, 0x43F0000000000000, 0x41DFFFFFFFC00000, 0x41E0000000000000,
    0xC1E0000000200000, 0x41EFFFFFFFF00000, 0x4330000000000001, 0x4320000000000001,
    0x3FF8000000000000, 0x4004000000000000, 0xC00C000000000000, 0x40EFFC0000000000,
    0x3F10000000000000, 0x3E70000000000000, 0x5FE0000000000000, 0x20B0000000000000,
    0x1FF0000000000000, 0x6000000000000000,
)  # fmt: skip
CENTRES = (1023, 1023, 1023 + 52, 1023 + 62, 1023 - 126, 1023 + 127, 1023 - 14)

QUAD_EDGES = (
    0, 1, 1 << 127, 0x7FFF << 112, 0xFFFF << 112, QUAD.default_nan, QUAD.infinity | 1,
    QUAD.sign_bit | QUAD.default_nan | 0x123456789ABCDEF01234, 0x3FFF << 112, 0xBFFF << 112,
    0x3FFE << 112 | QUAD.fraction, 1 << 112, QUAD.fraction, QUAD.infinity - 1, 0x403E << 112,
    0x403F << 112, 0x401E << 112, 0x43FE << 112 | QUAD.fraction >> 60 << 60, 0x3C01 << 112,
    0x3BCD << 112,
)  # fmt: skip
QUAD_CENTRES = tuple(0x3FFF + n for n in (0, 0, 63, 113, -1023, 1023, -16000, 16000))


def a_number(source: random.Random) -> int:
    """A double."""
    kind = source.randrange(6)
    if kind == 0:
        return source.choice(EDGES)
    if kind == 1:
        return source.choice(EDGES) + source.randrange(-3, 4) & 2**64 - 1
    if kind == 2:
        return source.getrandbits(64)
    exponent = source.choice(CENTRES) + source.randrange(-30, 31)
    bits, zeros = source.choice(((52, 0), (23, 29), (24, 28), (6, 46)))
    return source.getrandbits(1) << 63 | exponent << 52 | source.getrandbits(bits) << zeros


def a_quad(source: random.Random) -> int:
    """A quad."""
    kind = source.randrange(6)
    if kind == 0:
        return source.choice(QUAD_EDGES)
    if kind == 1:
        return source.choice(QUAD_EDGES) + source.randrange(-3, 4) & 2**128 - 1
    if kind == 2:
        return source.getrandbits(128)
    exponent = source.choice(QUAD_CENTRES) + source.randrange(-40, 41)
    bits, zeros = source.choice(((112, 0), (52, 60), (8, 104), (60, 52), (63, 49)))
    return source.getrandbits(1) << 127 | exponent << 112 | source.getrandbits(bits) << zeros


def an_integer(source: random.Random) -> int:
    """A doubleword as integers are."""
    edges = (1 << 53, (1 << 53) + 1, 1 << 63, 2**64 - 1, 2**63 - 1, 0, (1 << 54) + 2)
    value = source.choice((source.getrandbits(64) >> source.randrange(64), source.choice(edges)))
    return value if source.randrange(2) else -value & 2**64 - 1


def an_fpscr(source: random.Random) -> int:
    """An FPSCR: any rounding mode, sometimes enabled exceptions, some status."""
    controls = source.choice((0, 0, 0, source.getrandbits(2), source.getrandbits(8)))
    sticky = source.choice((0, source.getrandbits(32) & 0xFFF80700, FPSCR.FX | FPSCR.XX))
    other = source.choice((0, source.getrandbits(32) & 0x7F000))
    return with_summaries(controls | sticky | other)


def operands_of(name: str, source: random.Random) -> list[int]:
    """Numbers, and an FPSCR, for an f_ op."""
    if name == "f_from_int":
        return [an_integer(source), an_fpscr(source)]
    numbers = [a_number(source) for _ in range(len(OPS[name].args) - 1)]
    if source.randrange(2):
        numbers = [ieee.rounded_to(DOUBLE, x, Rounding(SINGLE)).bits for x in numbers]
    if name == "f_fma" and source.randrange(3) == 0:  # near cancellation
        numbers[2] = _near_product(source, DOUBLE, *numbers[:2])
    return [*numbers, an_fpscr(source)]


def quad_operands_of(name: str, source: random.Random) -> list[int]:
    """Numbers, modes and an FPSCR for a pair of q_ ops."""
    if name == "q_of_int":
        return [an_integer(source), an_fpscr(source)]
    if name == "q_of_double":
        return [a_number(source), an_fpscr(source)]
    kinds = OPS[name].args[:-1]
    operands = [a_quad(source) if t is I128 else source.choice((0, 1, 2, 3, 5)) for t in kinds]
    if name == "q_fma" and source.randrange(3) == 0:
        operands[2] = _near_product(source, QUAD, *operands[:2])
    return [*operands, an_fpscr(source)]


def vector_operands_of(name: str, attr: object, source: random.Random) -> list[int]:
    """Vectors of numbers, and an FPSCR, for a pair of fv_ ops."""
    precision = attr[1] if isinstance(attr, tuple) else attr
    count, plain = 128 // precision, source.randrange(2)

    def element() -> int:
        if plain:
            number = source.choice((1.0, 1.5, -3.0, 0.1, -7.25, 0.0, source.uniform(-9, 9)))
            x = struct.unpack("<Q", struct.pack("<d", number))[0]
        else:
            x = a_number(source)
        single = ieee.rounded_to(DOUBLE, x, Rounding(SINGLE)).bits
        return x if precision == 64 else OPS["single_of_double"].evaluate(None, None, single)

    def vector() -> int:
        return sum(element() << precision * n for n in range(count))

    vectors = [vector() for _ in OPS[name].args[:-1]]
    if name == "fv_fma" and source.randrange(3) == 0:
        fmt, mask = {64: DOUBLE, 32: SINGLE}[precision], (1 << precision) - 1
        lanes = [[v >> precision * n & mask for v in vectors[:2]] for n in range(count)]
        near = [_near_product(source, fmt, *lane) for lane in lanes]
        vectors[2] = sum(x << precision * n for n, x in enumerate(near))
    return [*vectors, an_fpscr(source)]


def _near_product(source: random.Random, fmt: ieee.Format, x: int, y: int) -> int:
    near = ieee.multiply(fmt, x, y, Rounding(fmt)).bits
    sign = source.getrandbits(1) * fmt.sign_bit
    return (near ^ sign) + source.randrange(-2, 3) & 2 * fmt.sign_bit - 1
