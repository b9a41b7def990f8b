"""The .pir files of this folder: cases that hold before and after passes, and what passes make."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from jitppc.ir import passes
from jitppc.ir.block import Block
from jitppc.ir.interp import Evaluator, Outcome, StorageInterrupt
from jitppc.ir.layout import CPU_STATE, REGISTERS
from jitppc.ir.text import block_text, parse_block
from jitppc.ir.verify import verify

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.pir"))
CIA = 0x10000
REFUSED = 0xF0000000
_SETTING = re.compile(r"(\w+)(?:\[(\w+)\])?(?:=(\S+))?")


class Bytes(dict):
    """Memory of zeros, refused from REFUSED on."""

    def load(self, ea: int, size_bytes: int) -> bytes:
        if ea >= REFUSED:
            raise StorageInterrupt(ea)
        return bytes(self.get(ea + n, 0) for n in range(size_bytes))

    def store(self, ea: int, data: bytes) -> None:
        if ea >= REFUSED:
            raise StorageInterrupt(ea)
        self.update({ea + n: byte for n, byte in enumerate(data)})


def settings(text: str) -> list[tuple[str, int, str]]:
    """The parts of one side of a case: (name, index, value)."""
    found = []
    for part in text.split():
        match = _SETTING.fullmatch(part)
        assert match, f"not understood: {part}"
        found.append((match[1], int(match[2] or "0", 0), match[3] or ""))
    return found


def check(block: Block, before: str, after: str) -> None:
    """Run one case."""
    memory = Bytes()
    evaluator = Evaluator(np.zeros(1, CPU_STATE), memory)
    for name, index, value in settings(before):
        if name == "mem":
            memory.store(index, bytes.fromhex(value))
        else:
            register = REGISTERS[name]
            evaluator.write(register, int(value, 0) & register.type.mask, index)
    try:
        outcome = evaluator.run(block, CIA)
    except StorageInterrupt:
        outcome = Outcome("storage", evaluator.cia)
    for name, index, value in settings(after):
        if name == "mem":
            expected = bytes.fromhex(value)
            assert expected == memory.load(index, len(expected)), f"mem[{index:#x}]"
        elif name in {"next", "storage"}:
            assert name == outcome.kind
        elif name == "jump":
            assert ("jump", int(value, 0)) == (outcome.kind, outcome.nia)
        elif name in {"interrupt", "helper"}:
            assert (name, value) == (outcome.kind, outcome.detail)
        else:
            register = REGISTERS[name]
            expected = int(value, 0) & register.type.mask
            assert hex(expected) == hex(evaluator.read(register, index)), f"{name}[{index}]"


def sections(path: Path) -> dict[str, str]:
    """The text before the first `; after`, and each text behind one by the passes named."""
    pieces = re.split(r"(?m)^; after (.*)$", path.read_text(encoding="utf-8"))
    return {"": pieces[0]} | dict(zip(pieces[1::2], pieces[2::2], strict=True))


def passed(block: Block, names: str) -> Block:
    """The block after the passes named."""
    for name in names.split():
        block = getattr(passes, name)(block)
    return block


@pytest.mark.parametrize("engine", ["", "run_passes"], ids=["as written", "after passes"])
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_cases_hold(path, engine):
    text = sections(path)[""]
    block = passed(parse_block(text), engine)
    assert [] == verify(block)
    cases = re.findall(r"(?m)^; run (.*?)\s*->\s*(.*)$", text)
    assert cases, "the file has no case"
    for before, after in cases:
        check(block, before, after)


EXPECTED = [(path, names) for path in FILES for names in sections(path) if names]


@pytest.mark.parametrize(
    ("path", "names"), EXPECTED, ids=[f"{path.stem} {names}" for path, names in EXPECTED]
)
def test_passes_make_the_text_that_the_file_says(path, names):
    found = sections(path)
    expected = block_text(parse_block(found[names]))
    assert expected == block_text(passed(parse_block(found[""]), names))


if __name__ == "__main__":
    print(block_text(passed(parse_block(sections(Path(sys.argv[1]))[""]), " ".join(sys.argv[2:]))))
