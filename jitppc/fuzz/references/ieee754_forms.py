"""Which instructions do the operations of the IEEE 754 vectors, and where operands and results are.

Ref: Book I 4.6 (floating point), 7.6 (vector-scalar).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

#: kinds of operands. `sp_dp` is a single in the format of a double, as FPRs hold it; integers of 32
#: bits are extended to 64. Every operand fills its register, as often as it fits.
WIDTHS = {"hp": 16, "sp": 32, "dp": 64, "sp_dp": 64, "qp": 128, "w": 32, "sx": 64, "zx": 64,
          "d": 64}  # fmt: skip
LOW_WORD, HIGH_WORD, ALL = 0xFFFFFFFF, 0xFFFFFFFF00000000, (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Result:
    """A result: its kind, and which bits of the target's doublewords hold it.

    `cr_*` are CR fields, `mask` is all ones or zeros.
    """

    kind: str
    high: int = ALL
    low: int = 0


@dataclass(frozen=True, slots=True)
class Form:
    """An instruction for an operation.

    `places` are the fields that take the operands, in the order of the vectors.
    """

    key: str
    kind: str
    places: tuple[str, ...]
    result: Result
    modes: tuple[str, ...] = ("rne", "rtz", "rdn", "rup")
    fields: dict[str, int] = field(default_factory=dict)
    flips: int | None = None        # operand whose sign is changed
    negated: bool = False           # the result's sign is changed
    says_inexact: bool = True


DP, DPS = Result("dp"), Result("dp", low=ALL)
SP, SPS = Result("sp_dp"), Result("sp", low=ALL)
QP = Result("qp", low=ALL)
RTZ = ("rtz",)
CR_FIELD = 2

_ADDITIVE = {"add": "add", "sub": "sub", "mul": "mul", "div": "div", "sqrt": "sqrt"}
_FORMATS = {
    # single, double: suffixes of FPR, scalar and vector forms
    "f32": ("s", "sp", "sp", "sp_dp", SP, "sp", SPS),
    "f64": ("", "dp", "dp", "dp", DP, "dp", DPS),
}


def _arithmetic(kind: str, operation: str) -> Iterator[Form]:
    unary = operation == "sqrt"
    if kind == "f128":
        yield Form(f"xs{operation}qp", "qp", ("VRB",) if unary else ("VRA", "VRB"), QP)
        return
    suffix, scalar, vector, one, result, lanes, results = _FORMATS[kind]
    fpr = ("FRA", "FRC") if operation == "mul" else ("FRA", "FRB")
    yield Form(f"f{operation}{suffix}", one, ("FRB",) if unary else fpr, result)
    places = ("XB",) if unary else ("XA", "XB")
    yield Form(f"xs{operation}{scalar}", one, places, result)
    yield Form(f"xv{operation}{vector}", lanes, places, results)


def _multiply_add(kind: str) -> Iterator[Form]:
    for name, flips, negated in (
        ("madd", None, False), ("msub", 2, False), ("nmadd", None, True), ("nmsub", 2, True),
    ):  # fmt: skip
        for form in _plain_multiply_add(kind, name):
            yield replace(form, flips=flips, negated=negated)


def _plain_multiply_add(kind: str, name: str) -> Iterator[Form]:
    if kind == "f128":
        yield Form(f"xs{name}qp", "qp", ("VRA", "VRB", "VRT"), QP)
        return
    suffix, scalar, vector, one, result, lanes, results = _FORMATS[kind]
    yield Form(f"f{name}{suffix}", one, ("FRA", "FRC", "FRB"), result)
    for letter, places in (("a", ("XA", "XB", "XT")), ("m", ("XA", "XT", "XB"))):
        yield Form(f"xs{name}{letter}{scalar}", one, places, result)
        yield Form(f"xv{name}{letter}{vector}", lanes, places, results)


def _comparison(kind: str, relation: str) -> Iterator[Form]:
    """Quiet ones are unordered compares; the others, and signalling equality, ordered ones."""
    letter = "u" if relation in ("eq", "lt_quiet", "le_quiet") else "o"
    base = relation[:2]
    cr = Result(f"cr_{base}")
    if kind == "f128":
        yield Form(f"xscmp{letter}qp", "qp", ("VRA", "VRB"), cr, fields={"BF": CR_FIELD})
        return
    one = "dp" if kind == "f64" else "sp_dp"
    yield Form(f"fcmp{letter}", one, ("FRA", "FRB"), cr, fields={"BF": CR_FIELD})
    yield Form(f"xscmp{letter}dp", one, ("XA", "XB"), cr, fields={"BF": CR_FIELD})
    if relation not in ("eq", "lt", "le"):
        return
    name = {"eq": "eq", "lt": "gt", "le": "ge"}[base]
    places = ("XA", "XB") if base == "eq" else ("XB", "XA")
    yield Form(f"xscmp{name}dp", one, places, Result("mask", low=0))
    vector, lanes = ("dp", "dp") if kind == "f64" else ("sp", "sp")
    yield Form(f"xvcmp{name}{vector}", lanes, places, Result("mask", low=ALL))


def _to_integer(kind: str, target: str) -> Iterator[Form]:
    unsigned, wide = target.startswith("u"), target.endswith("64")
    letter, size = "u" if unsigned else "s", "d" if wide else "w"
    if kind == "f128":
        places = Result("d") if wide else Result("w", LOW_WORD)
        yield Form(f"xscvqp{letter}{size}z", "qp", ("VRB",), places, RTZ)
        return
    one = "dp" if kind == "f64" else "sp_dp"
    result = Result("d") if wide else Result("w", LOW_WORD)
    name = f"fcti{size}{'u' if unsigned else ''}"
    yield Form(name, one, ("FRB",), result)
    yield Form(f"{name}z", one, ("FRB",), result, RTZ)
    yield Form(f"xscvdp{letter}x{size}s", one, ("XB",), result, RTZ)
    lanes = "dp" if kind == "f64" else "sp"
    if wide:
        results = Result("d", low=ALL)
    elif kind == "f64":
        results = Result("w", HIGH_WORD, HIGH_WORD)
    else:
        results = Result("w", low=ALL)
    yield Form(f"xvcv{lanes}{letter}x{size}s", lanes, ("XB",), results, RTZ)


def _from_integer(source: str, kind: str) -> Iterator[Form]:
    unsigned, wide = source.startswith("u"), source.endswith("64")
    letter, suffix = "u" if unsigned else "s", "u" if unsigned else ""
    one = "d" if wide else ("zx" if unsigned else "sx")
    if kind == "f128":
        yield Form(f"xscv{letter}dqp", one, ("VRB",), QP)
        return
    if kind == "f64":
        yield Form(f"fcfid{suffix}", one, ("FRB",), DP)
        yield Form(f"xscv{letter}xddp", one, ("XB",), DP)
        yield Form(f"xvcv{letter}xddp", one, ("XB",), DPS)
        if not wide:
            yield Form(f"xvcv{letter}xwdp", "w", ("XB",), DPS)
        return
    yield Form(f"fcfid{suffix}s", one, ("FRB",), SP)
    yield Form(f"xscv{letter}xdsp", one, ("XB",), SP)
    yield Form(f"xvcv{letter}xdsp", one, ("XB",), Result("sp", HIGH_WORD, HIGH_WORD))
    if not wide:
        yield Form(f"xvcv{letter}xwsp", "w", ("XB",), SPS)


_CONVERSIONS = {
    ("f32", "f64"): (
        Form("xscvspdp", "sp", ("XB",), DP),
        Form("xvcvspdp", "sp", ("XB",), DPS),
    ),
    ("f64", "f32"): (
        Form("frsp", "dp", ("FRB",), SP),
        Form("xsrsp", "dp", ("XB",), SP),
        Form("xscvdpsp", "dp", ("XB",), Result("sp", HIGH_WORD)),
        Form("xvcvdpsp", "dp", ("XB",), Result("sp", HIGH_WORD, HIGH_WORD)),
    ),
    ("f32", "f128"): (Form("xscvdpqp", "sp_dp", ("VRB",), QP),),
    ("f64", "f128"): (Form("xscvdpqp", "dp", ("VRB",), QP),),
    ("f128", "f64"): (Form("xscvqpdp", "qp", ("VRB",), DP),),
    ("f16", "f32"): (Form("xvcvhpsp", "hp", ("XB",), SPS),),
    ("f16", "f64"): (Form("xscvhpdp", "hp", ("XB",), DP),),
    ("f32", "f16"): (
        Form("xvcvsphp", "sp", ("XB",), Result("hp", 0x0000FFFF0000FFFF, 0x0000FFFF0000FFFF)),
        Form("xscvdphp", "sp_dp", ("XB",), Result("hp", 0xFFFF)),
    ),
    ("f64", "f16"): (Form("xscvdphp", "dp", ("XB",), Result("hp", 0xFFFF)),),
}


def _integral(kind: str) -> Iterator[Form]:
    if kind == "f128":
        yield Form("xsrqpix", "qp", ("VRB",), QP, fields={"R": 0, "RMC": 3})
        for number, mode in ((0, "rne"), (1, "rtz"), (2, "rup"), (3, "rdn")):
            fields = {"R": 1, "RMC": number}
            yield Form("xsrqpix", "qp", ("VRB",), QP, (mode,), fields)
            yield Form("xsrqpi", "qp", ("VRB",), QP, (mode,), fields, says_inexact=False)
        return
    if kind == "f64":
        yield Form("xsrdpic", "dp", ("XB",), DP)
    lanes, letter, results = ("dp", "d", DPS) if kind == "f64" else ("sp", "s", SPS)
    yield Form(f"xvr{letter}pic", lanes, ("XB",), results)
    for suffix, mode in (("m", "rdn"), ("p", "rup"), ("z", "rtz")):
        if kind == "f64":
            yield Form(f"fri{suffix}", "dp", ("FRB",), DP, (mode,), says_inexact=False)
            yield Form(f"xsrdpi{suffix}", "dp", ("XB",), DP, (mode,), says_inexact=False)
        name = f"xvr{letter}pi{suffix}"
        yield Form(name, lanes, ("XB",), results, (mode,), says_inexact=False)


#: functions of the vectors that no instruction does
WITHOUT = {"f128_to_f32": "Power rounds a quad to single in two steps, xscvqpdpo and xsrsp"}


def forms_of(function: str, mode: str) -> list[Form]:
    """The forms for a section of the vectors."""
    kind, _, operation = function.partition("_")
    made: Iterable[Form]
    if operation.startswith("to_"):
        target = operation[3:]
        if kind.endswith(("i32", "i64")):
            made = _from_integer(kind, target)
        elif target.endswith(("i32", "i64")):
            made = _to_integer(kind, target)
        else:
            made = _CONVERSIONS.get((kind, target), ())
    elif operation in _ADDITIVE:
        made = _arithmetic(kind, operation)
    elif operation == "mulAdd":
        made = _multiply_add(kind)
    elif operation == "roundToInt":
        made = _integral(kind)
    else:
        made = _comparison(kind, operation)
    return [form for form in made if mode in form.modes]
