"""What the generator promises about its cases."""

import numpy as np
import pytest

from jitppc.frontend.decode import decode, rows
from jitppc.frontend.levels import MODELS, in_model
from jitppc.fuzz.cases import BORDER, MAX_WORDS, MEMORY, MEMORY_BYTES, Flag, Kind
from jitppc.fuzz.generate import STRATEGIES, Generator
from jitppc.fuzz.generate_memory import address, touches_memory
from jitppc.fuzz.generate_values import FLAVOURS, Values, flavours, fpscr, pools
from jitppc.fuzz.generate_words import WordTable
from jitppc.fuzz.references import open_reference


def rows_of(model):
    return [row for row in rows().values() if in_model(row, model)]


@pytest.fixture(scope="module")
def generator():
    return Generator(rows_of("power9"), "power9")


@pytest.fixture(scope="module")
def interp():
    with_tier = open_reference("interp", "power9")
    yield with_tier
    with_tier.close()


def source(seed=1):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("model", ["power8", "power9", "power10"])
def test_words_belong_to_their_rows(model):
    table = WordTable(rows_of(model), model)
    numbers = np.repeat(np.arange(len(table.rows)), 8)
    words = table.words(numbers, source())
    for number, word in zip(numbers, words, strict=True):
        insn = decode(int(word), MODELS[model])
        row = table.rows[number]
        assert insn is not None
        assert row.key == insn.row.key
        assert row.accept is None or row.accept(int(word))


def test_fields_reach_their_extremes_and_registers_are_often_equal():
    row = rows()["add"]
    table = WordTable([row], "power9")
    words = table.words(np.zeros(4096, np.int64), source())
    fields = {n: words >> np.uint64(s) & np.uint64(31) for n, (s, w) in row.picture.fields.items()}
    for name in ("RT", "RA", "RB"):
        assert set(range(32)) == set(fields[name].tolist())
    equal = (fields["RA"] == fields["RB"]) & (fields["RA"] == fields["RT"])
    assert equal.mean() > 0.05
    table = WordTable([rows()["addi"]], "power9")
    immediate = table.words(np.zeros(4096, np.int64), source()) & np.uint64(0xFFFF)
    assert {0, 1, 0x7FFF, 0x8000, 0xFFFF} <= set(immediate.tolist())


def test_the_same_seed_makes_the_same_batch(generator):
    for strategy in STRATEGIES:
        one, other = (generator.batch(strategy, 256, 5, 3) for _ in range(2))
        assert one.batch.cases.tobytes() == other.batch.cases.tobytes()
        for seed, number in ((6, 3), (5, 4)):
            different = generator.batch(strategy, 256, seed, number)
            assert one.batch.cases.tobytes() != different.batch.cases.tobytes()


def test_batches_of_single_instructions_reach_all_rows(generator):
    seen = set()
    for number in range(2 * len(generator.rows) // 64 + 2):
        seen |= set(generator.batch("single", 64, 0, number).numbers.ravel().tolist())
    assert set(range(len(generator.rows))) == seen


def test_specials_of_every_format_are_drawn():
    table = dict(zip(FLAVOURS, pools(source()), strict=True))
    doubles = table["double"]
    exponent, fraction = doubles >> np.uint64(52) & np.uint64(0x7FF), doubles << np.uint64(12)
    assert ((exponent == 0x7FF) & (fraction == 0)).any()
    assert ((exponent == 0x7FF) & (fraction >> np.uint64(63) == 0) & (fraction != 0)).any()
    assert ((exponent == 0) & (fraction != 0)).any()
    assert ((exponent == 0) & (fraction == 0) & (doubles >> np.uint64(63) == 1)).any()
    integers = set(table["integer"].tolist())
    assert {0, 1, 2**63 - 1, 2**63, 2**64 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32} <= integers


def test_rows_get_values_of_their_kind():
    assert () == flavours(rows()["add"])
    assert "double" in flavours(rows()["fadd"])
    assert "quad" in flavours(rows()["xsaddqp"])
    assert "decimal" in flavours(rows()["bcdadd."])
    values = Values((rows()["xsaddqp"],))
    drawn = values.doublewords(np.zeros(64, np.int64), 64, source())
    assert (drawn >> np.uint64(48) & np.uint64(0x7FFF) == 0x7FFF).any()


def test_no_case_begins_with_an_enabled_exception():
    values = fpscr(4096, source(), enables=1.0)
    raised = values >> np.uint64(25) & values >> np.uint64(3) & np.uint64(0x1F)
    assert not raised.any()
    assert (values & np.uint64(0xF8)).any()
    causes = values & np.uint64(0x01F80700) != 0
    assert np.array_equal(causes, values & np.uint64(0x20000000) != 0)


def test_every_address_of_a_row_can_be_computed():
    for row in rows().values():
        if touches_memory(row):
            assert address(row) is not None, row.key


def test_accesses_hit_the_memory_and_its_border(generator, interp):
    wanted = [n for n, row in enumerate(generator.rows) if row.key in {"ld", "stdx", "lxv", "lq"}]
    only = Generator([generator.rows[n] for n in wanted], "power9")
    outcomes = interp.run(only.batch("single", 2048, 0, 0).batch)
    kinds = outcomes["kind"]
    assert (kinds == Kind.NEXT).mean() > 0.7
    assert (kinds == Kind.STORAGE).any()
    stored = [n for n, row in enumerate(only.rows) if row.key == "stdx"]
    made = only.batch("single", 2048, 0, 0)
    changed = (outcomes["memory"] != made.batch.cases["memory"]) & (made.numbers == stored)
    places = MEMORY + np.flatnonzero(changed.any(axis=0))
    assert places.min() < BORDER <= places.max()
    assert changed[:, BORDER - MEMORY - 1].any()
    assert changed[:, BORDER - MEMORY].any()
    assert MEMORY_BYTES == changed.shape[1]


@pytest.mark.parametrize("strategy", sorted(set(STRATEGIES) - {"single", "interrupted"}))
def test_lines_of_instructions_mostly_run_to_their_end(strategy, generator, interp):
    made = generator.batch(strategy, 2048, 0, 0)
    assert made.batch.cases["count"].max() <= MAX_WORDS
    outcomes = interp.run(made.batch)
    assert (outcomes["kind"] == Kind.NEXT).mean() > 0.5
    assert (outcomes["kind"] != Kind.TIMEOUT).all()


def test_interrupted_programs_are_interrupted_in_the_middle(generator, interp):
    made = generator.batch("interrupted", 1024, 0, 0)
    outcomes = interp.run(made.batch)
    taken = outcomes["kind"] == Kind.OTHER_INTERRUPT
    assert taken.mean() > 0.7
    places = (outcomes["state"]["srr0"] - made.batch.cases["state"]["nia"])[taken] // 4
    assert {2, 3, 4, 5, 6, 7} <= set(places.tolist())


def test_before_isa_3_0_xer_has_no_ov32_and_ca32():
    for model, wanted in (("power8", 0), ("power9", 0xC0000)):
        cases = Generator(rows_of(model), model).batch("single", 512, 0, 0).batch.cases
        assert wanted == np.bitwise_or.reduce(cases["state"]["xer"]) & 0xC0000


def test_loops_run_more_than_once(generator, interp):
    made = generator.batch("loop", 1024, 0, 0)
    outcomes = interp.run(made.batch)
    again = outcomes["retired"] > made.batch.cases["count"]
    assert again.mean() > 0.3


def test_changing_programs_execute_the_new_word(interp):
    """Without the store that replaces it, the outcome is another one."""
    generator = Generator([rows()["addi"]], "power9")
    made = generator.batch("changing", 512, 0, 0)
    cases = made.batch.cases
    assert (cases["flags"] & Flag.STORES_TO_CODE).all()
    new = cases["state"]["gpr"][:, 25]
    where = (cases["state"]["gpr"][:, 26] - cases["state"]["nia"]).astype(np.int64) // 4
    old = cases["words"][np.arange(512), where]
    assert (new != old).any()
    unchanged = made.batch.part(slice(None)).cases.copy()
    unchanged["words"][np.arange(512), 2] = 0x60000000  # the store is gone
    before = interp.run(type(made.batch)(unchanged, "power9"))
    after = interp.run(made.batch)
    assert (before["state"]["gpr"] != after["state"]["gpr"]).any(axis=1).mean() > 0.3


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_a_line_can_be_run_in_many_states(strategy):
    generator = Generator(rows_of("power9"), "power9", repeat=16)
    cases = generator.batch(strategy, 256, 0, 0).batch.cases
    for start in range(0, 256, 16):
        some = cases[start : start + 16]
        assert (some["words"] == some["words"][0]).all()
        assert (some["state"]["nia"] == some["state"]["nia"][0]).all()
        assert len(np.unique(some["state"]["vsr"].reshape(16, -1), axis=0)) > 8
