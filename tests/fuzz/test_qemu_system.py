"""QEMU's whole system as a reference: privileged registers and instructions."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from jitppc.frontend.decode import rows
from jitppc.fuzz import differences, waivers_system
from jitppc.fuzz.cases import USER_LE64, Batch, Kind, one_case
from jitppc.fuzz.generate import Generator
from jitppc.fuzz.generate_registers import takes_part
from jitppc.fuzz.references import open_reference
from jitppc.fuzz.references.qemu_system import QemuSystemReference
from jitppc.ir.layout import MSR

SUPERVISOR = USER_LE64 & ~MSR.PR & ~MSR.EE
MODES = {"supervisor": SUPERVISOR, "user": USER_LE64, "transactional": SUPERVISOR | MSR.TM}
MODELS = ("power9", "power10")
MFMSR, NOP = 0x7C6000A6, 0x60000000
CASES_PER_ROW = 6


@pytest.fixture(scope="module")
def qemu(require_tool):
    """One for the whole file."""
    require_tool("qemu-system-ppc64")
    running = QemuSystemReference()
    yield running
    running.close()


@pytest.fixture(scope="module")
def tier():
    running = open_reference("interp", "power9")
    yield running
    running.close()


def problems(batch, qemu, tier, excused=None):
    """What differs without a waiver."""
    theirs, ours = qemu.run(batch), tier.run(batch)
    bad = differences.differing(batch, ours, theirs, None, qemu, excused)
    assert np.any(theirs["kind"] != Kind.NOT_JUDGED)
    words = batch.cases["words"][:, 0]
    return [
        f"{words[n]:08x}: {differences.parts(batch, ours, theirs, int(n), qemu.fields)}"
        for n in np.flatnonzero(bad)[:5]
    ]


def known(qemu, model):
    return [row for row in rows().values() if qemu.can_judge(row, model)]


def registers(qemu, model, count, number=0):
    names = ("mfspr", "mtspr")
    chosen = [row for row in known(qemu, model) if row.name in names or takes_part(row)]
    generator = Generator(chosen, model, (SUPERVISOR,))
    return generator.batch("registers", count, 3, number).batch


def alone(qemu, model, mode, each=CASES_PER_ROW):
    chosen = [row for row in known(qemu, model) if not takes_part(row)]
    for first in range(0, len(chosen), 64):
        some = chosen[first : first + 64]
        yield Generator(some, model, (MODES[mode],)).batch("single", each * len(some), 3, 0).batch


@pytest.mark.parametrize("model", MODELS)
def test_registers_that_are_written_are_read_back_alike(model, qemu, tier):
    assert [] == problems(registers(qemu, model, 700), qemu, tier)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("model", MODELS)
def test_privileged_rows_agree(model, mode, qemu, tier):
    for batch in alone(qemu, model, mode):
        assert [] == problems(batch, qemu, tier)


def test_waivers_are_needed(qemu, tier):
    if qemu.version[:2] != (7, 2):
        pytest.skip("written for QEMU 7.2")
    excused: set = set()
    for model in MODELS:
        nobodys = Generator([rows()["mfspr"], rows()["mtspr"]], model, (SUPERVISOR,))
        problems(nobodys.batch("single", 2000, 3, 0).batch, qemu, tier, excused)
        problems(registers(qemu, model, 3000), qemu, tier, excused)
        for mode in MODES:
            for batch in alone(qemu, model, mode, 24):
                problems(batch, qemu, tier, excused)
    assert [] == [w.reason for w in waivers_system.WAIVERS if w not in excused]


def privileged(word):
    return one_case([word], SUPERVISOR)


def test_a_change_of_msr_can_be_seen(qemu):
    cases = np.concatenate([privileged(MFMSR), one_case([MFMSR])])
    outcomes = qemu.run(Batch(cases))
    assert [Kind.NEXT, Kind.PRIVILEGED] == list(outcomes["kind"])
    assert SUPERVISOR == outcomes["state"]["gpr"][0, 3]
    assert outcomes["state"]["srr0"][1] == cases["state"]["nia"][1]


def test_a_process_that_dies_costs_one_case(qemu):
    qemu.run(Batch(privileged(NOP)))
    process = qemu._partitions["power9"]._process
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kinds = qemu.run(Batch(np.concatenate([privileged(NOP), privileged(MFMSR)])))["kind"]
    assert [Kind.CRASH, Kind.NEXT] == list(kinds)


def test_a_process_that_hangs_costs_one_case(qemu, monkeypatch):
    qemu.run(Batch(privileged(NOP)))
    monkeypatch.setattr(qemu._partitions["power9"]._remote, "_patience", 1.0)
    os.kill(qemu._partitions["power9"]._process.pid, signal.SIGSTOP)
    kinds = qemu.run(Batch(np.concatenate([privileged(NOP), privileged(MFMSR)])))["kind"]
    assert [Kind.TIMEOUT, Kind.NEXT] == list(kinds)


def test_without_the_program_there_is_one_line(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    reference = QemuSystemReference()
    with pytest.raises(Exception, match="install qemu-system-ppc"):
        reference.run(Batch(privileged(NOP)))
    with pytest.raises(Exception, match="install qemu-system-ppc"):
        reference.identity()


HOLDER = """
import time
from jitppc.fuzz.references.qemu_partition import Partition
held = Partition("power9")
held.start()
print(held._process.pid, flush=True)
time.sleep(600)
"""


def test_no_emulator_is_left_when_the_campaign_is_killed(require_tool):
    require_tool("qemu-system-ppc64")
    require_tool("setpriv")
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE) as holder:
        emulator = int(holder.stdout.readline())
        os.kill(emulator, 0)
        holder.kill()
    until = time.monotonic() + 30
    while Path(f"/proc/{emulator}").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
