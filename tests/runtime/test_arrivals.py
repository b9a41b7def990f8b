"""What the translator makes of cells' heat, and how often it looks."""

from __future__ import annotations

import numpy as np
import pytest

from jitppc.ir.layout import CELL, HOT_AGAIN, HOT_THRESHOLD, UNIT_THRESHOLD
from jitppc.runtime.region_pages import arrivals
from jitppc.runtime.translator import (
    POLL_SECONDS,
    QUIET_SECONDS,
    SLEEP_INSTRUCTIONS,
    SLEEP_SECONDS,
    next_pause,
)

HANDLER, HEAD = 0x1000, 0x2000
HANDLERS = np.array([0, 0, HANDLER], np.uint64)


@pytest.mark.parametrize(
    ("has_units", "entry", "heat", "expected"),
    [
        (True, HANDLER, UNIT_THRESHOLD, 0),
        (True, HANDLER, UNIT_THRESHOLD - 7, 7),
        (True, HEAD, HOT_THRESHOLD, UNIT_THRESHOLD),
        (True, HEAD, HOT_THRESHOLD - 500, UNIT_THRESHOLD + 500),
        (True, HEAD, 5, HOT_THRESHOLD),            # next to hot
        (True, HEAD, HOT_AGAIN, HOT_THRESHOLD),    # a region, or wanted
        (True, HANDLER, HOT_AGAIN, HOT_THRESHOLD), # no unit could be made
        (False, HANDLER, HOT_THRESHOLD, 0),
        (False, HANDLER, HOT_THRESHOLD - 500, 500),
        (False, HEAD, HOT_AGAIN, HOT_THRESHOLD),
    ],
)  # fmt: skip
def test_heat_says_how_often_a_cell_was_jumped_to(has_units, entry, heat, expected):
    cells = np.zeros(1, CELL)
    cells["handler"], cells["entry"], cells["heat"] = 2, entry, heat
    assert [expected] == arrivals(cells, HANDLERS, has_units=has_units).tolist()


def test_looks_are_put_off_while_the_guest_sleeps_and_at_once_frequent_when_it_works():
    pauses = [POLL_SECONDS]
    while pauses[-1] < SLEEP_SECONDS:
        pauses.append(next_pause(pauses[-1], SLEEP_INSTRUCTIONS - 1))
    assert len(pauses) < 10
    assert SLEEP_SECONDS == next_pause(SLEEP_SECONDS, 0)
    assert POLL_SECONDS == next_pause(SLEEP_SECONDS, SLEEP_INSTRUCTIONS)
    assert 2 * POLL_SECONDS == next_pause(POLL_SECONDS, SLEEP_INSTRUCTIONS, told=False)
    assert QUIET_SECONDS == next_pause(SLEEP_SECONDS, SLEEP_INSTRUCTIONS, told=False)
