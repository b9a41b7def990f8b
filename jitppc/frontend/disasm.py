"""Words as text, from the rows: base mnemonics and the book's operand order.

As `objdump -Mraw` prints them.
"""

from __future__ import annotations

import re

from .decode import Insn, decode
from .forms import field_value, raw_field, words_of
from .levels import Model

_REGISTER_PREFIX = {
    "RT": "r", "RS": "r", "RA": "r", "RB": "r", "RC": "r", "RTp": "r", "RSp": "r",
    "FRT": "f", "FRS": "f", "FRA": "f", "FRB": "f", "FRC": "f",
    "FRTp": "f", "FRSp": "f", "FRAp": "f", "FRBp": "f",
    "VRT": "v", "VRS": "v", "VRA": "v", "VRB": "v", "VRC": "v",
    "XT": "vs", "XS": "vs", "XA": "vs", "XB": "vs", "XC": "vs",
    "XTp": "vs", "XSp": "vs", "XAp": "vs", "AT": "a",
    "BF": "cr", "BFA": "cr",
}
_OPERAND = re.compile(r"[A-Za-z][A-Za-z0-9]*")


def disassemble(word: int, cia: int = 0, model: Model | None = None) -> str:
    """One line of assembly; `.long` with the word when no row of the model matches.

    The word of a prefixed instruction is prefix << 32 | suffix.
    """
    found = decode(word, model)
    if found is None:
        return ", ".join(f".long 0x{part:08x}" for part in words_of(word))
    return render(found, cia)


def render(insn: Insn, cia: int = 0) -> str:
    """The text of a decoded instruction; branch targets are absolute."""
    picture, row = insn.row.picture, insn.row

    def operand(match: re.Match[str]) -> str:
        name = match.group(0)
        if name in ("LI", "BD"):
            base = 0 if raw_field(picture, insn.word, "AA") else cia
            return f"0x{base + field_value(picture, insn.word, name) & (1 << 64) - 1:x}"
        return _REGISTER_PREFIX.get(name, "") + str(field_value(picture, insn.word, name))

    operands = _OPERAND.sub(operand, row.asm)
    return f"{row.mnemonic(insn.flags)} {operands}".rstrip()
