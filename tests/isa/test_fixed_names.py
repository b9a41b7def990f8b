"""Mnemonics and operands of the fixed-point unit's rows against GNU objdump."""

import random
import re
import subprocess

import pytest

from jitppc.frontend.decode import decode, rows
from jitppc.frontend.disasm import disassemble
from jitppc.frontend.levels import MODELS, in_model

OURS = (
    "fixed_arith fixed_bcd fixed_compare fixed_load fixed_logical fixed_muldiv fixed_multiple "
    "fixed_rotate fixed_store branch cr trap atomics sync"
).split()
CR_BITS = {"lt": 0, "gt": 1, "eq": 2, "so": 3, "un": 3}
#: objdump leaves out a last operand that is 0
OPTIONAL_ZERO = {"dcbf", "lbarx", "lharx", "lwarx", "ldarx"}
#: we print the preferred no-op by its name
PREFERRED = {"nop": "ori 0 0 0"}


def own_rows():
    return [
        row
        for row in rows().values()
        if row.body.__module__.rsplit(".", 1)[-1] in OURS and in_model(row, "power9")
    ]


def sample_words(row, source, count=3):
    free = sum(((1 << width) - 1) << shift for shift, width in row.picture.fields.values())
    found = []
    while len(found) < count:
        word = row.picture.value | source.getrandbits(32) & free
        insn = decode(word, MODELS["power9"])
        if insn.row is row and (row.accept is None or row.accept(word)):
            found.append(word)
    return found


def plain(operand):
    """An operand as objdump and we would both write it: numbers only."""
    operand = operand.strip()
    if match := re.fullmatch(r"(?:4\*cr(\d)\+)?(lt|gt|eq|so|un)", operand):
        return str(4 * int(match[1] or 0) + CR_BITS[match[2]])
    operand = re.sub(r"\b(?:r|cr|f|v|vs)(\d+)", r"\1", operand)
    # objdump prints the low word of an absolute target
    return re.sub(r"0x[0-9a-f]+", lambda m: str(int(m[0], 16) & 0xFFFFFFFF), operand)


def normal(text):
    mnemonic, _, operands = text.partition(" ")
    # a branch hint is printed as a sign behind the name, and stands in BO as well
    mnemonic = mnemonic.rstrip("+-")
    listed = [plain(o) for o in operands.strip().split(",") if o.strip()]
    if mnemonic in OPTIONAL_ZERO and listed[-1] == "0" and len(listed) > 2:
        listed.pop()
    if mnemonic == "mfcr":
        listed = listed[:1]
    return PREFERRED.get(mnemonic) or " ".join([mnemonic, *listed])


@pytest.fixture(scope="module")
def objdump(require_tool, tmp_path_factory):
    program = require_tool("powerpc64le-linux-gnu-objdump")
    path = tmp_path_factory.mktemp("objdump") / "words"

    def run(words):
        path.write_bytes(b"".join(word.to_bytes(4, "little") for word in words))
        options = "-D -z -b binary -m powerpc:common64 -EL -M power9,raw".split()
        command = [program, *options, str(path)]
        listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        lines = re.findall(r"^ *[0-9a-f]+:\t[0-9a-f ]+\t(.*)$", listing, re.MULTILINE)
        assert len(lines) == len(words)
        return lines

    return run


def test_every_row_prints_as_objdump_does(objdump):
    source = random.Random(9)
    words = [word for row in own_rows() for word in sample_words(row, source)]
    ours = [disassemble(word, 4 * n, MODELS["power9"]) for n, word in enumerate(words)]
    differences = {
        f"{word:08x}": (mine, theirs)
        for word, mine, theirs in zip(words, ours, objdump(words), strict=True)
        if normal(mine) != normal(theirs)
    }
    assert {} == differences
