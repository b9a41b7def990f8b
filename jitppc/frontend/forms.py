"""Instruction pictures: fields by the book's names, their widths, and how split and signed fields are put together.

A picture is the 32-bit word from left (bit 0) to right: runs of 0 and 1 are opcode bits, `/` is a reserved bit
(ignored, as silicon does), a name is a field of the width below, `NAME:n` a field of n bits. Ref: Book I 1.6.
"""

from __future__ import annotations

from dataclasses import dataclass

_FIVE = ("RT RS RA RB RC FRT FRS FRA FRB FRC VRT VRS VRA VRB VRC T S A B C BO BI BT BA BB TO SH MB ME MO NB RTp RSp "
         "FRTp FRSp SIM UIM TH sprh sprl d1 sh04 mb04 TE FC RO SHB")
WIDTH = dict.fromkeys(_FIVE.split(), 5) | {
    "SI": 16, "UI": 16, "D": 16, "DS": 14, "DQ": 12, "LI": 24, "BD": 14, "BF": 3, "BFA": 3, "FXM": 8, "FLM": 8,
    "U": 4, "W": 1, "OE": 1, "Rc": 1, "LK": 1, "AA": 1, "L": 1, "EH": 1, "LEV": 7, "BH": 2, "CT": 4, "IH": 3,
    "TX": 1, "SX": 1, "AX": 1, "BX": 1, "CX": 1, "sh5": 1, "mb5": 1, "d0": 10, "d2": 1, "DM": 2, "SHW": 2,
    "RM": 2, "RMC": 2, "R": 1, "EX": 1, "PS": 1, "PRS": 1, "RIC": 2, "SR": 4, "DCM": 6, "DGM": 6, "SP": 2,
    "SHV": 4, "UIM1": 1, "UIM2": 2, "UIM3": 3, "UIM4": 4, "dx": 5, "dc": 1, "dm": 1, "IMM8": 8, "WC": 2, "ST": 1,
    "SIX": 1, "BHRBE": 10, "DRM": 3,
}

#: split fields: pieces from most to least significant
COMBINED = {
    "sh": ("sh5", "sh04"), "mb": ("mb5", "mb04"), "spr": ("sprh", "sprl"), "XT": ("TX", "T"), "XS": ("SX", "S"),
    "XA": ("AX", "A"), "XB": ("BX", "B"), "XC": ("CX", "C"), "DX": ("d0", "d1", "d2"), "DCMX": ("dc", "dm", "dx"),
    "BO": ("BO0", "BO1", "BO2", "BO3", "BO4"), "BC": ("BCf", "BCb"),
}

#: fields that are two's complement: name -> (width, scale_log2)
SIGNED = {"SI": (16, 0), "D": (16, 0), "DS": (14, 2), "DQ": (12, 4), "BD": (14, 2), "LI": (24, 2), "SIM": (5, 0),
          "DX": (16, 0)}

#: fields whose every value becomes a variant of its own: bodies see them as plain ints
FLAGS = ("OE", "Rc", "LK", "AA")


@dataclass(frozen=True, slots=True)
class Picture:
    """A parsed picture: a word matches when `word & mask == value`; `fields` maps name to (shift, width)."""

    mask: int
    value: int
    fields: dict[str, tuple[int, int]]


def parse_picture(text: str) -> Picture:
    """Read a picture. Raises ValueError when it is not 32 bits, or names an unknown or repeated field."""
    mask = value = at = 0
    fields: dict[str, tuple[int, int]] = {}
    for token in text.split():
        if set(token) <= {"0", "1", "/"}:
            width = len(token)
            fixed = "".join("0" if c == "/" else "1" for c in token)
            mask |= int(fixed, 2) << (32 - at - width)
            value |= int(token.replace("/", "0"), 2) << (32 - at - width)
        else:
            name, _, explicit = token.partition(":")
            if name in fields or not (explicit or name in WIDTH):
                raise ValueError(f"field {name!r} unknown or repeated in {text!r}")
            width = int(explicit) if explicit else WIDTH[name]
            fields[name] = (32 - at - width, width)
        at += width
    if at != 32:
        raise ValueError(f"{text!r} has {at} bits, not 32")
    return Picture(mask & 0xFFFFFFFF, value & 0xFFFFFFFF, fields)


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
    return number
