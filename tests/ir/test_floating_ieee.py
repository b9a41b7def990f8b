"""The arithmetic model agrees with vectors made by Berkeley TestFloat
(jitppc/fuzz/data/README.md).
"""

import lzma
from pathlib import Path

import pytest

from jitppc.ir import ieee
from jitppc.ir.fpscr import FPSCR
from jitppc.ir.ieee import DOUBLE, HALF, QUAD, SINGLE, Rounding

VECTORS = Path(__file__).parents[2] / "jitppc/fuzz/data/ieee754_vectors.txt.xz"
MODES = {"rne": 0, "rtz": 1, "rup": 2, "rdn": 3}
FORMATS = {"f16": HALF, "f32": SINGLE, "f64": DOUBLE, "f128": QUAD}
INTEGERS = {
    "i32": (-(2**31), 2**31 - 1), "ui32": (0, 2**32 - 1),
    "i64": (-(2**63), 2**63 - 1), "ui64": (0, 2**64 - 1),
}  # fmt: skip


def sections():
    """(function, mode, lines) of the whole file."""
    with lzma.open(VECTORS, "rt") as file:
        parts = file.read().split("# ")[1:]
    for part in parts:
        head, *lines = part.splitlines()
        yield (*head.split(), lines)


def flags_of(exceptions):
    """Exceptions as the flag byte of the vectors."""
    kinds = ((FPSCR.XX, 1), (FPSCR.UX, 2), (FPSCR.OX, 4), (FPSCR.ZX, 8), (FPSCR.INVALID, 16))
    return sum(flag for mask, flag in kinds if exceptions & mask)


def as_integer(bits, fmt):
    """The integer an `i32`-like operand stands for."""
    low, high = INTEGERS[fmt]
    return bits - (high + 1) * 2 if low and bits > high else bits


def compute(function, mode, operands):
    """The model's (format of the result or None, result)."""
    kind, _, operation = function.partition("_")
    how = Rounding(FORMATS.get(kind, DOUBLE), MODES[mode])
    if operation.startswith("to_"):
        target = operation[3:]
        if kind in INTEGERS:
            fmt = FORMATS[target]
            return fmt, ieee.from_integer(
                fmt, as_integer(operands[0], kind), Rounding(fmt, MODES[mode])
            )
        source = FORMATS[kind]
        if target in INTEGERS:
            return None, ieee.to_integer(source, operands[0], *INTEGERS[target], MODES[mode])
        fmt = FORMATS[target]
        if fmt.bits < source.bits:
            return fmt, ieee.narrowed(source, fmt, operands[0], MODES[mode])
        wide = ieee.widened(source, fmt, operands[0])
        return fmt, ieee.nan_result(fmt, (wide,)) or ieee.exactly(fmt, wide)
    fmt = FORMATS[kind]
    match operation:
        case "add" | "sub":
            return fmt, ieee.add(fmt, *operands, how, subtract=operation == "sub")
        case "mul":
            return fmt, ieee.multiply(fmt, *operands, how)
        case "div":
            return fmt, ieee.divide(fmt, *operands, how)
        case "sqrt":
            return fmt, ieee.square_root(fmt, *operands, how)
        case "mulAdd":
            return fmt, ieee.multiply_add(fmt, *operands, how)
        case "roundToInt":
            return fmt, ieee.to_integral(fmt, operands[0], MODES[mode], exact=True)
    raise KeyError(function)


def comparison(function, operands):
    """The model's answer to a comparison, with its exceptions."""
    kind, _, relation = function.partition("_")
    fmt = FORMATS[kind]
    code = ieee.compare(fmt, *operands)
    holds = {"eq": code == 2, "le": code in (8, 2), "lt": code == 8}[relation[:2]]
    signals_all = relation in ("eq_signaling", "le", "lt")
    bad = any(fmt.is_signalling(x) or (signals_all and fmt.is_nan(x)) for x in operands)
    return holds, FPSCR.VXVC if bad else 0


@pytest.mark.parametrize(
    ("function", "mode", "lines"), list(sections()), ids=lambda p: p if isinstance(p, str) else ""
)
def test_model_agrees_with_testfloat(function, mode, lines):
    assert lines
    for line in lines:
        *operands, expected, flags = (int(word, 16) for word in line.split())
        if function.split("_")[1] in ("eq", "le", "lt"):
            holds, exceptions = comparison(function, operands)
            assert (expected, flags) == (holds, flags_of(exceptions)), line
        else:
            fmt, result = compute(function, mode, operands)
            assert flags == flags_of(result.exceptions), (line, result)
            if fmt is None:
                width = 32 if function.endswith("32") else 64
                if not flags & 16:
                    assert expected == result.bits & (1 << width) - 1, (line, result)
            elif fmt.is_nan(expected):
                assert fmt.is_nan(result.bits), (line, result)
                assert not fmt.is_signalling(result.bits), (line, result)
            else:
                assert expected == result.bits, (line, result)
