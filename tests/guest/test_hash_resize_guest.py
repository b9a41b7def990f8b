"""Linux makes its hashed page table larger and smaller while processes use it."""

import hashlib
from collections import Counter

import pytest
from guest_modules import fetched_kernel
from initramfs import MOUNTS, busybox_initramfs, fetch_busybox

from jitppc.spapr.machine import Machine
from jitppc.topology import parse

pytestmark = pytest.mark.slow

SECONDS = 300
ORDERS, TOO_LARGE, WORKERS = (24, 22, 23), 25, 3
#: 1 GiB of memory has a table of 8 MiB at first, and of 16 MiB at most
INIT = f"""\
#!/bin/sh
{MOUNTS}\
export PATH=/bin
mount -t debugfs none /sys/kernel/debug
order=/sys/kernel/debug/powerpc/hpt_order
work() {{
    while [ ! -e /tmp/done ]; do sha256sum /bin/busybox; done
    echo "@worker stops"
}}
for n in {" ".join(map(str, range(WORKERS)))}; do work & done
echo "@order $(cat $order)"
for wanted in {" ".join(map(str, ORDERS))}; do
    sleep 1
    echo $wanted > $order && echo "@order $(cat $order)"
done
echo {TOO_LARGE} > $order || echo "@order refused"
sleep 1
echo > /tmp/done
wait
poweroff -f
"""


def test_a_table_is_resized_under_processes_of_two_processors(tmp_path):
    busybox = fetch_busybox()
    initrd = tmp_path / "initramfs.gz"
    initrd.write_bytes(busybox_initramfs(busybox, INIT))
    with Machine(
        fetched_kernel(), initrd, append="quiet", memory="1G", cpu="power8", smp=parse("2")
    ) as machine:
        stop = machine.run(timeout=SECONDS)
        said = machine.console_output.decode(errors="replace").replace("\r", "")
        calls = machine.hcalls.calls
    assert stop.reason == "poweroff", said[-2000:]
    lines = said.split("\n")
    orders = [line.split()[1] for line in lines if line.startswith("@order")]
    assert orders == ["23", *map(str, ORDERS), "refused"], said[-2000:]
    assert lines.count("@worker stops") == WORKERS
    sums = Counter(line for line in lines if line.endswith("  /bin/busybox"))
    assert list(sums) == [hashlib.sha256(busybox.read_bytes()).hexdigest() + "  /bin/busybox"]
    assert calls["H_RESIZE_HPT_COMMIT"] == len(ORDERS)
