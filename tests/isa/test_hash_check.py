"""Hash store and check against digests recorded from `qemu-system-ppc64 -cpu power10` 7.2 through
its gdb stub: user mode has a random key.
"""

import pytest
from one_insn import WINDOW, Machine, window

from jitppc.ir.layout import MSR
from jitppc.ir.ops.digest import digest

HASHKEYR = 468
#: (RA), (RB), key, digest
RECORDED = [
    (0x8290, 0x269e0d37f2a74de4, 0xa6a3a4506513270e, 0x03f3d648f7e761ca),
    (0x8060, 0xd23f0824128b2f33, 0x1818e811892f902b, 0x10f44db74d865c1d),
    (0x82e8, 0x0ed904759531985d, 0x81e74ef5e8e25d94, 0xe971d671daf7f840),
    (0x81b0, 0x1600a35a099950d8, 0x6b0d549b6f03675a, 0x54bcba7f55cf5e30),
    (0x8088, 0x1738f7d93d9c1724, 0x6cad4a268d116ece, 0x4fda68bd1851f741),
    (0x8078, 0x90c192cfd3ac94af, 0xf28c105d1fb17c23, 0x47c727813ae2baed),
    (0x81c8, 0xa09f76b5a170b338, 0xf29d0da9953f48f1, 0xccec3190ce01df28),
    (0x8078, 0x95e60af593bd04cf, 0x0cb1e29c658cda14, 0xcb875eadfafba5ab),
]


@pytest.mark.parametrize(("ra", "rb", "key", "expected"), RECORDED)
def test_the_digest_is_that_of_the_book(ra, rb, key, expected):
    assert expected == digest(ra, rb, key)


def prepared(key: int = 5) -> Machine:
    m = Machine(memory=window(bytes(4096)))
    m.state[0]["gpr"][3], m.state[0]["gpr"][4] = WINDOW + 512, 0x123456789
    m.state[0]["spr"][HASHKEYR] = key
    return m


@pytest.mark.parametrize(("code", "offset"), [(0, -512), (63, -8), (32, -256)])
def test_a_stored_digest_checks(code, offset):
    m = prepared()
    m.run("hashst", RA=3, RB=4, HASHD=code)
    stored = int.from_bytes(m.memory.data[512 + offset : 520 + offset], "little")
    assert digest(WINDOW + 512, 0x123456789, 5) == stored
    assert "next" == m.run("hashchk", RA=3, RB=4, HASHD=code).kind
    m.state[0]["gpr"][4] += 1
    assert "PROGRAM_TRAP" == m.run("hashchk", RA=3, RB=4, HASHD=code).detail


@pytest.mark.parametrize("key", ["hashstp", "hashchkp"])
def test_the_supervisors_forms_are_privileged(key):
    m = prepared()
    assert m.state[0]["msr"] & MSR.PR
    assert "PROGRAM_PRIVILEGED" == m.run(key, RA=3, RB=4, HASHD=0).detail


def test_an_unaligned_digest_is_an_alignment_interrupt():
    m = prepared()
    m.state[0]["gpr"][3] += 4
    assert "ALIGNMENT" == m.run("hashst", RA=3, RB=4, HASHD=63).detail
