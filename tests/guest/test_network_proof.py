"""A gibibyte each way and thousands of connections, and passt killed in between.

It takes minutes, so it runs when asked for: `make test-network`, or `pytest --network-mib 1024`.
"""

import hashlib
import re
import time
from itertools import pairwise
from pathlib import Path

import pytest
from console_session import Session, kill_passt
from guest_modules import compiled, fetched_guest
from initramfs import busybox_initramfs

from benchmarks.io.endpoint import Endpoint, blocks, checksum

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SECONDS = 1800
CONNECTIONS, AT_ONCE = 4000, 8
AGAIN_MIB = 16

#: modules, model of the adapter, MTU in the guest, share of the amount, whether the guest hears of
#: its link
ADAPTERS = {
    "virtio-net": ("virtio_pci virtio_net", "virtio-net-pci", 65000, 1, True),
    "spapr-vlan": ("ibmveth", "spapr-vlan", 65000, 1, False),
    "virtio-net, small frames": ("virtio_pci virtio_net", "virtio-net-pci", 1500, 1 / 16, True),
}

INIT = """\
#!/bin/busybox sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
export PATH=/bin
{insert}
busybox ip link set eth0 mtu {mtu}
busybox ip addr add 10.0.2.15/24 dev eth0 && busybox ip link set eth0 up
echo "@began $(date +%s)"
/net send 10.0.2.2 {port} {count} 0
echo "@sent $(date +%s)"
echo "@sum $(/net copy 10.0.2.2 {port} {count} 0 | sha256sum)"
echo "@received $(date +%s)"
for worker in $(seq {at_once}); do
  (/net connect 10.0.2.2 {port} {each} 0 > /tmp/connect.$worker && echo > /tmp/done.$worker) &
done
wait
echo "@connected $(ls /tmp/done.* | wc -l) $(date +%s)"
carrier() {{
  while [ "$(cat /sys/class/net/eth0/carrier)" != $1 ]; do sleep 0.02; done
  echo "@link $1"
}}
echo "@kill"
{watch}
until /net connect 10.0.2.2 {port} 1 0; do sleep 0.5; done
echo "@again"
/net send 10.0.2.2 {port} {again} 0
echo "@end"
poweroff -f
"""


@pytest.fixture
def mib(request, require_tool):
    found = request.config.getoption("--network-mib")
    if found is None:
        pytest.skip("takes minutes; run it by `make test-network`")
    require_tool("passt")
    return found


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_what_is_sent_arrives_and_a_killed_back_end_comes_back(
    adapter, mib, tmp_path, require_tool
):
    modules, model, mtu, share, tells_of_link = ADAPTERS[adapter]
    kernel, busybox, entries, insert = fetched_guest(modules.split())
    source = ROOT / "benchmarks/io/net.c"
    entries["net"] = compiled(require_tool, source, tmp_path / "net")
    mib = int(mib * share)
    count = mib << 20
    with Endpoint() as end:
        init = INIT.format(
            insert=insert, mtu=mtu, port=end.port, count=count, again=AGAIN_MIB << 20,
            at_once=AT_ONCE, each=CONNECTIONS // AT_ONCE,
            watch="carrier 0; carrier 1" if tells_of_link else "sleep 1",
        )  # fmt: skip
        initrd = tmp_path / "initramfs.gz"
        initrd.write_bytes(busybox_initramfs(busybox, init, entries))
        words = ["run", "-m", "1G", "-kernel", str(kernel), "-initrd", str(initrd)]
        words += ["-append", "quiet console=hvc0", "-nic", f"user,model={model}"]
        session = Session(*words)
        try:
            session.expect(rf"other end: {count} {checksum(count)}\s", SECONDS)
            session.expect(rf"@sum {checksum(count)} ", SECONDS)
            session.expect(rf"@connected {AT_ONCE} ", SECONDS)
            assert CONNECTIONS == end.connections
            session.expect("@kill", SECONDS)
            time.sleep(1)
            kill_passt(session.process.pid)
            if tells_of_link:
                session.expect(r"@link 0\s+@link 1", SECONDS)
            session.expect("@again", SECONDS)
            again = AGAIN_MIB << 20
            session.expect(rf"other end: {again} {checksum(again)}\s+io send.*\s+@end", SECONDS)
            assert 0 == session.process.wait(SECONDS)
        finally:
            session.process.kill()
    print(f"\nproof: {adapter}, MTU {mtu}, {mib} MiB each way:", *rates(session.text, mib))


def rates(text, mib):
    """MiB or connections a second, each with its name."""
    seen = re.findall(r"@(?:began|sent|received|connected \d+) (\d+)", text)
    spans = [int(after) - int(before) for before, after in pairwise(seen)]
    what = zip((mib, mib, CONNECTIONS), ("sent", "received", "connections"), spans, strict=True)
    return [f"{name} {amount / max(1, span):.0f}/s" for amount, name, span in what]


def test_the_other_end_knows_the_checksum_of_what_it_gives():
    data = b"".join(block for block, _ in zip(blocks(), range(3), strict=False))
    assert hashlib.sha256(data[:150_000]).hexdigest() == checksum(150_000)
