"""What a run leaves of a page for the next."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jitppc.frontend.page import OFTEN, RARELY, RUN
from jitppc.ir.layout import CELLS_PER_PAGE
from jitppc.runtime.page_profile import Profile

KNOWN = (0, RUN, RUN | RARELY, RUN | OFTEN)


def words(flags: dict[int, int]) -> np.ndarray:
    page = np.zeros(CELLS_PER_PAGE, np.uint8)
    for index, flag in flags.items():
        page[index] = flag
    return page


@given(
    st.dictionaries(st.integers(0, CELLS_PER_PAGE - 1), st.sampled_from(KNOWN)),
    st.dictionaries(st.integers(0, CELLS_PER_PAGE - 1), st.integers(1, 0xFFFF)),
)
def test_it_is_read_as_it_was_written(flags, wanted):
    profile = Profile(words(flags), tuple(sorted(wanted.items())))
    found = Profile.from_bytes(profile.to_bytes())
    assert profile.has_run.tolist() == found.has_run.tolist()
    assert profile.wanted == found.wanted


def test_of_two_runs_the_one_that_jumped_to_a_word_more_is_believed():
    said = [(a, b) for a in KNOWN for b in KNOWN]
    before = Profile(words({n: a for n, (a, _) in enumerate(said)}))
    after = before.seen(words({n: b for n, (_, b) in enumerate(said)}))
    often = {0: 0, RUN | RARELY: 1, RUN: 2, RUN | OFTEN: 3}
    assert [max(pair, key=often.__getitem__) for pair in said] == after[: len(said)].tolist()


def test_of_anything_else_nothing_is_known():
    for data in (None, b"", b"x" * 383, b"x" * 386):
        assert not Profile.from_bytes(data).has_run.any()
