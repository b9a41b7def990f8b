"""Which words a region takes in, and where its returns and indirect jumps are known to go."""

from __future__ import annotations

from jitppc.frontend.page import OFTEN, RARELY, RUN, WORDS, Page
from jitppc.frontend.regions import Region, form_region

NOP, BLR, BCTR, BCTRL, SC = 0x60000000, 0x4E800020, 0x4E800420, 0x4E800421, 0x44000002


def b(distance: int, link: int = 0) -> int:
    """A branch by a number of words."""
    return 0x48000000 | 4 * distance & 0x03FFFFFC | link


def beq(distance: int) -> int:
    return 0x41820000 | 4 * distance & 0xFFFC


def region(words: dict[int, int], flags: dict[int, int] | None = None, **options: int) -> Region:
    """The region of word 0; all words given have run."""
    pages = {}
    for page in {index // WORDS for index in words}:
        own = {index % WORDS: word for index, word in words.items() if index // WORDS == page}
        code = b"".join(own.get(n, 0).to_bytes(4, "little") for n in range(WORDS))
        known = bytes(
            (flags or {}).get(page * WORDS + n, RUN) if n in own else 0 for n in range(WORDS))
        pages[page] = Page(code, known)
    found = form_region(pages, 0, **options)
    assert found is not None
    return found


def words_of(found: Region) -> set[int]:
    return {b.index + n for b in found.blocks for n in range(b.count)}


def ways(found: Region) -> dict[int, tuple[int, ...]]:
    """Last words of blocks, and where their jumps are known to go."""
    return {b.index + b.count - 1: b.ways for b in found.blocks if b.ways}


def test_a_call_is_followed_and_its_return_comes_back():
    found = region({0: b(100, 1), 1: NOP, 2: BLR, 100: NOP, 101: BLR})
    assert {0, 1, 2, 100, 101} == words_of(found)
    assert {101: (1,)} == ways(found)


def test_a_function_returns_to_its_calls_that_a_region_can_go_on_from():
    found = region({0: b(100, 1), 1: b(99, 1), 2: b(200, 1), 3: SC,
                    100: BLR, 202: BLR})  # fmt: skip
    assert {100: (1, 2)} == ways(found)


def test_a_call_to_what_has_not_run_ends_the_flow():
    assert {0} == words_of(region({0: b(100, 1), 1: NOP, 2: BLR}))


def test_recursion_is_a_cycle():
    found = region({0: beq(3), 1: b(-1, 1), 2: NOP, 3: BLR})
    assert {3: (2,)} == ways(found)


def test_pages_before_and_after_belong_to_it_if_given():
    found = region({0: b(WORDS + 5, 1), 1: b(-6, 1), 2: BLR, WORDS + 5: BLR, -5: BLR})
    assert {0, 1, 2, WORDS + 5, -5} == words_of(found)
    assert (-1, 1) == found.pages
    assert {WORDS + 5: (1,), -5: (2,)} == ways(found)


def test_a_block_does_not_reach_over_a_page_border():
    found = region({0: b(WORDS - 1), WORDS - 1: NOP, WORDS: NOP, WORDS + 1: BLR})
    assert {0, WORDS - 1, WORDS} == {block.index for block in found.blocks}


def test_an_indirect_jump_goes_to_what_is_often_reached_by_jumps_alone():
    words = {0: NOP, 1: BCTR, 10: NOP, 11: b(-11), 20: NOP, 21: NOP, 22: BLR, 30: NOP, 31: BLR}
    flags = {10: RUN | OFTEN, 21: RUN | OFTEN, 20: RUN}
    # control falls into 21, and few jumps come to 20 and 30
    assert {1: (10,)} == ways(region(words, flags))


def test_an_indirect_call_comes_back():
    words = {0: BCTRL, 1: BLR, 10: NOP, 11: BLR}
    found = region(words, {10: RUN | OFTEN})
    assert {0: (10,), 11: (1,)} == ways(found)


def test_where_a_call_comes_back_to_is_no_target_of_indirect_jumps():
    words = {0: NOP, 1: BCTR, 10: b(500, 1), 11: NOP, 12: BLR}
    assert {} == ways(region(words, {11: RUN | OFTEN}))


def test_branches_that_were_rarely_taken_are_not_followed():
    words = {0: beq(10), 1: BLR, 10: NOP, 11: BLR}
    assert {0, 1} == words_of(region(words, {10: RUN | RARELY}))
    assert {0, 1, 10, 11} == words_of(region(words))


def test_the_limit_holds():
    assert 20 == region(dict.fromkeys(range(100), NOP), limit=20).instructions


def test_an_indirect_jump_goes_where_it_went_last_however_far_that_is():
    far = 5000 * WORDS
    words = {0: b(9, 1), 1: NOP, 2: BLR, 9: NOP, 10: BCTR, far: NOP, far + 1: BLR}
    found = region(words, targets={10: far})
    assert {0, 1, 2, 9, 10, far, far + 1} == words_of(found)
    assert {10: (far,), far + 1: (1,)} == ways(found)         # the jump is a part of the function


def test_a_call_through_a_pointer_comes_back():
    far = -3 * WORDS
    found = region({0: BCTRL, 1: NOP, 2: BLR, far: BLR}, targets={0: far})
    assert {0: (far,), far: (1,)} == ways(found)
    assert {0} == words_of(region({0: BCTRL, 1: NOP, 2: BLR, far: BLR}, targets={0: far + 1}))


def test_a_loop_is_taken_in_without_what_is_behind_it():
    words = {0: NOP, 1: beq(4), 2: b(98, 1), 3: b(-3), 5: NOP, 6: BLR, 100: beq(3), 101: BLR,
             103: BLR}  # fmt: skip
    assert {0, 1, 2, 3, 100, 101, 103} == words_of(region(words))
    straight = words | {3: NOP, 4: NOP}
    assert set(straight) == words_of(region(straight))


def test_a_loop_that_is_larger_than_a_region_counts_as_none():
    words = dict.fromkeys(range(20), NOP) | {2: beq(30), 32: BLR, 20: b(-20)}
    assert {*range(9)} == words_of(region(words, limit=9))
    assert {*range(21)} == words_of(region(words, limit=40))


def test_calls_in_loops_come_before_others():
    words = {0: beq(8), 1: b(199, 1), 2: beq(-1), 3: BLR, 8: b(92, 1), 9: BLR}
    callees = dict.fromkeys(range(100, 110), NOP) | {110: BLR, 200: NOP, 201: BLR}
    assert {0, 1, 2, 3, 8, 200, 201, 100} == words_of(region(words | callees, limit=8))
    other = words | {1: b(99, 1), 8: b(192, 1)}
    assert {0, 1, 8, *range(100, 105)} == words_of(region(other | callees, limit=8))
