"""Debian's kernel on each processor: what it takes it for, and what a program may execute there."""

from pathlib import Path

import pytest
from guest_modules import compiled, fetched_kernel

from jitppc.host.archive import compressed, console, directory

pytestmark = pytest.mark.slow

SOURCE = Path(__file__).with_name("cpu_probe.c")
BOOT_SECONDS = 300
LEGAL, ILLEGAL = "@brd 8877665544332211", "@brd is illegal"


@pytest.fixture(scope="module")
def images(tmp_path_factory, require_tool):
    """Kernel and an initramfs whose /init is the probe."""
    folder = tmp_path_factory.mktemp("models")
    entries = {"dev": directory(), "proc": directory(), "dev/console": console()}
    entries["init"] = compiled(require_tool, SOURCE, folder / "init")
    initrd = folder / "initramfs.gz"
    initrd.write_bytes(compressed(entries))
    return fetched_kernel(), initrd


@pytest.mark.parametrize(
    ("cpu", "newest", "append", "is_called", "answer"),
    [
        ("power8", None, "", "POWER8 (raw)", ILLEGAL),
        ("power9", None, "disable_radix", "POWER9 (raw)", ILLEGAL),
        ("power10", None, "", "POWER10 (raw)", LEGAL),
        ("power10", "power9", "", "POWER9 (architected)", ILLEGAL),
        ("power11", None, "", "POWER10 (architected)", LEGAL),
    ],
)
def test_linux_runs_on_it_and_a_program_has_its_instructions(
    cpu, newest, append, is_called, answer, images
):
    """Linux 6.1 does not know POWER11, which then runs in POWER10's mode.

    POWER8 translates by a hashed page table, and POWER9 when Linux is told so.
    """
    from jitppc.spapr.machine import Machine

    kernel, initrd = images
    machine = Machine(
        kernel, initrd, append=f"quiet {append}", memory="1G", cpu=cpu, max_cpu_compat=newest
    )
    with machine:
        stop = machine.run(timeout=BOOT_SECONDS)
        said = machine.console_output.decode(errors="replace")
    assert stop.reason == "poweroff", said[-2000:]
    lines = [line for line in said.replace("\r", "").split("\n") if line[:1] == "@"]
    mmu = "Hash" if append or cpu == "power8" else "Radix"
    called = [line.split(": ")[-1].split(",")[0] for line in lines]
    # Linux leaves POWER9's watchpoint alone, because silicon's does harm
    stores = "@stores cannot be watched" if "POWER9" in is_called else "@stores 2"
    counts = ["@instructions right", "@cycles some", "@alerts right", stores, "@branches right"]
    assert called == [is_called, mmu, answer, *counts], said[-2000:]
