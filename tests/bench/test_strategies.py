"""The table of strategies: every option changes what is generated, and bad ones are refused."""

import dataclasses

import pytest

from jitppc import strategies
from jitppc.backend.image import Image
from jitppc.runtime.worker import compile_region
from jitppc.strategies import RegionOptions, Strategy

#: a loop of two basic blocks with dead flags, that leaves to a word which has not run
WORDS = (
    0x7C632215,  # add.  r3,r3,r4
    0x7C852A15,  # add.  r4,r5,r5
    0x2C030064,  # cmpwi r3,100
    0x41820010,  # beq   +16, out of what has run
    0x80A50001,  # lwz   r5,1(r5)
    0x4200FFEC,  # bdnz  -20, to the start
)
CHANGED = {
    "limit": {"limit": 3},
    "single_blocks": {"single_blocks": True},
    "level": {"level": 0},
    "chaining": {"chaining": False},
    "flag_elimination": {"flag_elimination": False},
    "windows": {"windows": True},
}


def compiled(words: tuple[int, ...] = WORDS, **options: object) -> tuple[bytes, int]:
    page = b"".join(word.to_bytes(4, "little") for word in words).ljust(4096, b"\0")
    has_run = bytes([1] * len(words)).ljust(1024, b"\0")
    answer = compile_region({0: (page, has_run)}, 0, RegionOptions(**options))
    assert answer is not None
    return answer


def test_the_test_knows_every_option():
    assert {field.name for field in dataclasses.fields(RegionOptions)} == set(CHANGED)


@pytest.mark.parametrize("option", sorted(CHANGED))
def test_every_option_changes_what_is_generated(option):
    assert compiled()[0] == compiled()[0]
    assert compiled()[0] != compiled(**CHANGED[option])[0]


def test_single_blocks_and_the_limit_bound_a_region():
    assert len(WORDS) == compiled()[1]
    assert 4 == compiled(single_blocks=True)[1]
    assert 3 == compiled(limit=3)[1]


def test_without_elimination_more_is_written():
    def code_bytes(**options: object) -> int:
        return len(Image.from_bytes(compiled(WORDS[:1] * 20, **options)[0]).content)

    assert code_bytes() < code_bytes(flag_elimination=False)


def test_names_are_unique_and_the_nearest_is_named():
    with pytest.raises(ValueError, match="there is a strategy 'regions' already"):
        strategies.add(Strategy("regions", "another"))
    with pytest.raises(ValueError, match=r"'regoins'; did you mean regions\?"):
        strategies.find("regoins")
    with pytest.raises(ValueError, match="'two words' is not a name"):
        Strategy("two words", "")


@pytest.mark.parametrize("options", [{"limit": 0}, {"level": 4}, {"level": -1}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        RegionOptions(**options)


def test_a_variant_keeps_the_other_options():
    made = strategies.variant("blocks", "blocks-o3", "...", level=3)
    assert RegionOptions(single_blocks=True, level=3) == made.regions
