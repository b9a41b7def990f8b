"""Vector instructions against qemu-ppc64le, on operands at the edges of what they distinguish."""

import random

import pytest
from oracles.agreement import differences, evaluate
from oracles.qemu_user import QemuUser, build
from oracles.qemu_waivers import WAIVERS, Waiver
from vmx_operands import make_vector_case

from jitppc.frontend.decode import rows

CASES_PER_ROW = 16
VECTOR_ROWS = [
    key for key, row in rows().items() if row.body.__module__.split(".")[-1][:4] == "vmx_"
]


def _overlaps(case, _ours, _theirs):
    fields = case.insn.row.picture.fields
    return case.field("VRT") in [case.field(name) for name in ("VRA", "VRB") if name in fields]


def _zero_with_sign(_case, _ours, theirs):
    return int(theirs.state[0]["crf"][6]) in (0b0110, 0b1010)


DECIMAL = "Book I 6.17"
MORE_WAIVERS = (
    Waiver(
        ("bcdadd.", "bcdsub."),
        ("crf6", "vsr*"),
        "a zero sum of like signs keeps the sign",
        DECIMAL,
        when=_zero_with_sign,
    ),
    Waiver(
        ("bcdctsq.", "bcdcpsgn."),
        ("crf6", "vsr*"),
        "VRT is written before the sources are read",
        DECIMAL,
        when=_overlaps,
    ),
    Waiver(
        ("bcds.", "bcdsr.", "bcdus.", "bcd*trunc."),
        ("crf6",),
        "compares the result with 0, signed; the book and POWER9 compare the source",
        DECIMAL,
    ),
)


@pytest.fixture(scope="module")
def qemu(require_tool, tmp_path_factory):
    compiler, emulator = require_tool("powerpc64le-linux-gnu-gcc"), require_tool("qemu-ppc64le")
    with QemuUser(build(tmp_path_factory.mktemp("oracle"), compiler), emulator) as running:
        yield running


@pytest.mark.parametrize("key", VECTOR_ROWS)
def test_vector_rows_agree_with_qemu(key, qemu):
    source = random.Random(f"vectors {key}")
    waivers = [w for w in (*WAIVERS, *MORE_WAIVERS) if w.applies(key)]
    for _ in range(CASES_PER_ROW):
        case = make_vector_case(rows()[key], source)
        ours, _ = evaluate(case)
        theirs = qemu.run([case.word], case.state, case.window)
        unexcused = {
            part: values
            for part, values in differences(ours, theirs).items()
            if not any(w.excuses(case, part, ours, theirs) for w in waivers)
        }
        assert {} == unexcused, str(case)


def test_waivers_for_vectors_are_needed(qemu):
    for waiver in MORE_WAIVERS:
        for key in (key for key in VECTOR_ROWS if waiver.applies(key)):
            source = random.Random(f"waiver {key}")
            cases = (make_vector_case(rows()[key], source) for _ in range(400))
            assert any(excused(waiver, case, qemu) for case in cases), (waiver.reason, key)


def excused(waiver, case, qemu):
    ours, _ = evaluate(case)
    theirs = qemu.run([case.word], case.state, case.window)
    found = differences(ours, theirs)
    return any(waiver.excuses(case, part, ours, theirs) for part in found)
