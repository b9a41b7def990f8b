"""H_JOIN and H_PROD of two real processors: in native code and, with an observer, in Python."""

import struct
import subprocess
from pathlib import Path

import pytest

from jitppc.spapr.machine import Machine
from jitppc.topology import parse

pytestmark = pytest.mark.slow

ROUNDS, COUNTS_GRA, SECONDS = 300, 0x400400, 60


@pytest.fixture(scope="module")
def program(require_tool, tmp_path_factory):
    made = tmp_path_factory.mktemp("join") / "join"
    source = Path(__file__).with_name("join_probe.S")
    flags = f"-nostdlib -static -DROUNDS={ROUNDS} -Wl,-T,{source.parent}/watchdog_probe.ld"
    flags += ",--build-id=none,--no-warn-rwx-segments"
    compiler = require_tool("powerpc64-linux-gnu-gcc")
    subprocess.run([compiler, *flags.split(), "-o", str(made), str(source)], check=True)
    return made


@pytest.mark.parametrize("is_observed", [False, True])
def test_who_joins_last_goes_on_and_prods_the_other(program, is_observed):
    machine = Machine(program, smp=parse("2"), kernel_gra=0, memory="256M")
    calls = []
    if is_observed:
        machine.on_hcall = lambda name, vcpu: calls.append((name, vcpu.vcpu_id))
    stop = machine.run(timeout=SECONDS)
    counts = struct.unpack(">4Q", machine.memory.read(COUNTS_GRA, 32))
    machine.close()
    assert stop.reason == "poweroff"
    assert counts[0] + counts[1] == counts[2] + counts[3] == ROUNDS
    assert counts[0] + counts[2] == counts[1] + counts[3] == ROUNDS
    assert (calls.count(("H_PROD", 0)) == counts[0]) == is_observed
