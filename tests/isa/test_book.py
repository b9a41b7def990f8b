"""The list of the book's instructions against GNU objdump, the rows against the list, and the
judgements against the rows.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from pathlib import Path

import pytest
from oracles import objdump

from jitppc.cli import main
from jitppc.cli.isa import document
from jitppc.frontend.decode import rows
from jitppc.frontend.levels import rank
from jitppc.fuzz import book

ROOT = Path(__file__).parents[2]
#: levels by the oldest dialect of objdump that knows a word
DIALECTS = {
    "power5": "2.02", "power6": "2.05", "power7": "2.06", "power8": "2.07", "power9": "3.0",
    "power10": "3.1",
}  # fmt: skip
#: where objdump's dialects say something else than the book, and why
OTHER_LEVEL = {
    "hashst": "POWER10's ISA 3.1B brought it; objdump has it since POWER8, where it is a no-op",
    "hashchk": "as hashst",
    "hashstp": "as hashst",
    "hashchkp": "as hashst",
    "lq": "of problem state since 2.07, of supervisors before",
    "stq": "as lq",
    "slbia": "its operand IH came with 2.05",
    "icbt": "in the embedded books before 2.07",
    "isel": "in the embedded books before 2.03",
    "vabsdub": "POWER8 has it; in the book since 3.0",
    "vabsduh": "as vabsdub",
    "vabsduw": "as vabsdub",
    "wait": "3.0 and 3.1 have it with other fields",
    "addg6s": "POWER6 has it; in the book since 2.06",
    "cbcdtd": "as addg6s",
    "cdtbcd": "as addg6s",
    "slbfee.": "POWER6 has it; in the book since 2.05",
    "tlbiel": "operands of 3.0 in the word",
    "tlbie": "operands of 2.06 in the word",
}
#: words that objdump prints by another name
NO_NAME = {"mftb": "printed as mfspr"}
#: rows that are not in the list under a name of their own
NOT_LISTED = {"nop": "an extended mnemonic of ori, which has a row for speed"}
#: rows that no reference can judge, and why; all are refused in every state
_NO_ULTRAVISOR = "QEMU has no ultravisor and takes it for illegal"
NOBODY_CAN_JUDGE = {
    "msgsndu": _NO_ULTRAVISOR,
    "msgclru": _NO_ULTRAVISOR,
    "urfid": _NO_ULTRAVISOR,
    "stop": "QEMU's processor sleeps",
}


def printed(words: list[int], dialect: str, tool: str) -> dict[int, str]:
    """The mnemonics that objdump prints for words, each at 64 bytes of its own."""
    data = b""
    for word in words:
        halves = [word >> 32, word & 0xFFFFFFFF] if word >> 32 else [word]
        padded = [*halves, *[0x60000000] * (16 - len(halves))]
        data += b"".join(half.to_bytes(4, "little") for half in padded)
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(data)
        file.flush()
        command = [tool, "-D", "-b", "binary", "-m", "powerpc:common64", "-EL", f"-Mraw,{dialect}"]
        text = subprocess.run([*command, file.name], capture_output=True, text=True, check=True)
    lines = re.findall(r"^\s*([0-9a-f]+):\t(?:[0-9a-f]{2} ){4}\s*(\S+)", text.stdout, re.MULTILINE)
    found = {int(at, 16): name for at, name in lines}
    return {word: found[64 * n] for n, word in enumerate(words)}


def plain(name: str) -> str:
    """Without objdump's prefix of dense math for what POWER10 calls accumulators."""
    name = re.sub(r"^(pm?)?dm(?=x|setacc|mfacc|mtacc)", lambda m: m[1] or "", name)
    return name.rstrip("+-") if name.startswith("b") else name


def test_objdump_knows_every_instruction_of_the_list_by_its_name(require_tool):
    tool = require_tool(objdump.TOOL)
    words = {listed.word: listed for listed in book.mnemonics().values()}
    unknown = {word: listed for word, listed in words.items() if listed.mnemonic not in NO_NAME}
    for dialect in list(DIALECTS)[:0:-1]:
        for word, name in printed(list(unknown), dialect, tool).items():
            if plain(name).removeprefix("xx") == words[word].mnemonic.removeprefix("xx"):
                del unknown[word]
    assert {} == {words[word].mnemonic: f"{word:x}" for word in unknown}


def test_levels_from_2_06_on_are_those_of_objdump(require_tool):
    tool = require_tool(objdump.TOOL)
    words = {listed.word: listed for listed in book.mnemonics().values()}
    seen: dict[int, str] = {}
    for dialect, level in DIALECTS.items():
        for word, name in printed(list(words), dialect, tool).items():
            if plain(name) == words[word].mnemonic:
                seen.setdefault(word, level)
    wrong = {}
    for word, listed in words.items():
        theirs, ours = rank(seen.get(word, "3.1")), max(rank(listed.level), rank("2.02"))
        if theirs != _plain_rank(ours) and listed.mnemonic not in OTHER_LEVEL | NO_NAME:
            wrong[listed.mnemonic] = (listed.level, seen.get(word))
    assert {} == wrong


def _plain_rank(level: int) -> int:
    """As objdump's dialects, which are processors: 3.1B counts as 3.1, 2.03 as POWER6's 2.05."""
    for name in ("3.1", "3.0"):
        if level >= rank(name):
            return rank(name)
    if rank("2.02") < level < rank("2.05"):
        return rank("2.05")
    return level


def test_rows_are_in_the_list_at_the_same_level():
    listed = book.mnemonics()
    strangers = {row.key for row in rows().values() if book.listed_name(row) not in listed}
    assert set(NOT_LISTED) == strangers
    wrong = {}
    for row in rows().values():
        entry = listed.get(book.listed_name(row))
        if entry and rank(entry.level) != rank(row.since) and row.key == row.name:
            if row.key in ("tlbie", "tlbiel"):
                continue                     # the older operands have a row of their own
            wrong[row.key] = (row.since, entry.level)
    assert {} == wrong


def test_what_is_refused_has_no_row_or_one_that_refuses():
    refusing = {r.name for r in rows().values() if r.body.__module__.endswith("hypervisor")}
    assert refusing - {"tlbie", "tlbiel"} == set(book.REFUSED) & set(book.rows_by_mnemonic())
    assert set(book.REFUSED) <= set(book.mnemonics())


def test_every_row_has_an_independent_judgement():
    """`jitppc isa -judge 40` judges new rows; QEMU and the recorded results are the judges."""
    judged = book.read_judgements()
    left = set(rows()) - set(NOT_LISTED) - set(judged)
    assert set(NOBODY_CAN_JUDGE) == left
    assert left <= set(book.REFUSED)


def test_judgements_are_of_rows_that_exist():
    assert set() == set(book.read_judgements()) - set(rows())


def test_the_document_is_current():
    """python -m jitppc.cli.isa > docs/isa.md"""
    assert (ROOT / "docs/isa.md").read_text(encoding="utf-8") == document()


def test_the_command_filters(capsys):
    assert main(["isa", "-json", "addex", "lq"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [("addex", "3.0B"), ("lq", "2.07")] == [(e["mnemonic"], e["level"]) for e in found]
    assert main(["isa", "-state", "refused", "-level", "2.05"]) == 0
    out = capsys.readouterr().out
    assert "lbzcix" in out
    assert "addex" not in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["isa", "addq"], "has no instruction 'addq'"),
        (["isa", "-state", "done"], "state"),
        (["isa", "-ledger", "/dev"], "/dev"),
    ],
)
def test_bad_input_is_one_line(words, says, capsys):
    assert main(words) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1
