"""What regions are wanted for, with a clock of our own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitppc.runtime.wanted import ARRIVAL, HALF_LIFE, SLACK, Place, Wanted


def place(index: int, page: int = 4096) -> Place:
    return Place(page, 1, b"name", index, page + 4 * index)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@given(st.lists(st.integers(0, 9)))
def test_at_one_moment_the_one_asked_for_most_is_first(asked):
    wanted = Wanted(Clock())
    for index in asked:
        wanted.add(place(index))
    assert {p.index: times for times, p in wanted} == {n: asked.count(n) for n in asked}
    taken = []
    while (one := wanted.take()) is not None:
        taken.append(asked.count(one.index))
    assert taken == sorted(taken, reverse=True)
    assert len(taken) == len(set(asked))


def test_what_is_hot_now_comes_before_what_was_hotter_once(clock):
    wanted = Wanted(clock)
    wanted.add(place(1), 100)
    clock.now += 8 * HALF_LIFE
    wanted.add(place(2))
    assert wanted.take() == place(2)
    assert wanted.take() == place(1)
    assert wanted.take() is None


def test_a_reminder_comes_behind_all_requests_and_takes_none_of_them_back(clock):
    wanted = Wanted(clock)
    wanted.add(place(1))
    wanted.remind(place(1), 50)
    wanted.remind(place(2), 50)
    wanted.remind(place(3), 60)
    assert [wanted.take().index for _ in range(3)] == [1, 3, 2]


def test_what_asked_too_seldom_is_remembered_and_not_taken(clock):
    wanted = Wanted(clock)
    wanted.least = 3
    wanted.add(place(1))
    wanted.remind(place(2), 2)
    wanted.remind(place(3), 4)
    assert wanted.take() == place(3)
    assert wanted.take() is None
    assert {p.index: times for times, p in wanted} == {1: 1, 2: 2}
    wanted.add(place(2), 2)
    wanted.add(place(1), 2)
    assert wanted.take() == place(1)
    assert wanted.take() is None
    wanted.add(place(2))
    assert wanted.take() == place(2)


def test_what_is_part_of_a_region_is_heard_only_when_that_is_in_place(clock):
    wanted = Wanted(clock)
    for index in range(4):
        wanted.add(place(index))
    wanted.drop((4096, index) for index in range(3))
    assert [p.index for _times, p in wanted] == [3]
    wanted.add(place(1))
    assert len(wanted) == 1
    clock.now += ARRIVAL
    wanted.add(place(1))
    assert {p.index for _times, p in wanted} == {1, 3}


def test_what_is_kept_grows_with_the_places_and_not_with_the_requests(clock):
    wanted = Wanted(clock)
    for n in range(5000):
        clock.now += 0.001
        wanted.add(place(n % 10))
    assert len(wanted._order) <= SLACK * (len(wanted) + 1)
    assert [wanted.take().index for _ in range(10)] == list(range(9, -1, -1))
