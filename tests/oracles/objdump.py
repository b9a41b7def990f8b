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
GOLDEN = ROOT / "tests/data/objdump_power9.txt.xz"
TOOL = "powerpc64le-linux-gnu-objdump"
RANDOM_PER_VARIANT = 2

Line = tuple[int, int, str]


def samples() -> list[tuple[str, int]]:
    """Row keys and words: of every row, words with each assignment of its narrow flags."""
    from strategies import random_word

    from jitppc.frontend.decode import rows

    found = []
    for key, row in sorted(rows().items()):
        source = random.Random(f"objdump {key}")
        wanted = min(16, RANDOM_PER_VARIANT * len(list(row.variants())))
        found += [(key, random_word(row, source)) for _ in range(wanted)]
    return found


def disassemble(words: list[int], tool: str = TOOL) -> list[Line]:
    """What objdump prints for the words, the first at address 0x10000."""
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(b"".join(word.to_bytes(4, "little") for word in words))
        file.flush()
        command = [tool, "-D", "-b", "binary", "-m", "powerpc:common64", "-EL", "-Mraw"]
        command += ["-Mpower10", "--adjust-vma=0x10000", file.name]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = re.findall(r"^\s*([0-9a-f]+):\t((?:[0-9a-f]{2} ){4})\s*(.*)$", text, re.MULTILINE)
    return [(int(at, 16), _word(data), _plain(printed)) for at, data, printed in lines]


def _word(data: str) -> int:
    return int.from_bytes(bytes.fromhex(data), "little")


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
    lines = disassemble([word for _, word in samples()])
    text = "".join(f"{at:x}\t{word:08x}\t{printed}\n" for at, word, printed in lines)
    GOLDEN.write_bytes(lzma.compress(text.encode(), preset=9))
    return len(lines)


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    print(f"{write_golden()} lines in {GOLDEN}")
