"""VSX conversions between formats and to and from integers. Ref: Book I 7.6.3.

A word result of a doubleword goes to its left word, or for integers its right one; POWER9 writes it to both.
"""

from __future__ import annotations

from collections.abc import Callable

from jitppc.frontend.rows import Fields, insn
from jitppc.ir.block import Value
from jitppc.ir.builder import Builder

from .fp_registers import deliver, scalar, set_scalar
from .vsx_families import (
    REF,
    XX2,
    as_word,
    controls_of,
    deliver_vector,
    joined,
    row,
    scalar_unary,
    union,
)
from .vsx_lanes import of_words, words

ONE = 0x3FF << 52
Convert = Callable[..., Value]


def twice(b: Builder, word: Value) -> Value:
    """A zero-extended word in both halves of a doubleword."""
    return b.or_(b.shl(word, 32), word)


def checked(b: Builder, number: Value, fpscr: Value) -> Value:
    """pack(FPSCR, a number that fits), a signalling NaN made quiet: the product with one."""
    return b.f_mul(64, number, ONE, fpscr)


def low_word(b: Builder, x: Value) -> Value:
    """The right word of a doubleword, zero-extended."""
    return b.and_(x, 0xFFFFFFFF)


# --- scalar ------------------------------------------------------------------------------------------------

scalar_unary("XT <- XB rounded to single.", [("xsrsp", 281, 32)], lambda b, *a: b.f_narrow(*a))
for _name, _xo, _kind in (("xscvdpsxds", 344, (True, 64, True)), ("xscvdpuxds", 328, (False, 64, True))):
    scalar_unary("XT <- XB as an integer, toward zero.", [(_name, _xo, 64)],
                 lambda b, _p, *a, kind=_kind: b.f_to_int(kind, *a))
for _name, _xo, _signed, _precision in (("xscvsxddp", 376, True, 64), ("xscvuxddp", 360, False, 64),
                                        ("xscvsxdsp", 312, True, 32), ("xscvuxdsp", 296, False, 32)):
    scalar_unary("XT <- the integer XB as a number.", [(_name, _xo, _precision)],
                 lambda b, p, *a, is_signed=_signed: b.f_from_int((is_signed, p), *a))


def scalar_to_word(name: str, xo: int, is_signed: bool) -> None:
    """XT <- XB as a word."""
    def body(b: Builder, i: Fields) -> None:
        b.require("VSX")
        packed = b.f_to_int((is_signed, 32, True), scalar(b, i.XB), b.get("fpscr"))
        deliver(b, i.XT, packed, bits=twice(b, low_word(b, b.lo(packed))))
    row("XX2", XX2.format(xo), "XT,XB", "2.06", name, "XT <- XB as a word, toward zero.", body)


scalar_to_word("xscvdpsxws", 88, is_signed=True)
scalar_to_word("xscvdpuxws", 72, is_signed=False)


@insn("XX2", XX2.format(265), "XT,XB", since="2.06", ref=REF)
def xscvdpsp(b: Builder, i: Fields) -> None:
    """VSR[XT].word[0] <- VSR[XB].dword[0] rounded to single."""
    b.require("VSX")
    packed = b.f_narrow(32, scalar(b, i.XB), b.get("fpscr"))
    deliver(b, i.XT, packed, bits=twice(b, as_word(b, b.lo(packed))))


@insn("XX2", XX2.format(267), "XT,XB", since="2.07", ref=REF)
def xscvdpspn(b: Builder, i: Fields) -> None:
    """VSR[XT].word[0] <- VSR[XB].dword[0] as a single, without rounding and exceptions."""
    b.require("VSX")
    set_scalar(b, i.XT, twice(b, as_word(b, scalar(b, i.XB))))


@insn("XX2", XX2.format(329), "XT,XB", since="2.06", ref=REF)
def xscvspdp(b: Builder, i: Fields) -> None:
    """VSR[XT].dword[0] <- the single VSR[XB].word[0]."""
    b.require("VSX")
    single = b.trunc(b.lshr(scalar(b, i.XB), 32), 32)
    deliver(b, i.XT, checked(b, b.double_of_single(single), b.get("fpscr")))


@insn("XX2", XX2.format(331), "XT,XB", since="2.07", ref=REF)
def xscvspdpn(b: Builder, i: Fields) -> None:
    """VSR[XT].dword[0] <- the single VSR[XB].word[0], without exceptions."""
    b.require("VSX")
    set_scalar(b, i.XT, b.double_of_single(b.trunc(b.lshr(scalar(b, i.XB), 32), 32)))


@insn("XX2", "111100 T 10000 B 101011011 BX TX", "XT,XB", since="3.0", ref=REF)
def xscvhpdp(b: Builder, i: Fields) -> None:
    """VSR[XT].dword[0] <- the half-precision number VSR[XB].hword[3]."""
    b.require("VSX")
    deliver(b, i.XT, checked(b, b.double_of_half(scalar(b, i.XB)), b.get("fpscr")))


@insn("XX2", "111100 T 10001 B 101011011 BX TX", "XT,XB", since="3.0", ref=REF)
def xscvdphp(b: Builder, i: Fields) -> None:
    """VSR[XT].dword[0] <- VSR[XB].dword[0] rounded to half precision, in the right halfword."""
    b.require("VSX")
    deliver(b, i.XT, b.f_narrow(16, scalar(b, i.XB), b.get("fpscr")))


# --- vector: each source doubleword or word is one number ------------------------------------------------------

def source(b: Builder, i: Fields) -> Value:
    """VSR[XB]."""
    b.require("VSX")
    return b.get("vsr", i.XB)


def deliver_each(b: Builder, i: Fields, results: list[Value], finish: Callable[[list[Value]], Value]) -> None:
    """XT <- what `finish` makes of the results; with their exceptions."""
    deliver_vector(b, i, union(b, results), finish([b.lo(r) for r in results]))


def doublewords(b: Builder, value: Value) -> list[Value]:
    """Both doublewords."""
    return [b.hi(value), b.lo(value)]


def left_words(b: Builder, value: Value) -> list[Value]:
    """Words 0 and 2, zero-extended."""
    return [b.lshr(d, 32) for d in doublewords(b, value)]


def singles(b: Builder, values: list[Value]) -> list[Value]:
    """Zero-extended words as doubles."""
    return [b.double_of_single(b.trunc(word, 32)) for word in values]


def signed_words(b: Builder, values: list[Value], is_signed: bool) -> list[Value]:
    """Words extended to doublewords."""
    return [b.sext(b.trunc(word, 32)) for word in values] if is_signed else values


def vector_to_integer(name: str, xo: int, from_bits: int, is_signed: bool, to_bits: int) -> None:
    """XT <- XB's numbers as integers, toward zero; words 0 and 2 are the numbers when only the integers are long."""
    def body(b: Builder, i: Fields) -> None:
        xb, controls = source(b, i), controls_of(b)
        if from_bits == 64:
            numbers = doublewords(b, xb)
        else:
            numbers = singles(b, words(b, xb) if to_bits == 32 else left_words(b, xb))
        results = [b.f_to_int((is_signed, to_bits, True), n, controls) for n in numbers]

        def finish(values: list[Value]) -> Value:
            if to_bits == 64:
                return b.pack(*values)
            low = [low_word(b, v) for v in values]
            return b.pack(*(twice(b, v) for v in low)) if from_bits == 64 else of_words(b, low)
        deliver_each(b, i, results, finish)
    row("XX2", XX2.format(xo), "XT,XB", "2.06", name, "XT <- XB as integers, toward zero.", body)


def vector_from_integer(name: str, xo: int, from_bits: int, is_signed: bool, precision: int) -> None:
    """XT <- XB's integers as numbers; words 0 and 2 are the integers when only the numbers are long."""
    def body(b: Builder, i: Fields) -> None:
        xb, controls = source(b, i), controls_of(b)
        if from_bits == 64:
            integers = doublewords(b, xb)
        else:
            integers = signed_words(b, words(b, xb) if precision == 32 else left_words(b, xb), is_signed)
        results = [b.f_from_int((is_signed, precision), n, controls) for n in integers]

        def finish(values: list[Value]) -> Value:
            if precision == 64 or from_bits == 32:
                return joined(b, precision, values)
            return b.pack(*(twice(b, as_word(b, v)) for v in values))
        deliver_each(b, i, results, finish)
    row("XX2", XX2.format(xo), "XT,XB", "2.06", name, "XT <- the integers XB as numbers.", body)


for _name, _xo, _from, _signed, _to in (
        ("xvcvdpsxds", 472, 64, True, 64), ("xvcvdpsxws", 216, 64, True, 32),
        ("xvcvdpuxds", 456, 64, False, 64), ("xvcvdpuxws", 200, 64, False, 32),
        ("xvcvspsxds", 408, 32, True, 64), ("xvcvspsxws", 152, 32, True, 32),
        ("xvcvspuxds", 392, 32, False, 64), ("xvcvspuxws", 136, 32, False, 32)):
    vector_to_integer(_name, _xo, _from, _signed, _to)
for _name, _xo, _from, _signed, _to in (
        ("xvcvsxddp", 504, 64, True, 64), ("xvcvsxwdp", 248, 32, True, 64),
        ("xvcvuxddp", 488, 64, False, 64), ("xvcvuxwdp", 232, 32, False, 64),
        ("xvcvsxdsp", 440, 64, True, 32), ("xvcvsxwsp", 184, 32, True, 32),
        ("xvcvuxdsp", 424, 64, False, 32), ("xvcvuxwsp", 168, 32, False, 32)):
    vector_from_integer(_name, _xo, _from, _signed, _to)


@insn("XX2", XX2.format(393), "XT,XB", since="2.06", ref=REF)
def xvcvdpsp(b: Builder, i: Fields) -> None:
    """Words 0 and 2 of XT <- XB's doubles rounded to single."""
    xb, controls = source(b, i), controls_of(b)
    deliver_each(b, i, [b.f_narrow(32, d, controls) for d in doublewords(b, xb)],
                 lambda values: b.pack(*(twice(b, as_word(b, v)) for v in values)))


@insn("XX2", XX2.format(457), "XT,XB", since="2.06", ref=REF)
def xvcvspdp(b: Builder, i: Fields) -> None:
    """XT's doubles <- words 0 and 2 of XB."""
    xb, controls = source(b, i), controls_of(b)
    deliver_each(b, i, [checked(b, d, controls) for d in singles(b, left_words(b, xb))],
                 lambda values: b.pack(*values))


@insn("XX2", "111100 T 11000 B 111011011 BX TX", "XT,XB", since="3.0", ref=REF)
def xvcvhpsp(b: Builder, i: Fields) -> None:
    """XT's singles <- the right halfwords of XB's words, as half-precision numbers."""
    xb, controls = source(b, i), controls_of(b)
    deliver_each(b, i, [checked(b, b.double_of_half(w), controls) for w in words(b, xb)],
                 lambda values: joined(b, 32, values))


@insn("XX2", "111100 T 11001 B 111011011 BX TX", "XT,XB", since="3.0", ref=REF)
def xvcvsphp(b: Builder, i: Fields) -> None:
    """The right halfwords of XT's words <- XB's singles rounded to half precision."""
    xb, controls = source(b, i), controls_of(b)
    deliver_each(b, i, [b.f_narrow(16, d, controls) for d in singles(b, words(b, xb))],
                 lambda values: of_words(b, values))
