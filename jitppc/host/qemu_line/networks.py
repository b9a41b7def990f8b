"""`-netdev`, `-nic`, `-net`: networks, and the devices that come with them."""

import ipaddress
import logging
import re
from collections.abc import Callable, Mapping
from functools import partial

from jitppc.config import HardwareWords
from jitppc.devices.ports import NetBackend
from jitppc.errors import OptionError
from jitppc.host.net import passt
from jitppc.host.net.frames import Endpoint, FrameNet
from jitppc.host.net.nothing import NoNet
from jitppc.host.net.tap import Tap
from jitppc.keyed_values import Pairs
from jitppc.spapr.hardware import Device, Netdev

log = logging.getLogger(__name__)

DEFAULT_MODEL = "spapr-vlan"
#: names of models that only `-nic` and `-net` have
MODEL_NAMES = {"virtio": "virtio-net-pci"}


class Networks:
    """All networks of a command line: `netdevs`, and `devices` made for some."""

    def __init__(self, words: HardwareWords, *, has_default: bool = True) -> None:
        """`has_default`: a guest about whose network nothing is said gets one."""
        self.netdevs: list[Netdev] = []
        self.devices: list[Device] = []
        for pairs in words.netdevs:
            self._add(dict(pairs)["id"], pairs)
        for number, pairs in enumerate(words.nics):
            keys = dict(pairs)
            if keys["type"] == "none":
                continue
            name = f"#nic{number}"
            self._add(name, pairs)
            self._plug(keys, name)
        self._add_legacy([dict(pairs) for pairs in words.nets], words.nets)
        asked = words.netdevs or words.nics or words.nets
        wants_default = has_default and not asked and not words.nodefaults
        if wants_default and passt.is_installed():
            self.netdevs.append(Netdev("#default", _default_net))
            self.devices.append(Device(DEFAULT_MODEL, {"netdev": "#default"}))

    def _add(self, name: str, pairs: Pairs) -> None:
        if any(name == netdev.id for netdev in self.netdevs):
            raise OptionError(f"two networks have the id {name!r}")
        self.netdevs.append(Netdev(name, opener(pairs)))

    def _plug(self, keys: Mapping[str, str], netdev: str) -> None:
        properties = {"netdev": netdev}
        mac = keys.get("mac", keys.get("macaddr"))
        if mac:
            properties["mac"] = mac
        if "id" in keys:
            properties["id"] = keys["id"]
        model = keys.get("model", DEFAULT_MODEL)
        self.devices.append(Device(MODEL_NAMES.get(model, model), properties))

    def _add_legacy(self, nets: list[dict[str, str]], pairs: tuple[Pairs, ...]) -> None:
        """Once all `-net` were on one cable: here that is one device and one network."""
        nics = [keys for keys in nets if keys["type"] == "nic"]
        wires = [pairs[i] for i, keys in enumerate(nets) if keys["type"] not in {"nic", "none"}]
        if len(wires) > 1 or (len(nics) > 1 and wires):
            raise OptionError("-net: more than one device or network on one cable; use -nic")
        for wire in wires:
            self._add("#net", wire)
        for keys in nics:
            if keys.get("netdev"):
                self._plug(keys, keys["netdev"])
            elif wires:
                self._plug(keys, "#net")
            else:
                self.netdevs.append(Netdev(f"#cable{len(self.netdevs)}", NoNet))
                self._plug(keys, self.netdevs[-1].id)
        if wires and not nics:
            self._plug({}, "#net")


def _default_net() -> NetBackend:
    """Nobody asked for it, so it may be missing."""
    try:
        return passt.open_user_net(passt.UserNet())
    except OptionError as error:
        log.info(f"no network: {error}")
        return NoNet()


def opener(pairs: Pairs) -> Callable[[], NetBackend]:
    """What opens the network with these keys, which have been looked at."""
    keys = dict(pairs)
    match keys["type"]:
        case "user":
            rules = [forward(value) for key, value in pairs if key == "hostfwd"]
            return partial(passt.open_user_net, _user_net(keys, rules))
        case "tap":
            return partial(_open_tap, keys)
        case kind:
            name, address, is_server = _address(kind, keys)
            reconnects = keys.get("reconnect", "1") != "0"
            return partial(_open_stream, name, address, is_server, reconnects)


def forward(text: str) -> passt.Forward:
    """One `hostfwd=` rule: `[tcp|udp]:[ADDRESS]:PORT-[ADDRESS]:PORT`."""
    match = re.fullmatch(r"(tcp|udp|):([\d.]*|\[[\da-fA-F:]+\]):(\d+)-([\d.]*):(\d+)", text)
    if match is None:
        raise OptionError(f"hostfwd={text}: say tcp:[ADDRESS]:PORT-[ADDRESS]:PORT")
    protocol, address, port, _, guest_port = match.groups()
    if not (0 < int(port) < 65536 and 0 < int(guest_port) < 65536):
        raise OptionError(f"hostfwd={text}: a port is 1 to 65535")
    return passt.Forward(protocol or "tcp", address.strip("[]"), int(port), int(guest_port))


def _user_net(keys: Mapping[str, str], rules: list[passt.Forward]) -> passt.UserNet:
    network = keys.get("net", "10.0.2.0/24")
    try:
        parsed = ipaddress.IPv4Network(network, strict=False)
        inside = [keys[key] for key in ("host", "dhcpstart", "dns") if key in keys]
        outside = [text for text in inside if ipaddress.IPv4Address(text) not in parsed]
    except ValueError as error:
        raise OptionError(f"-netdev user: {error}") from None
    if outside or parsed.num_addresses < 32:
        what = f"{outside[0]} is not in it" if outside else "it is too small"
        raise OptionError(f"-netdev user,net={network}: {what}")
    return passt.UserNet(
        forwards=tuple(rules),
        network=network,
        address=keys.get("dhcpstart", ""),
        host=keys.get("host", ""),
        dns=keys.get("dns", ""),
        has_ipv6=keys.get("ipv6") == "on",
    )


def _open_tap(keys: Mapping[str, str]) -> NetBackend:
    if "fd" in keys:
        if not keys["fd"].isdecimal():
            raise OptionError(f"-netdev tap,fd={keys['fd']}: not a number")
        return Tap(f"fd {keys['fd']}", fd=int(keys["fd"]))
    up, down = ("" if text == "no" else text for text in map(keys.get, ("script", "downscript")))
    return Tap(keys.get("ifname", ""), up or "", down or "")


Address = str | tuple[str, int]


def host_and_port(text: str, what: str) -> tuple[str, int]:
    """`[ADDRESS]:PORT`."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not int(port) < 65536:
        raise OptionError(f"{what}: {text!r} is not [ADDRESS]:PORT")
    return host.strip("[]"), int(port)


def _address(kind: str, keys: Mapping[str, str]) -> tuple[str, Address, bool]:
    """Name, address, and whether to be called there."""
    if kind == "socket":
        said = [key for key in ("listen", "connect") if key in keys]
        if len(said) != 1:
            raise OptionError("-netdev socket: say listen= or connect=")
        return keys[said[0]], host_and_port(keys[said[0]], "-netdev socket"), said == ["listen"]
    is_server = keys.get("server", "off") == "on"
    if keys.get("addr.path"):
        return keys["addr.path"], keys["addr.path"], is_server
    if not keys.get("addr.port"):
        raise OptionError("-netdev stream: addr.path=, or addr.host= and addr.port= are missing")
    text = f"{keys.get('addr.host', '')}:{keys['addr.port']}"
    return text, host_and_port(text, "-netdev stream"), is_server


def _open_stream(name: str, address: Address, is_server: bool, reconnects: bool) -> NetBackend:
    try:
        return FrameNet(Endpoint(name, address, is_server=is_server, reconnects=reconnects))
    except OSError as error:
        raise OptionError(f"network {name}: {error.strerror}") from None
