"""Single words on processors that the resident harness does not run on, in QEMU's user mode: what
`jitppc/fuzz/references/observed.py` says of them is what QEMU does.
"""

import re
import subprocess

import pytest

from jitppc.frontend.decode import decode
from jitppc.frontend.levels import model_named
from jitppc.fuzz.references.observed import FACTS, ICBT

PROGRAM = """
    .abiversion 2
    .globl _start
_start:
    li 3,0
    li 4,0
    li 5,0
    .long {word:#x}
    li 0,1
    sc
"""
ILLEGAL, PRIVILEGED = 1, 5                             # ILL_ILLOPC, ILL_PRVOPC
POWER7 = [fact.words[0] for fact in FACTS if fact.model == "power7"]


def signal_code(processor, word, folder, require_tool):
    """si_code of the SIGILL that the word ends in, or None when it does not."""
    assembler, linker = (require_tool(f"powerpc64-linux-gnu-{name}") for name in ("as", "ld"))
    emulator = require_tool("qemu-ppc64")
    source, program = folder / "word.s", folder / "word"
    source.write_text(PROGRAM.format(word=word))
    subprocess.run([assembler, "-o", folder / "word.o", source], check=True)
    subprocess.run([linker, "-o", program, folder / "word.o"], check=True)
    command = [emulator, "-strace", "-cpu", processor, program]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode == 0:
        return None
    return int(re.search(r"si_signo=SIGILL, si_code=(\d+)", done.stderr)[1])


@pytest.mark.parametrize(("processor", "code"), [("e5500", None), ("power9", ILLEGAL)])
def test_icbt_does_nothing_where_qemu_has_it(processor, code, tmp_path, require_tool):
    """The e5500 of the embedded books has the same word. QEMU's POWER9 refuses it; silicon does
    not.
    """
    assert code == signal_code(processor, ICBT, tmp_path, require_tool)


@pytest.mark.parametrize("word", POWER7, ids=[
    decode(word, model_named("power7")).row.key for word in POWER7])  # fmt: skip
def test_what_power7_keeps_from_problem_state(word, tmp_path, require_tool):
    assert PRIVILEGED == signal_code("power7", word, tmp_path, require_tool)
