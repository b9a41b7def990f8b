"""Which instruction, with which operands, does what a decTest case says, and what must come out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from jitppc.ir.fpscr import FPSCR

from . import dpd
from .dectest_file import Case, bits_of

#: the field BF of comparisons and tests
CR_FIELD = 3
#: conditions of decTest that the FPSCR knows; an instruction sets these and no other
FLAGS = {"Inexact": FPSCR.XX, "Overflow": FPSCR.OX, "Underflow": FPSCR.UX,
         "Division_by_zero": FPSCR.ZX, "Invalid_operation": FPSCR.VX,
         "Division_undefined": FPSCR.VX}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """An instruction and what it must do: `expected` is a result's bits, or CR field CR_FIELD."""

    key: str
    a: int
    b: int
    fpscr: int
    expected: int
    flags: int
    tests: bool = False
    fprf: int | None = None
    fields: dict[str, int] = field(default_factory=dict)


def key_of(name: str, width: int) -> str:
    """The row for numbers of a width, by the name of the long form."""
    return f"{name}q" if width == 128 else name


def _flags(case: Case) -> int:
    return sum({FLAGS[f] for f in case.flags if f in FLAGS})


def _numeric(case: Case, name: str, order: str = "ab", **fields: int) -> Run | None:
    """An instruction whose result is a number; `order` says where the operands go."""
    found = [bits_of(text, case.width) for text in case.operands]
    bits = [n for n in found if n is not None]
    expected = bits_of(case.result, case.width)
    if len(bits) < len(found) or expected is None:
        return None
    places = dict(zip(order, bits, strict=True))
    fprf = dpd.class_code(dpd.decode(expected, case.width), case.width)
    return Run(key_of(name, case.width), places.get("a", 0), places["b"], case.mode << 32,
               expected, _flags(case), fprf=fprf, fields=fields)


def _comparison(name: str) -> Callable[[Case], Run | None]:
    codes = {-1: 8, 1: 4, 0: 2}

    def run(case: Case) -> Run | None:
        a, b = (bits_of(text, case.width) for text in case.operands)
        if a is None or b is None:
            return None
        result = bits_of(case.result, case.width)
        assert result is not None
        value = dpd.decode(result, case.width)
        code = 1 if value.is_nan() else codes[int(value)]
        return Run(key_of(name, case.width), a, b, 0, code, _flags(case), tests=True, fprf=code,
                   fields={"BF": CR_FIELD})
    return run


def _same_quantum(case: Case) -> Run | None:
    a, b = (bits_of(text, case.width) for text in case.operands)
    if a is None or b is None:
        return None
    if case.result == "1":
        code = 2
    else:
        x, y = (dpd.decode(bits, case.width) for bits in (a, b))
        finite = x.is_finite() and y.is_finite()
        lower = finite and dpd.exponent_of(x) < dpd.exponent_of(y)
        code = 1 if not finite else 8 if lower else 4
    return Run(key_of("dtstex", case.width), a, b, 0, code, 0, tests=True, fields={"BF": CR_FIELD})


CLASSES = ("Zero", "Subnormal", "Normal", "Infinity", "NaN", "sNaN")


def _class(case: Case) -> Run | None:
    a = bits_of(case.operands[0], case.width)
    if a is None:
        return None
    mask = 32 >> CLASSES.index(case.result.lstrip("+-"))
    code = 2 | (8 if Decimal(case.operands[0]).is_signed() else 0)
    return Run(key_of("dtstdc", case.width), a, 0, 0, code, 0, tests=True,
               fields={"BF": CR_FIELD, "DCM": mask})


def _canonical(case: Case) -> Run | None:
    """Results are canonical: of drrnd with 0 digits, and for signalling NaNs of a shift by 0."""
    bits, expected = (bits_of(t, case.width) for t in (case.operands[0], case.result))
    if bits is None or expected is None:
        return None
    if dpd.decode(bits, case.width).is_snan():
        return Run(key_of("dscli", case.width), bits, 0, 0, expected, 0, fields={"SH": 0})
    return Run(key_of("drrnd", case.width), 0, bits, 0, expected, 0)


def _shift(case: Case) -> Run | None:
    """Shifts of numbers by as many digits as there are, at most."""
    a, expected = (bits_of(t, case.width) for t in (case.operands[0], case.result))
    try:
        distance = int(case.operands[1])
    except ValueError:
        return None
    if a is None or expected is None or not dpd.decode(a, case.width).is_finite():
        return None
    if abs(distance) > dpd.FORMS[case.width].digits:
        return None
    name = "dscri" if distance < 0 else "dscli"
    return Run(key_of(name, case.width), a, 0, 0, expected, 0, fields={"SH": abs(distance)})


NARROWING = {32: ("drsp", 64, 0), 64: ("drdpq", 128, 64)}


def _narrow(case: Case) -> Run | None:
    """Conversion from text, where a wider format has the number exactly."""
    if case.width not in NARROWING or "Conversion_syntax" in case.flags:
        return None
    key, width, shift = NARROWING[case.width]
    text = case.operands[0]
    bits, expected = bits_of(text, width), bits_of(case.result, case.width)
    if bits is None or expected is None or not Decimal(text).is_finite():
        return None
    # the wider format keeps the exponent only if it has it
    if dpd.exponent_of(dpd.decode(bits, width)) != dpd.exponent_of(Decimal(text)):
        return None
    fprf = dpd.class_code(dpd.decode(expected, case.width), case.width)
    return Run(key, 0, bits, case.mode << 32, expected << shift, _flags(case), fprf=fprf)


def _widen(case: Case) -> Run | None:
    """Short numbers as long ones: dctdp."""
    if case.width != 32:
        return None
    bits = bits_of(case.operands[0], 32)
    if bits is None:
        return None
    value = dpd.decode(bits, 32)
    expected = dpd.encode(value, 64)
    assert expected is not None
    return Run("dctdp", 0, bits, 0, expected, 0, fprf=dpd.class_code(value, 64))


def _quantize(case: Case) -> Run | None:
    """Of two NaNs the one in FRA is the result, where decTest takes the number to be adjusted."""
    if all(Decimal(t).is_nan() for t in case.operands if not t.startswith("#")):
        return None
    return _numeric(case, "dqua", "ba", RMC=3)


#: what decTest's operations are here
OPERATIONS: dict[str, Callable[[Case], Run | None]] = {
    "add": lambda c: _numeric(c, "dadd"),
    "subtract": lambda c: _numeric(c, "dsub"),
    "multiply": lambda c: _numeric(c, "dmul"),
    "divide": lambda c: _numeric(c, "ddiv"),
    "quantize": _quantize,
    "tointegralx": lambda c: _numeric(c, "drintx", "b", RMC=3),
    "compare": _comparison("dcmpu"),
    "comparesig": _comparison("dcmpo"),
    "samequantum": _same_quantum,
    "class": _class,
    "canonical": _canonical,
    "shift": _shift,
    "tosci": _narrow,
}


def runs_of(case: Case) -> list[Run]:
    """The instructions that a case judges; none where it has no counterpart."""
    if "?" in case.result or "?" in "".join(case.operands):
        return []
    made = [OPERATIONS[case.operation](case)] if case.operation in OPERATIONS else []
    if case.operation == "apply":
        made = [_canonical(case), _widen(case)] if case.width != 32 else [_widen(case)]
    if case.operation == "tointegralx":
        made.append(_numeric_without_inexact(case))
    return [run for run in made if run is not None]


def _numeric_without_inexact(case: Case) -> Run | None:
    quiet = Case(case.file, case.name, case.width, case.operation, case.rounding, case.operands,
                 case.result, case.flags - {"Inexact"})
    return _numeric(quiet, "drintn", "b", RMC=3)
