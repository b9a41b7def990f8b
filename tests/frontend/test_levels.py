"""Which processor models execute which rows."""

import pytest

from jitppc.frontend.decode import decode, rows
from jitppc.frontend.levels import (
    ALL_MODELS,
    LEVELS,
    MODELS,
    in_model,
    model_named,
    models_of,
    rank,
)


def test_every_row_names_levels_that_exist():
    for row in rows().values():
        assert row.since in LEVELS, row.key
        assert row.until is None or rank(row.since) <= rank(row.until), row.key


def test_every_row_is_executed_by_some_model():
    assert [] == [row.key for row in rows().values() if not models_of(row)]


def test_models_of_a_row_are_those_it_is_in():
    row = rows()["setb"]
    assert ["power9", "power10", "power11"] == [name for name in MODELS if in_model(row, name)]
    before = sum(MODELS[name].bit for name in ("power5+", "power6", "power7", "power8"))
    assert ALL_MODELS & ~before == models_of(row)


def test_an_older_model_does_not_decode_a_newer_instruction():
    setb = 0x7C600100
    assert "setb" == decode(setb, MODELS["power9"]).row.key
    assert None is decode(setb, MODELS["power8"])


def test_an_unknown_model_is_refused_by_name():
    with pytest.raises(ValueError, match=r"power4.*power7, power8"):
        model_named("power4")
