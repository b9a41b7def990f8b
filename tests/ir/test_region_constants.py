"""Constants that a block of a region finds in registers."""

import copy

from hypothesis import given
from strategies import SparseMemory, block_of, cpu_states, memories, word_lists

from jitppc.ir.block import Block
from jitppc.ir.interp import Evaluator, Outcome, StorageInterrupt
from jitppc.ir.passes import constants_across

LI_6_16, LI_6_32, LI_7_16, ADD_5_6_7 = 0x38C00010, 0x38C00020, 0x38E00010, 0x7CA63A14
CIA = 0x10000


class Repeatable(Evaluator):
    """Runs the same way twice."""

    def _random(self, _value) -> int:
        return 4


def run(blocks: list[Block], state, memory: SparseMemory):
    """What can be seen when they run one behind the other, as far as they come."""
    state, memory = state.copy(), copy.deepcopy(memory)
    evaluator = Repeatable(state, memory)
    outcome = None
    for block in blocks:
        try:
            outcome = evaluator.run(block, CIA)
        except StorageInterrupt:
            outcome = Outcome("storage", evaluator.cia)
        if outcome.kind != "next":
            break
    return outcome, state.tobytes(), memory.written


@given(
    first=word_lists(max_size=4),
    second=word_lists(max_size=4),
    last=word_lists(max_size=6),
    state=cpu_states(),
    memory=memories(),
)
def test_both_ways_to_a_block_stay_what_they_were(first, second, last, state, memory):
    blocks = [block_of([LI_6_16, LI_7_16, *first]), block_of([LI_6_32, *second]), block_of(last)]
    done = constants_across(blocks, [[1, 2], [2], []])
    for way in ((0, 1, 2), (0, 2)):
        before = run([blocks[n] for n in way], state, memory)
        assert before == run([done[n] for n in way], state, memory)


def reads(block: Block) -> set[int]:
    return {v.args[0].constant for v in block.values if v.op.name == "get" and v.attr == "gpr"}


def test_a_register_is_known_if_all_ways_agree():
    blocks = [block_of([LI_6_16, LI_7_16]), block_of([LI_6_32]), block_of([ADD_5_6_7])]
    assert {6} == reads(constants_across(blocks, [[1, 2], [2], []])[2])
    assert set() == reads(constants_across(blocks, [[1], [2], []])[2])


def test_what_a_loop_changes_is_not_known_in_it():
    addi_6 = 0x38C60001
    blocks = [block_of([LI_6_16, LI_7_16]), block_of([ADD_5_6_7, addi_6])]
    assert {6} == reads(constants_across(blocks, [[1], [1]])[1])


def test_the_entry_knows_nothing_even_when_a_loop_comes_back_to_it():
    blocks = [block_of([ADD_5_6_7, LI_6_16, LI_7_16])]
    assert {6, 7} == reads(constants_across(blocks, [[0]])[0])
