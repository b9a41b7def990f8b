"""Instruction pictures: fields by the book's names, their widths, and how split and signed fields
are put together.

A picture is the 32-bit word (of a prefixed instruction both words) from left (bit 0) to right:
runs of 0 and 1 are opcode bits, `/` is a reserved bit (ignored, as silicon does), a name is a
field of the width below, `NAME:n` a field of n bits. Ref: Book I 1.6.
"""

from __future__ import annotations

from dataclasses import dataclass

_WIDTHS = {
    1: "DX1 MP W OE Rc LK AA L EH TX SX AX BX CX sh5 mb5 d2 R EX PS PRS UIM1 dc dm ST SIX",
    2: "BH DM SHW RM RMC RIC SP UIM2 WC",
    3: "BF BFA IH UIM3 DRM AT",
    4: "Tp Sp Ap U CT SR SHV UIM4",
    5: "RT RS RA RB RC FRT FRS FRA FRB FRC VRT VRS VRA VRB VRC T S A B C BO BI BT BA BB TO SH MB ME"
       " MO NB RTp RSp FRTp FRSp FRAp FRBp SIM UIM TH sprh sprl d1 sh04 mb04 TE FC RO SHB dx D5",
    6: "DCM DGM",
    7: "LEV",
    8: "FXM FLM IMM8",
    10: "d0 BHRBE",
    12: "DQ",
    14: "DS BD",
    16: "SI UI D",
    18: "si0",
    24: "LI",
}
WIDTH = {name: width for width, names in _WIDTHS.items() for name in names.split()}

#: split fields: pieces from most to least significant
COMBINED = {
    "sh": ("sh5", "sh04"), "mb": ("mb5", "mb04"), "spr": ("sprh", "sprl"),
    "XT": ("TX", "T"), "XS": ("SX", "S"), "XA": ("AX", "A"), "XB": ("BX", "B"), "XC": ("CX", "C"),
    "SI34": ("si0", "si1"), "IMM32": ("imm0", "imm1"),
    "HASHD": ("DX1", "D5"),
    "XTp": ("TX", "Tp"), "XSp": ("SX", "Sp"), "XAp": ("AX", "Ap"),
    "DX": ("d0", "d1", "d2"), "BMI": ("d0", "d1", "d2"), "DCMX": ("dc", "dm", "dx"),
    "BO": ("BO0", "BO1", "BO2", "BO3", "BO4"), "BC": ("BCf", "BCb"),
}

#: fields that are two's complement: name -> (width, scale_log2)
SIGNED = {
    "SI": (16, 0), "D": (16, 0), "DS": (14, 2), "DQ": (12, 4), "BD": (14, 2), "LI": (24, 2),
    "SIM": (5, 0), "DX": (16, 0), "TE": (5, 0), "SI34": (34, 0),
}

#: fields below 0: name -> (what is added, scale_log2)
BIASED = {"HASHD": (-64, 3)}

#: fields that number pairs: what they name is twice the number
PAIRS = frozenset(("XTp", "XSp", "XAp"))

#: fields whose every value becomes a variant of its own: bodies see them as plain ints
FLAGS = ("OE", "Rc", "LK", "AA")


@dataclass(frozen=True, slots=True)
class Picture:
    """A parsed picture: a word matches when `word & mask == value`.

    `fields` maps name to (shift, width). Of a prefixed instruction the word has 64 bits, prefix
    first.
    """

    mask: int
    value: int
    fields: dict[str, tuple[int, int]]
    bits: int = 32


def parse_picture(text: str) -> Picture:
    """Read a picture.

    Raises ValueError when it is neither 32 nor 64 bits, or names an unknown or repeated field.
    """
    # first as of 64 bits, then moved to the right end
    mask = value = at = 0
    fields: dict[str, tuple[int, int]] = {}
    for token in text.split():
        if set(token) <= {"0", "1", "/"}:
            width = len(token)
            fixed = "".join("0" if c == "/" else "1" for c in token)
            mask |= int(fixed, 2) << (64 - at - width)
            value |= int(token.replace("/", "0"), 2) << (64 - at - width)
        else:
            name, _, explicit = token.partition(":")
            if name in fields or not (explicit or name in WIDTH):
                raise ValueError(f"field {name!r} unknown or repeated in {text!r}")
            width = int(explicit) if explicit else WIDTH[name]
            fields[name] = (64 - at - width, width)
        at += width
    if at not in (32, 64):
        raise ValueError(f"{text!r} has {at} bits, not 32 or 64")
    rest = 64 - at
    placed = {name: (shift - rest, width) for name, (shift, width) in fields.items()}
    return Picture(mask >> rest, value >> rest, placed, at)


def words_of(word: int) -> tuple[int, ...]:
    """The words of memory that an instruction takes: one, or prefix and suffix."""
    return (word,) if word < 1 << 32 else (word >> 32, word & 0xFFFFFFFF)


def raw_field(picture: Picture, word: int, name: str) -> int:
    """A field's bits as an unsigned number, split fields joined."""
    if name in picture.fields:
        shift, width = picture.fields[name]
        return word >> shift & (1 << width) - 1
    number = 0
    for piece in COMBINED[name]:
        shift, width = picture.fields[piece]
        number = number << width | word >> shift & (1 << width) - 1
    return number


def field_value(picture: Picture, word: int, name: str) -> int:
    """A field as the book reads it: signed and scaled where the form says so."""
    number = raw_field(picture, word, name)
    if name in SIGNED:
        width, scale = SIGNED[name]
        if name in picture.fields:
            width = picture.fields[name][1]
        number = (number - (1 << width) if number >> (width - 1) else number) << scale
    if name in BIASED:
        bias, scale = BIASED[name]
        return number + bias << scale
    return number << 1 if name in PAIRS else number
