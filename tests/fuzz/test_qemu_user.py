"""The resident process of QEMU's user mode: when it dies, or stops answering."""

import os
import signal

import numpy as np
import pytest

from jitppc.errors import ReferenceFailure
from jitppc.fuzz.cases import MEMORY, Batch, Flag, Kind, one_case
from jitppc.fuzz.references import qemu_user
from jitppc.fuzz.references.qemu_user import QemuUserReference, _may_be_anywhere

ADDI, SELF, MINUS_4, DEADLY = 0x38630001, 0x48000000, 0x4BFFFFFC, 0x7C00003C
NOP = 0x60000000


@pytest.fixture
def qemu(require_tool):
    for name in ("qemu-ppc64le", "powerpc64le-linux-gnu-gcc"):
        require_tool(name)
    running = QemuUserReference()
    yield running
    running.close()


def batch(*lines, flags=0):
    return Batch(np.concatenate([one_case(words, flags=flags) for words in lines]))


def process_of(qemu):
    return qemu._harnesses["power9", "little"]._process


def test_a_process_killed_between_batches_is_replaced(qemu):
    qemu.run(batch([ADDI]))
    os.kill(process_of(qemu).pid, signal.SIGKILL)
    process_of(qemu).wait()
    assert [Kind.NEXT] * 2 == list(qemu.run(batch([ADDI], [ADDI]))["kind"])


def test_a_word_that_ends_the_emulator_costs_one_case(qemu, monkeypatch):
    """`wait` is known for it, and not sent; here it is."""
    monkeypatch.setattr(qemu_user, "_ALWAYS_DEADLY", [])
    outcomes = qemu.run(batch([ADDI], [DEADLY], [ADDI]))
    assert [Kind.NEXT, Kind.CRASH, Kind.NEXT] == list(outcomes["kind"])
    assert [1, 0, 1] == list(outcomes["state"]["gpr"][:, 3])


def test_a_process_that_stops_answering_costs_one_case(qemu, monkeypatch):
    monkeypatch.setattr(qemu_user, "PATIENCE_SECONDS", 1.0)
    qemu.run(batch([ADDI]))
    os.kill(process_of(qemu).pid, signal.SIGSTOP)
    outcomes = qemu.run(batch([ADDI], [ADDI]))
    assert [Kind.TIMEOUT, Kind.NEXT] == list(outcomes["kind"])


def test_a_loop_without_end_is_cut_short(qemu):
    outcomes = qemu.run(batch([NOP, MINUS_4], flags=Flag.MAY_LOOP))
    assert [Kind.TIMEOUT] == list(outcomes["kind"])


def test_a_branch_to_itself_is_not_sent(qemu):
    outcomes = qemu.run(batch([SELF], [ADDI]))
    assert [Kind.NOT_JUDGED, Kind.NEXT] == list(outcomes["kind"])


def test_one_that_dies_again_and_again_is_given_up(qemu, monkeypatch):
    monkeypatch.setattr(qemu_user, "EMULATORS", {"little": "false", "big": "false"})
    with pytest.raises(ReferenceFailure, match="dies again and again"):
        QemuUserReference(qemu_user.EMULATORS).run(batch(*[[ADDI]] * 8))


def test_words_at_places_of_their_own_do_what_they_do_at_home(qemu, monkeypatch):
    """A trap, a store, two that tell where they are, and one that reads TAR."""
    trap, store, addpcis, bcl, mftar = 0x7FE00008, 0xF8640000, 0x4C600004, 0x429F0005, 0x7C6FCAA6
    cases = batch([ADDI], [NOP, trap], [ADDI, store], [addpcis], [bcl], [mftar])
    cases.cases["flags"][2] = Flag.USES_MEMORY
    cases.cases["state"]["gpr"][:, 4] = MEMORY
    assert [True, True, True, False, False, False] == list(_may_be_anywhere(cases.cases))
    placed = qemu.run(cases)
    monkeypatch.setattr(qemu_user, "_may_be_anywhere", lambda cases: np.zeros(len(cases), bool))
    assert qemu.run(cases).tobytes() == placed.tobytes()
    assert [Kind.NEXT, Kind.TRAP, *[Kind.NEXT] * 4] == list(placed["kind"])
