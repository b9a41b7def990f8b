"""The regions tier as a reference: what it does with cases that change their own words."""

from jitppc.frontend.decode import rows
from jitppc.fuzz.generate import Generator
from jitppc.fuzz.references import open_reference


def test_each_case_that_changes_its_words_finds_the_first_ones_in_a_region():
    generator = Generator([rows()["addi"], rows()["xor"]], "power9", repeat=4)
    batch = generator.batch("changing", 64, 0, 0).batch
    handlers, regions = open_reference("interp", "power9"), open_reference("regions", "power9")
    try:
        expected, found = handlers.run(batch), regions.run(batch)
        in_regions = regions.vcpu.statistics()["region_instructions"]
    finally:
        handlers.close()
        regions.close()
    for name in ("kind", "retired", "memory"):
        assert (expected[name] == found[name]).all()
    for name in ("gpr", "nia", "ctr"):
        assert (expected["state"][name] == found["state"][name]).all()
    assert in_regions > 64
