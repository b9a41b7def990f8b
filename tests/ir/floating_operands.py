"""Operands for the floating-point ops: doubles at the edges of what they distinguish, and FPSCR values."""

from __future__ import annotations

import random

from jitppc.ir import ieee
from jitppc.ir.fpscr import FPSCR, with_summaries
from jitppc.ir.ieee import DOUBLE, SINGLE, Rounding
from jitppc.ir.ops import OPS

#: every f_ op with every attribute bodies use
VARIANTS = [
    *((name, precision) for name in ("f_add", "f_sub", "f_mul", "f_div", "f_sqrt", "f_reciprocal", "f_reciprocal_root")
      for precision in (64, 32)),
    *(("f_fma", (kind, precision)) for kind in ("madd", "msub", "nmadd", "nmsub") for precision in (64, 32)),
    ("f_narrow", 32), ("f_narrow", 16),
    *(("f_from_int", (is_signed, precision)) for is_signed in (True, False) for precision in (64, 32)),
    *(("f_to_int", (is_signed, bits, truncates))
      for is_signed in (True, False) for bits in (64, 32) for truncates in (True, False)),
    *(("f_to_integral", how) for how in ("nearest", "away", "zero", "up", "down", "current")),
    ("f_compare", 0), ("f_compare", 1),
    *(("f_extremum", kind) for kind in ("max", "min", "maxc", "minc", "maxj", "minj")),
]  # fmt: skip

EDGES = (
    0, 1, 1 << 63, 0x7FF << 52, 0xFFF << 52, 0x7FF8000000000000, 0x7FF0000000000001, 0xFFF8000000000123,
    0xFFF7FFFFE0000000, 0x3FF0000000000000, 0xBFF0000000000000, 0x3FEFFFFFFFFFFFFF, 0x3FE0000000000000,
    0x000FFFFFFFFFFFFF, 0x0010000000000000, 0x8010000000000001, 0x7FEFFFFFFFFFFFFF, 0xFFEFFFFFFFFFFFFF,
    0x47EFFFFFE0000000, 0x47EFFFFFF0000000, 0x3810000000000000, 0x380FFFFFE0000000, 0x36A0000000000000,
    0x3690000000000000, 0xB6A0000000000001, 0x43E0000000000000, 0xC3E0000000000000, 0x43EFFFFFFFFFFFFF,
    0x43F0000000000000, 0x41DFFFFFFFC00000, 0x41E0000000000000, 0xC1E0000000200000, 0x41EFFFFFFFF00000,
    0x4330000000000001, 0x4320000000000001, 0x3FF8000000000000, 0x4004000000000000, 0xC00C000000000000,
    0x40EFFC0000000000, 0x3F10000000000000, 0x3E70000000000000, 0x5FE0000000000000, 0x20B0000000000000,
    0x1FF0000000000000, 0x6000000000000000,
)  # fmt: skip
CENTRES = (1023, 1023, 1023 + 52, 1023 + 62, 1023 - 126, 1023 + 127, 1023 - 14)


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
    fraction = source.choice((source.getrandbits(52), source.getrandbits(23) << 29, source.getrandbits(24) << 28,
                              source.getrandbits(6) << 46))
    return source.getrandbits(1) << 63 | exponent << 52 | fraction


def an_fpscr(source: random.Random) -> int:
    """An FPSCR: any rounding mode, sometimes enabled exceptions, some status."""
    controls = source.choice((0, 0, 0, source.getrandbits(2), source.getrandbits(8)))
    sticky = source.choice((0, source.getrandbits(32) & 0xFFF80700, FPSCR.FX | FPSCR.XX))
    return with_summaries(controls | sticky | source.choice((0, source.getrandbits(32) & 0x7F000)))


def operands_of(name: str, source: random.Random) -> list[int]:
    """Numbers, and an FPSCR, for an f_ op."""
    if name == "f_from_int":
        value = source.choice((source.getrandbits(64) >> source.randrange(64), 1 << 53, (1 << 53) + 1, 1 << 63,
                               2**64 - 1, 2**63 - 1, 0, (1 << 54) + 2))
        return [value if source.randrange(2) else -value & 2**64 - 1, an_fpscr(source)]
    numbers = [a_number(source) for _ in range(len(OPS[name].args) - 1)]
    if source.randrange(2):
        numbers = [ieee.rounded_to(DOUBLE, x, Rounding(SINGLE)).bits for x in numbers]
    if name == "f_fma" and source.randrange(3) == 0:          # near cancellation
        near = ieee.multiply(DOUBLE, *numbers[:2], Rounding(DOUBLE)).bits
        numbers[2] = (near ^ source.getrandbits(1) << 63) + source.randrange(-2, 3) & 2**64 - 1
    return [*numbers, an_fpscr(source)]
