"""TCP between a guest and this host, on jitppc and on QEMU, both through passt.

    python -m benchmarks.io.networks                           virtio-net, both machines
    python -m benchmarks.io.networks --device spapr-vlan --mtu 1500
"""

import contextlib
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.io.endpoint import Endpoint
from benchmarks.io.machines import Images, command, compare, guest, measure, parser
from jitppc.host.net.passt import UNPRIVILEGED, UserNet, command_of

DEVICES = {
    "virtio-net": (["virtio_pci", "virtio_net"], "virtio-net-pci"),
    "spapr-vlan": (["ibmveth"], "spapr-vlan"),
}
HOST = "10.0.2.2"
INIT = """\
#!/bin/busybox sh
export PATH=/bin
{{insert}}
busybox ip link set eth0 mtu {mtu}
busybox ip addr add 10.0.2.15/24 dev eth0 && busybox ip link set eth0 up
for round in 1 2; do
  for kind in send give request connect; do net $kind {host} {port} 0 {seconds}; done
done
echo END
poweroff -f
"""


def main(words: Sequence[str] | None = None) -> int:
    line = parser("python -m benchmarks.io.networks", __doc__)
    line.add_argument("--device", choices=DEVICES, default="virtio-net")
    line.add_argument("--mtu", type=int, default=65000, help="of the guest's interface (65000)")
    options = line.parse_args(words)
    modules, model = DEVICES[options.device]

    def once(machine: str, images: Images, work: Path) -> Iterator[dict]:
        with network(machine, model, work) as network_words:
            for record in measure(command(machine, images) + network_words):
                yield record | {"net": options.device, "mtu": options.mtu}

    with Endpoint(has_checksum=False) as end:
        values = {"host": HOST, "port": end.port, "seconds": options.seconds, "mtu": options.mtu}
        script = INIT.format(**values)
        return compare(options, lambda work: guest(work, "net.c", modules, script), once)


@contextlib.contextmanager
def network(machine: str, model: str, work: Path) -> Iterator[list[str]]:
    """An adapter on user networking. QEMU 7.2 does not start passt itself."""
    if machine == "jitppc":
        yield ["-nic", f"user,model={model}"]
        return
    path = work / "passt"
    if os.geteuid() == 0:
        os.chown(work, pwd.getpwnam(UNPRIVILEGED).pw_uid, -1)
    process = subprocess.Popen([*command_of(UserNet()), "--socket", str(path)])
    try:
        while not path.exists() and process.poll() is None:
            time.sleep(0.01)
        device = f"{model},netdev=n" + (",romfile=" if "virtio" in model else "")
        cable = f"stream,id=n,server=off,addr.type=unix,addr.path={path}"
        yield ["-netdev", cable, "-device", device]
    finally:
        process.terminate()
        process.wait()
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
