"""Storage keys in a guest: Linux hands them out, and a program's accesses meet them."""

from pathlib import Path

import pytest
from guest_modules import compiled, fetched_kernel

from jitppc.host.archive import compressed, console, directory

pytestmark = pytest.mark.slow

SOURCE = Path(__file__).with_name("key_probe.c")
SECONDS = 300
BY_KEY = "refused by its key"
# Ref: Power ISA 3.1 Book III 6.7.13: a key does not bar fetching but by IAMR
EXPECTED = {
    "open": ("done", "done", "done"),
    "not-written": ("done", BY_KEY, "done"),
    "closed": (BY_KEY, BY_KEY, "done"),
    "open-again": ("done", "done", "done"),
    "not-executed": ("done", "done", BY_KEY),
}


def test_a_programs_accesses_meet_the_keys_of_its_pages(tmp_path, require_tool):
    from jitppc.spapr.machine import Machine

    entries = {"dev": directory(), "dev/console": console()}
    entries["init"] = compiled(require_tool, SOURCE, tmp_path / "init")
    initrd = tmp_path / "initramfs.gz"
    initrd.write_bytes(compressed(entries))
    machine = Machine(
        fetched_kernel(), initrd, append="quiet", memory="1G", cpu="power8", storage_keys=True
    )
    with machine:
        stop = machine.run(timeout=SECONDS)
        said = machine.console_output.decode(errors="replace").replace("\r", "")
    assert stop.reason == "poweroff", said[-2000:]
    wanted = ["@key there"]
    for when, answers in EXPECTED.items():
        pairs = zip("rwx", answers, strict=True)
        wanted += [f"@{when} {kind}: {answer}" for kind, answer in pairs]
    assert [line for line in said.split("\n") if line[:1] == "@"] == wanted
