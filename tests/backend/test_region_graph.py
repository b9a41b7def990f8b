"""Which registers a region keeps in variables, and where their state is behind."""

from __future__ import annotations

import pytest

from jitppc.backend.region import HAS_VARIABLES, region_text
from jitppc.backend.region_graph import Graph, RegionBlock
from jitppc.backend.region_memory import shared_look_ups
from jitppc.frontend.page import Page
from jitppc.frontend.regions import form_region
from jitppc.ir.layout import REGISTERS
from jitppc.ir.passes import run_passes

BLR, BDNZ = 0x4E800020, 0x42000000
ADDI_3, CMPWI, CMPLD, MFCR, ADDO = 0x38630001, 0x2C030005, 0x7C232040, 0x7CE00026, 0x7C632614
LD_3_8_4, STD_5_16_4, LD_6_0_7 = 0xE8640008, 0xF8A40010, 0xE8C70000
R3, CR0 = (REGISTERS["gpr"].offset + 3 * 8, 64), (REGISTERS["crf"].offset, 8)


def blocks_of(*words: int) -> list[RegionBlock]:
    code = b"".join(word.to_bytes(4, "little") for word in words).ljust(4096, b"\0")
    known = bytes([1] * len(words)).ljust(1024, b"\0")
    found = form_region({0: Page(code, known)}, 0)
    assert found is not None
    return [RegionBlock(b.index, b.count, run_passes(b.block), b.ways) for b in found.blocks]


def loop(*words: int) -> list[RegionBlock]:
    """The words, again and again."""
    return blocks_of(*words, BDNZ | -4 * len(words) & 0xFFFC)


def test_registers_of_loops_become_variables():
    graph = Graph.of(loop(ADDI_3))
    assert graph.is_cyclic
    assert R3 in graph.number
    block = graph.blocks[0]
    bit = 1 << graph.number[R3]
    # written to the variable alone, behind when it goes round, wanted from the state at first
    assert [bit] * 4 == [x & bit for x in (block.lazy, block.dirty_in, block.live_in, block.writes)]


def test_a_region_without_cycles_has_no_variables():
    blocks = blocks_of(ADDI_3, CMPWI, BLR)
    assert [] == Graph.of(blocks).places
    assert HAS_VARIABLES not in region_text(0, blocks, {})
    assert HAS_VARIABLES in region_text(0, loop(ADDI_3), {})


def test_behind_a_loop_the_state_is_up_to_date():
    graph = Graph.of([*loop(ADDI_3), *(RegionBlock(2, b.count, b.block) for b in blocks_of(BLR))])
    assert (0, 0) == (graph.blocks[2].dirty_in, graph.blocks[2].lazy)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((CMPWI,), True),
        ((CMPLD, CMPWI), True),
        ((CMPWI, MFCR), True),        # the look is in the block that compares, and knows
        ((MFCR, CMPWI), False),       # looks at all bits as often as it compares
        ((CMPWI, ADDO), False),       # the summary overflow bit changes
    ],
)
def test_a_field_that_is_only_compared_is_kept_as_two_numbers(words, expected):
    graph = Graph.of(loop(*words))
    assert expected == (graph.number[CR0] in graph.compared)


def test_nothing_is_put_off_when_every_write_counts():
    graph = Graph.of(loop(CMPWI), lazy=False)
    assert (0, set()) == (graph.blocks[0].lazy, graph.compared)


def look_ups(*words: int) -> list[tuple[int, int, int, bool]]:
    """Members, span and kind of each look-up that is shared."""
    graph = Graph.of(blocks_of(*words))
    found = shared_look_ups(list(graph.blocks.values()))
    groups = {id(group): group for group, _ in found.values()}.values()
    return [(g.members, g.low, g.high, g.writes) for g in groups]


def test_accesses_near_each_other_share_a_look_up():
    assert [(2, 8, 24, True)] == look_ups(LD_3_8_4, STD_5_16_4, LD_6_0_7, BLR)   # r7 is alone


def test_accesses_far_from_each_other_do_not():
    assert [] == look_ups(0xE8640000, 0xE8647F00, BLR)


ADDI_4, ADD_8_4_5, SUBF_9_5_4, ADDI_8_4_16 = 0x38840008, 0x7D042A14, 0x7D252050, 0x39040010
LDX_3_4_5, LDX_3_8_5, LD_3_8_8, LD_3_0_9 = 0x7C64282A, 0x7C68282A, 0xE8680008, 0xE8690000
LD_3_0_8, STD_3_8_4, LD_3_0_4 = 0xE8680000, 0xF8640008, 0xE8640000
BEQ = 0x41820008


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((LDX_3_4_5, ADD_8_4_5, LD_3_8_8), [(2, 0, 16, False)]),           # r4 + r5, and 8 more
        ((LDX_3_4_5, ADDI_8_4_16, LDX_3_8_5), [(2, 0, 24, False)]),
        ((SUBF_9_5_4, LD_3_0_9, ADDI_4, SUBF_9_5_4, LD_3_0_9), [(2, 0, 16, False)]),
        ((LDX_3_4_5, ADDI_4, LD_3_0_4), []),
    ],
)
def test_addresses_are_taken_apart(words, expected):
    assert expected == look_ups(*words, BLR)


def test_a_block_goes_on_with_what_the_one_before_it_looked_up():
    assert [(3, 0, 16, False)] == look_ups(
        LD_3_0_4, ADDI_4, BEQ + 8, LD_3_0_4, ADDI_8_4_16, 0xE868FFF0, BLR)
    assert [(2, 0, 16, True)] == look_ups(STD_5_16_4 - 16, BEQ, STD_3_8_4, BLR)


def test_a_store_behind_a_branch_does_not_make_a_load_ask_for_writing():
    assert [] == look_ups(LD_3_0_4, BEQ, STD_3_8_4, BLR)
    assert [(2, 0, 16, True)] == look_ups(LD_3_0_4, STD_3_8_4, BEQ, BLR)


def test_a_block_with_two_ways_to_it_looks_up_anew():
    # the branch goes round the addi, and both ways come to the last load
    assert [] == look_ups(LD_3_0_4, BEQ, ADDI_3, LD_3_0_4, BLR)
