"""The whole opcode space against GNU objdump: which words are instructions, and what they print.

Every primary opcode with every value of the low eleven bits, and every kind of prefix, with random
other bits. Silicon ignores reserved bits, objdump does not: where we decode a word that it refuses,
the same word with its reserved bits 0 is asked for.
"""

from __future__ import annotations

import random
import re
import subprocess
import tempfile

import numpy as np
import pytest
from oracles import objdump
from test_book import plain
from test_objdump import agrees

from jitppc.frontend.decode import Insn, decode, rows
from jitppc.frontend.disasm import render
from jitppc.frontend.forms import raw_field
from jitppc.frontend.levels import model_named
from jitppc.frontend.rows import Row
from jitppc.fuzz import book

AT = 0x10000
DIALECTS = {"power8": "power8", "power9": "power9", "power10": "power10"}
NOP, PNOP = 0x60000000, 0x0700000000000000

#: rows that objdump does not know in a dialect, or knows by other operands, and why
OTHERWISE = {
    "pnop": "known before a suffix of zeros only",
    "mtvsrbmi": "its mask is printed as a signed number",
    "mftb": "printed as mfspr",
    "mftb.TBU": "printed as mfspr",
    "nop": "printed as ori r0,r0,0",
    "wait": "its fields came with later levels",
    "sync": "its fields came with later levels",
    "dcbf": "its L field came with later levels",
    "icbt": "known by embedded dialects",
    "tlbie": "the form of 3.0 in older dialects",
    "tlbiel": "the form of 3.0 in older dialects",
    "slbia": "its IH field came with later levels",
    "paste.": "its L field is printed by later versions",
    "copy": "its L field is printed by later versions",
}
#: what objdump prints and we have no row for, and why
OPEN_FAMILIES = (
    "xxgenpcv",  # immediates that the book does not have
    "tabort", "tbegin", "tend", "tcheck", "tsr", "treclaim", "trechkpt",  # gone in 3.1
)  # fmt: skip
WITHOUT_A_ROW = {
    "hashst": "objdump has it since POWER8, the book since 3.1B",
    "hashchk": "objdump has it since POWER8, the book since 3.1B",
    "hashstp": "objdump has it since POWER8, the book since 3.1B",
    "hashchkp": "objdump has it since POWER8, the book since 3.1B",
    "vabsdub": "POWER8 has it, the book since 3.0",
    "vabsduh": "POWER8 has it, the book since 3.0",
    "vabsduw": "POWER8 has it, the book since 3.0",
}


def words_of_everything(source: random.Random) -> list[int]:
    """A word for each primary opcode and low eleven bits."""
    return [
        primary << 26 | source.getrandbits(26) & ~0x7FF | low
        for primary in range(64) if primary != 1
        for low in range(2048)
    ]  # fmt: skip


def prefixed_words(source: random.Random) -> list[int]:
    """Every type of prefix (bits 6:11, with R set and not) before every primary opcode, with the
    extended opcodes that rows have and some that none has; the rest is random or 0.
    """
    found = []
    for kind in range(64):
        for primary in range(64):
            for turn in range(8):
                prefix = 1 << 26 | kind << 20 | source.getrandbits(20) * (turn & 1)
                suffix = primary << 26 | source.getrandbits(26)
                found.append(prefix << 32 | suffix)
    for row in rows().values():
        if row.picture.bits == 64:
            found += [random_word(row, source) for _ in range(12)]
    return found


def random_word(row: Row, source: random.Random) -> int:
    """The row's opcode bits, and anything in the others."""
    return row.picture.value | source.getrandbits(64) & ~row.picture.mask & (1 << 64) - 1


def printed(words: list[int], dialect: str, tool: str, size: int = 4) -> dict[int, str]:
    """What objdump prints for the words of so many bytes, the first at AT."""
    halves = words
    if size != 4:  # behind them is room for what a suffix may begin, if it is no suffix
        halves = [half for w in words for half in (w >> 32, w & 0xFFFFFFFF, NOP, NOP)]
    data = np.array(halves, "<u4").tobytes()
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(data)
        file.flush()
        command = [tool, "-D", "-b", "binary", "-m", "powerpc:common64", "-EL"]
        command += [f"-Mraw,{dialect}", f"--adjust-vma={AT:#x}", file.name]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    pattern = r"^\s*([0-9a-f]+):\t(?:[0-9a-f]{2} ){4}\s*(.*)$"
    lines = re.findall(pattern, text, re.MULTILINE)
    return {int(at, 16): objdump._plain(line) for at, line in lines}


def without_reserved(insn: Insn) -> int:
    """The word with its reserved bits 0."""
    fields = sum(((1 << w) - 1) << s for s, w in insn.row.picture.fields.values())
    return insn.word & (insn.row.picture.mask | fields)


def is_exception(insn: Insn) -> bool:
    """Something is said about the row in OTHERWISE."""
    return not {insn.row.key, insn.row.name}.isdisjoint(OTHERWISE)


def is_acceptable(insn: Insn) -> bool:
    """The word is a valid form; update forms with RA = 0 are executed, and are none."""
    row = insn.row
    if row.name.endswith(("u", "ux")) and "RA" in row.picture.fields:
        return bool(raw_field(row.picture, insn.word, "RA")) and accepts(insn)
    return accepts(insn)


def accepts(insn: Insn) -> bool:
    """What the row itself says."""
    return insn.row.accept is None or insn.row.accept(insn.word)


@pytest.mark.parametrize("model", DIALECTS)
def test_words_are_instructions_here_and_there_and_print_alike(model, require_tool):
    words = words_of_everything(random.Random(f"opcode space {model}"))
    check(words, model, require_tool(objdump.TOOL), 4)


def test_prefixed_words_are_too(require_tool):
    words = prefixed_words(random.Random("prefixed opcode space"))
    check(words, "power10", require_tool(objdump.TOOL), 16)


def check(words: list[int], model: str, tool: str, size: int) -> None:
    """Words of so many bytes are instructions for us and for objdump, or for neither."""
    lines = printed(words, DIALECTS[model], tool, size)
    named = model_named(model)
    unknown, strange, refused = {}, {}, {}
    for number, word in enumerate(words):
        at = AT + size * number
        theirs, insn = lines[at], decode(word, named)
        knows = not theirs.startswith(".long")
        if insn is None:
            if knows and is_expected(theirs):
                unknown[f"{word:08x}"] = theirs
        elif not knows:
            refused[number] = insn
        elif not is_acceptable(insn) or is_exception(insn):
            continue
        elif not agrees(render(insn, at), theirs):
            strange[f"{word:08x}"] = (render(insn, at), theirs)
    assert {} == unknown
    assert {} == strange
    again = {n: without_reserved(insn) for n, insn in refused.items() if is_acceptable(insn)}
    nop = NOP if size == 4 else PNOP
    clean = printed([again.get(n, nop) for n in range(len(words))], DIALECTS[model], tool, size)
    still = {
        f"{again[n]:08x}": refused[n].row.key for n in again
        if clean[AT + size * n].startswith(".long") and not is_exception(refused[n])
    }
    assert {} == still


def is_expected(theirs: str) -> bool:
    """An instruction that we should have: of the book, not refused, and not missing as a whole."""
    name = plain(theirs.split(" ", maxsplit=1)[0])
    if name in WITHOUT_A_ROW or name.startswith(OPEN_FAMILIES):
        return False
    for suffix in ("", ".", "o", "o.", "l", "a", "la"):
        base = name[: len(name) - len(suffix)] if name.endswith(suffix) else ""
        if base in book.rows_by_mnemonic():
            return True
    return False


@pytest.mark.parametrize("key", OTHERWISE)
def test_exceptions_of_the_sweep_are_rows(key):
    assert key in rows()
