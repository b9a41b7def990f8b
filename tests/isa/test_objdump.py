"""Names, operands and encodings of all rows against GNU objdump.

The golden text is committed, so that the first tests need no binutils; one makes it anew.
"""

import re

import pytest
from oracles import objdump

from jitppc.frontend.decode import decode, is_hidden, rows
from jitppc.frontend.disasm import render

CR_BITS = {"lt": 0, "gt": 1, "eq": 2, "so": 3, "un": 3}

#: rows that objdump -Mpower10 does not know, or prints by another name
UNKNOWN = {
    "mftb": "left out in favour of mfspr since ISA 2.03, still executed",
    "mftb.TBU": "left out in favour of mfspr since ISA 2.03, still executed",
    "nop": "printed as ori r0,r0,0",
    "paste.": "printed with L, which is always 1",
    "paste.3.1": "as paste.",
    "pnop": "printed only with a suffix of zeros",
}


def plain_operand(operand: str) -> str:
    """Numbers only: registers without prefix, CR bits as numbers, targets modulo 2**32."""
    operand = operand.strip()
    if match := re.fullmatch(r"(?:4\*cr(\d)\+)?(lt|gt|eq|so|un)", operand):
        return str(4 * int(match[1] or 0) + CR_BITS[match[2]])
    operand = re.sub(r"\b(?:vs|r|cr|f|v|a)(\d+)", r"\1", operand)
    return re.sub(r"0x[0-9a-f]+", lambda m: str(int(m[0], 16) & 0xFFFFFFFF), operand)


def plain(text: str) -> list[str]:
    """Mnemonic and operands; without the branch hint that stands in BO as well."""
    mnemonic, _, operands = text.partition(" ")
    # binutils 2.40 prints matrix-multiply assist by the names of a future processor
    mnemonic = re.sub("^(pm)?dm(?=x)", r"\1", mnemonic.replace("dmset", "xxset"))
    return [mnemonic.rstrip("+-"), *map(plain_operand, operands.split(","))]


def agrees(ours: str, theirs: str) -> bool:
    """Equal, but for a last operand of 0 (or mfcr's mask) that one of the two leaves out."""
    a, b = plain(ours), plain(theirs)
    short, long = sorted((a, b), key=len)
    return short == long[: len(short)] and long[len(short) :] in ([], ["0"], ["-1"])


def judged(lines: list[objdump.Line]) -> dict[str, tuple[str, str]]:
    """What differs, by word."""
    found = {}
    for address, word, theirs in lines:
        insn = decode(word)
        if insn is None:
            found[f"{word:08x}"] = ("no row", theirs)
        elif insn.row.key not in UNKNOWN and not agrees(render(insn, address), theirs):
            found[f"{word:08x}"] = (render(insn, address), theirs)
    return found


def test_rows_print_as_the_golden_text_does():
    assert {} == judged(objdump.read_golden())


def test_the_golden_text_has_every_row():
    decoded = [decode(word) for _, word, _ in objdump.read_golden()]
    wanted = {key for key, row in rows().items() if not is_hidden(row)}
    missing = wanted - {insn.row.key for insn in decoded if insn is not None}
    assert set() == missing, "refresh with: python tests/oracles/objdump.py"


def test_binutils_print_fresh_samples_so(require_tool):
    tool = require_tool(objdump.TOOL)
    lines = objdump.disassemble_rows(objdump.samples(), tool)
    assert {} == judged(lines)


@pytest.mark.parametrize("key", UNKNOWN)
def test_exceptions_are_rows_that_exist(key):
    assert key in rows()
