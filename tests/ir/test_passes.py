"""What every pass owes: the same outcome, registers and memory as before, and starts that fit."""

import copy

import pytest
from hypothesis import given
from strategies import SparseMemory, block_of, cpu_states, memories, word_lists

from jitppc.ir.block import Block
from jitppc.ir.builder import BE64, LE64
from jitppc.ir.interp import Evaluator, Outcome, StorageInterrupt
from jitppc.ir.passes import ORDER, run_passes

CIA = 0x10000


class Repeatable(Evaluator):
    """Runs the same way twice."""

    def _random(self, _value) -> int:
        return 4


def observed(block: Block, state, memory: SparseMemory):
    """All that the architecture can see of a run."""
    state, memory = state.copy(), copy.deepcopy(memory)
    evaluator = Repeatable(state, memory)
    try:
        outcome = evaluator.run(block, CIA)
    except StorageInterrupt:
        outcome = Outcome("storage", evaluator.cia)
    return outcome, state.tobytes(), memory.written


@pytest.mark.parametrize("one", [*ORDER, run_passes], ids=lambda p: p.__name__)
@given(line=word_lists(max_size=10), state=cpu_states(), memory=memories())
def test_a_pass_changes_nothing_that_can_be_seen(one, line, state, memory):
    block = block_of(line)
    before = observed(block, state, memory)
    assert before == observed(one(block), state, memory)
    assert before == observed(block, state, memory), "the block given must stay as it was"


@given(line=word_lists(max_size=10), state=cpu_states(BE64), memory=memories())
def test_passes_keep_meaning_in_big_endian_mode(line, state, memory):
    block = block_of(line, BE64)
    assert observed(block, state, memory) == observed(run_passes(block), state, memory)


@given(line=word_lists(max_size=10))
def test_starts_are_kept_for_every_instruction(line):
    before, after = block_of(line, LE64), run_passes(block_of(line, LE64))
    assert [offset for _, offset in before.starts] == [offset for _, offset in after.starts]
    indices = [index for index, _ in after.starts]
    assert indices == sorted(indices)
    assert all(0 <= index <= len(after.values) for index in indices)
