"""`-serial`, `-chardev`: consoles and the other ends of serial lines."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from jitppc.config import HardwareWords
from jitppc.devices.ports import Chardev
from jitppc.errors import OptionError
from jitppc.host.chardev.streams import FileLine, NullLine, PtyLine, SocketLine
from jitppc.host.net.frames import Endpoint
from jitppc.host.qemu_line.networks import Address, host_and_port
from jitppc.keyed_values import pairs_of
from jitppc.option_values import suggestion
from jitppc.spapr.hardware import CONSOLE, CharBackend

Say = Callable[[str], None]


class Lines:
    """All serial lines of a command line.

    Attributes:
        serials: chardev ids of the consoles.
        chardevs: those that are not this terminal.
        names: what each id given by the user is called in the description.
    """

    def __init__(self, words: HardwareWords, say: Say) -> None:
        self.chardevs: list[CharBackend] = []
        self.names: dict[str, str] = {}
        self._say = say
        self._stdio_user = ""
        for pairs in words.chardevs:
            keys = dict(pairs)
            if keys["id"] in self.names:
                raise OptionError(f"two -chardev have the id {keys['id']!r}")
            self.names[keys["id"]] = self._named(keys)
        given = words.serials
        if given is None:
            given = () if words.nodefaults else ("stdio",)
            if CONSOLE in self.names.values():
                given = ()  # a chardev has this terminal, and a device is to use it
        self.serials = tuple(
            self._serial(text, number) for number, text in enumerate(given) if text != "none"
        )

    def _claim_stdio(self, user: str) -> str:
        if self._stdio_user:
            raise OptionError(
                f"{user} and {self._stdio_user} both want standard input and output; "
                "give one of them pty, a file or a socket"
            )
        self._stdio_user = user
        return CONSOLE

    def _named(self, keys: Mapping[str, str]) -> str:
        name = keys["id"]
        if keys["backend"] == "stdio":
            return self._claim_stdio(f"-chardev stdio,id={name}")
        self.chardevs.append(CharBackend(name, self._opener(keys, f"-chardev {name}")))
        return name

    def _serial(self, text: str, number: int) -> str:
        kind, _, rest = text.partition(":")
        if kind == "stdio":
            return self._claim_stdio(f"-serial {text}")
        if kind == "chardev":
            if rest not in self.names:
                raise OptionError(f"-serial {text}: no such -chardev{suggestion(rest, self.names)}")
            return self.names[rest]
        name = f"#serial{number}"
        keys = {"backend": kind}
        if kind == "file":
            keys["path"] = rest
        elif kind in {"unix", "tcp"}:
            implied = "path" if kind == "unix" else "host"
            keys = {"backend": "socket", **dict(pairs_of(rest, implied))}
            if keys.pop("nowait", "off") == "on":
                keys["wait"] = "off"
            unknown = set(keys) - {"backend", "path", "host", "server", "wait", "nodelay"}
            if unknown:
                raise OptionError(f"-serial {text}: unknown property {min(unknown)!r}")
            if kind == "tcp":
                keys["host"], port = host_and_port(keys["host"], f"-serial {text}")
                keys["port"] = str(port)
        self.chardevs.append(CharBackend(name, self._opener(keys, f"-serial {text}")))
        return name

    def _opener(self, keys: Mapping[str, str], what: str) -> Callable[[], Chardev]:
        match keys["backend"]:
            case "null":
                return NullLine
            case "pty":
                return partial(_open_pty, what, self._say)
            case "file":
                if not keys.get("path"):
                    raise OptionError(f"{what}: path= is missing")
                return partial(
                    FileLine, Path(keys["path"]), appends=keys.get("append", "off") == "on"
                )
            case _:
                return partial(_open_socket, _address(keys, what), keys, what, self._say)


def _address(keys: Mapping[str, str], what: str) -> Address:
    if keys.get("path"):
        return keys["path"]
    if not keys.get("port"):
        raise OptionError(f"{what}: path=, or host= and port= are missing")
    return host_and_port(f"{keys.get('host', '')}:{keys['port']}", what)


def _open_pty(what: str, say: Say) -> Chardev:
    line = PtyLine()
    say(f"{what} is {line.name}")
    return line


def _open_socket(address: Address, keys: Mapping[str, str], what: str, say: Say) -> Chardev:
    is_server = keys.get("server", "off") == "on"
    shown = address if isinstance(address, str) else f"{address[0] or '*'}:{address[1]}"
    try:
        endpoint = Endpoint(shown, address, is_server=is_server)
    except OSError as error:
        raise OptionError(f"{what}: {shown}: {error.strerror}") from None
    first = None
    if is_server and keys.get("wait", "on") == "on":
        say(f"{what}: waiting for a connection to {shown}")
        first = endpoint.first()
    elif not is_server:
        try:
            first = endpoint.first()
        except OSError as error:
            raise OptionError(f"{what}: {shown}: {error.strerror}") from None
    return SocketLine(endpoint, first)
