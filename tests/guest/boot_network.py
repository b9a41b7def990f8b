"""A network to boot from: a TAP device, and dnsmasq with DHCP and TFTP on it. Needs root."""

import contextlib
import os
import subprocess
from functools import partial
from pathlib import Path

TAP = "jittboot"
HOST, FIRST, LAST = "192.168.87.1", "192.168.87.10", "192.168.87.20"


def why_not():
    """Why it cannot be made here, or nothing."""
    if os.geteuid() != 0 or not Path("/dev/net/tun").exists():
        return "needs root and /dev/net/tun"
    return ""


@contextlib.contextmanager
def serving(program, dnsmasq):
    """Whoever asks on the TAP device for an address is told to load `program`."""
    ip = partial(subprocess.run, check=True)
    ip(["ip", "tuntap", "add", "dev", TAP, "mode", "tap"])
    try:
        ip(["ip", "addr", "add", f"{HOST}/24", "dev", TAP])
        ip(["ip", "link", "set", TAP, "up"])
        words = [
            *(dnsmasq, "--no-daemon", "--conf-file=/dev/null", "--port=0", "--user=root"),
            *(f"--interface={TAP}", "--bind-interfaces", f"--dhcp-range={FIRST},{LAST},1h"),
            *("--dhcp-leasefile=/dev/null", f"--dhcp-boot={program.name}"),
            *("--enable-tftp", f"--tftp-root={program.parent}"),
        ]
        server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            server.kill()
            server.wait()
    finally:
        ip(["ip", "link", "del", TAP])


def hardware(adapter):
    """A console and an adapter on the TAP device, which firmware tries first."""
    from jitppc.host.net.tap import Tap
    from jitppc.spapr.hardware import Device, Hardware, Netdev

    network = Netdev("n", partial(Tap, TAP))
    return Hardware(
        netdevs=(network,), devices=(Device(adapter, {"netdev": "n", "bootindex": "0"}),)
    )
