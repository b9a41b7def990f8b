"""A gibibyte each way and thousands of connections, and passt killed in between.

It takes minutes, so it runs when asked for: `make test-network`, or `pytest --network-mib 1024`.
"""

import hashlib
import os
import re
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from console_session import Session, kill_passt
from guest_modules import compiled, fetched_guest
from initramfs import MOUNTS, busybox_initramfs

from benchmarks.io.endpoint import Endpoint, blocks, checksum

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SECONDS = 1800
CONNECTIONS, AT_ONCE = 4000, 8
AGAIN_MIB = 16
#: connections that carry the amount: Debian 12's passt cuts one that only sends after 24 s
PIECES = 16

HOST = "10.0.2.2"
TAP = "jittproof"


@dataclass(frozen=True)
class Adapter:
    """`tells`: the guest hears of its link. `features`: bits that its driver has taken."""

    words: str
    modules: str = "virtio_pci virtio_net"
    mtu: int = 65000
    share: float = 1.0
    tells: bool = True
    features: tuple[int, ...] = (15,)


ADAPTERS = {
    "virtio-net": Adapter("-nic user,model=virtio-net-pci"),
    "spapr-vlan": Adapter("-nic user,model=spapr-vlan", "ibmveth", tells=False, features=()),
    "virtio-net, small frames": Adapter(
        "-nic user,model=virtio-net-pci", mtu=1500, share=1 / 16
    ),
    "virtio-net, TAP, offloads, two pairs of queues": Adapter(
        f"-smp 2 -netdev tap,id=n,ifname={TAP},script={{script}} "
        "-device virtio-net-pci,netdev=n,queue-pairs=2",
        mtu=1500,
        features=(0, 1, 7, 8, 11, 12, 15, 22),
    ),
}
SCRIPT = f"""\
#!/bin/sh
ip addr add {HOST}/24 dev $1 && ip link set $1 up
"""

INIT = "#!/bin/busybox sh\n" + MOUNTS + """\
export PATH=/bin
{insert}
busybox ip link set eth0 mtu {mtu}
busybox ip addr add 10.0.2.15/24 dev eth0 && busybox ip link set eth0 up
echo "@queues $(ls /sys/class/net/eth0/queues | wc -l)"
echo "@features $(cat /sys/bus/virtio/devices/*/features)"
echo "@began $(date +%s)"
for piece in $(seq {pieces}); do /net send {host} {port} {size} 0; done
echo "@sent $(date +%s)"
for piece in $(seq {pieces}); do
  echo "@sum $(/net copy {host} {port} {size} 0 | sha256sum)"
done
echo "@received $(date +%s)"
for worker in $(seq {at_once}); do
  (/net connect {host} {port} {each} 0 > /tmp/connect.$worker && echo > /tmp/done.$worker) &
done
wait
echo "@connected $(ls /tmp/done.* | wc -l) $(date +%s)"
carrier() {{
  while [ "$(cat /sys/class/net/eth0/carrier)" != $1 ]; do sleep 0.02; done
  echo "@link $1"
}}
echo "@kill"
{watch}
until /net connect {host} {port} 1 0; do sleep 0.5; done
echo "@again"
/net send {host} {port} {again} 0
echo "@end"
poweroff -f
"""


@pytest.fixture
def mib(long_proof, require_tool):
    given = long_proof("--network-mib", "test-network")
    require_tool("passt")
    return given


@pytest.mark.parametrize("name", ADAPTERS)
def test_what_is_sent_arrives_and_a_killed_back_end_comes_back(name, mib, tmp_path, require_tool):
    adapter = ADAPTERS[name]
    is_tap = "tap," in adapter.words
    tells = adapter.tells and not is_tap
    if is_tap and not (os.geteuid() == 0 and Path("/dev/net/tun").exists()):
        pytest.skip("needs /dev/net/tun and root")
    script = tmp_path / "script"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    kernel, busybox, entries, insert = fetched_guest(adapter.modules.split())
    source = ROOT / "benchmarks/io/net.c"
    entries["net"] = compiled(require_tool, source, tmp_path / "net")
    mib = int(mib * adapter.share)
    size, again = (mib << 20) // PIECES, AGAIN_MIB << 20
    with Endpoint(HOST if is_tap else "127.0.0.1") as end:
        init = INIT.format(
            insert=insert, host=HOST, port=end.port, mtu=adapter.mtu, size=size, again=again,
            pieces=PIECES,
            at_once=AT_ONCE, each=CONNECTIONS // AT_ONCE,
            watch="carrier 0; carrier 1" if tells else "read _",
        )  # fmt: skip
        initrd = tmp_path / "initramfs.gz"
        initrd.write_bytes(busybox_initramfs(busybox, init, entries))
        words = ["run", "-m", "1G", "-kernel", str(kernel), "-initrd", str(initrd)]
        words += ["-append", "quiet console=hvc0", *adapter.words.format(script=script).split()]
        session = Session(*words)
        try:
            bits = session.expect(r"@features *([01]*)\r?\n", SECONDS)[1]
            assert [] == [bit for bit in adapter.features if bits[bit : bit + 1] != "1"]
            for _ in range(PIECES):
                session.expect(rf"other end: {size} {checksum(size)}\s", SECONDS)
            for _ in range(PIECES):
                session.expect(rf"@sum {checksum(size)} ", SECONDS)
            session.expect(rf"@connected {AT_ONCE} ", SECONDS)
            assert CONNECTIONS == end.connections
            session.expect("@kill", SECONDS)
            if not is_tap:
                time.sleep(1)
                kill_passt(session.process.pid)
            if tells:
                session.expect(r"@link 0\s+@link 1", SECONDS)
            else:
                session.type("\n")
            session.expect("@again", SECONDS)
            session.expect(rf"other end: {again} {checksum(again)}\s+io send.*\s+@end", SECONDS)
            assert 0 == session.process.wait(SECONDS)
        finally:
            session.process.kill()
    about = f"{name}, MTU {adapter.mtu}, {mib} MiB each way"
    print(f"\nproof: {about}:", *rates(session.text, mib))


def rates(text, mib):
    """MiB or connections a second, each with its name."""
    seen = re.findall(r"@(?:began|sent|received|connected \d+) (\d+)", text)
    spans = [int(after) - int(before) for before, after in pairwise(seen)]
    what = zip((mib, mib, CONNECTIONS), ("sent", "received", "connections"), spans, strict=True)
    return [f"{name} {amount / max(1, span):.0f}/s" for amount, name, span in what]


def test_the_other_end_knows_the_checksum_of_what_it_gives():
    data = b"".join(block for block, _ in zip(blocks(), range(3), strict=False))
    assert hashlib.sha256(data[:150_000]).hexdigest() == checksum(150_000)
