"""Every row against qemu-ppc64le, on random words and states; differences need a waiver."""

import random
import re
import subprocess

import pytest
from oracles.agreement import (
    USER,
    Case,
    differences,
    evaluate,
    evaluate_line,
    make_case,
    touches_memory,
)
from oracles.qemu_user import CIA, WINDOW, WINDOW_BYTES, Answer, C, QemuUser, build
from oracles.qemu_waivers import NOT_RUN, WAIVERS
from strategies import random_state, random_word

from jitppc.frontend.decode import rows
from jitppc.frontend.disasm import disassemble
from jitppc.frontend.levels import DEFAULT_MODEL, in_model
from jitppc.frontend.translate import translate_word
from jitppc.ir.ops import Effect

CASES_PER_ROW = 12
CASES_PER_WAIVER = 400

#: the version that the waivers were written for
REFERENCE = (7, 2)

JUDGED = [
    key for key, row in rows().items() if key not in NOT_RUN and in_model(row, DEFAULT_MODEL)
]


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
        pytest.fail("no case could be judged")


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


def stands_anywhere(key: str) -> bool:
    """Rows whose words need no special line: no branch, memory, privilege or waiver."""
    word = random_word(rows()[key], random.Random(key))
    values = translate_word(word).values
    leaves = any(v.op.effects & Effect.ENDS_BLOCK or v.attr == "PROGRAM_PRIVILEGED" for v in values)
    return not (leaves or touches_memory(word) or any(w.applies(key) for w in WAIVERS))


def test_lines_of_instructions_agree(qemu):
    """What one instruction leaves is what the next finds: flags, carries, register views."""
    source = random.Random("lines")
    keys = [key for key in JUDGED if stands_anywhere(key)]
    for _ in range(300):
        words = [random_word(rows()[source.choice(keys)], source, near=True) for _ in range(8)]
        state = random_state(source.getrandbits(32), msr=USER)
        window = bytes(WINDOW_BYTES)
        ours, _ = evaluate_line(words, state, window)
        found = differences(ours, qemu.run(words, state, window))
        assert {} == found, "; ".join(f"{word:08x} {disassemble(word)}" for word in words)


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
@pytest.mark.parametrize("moved", [0, 128])
def test_a_reservation_lets_one_store_through(bits, moved, qemu):
    """larx, stcx. to the same or another granule, and stcx. once more."""
    larx = {8: 0x7CA01834, 16: 0x7CA018E8, 32: 0x7CA01828, 64: 0x7CA018A8}[bits]
    stcx = {8: 0x7CC0256D, 16: 0x7CC025AD, 32: 0x7CC0212D, 64: 0x7CC021AD}[bits]
    words = [larx, stcx, 0x7CE00026, stcx, 0x7D000026]  # r5 <- (r3); (r4) <- r6 twice; mfcr r7, r8
    state = random_state(bits, msr=USER)
    state[0]["gpr"][3], state[0]["gpr"][4] = WINDOW + 256, WINDOW + 256 + moved
    window = random.Random(bits).randbytes(WINDOW_BYTES)
    ours, _ = evaluate_line(words, state, window)
    assert {} == differences(ours, qemu.run(words, state, window))
