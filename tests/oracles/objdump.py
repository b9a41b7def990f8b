"""Golden disassembly of sample words of every row, made by GNU objdump and kept in tests/data.

    python tests/oracles/objdump.py        refresh the golden text (after adding rows)

Lines are `address<TAB>word<TAB>text`; the text is objdump's with one space between mnemonic and
operands, branch targets absolute, and comments removed.
"""

from __future__ import annotations

import lzma
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from jitppc.frontend.forms import words_of  # noqa: E402

GOLDEN = ROOT / "tests/data/objdump.txt.xz"
TOOL = "powerpc64le-linux-gnu-objdump"
RANDOM_PER_VARIANT = 2

Line = tuple[int, int, str]


def samples() -> list[tuple[str, int]]:
    """Row keys and words: of every row, words with each assignment of its narrow flags."""
    from strategies import random_word

    from jitppc.frontend.decode import is_hidden, rows

    found = []
    for key, row in sorted(rows().items()):
        if is_hidden(row):
            continue
        source = random.Random(f"objdump {key}")
        wanted = min(16, RANDOM_PER_VARIANT * len(list(row.variants())))
        found += [(key, random_word(row, source)) for _ in range(wanted)]
    return found


def disassemble_rows(words: list[tuple[str, int]], tool: str = TOOL) -> list[Line]:
    """What objdump prints for words of rows, for a processor that has the row.

    Prefixed ones come first, so that none crosses a boundary.
    """
    from jitppc.frontend.decode import rows
    from jitppc.frontend.levels import MODELS, model_for

    lines = []
    for model in MODELS.values():
        mine = [word for key, word in words if model_for(rows()[key]) is model]
        machine = {"power11": "power10"}.get(model.name, model.name)
        mine.sort(key=lambda word: word < 1 << 32)
        lines += disassemble(mine, tool, machine) if mine else []
    return lines


def disassemble(words: list[int], tool: str = TOOL, machine: str = "power9") -> list[Line]:
    """What objdump prints for the words, the first at address 0x10000."""
    parts = [part for word in words for part in words_of(word)]
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(b"".join(part.to_bytes(4, "little") for part in parts))
        file.flush()
        command = [tool, "-D", "-b", "binary", "-m", "powerpc:common64", "-EL", "-Mraw"]
        command += [f"-M{machine}", "--adjust-vma=0x10000", file.name]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = re.findall(r"^\s*([0-9a-f]+):\t((?:[0-9a-f]{2} ){4})[ \t]*(.*)$", text, re.MULTILINE)
    printed = {int(at, 16): _plain(line) for at, _, line in lines}
    found, at = [], 0x10000
    for word in words:
        found.append((at, word, printed[at]))
        at += 4 * len(words_of(word))
    return found


def _plain(printed: str) -> str:
    """One space behind the mnemonic; without the comments that objdump adds."""
    return re.sub(r"\s+", " ", re.sub(r"\s*(#|<).*", "", printed)).strip()


def read_golden() -> list[Line]:
    """The committed lines."""
    text = lzma.decompress(GOLDEN.read_bytes()).decode()
    lines = [line.split("\t") for line in text.splitlines()]
    return [(int(at, 16), int(word, 16), printed) for at, word, printed in lines]


def write_golden() -> int:
    """Refresh the committed lines; their number is returned."""
    lines = disassemble_rows(samples())
    text = "".join(f"{at:x}\t{word:08x}\t{printed}\n" for at, word, printed in lines)
    GOLDEN.write_bytes(lzma.compress(text.encode(), preset=9))
    return len(lines)


if __name__ == "__main__":
    print(f"{write_golden()} lines in {GOLDEN}")
