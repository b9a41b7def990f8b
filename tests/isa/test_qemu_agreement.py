"""Every row against qemu-ppc64le, on random words and states; differences need a waiver."""

import random
import re
import subprocess

import pytest
from oracles.agreement import Case, differences, evaluate, make_case
from oracles.qemu_user import CIA, Answer, C, QemuUser, build
from oracles.qemu_waivers import NOT_RUN, WAIVERS

from jitppc.frontend.decode import rows

CASES_PER_ROW = 12
CASES_PER_WAIVER = 400

#: the version that the waivers were written for
REFERENCE = (7, 2)

JUDGED = [key for key in rows() if key not in NOT_RUN]


@pytest.fixture(scope="module")
def qemu(require_tool, tmp_path_factory):
    """The running harness."""
    compiler, emulator = require_tool("powerpc64le-linux-gnu-gcc"), require_tool("qemu-ppc64le")
    with QemuUser(build(tmp_path_factory.mktemp("oracle"), compiler), emulator) as running:
        yield running


@pytest.fixture(scope="module")
def version(require_tool) -> tuple[int, ...]:
    """The installed version of QEMU."""
    command = [require_tool("qemu-ppc64le"), "--version"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return tuple(int(n) for n in re.search(r"version (\d+)\.(\d+)", text).groups())


def both(qemu: QemuUser, case: Case) -> tuple[Answer, Answer] | None:
    """Our answer and theirs; None when the case cannot be judged."""
    ours, _ = evaluate(case)
    if ours.kind == "helper" or (ours.kind == "jump" and C["CODE"] <= ours.nia <= CIA):
        return None
    return ours, qemu.run([case.word], case.state, case.window, case.insn.row.name.startswith("b"))


def cases_of(key: str, count: int):
    source = random.Random(f"agreement {key}")
    return (make_case(rows()[key], source) for _ in range(count))


@pytest.mark.parametrize("key", JUDGED)
def test_rows_agree_with_qemu(key, qemu, version):
    mine = [w for w in WAIVERS if w.applies(key) and version < w.fixed_in]
    problems, judged = [], 0
    for case in cases_of(key, CASES_PER_ROW):
        answers = both(qemu, case)
        if answers is None:
            continue
        judged += 1
        for part, values in differences(*answers).items():
            if not any(w.excuses(case, part, *answers) for w in mine):
                problems.append(f"{case}: {part} is {values[0]}, QEMU has {values[1]}")
    assert [] == problems
    if not judged:
        pytest.skip("needs the native helper")


@pytest.mark.parametrize(
    "number", range(len(WAIVERS)), ids=[f"{n} {w.rows[0]}" for n, w in enumerate(WAIVERS)]
)
def test_waivers_are_needed(number, qemu, version):
    waiver = WAIVERS[number]
    if version != REFERENCE:
        pytest.skip(f"written for QEMU {REFERENCE}")
    keys = [key for key in JUDGED if waiver.applies(key)]
    assert keys, f"{waiver.rows}: no such rows"
    for turn in range(CASES_PER_WAIVER // len(keys) + 1):
        for key in keys:
            source = random.Random(f"waiver {key} {turn}")
            case = make_case(rows()[key], source)
            answers = both(qemu, case)
            if answers and any(
                waiver.excuses(case, part, *answers) for part in differences(*answers)
            ):
                return
    pytest.fail(f"nothing differs any more: {waiver}")
