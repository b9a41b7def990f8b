"""The evaluator against POWER9: single instructions, and whole random programs."""

import itertools
from functools import cache

import pytest
from vectors import (
    CODE,
    END,
    fixed_cases,
    new_state,
    programs,
    registers,
    set_registers,
)
from window import Window

from jitppc.frontend.translate import translate_word
from jitppc.ir.block import Block
from jitppc.ir.interp import Evaluator

PROGRAMS_HERE = 4


@cache
def block(word: int) -> Block:
    return translate_word(word)


def test_single_instructions_do_what_POWER9_does_also_where_the_book_leaves_it_open():
    wrong: dict[str, str] = {}
    count = 0
    for case in fixed_cases():
        state = new_state()
        set_registers(state, case.before)
        start = registers(state)
        outcome = Evaluator(state, Window(CODE, b"")).run(block(case.word), CODE)
        assert outcome.kind == "next", case.asm
        found, expected = registers(state), start | case.after
        count += 1
        if found != expected:
            changed = {n: f"{found[n]:x} not {v:x}" for n, v in expected.items() if found[n] != v}
            wrong[case.asm.split()[0]] = f"{case.asm} from {case.before}: {changed}"
    assert {} == wrong
    assert count == 9202


@pytest.mark.parametrize("program", list(itertools.islice(programs(), PROGRAMS_HERE)),
                         ids=lambda program: f"program{program.number}")
def test_random_programs_end_as_on_POWER9(program):
    memory = Window(CODE, program.memory())
    state = new_state()
    evaluator = Evaluator(state, memory)
    nia = CODE
    for _ in range(10 * len(program.words)):
        word = int.from_bytes(memory.load(nia, 4), "little")
        if word == END:
            break
        outcome = evaluator.run(block(word), nia)
        assert outcome.kind in ("next", "jump"), f"{word:08x} at {nia:x}: {outcome}"
        nia = outcome.nia
    found = registers(state)
    assert program.after == {name: found[name] for name in program.after}
