"""The evaluator against whole random programs of POWER9; tests/fuzz judges all tiers by the
single instructions.
"""

from functools import cache

import pytest
from vectors import new_state, registers
from window import Window

from jitppc.frontend.translate import translate_word
from jitppc.fuzz.references.power9 import PROGRAM_AT, PROGRAM_END, programs
from jitppc.ir.block import Block
from jitppc.ir.interp import Evaluator


@cache
def block(word: int) -> Block:
    return translate_word(word)


@pytest.mark.parametrize("tenth", range(10))
def test_random_programs_end_as_on_POWER9(tenth, request):
    """In the evaluator; tests/runtime/test_vectors_native.py runs all of them in every tier."""
    if tenth > 2 and not request.config.getoption("--all-programs"):
        pytest.skip("takes minutes in the evaluator; run it by --all-programs")
    judged = 0
    for program in programs():
        if program.number % 10 == tenth:
            run(program)
            judged += 1
    assert judged == 10


def run(program) -> None:
    memory = Window(PROGRAM_AT, program.memory())
    state = new_state()
    evaluator = Evaluator(state, memory)
    nia = PROGRAM_AT
    for _ in range(10 * len(program.words)):
        word = int.from_bytes(memory.load(nia, 4), "little")
        if word == PROGRAM_END:
            break
        outcome = evaluator.run(block(word), nia)
        assert outcome.kind in ("next", "jump"), f"{word:08x} at {nia:x}: {outcome}"
        nia = outcome.nia
    found = registers(state)
    expected = {name: found[name] for name in program.after}
    assert program.after == expected, f"program {program.number}"
