"""A page whose words are executed in both byte orders: what was decoded in one is not used in the
other.
"""

import numpy as np
import pytest

from jitppc.fuzz.cases import USER_LE64, WORDS, Batch, Kind, one_case
from jitppc.fuzz.references import open_reference
from jitppc.ir.layout import MSR

ILLEGAL, RFID = 0x00000000, 0x4C000024
SUPERVISOR = USER_LE64 & ~MSR.PR & ~MSR.EE


@pytest.fixture(scope="module")
def interp():
    tier = open_reference("interp", "power9")
    yield tier
    tier.close()


def interrupted() -> np.ndarray:
    """Ends in the vectors, whose page is little-endian."""
    return one_case([ILLEGAL], SUPERVISOR)


def leaves_for_vectors(msr: int) -> np.ndarray:
    """Executes real address 0x100, in the page of the vectors."""
    case = one_case([RFID], SUPERVISOR)
    case["state"]["srr0"], case["state"]["srr1"] = 0x100, msr
    return case


def test_a_page_run_big_endian_is_little_endian_again_afterwards(interp):
    cases = [interrupted(), leaves_for_vectors(MSR.SF | MSR.ME), interrupted()]
    kinds = interp.run(Batch(np.concatenate(cases), "power9"))["kind"]
    assert [Kind.ILLEGAL, Kind.ILLEGAL, Kind.ILLEGAL] == list(kinds)


def test_so_it_is_after_32_bit_mode(interp):
    narrow = leaves_for_vectors(MSR.ME | MSR.LE)
    kinds = interp.run(Batch(np.concatenate([narrow, interrupted()]), "power9"))["kind"]
    assert Kind.ILLEGAL == kinds[1]
    assert WORDS == interp.run(Batch(interrupted(), "power9"))["state"]["nia"][0]
