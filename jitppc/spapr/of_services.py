"""The services of the client interface. Each takes 32-bit cells and answers 32-bit cells.

Ref: IEEE 1275-1994 6.3.2 (client interface services).
"""

import time
from collections.abc import Callable

from jitppc.spapr.fdt_values import get, put
from jitppc.spapr.guest_buffers import read_c_string, read_or_none, write_if_inside
from jitppc.spapr.of_methods import METHODS
from jitppc.spapr.of_state import PROM_ERROR, OfState, Service, ServiceResult

MAX_PROPERTY_NAME = 65
MAX_PATH = 256
MAX_PROPERTY_VALUE = 2048
MAX_PROPERTIES = 512
MAX_WRITE = 1 << 16

SERVICES: dict[str, tuple[int, Service]] = {}


def service(name: str, argument_count: int) -> Callable[[Service], Service]:
    """The decorated function serves `name` with that many arguments (-1: the list as it came)."""

    def register(function: Service) -> Service:
        if name in SERVICES:
            raise ValueError(f"client interface service {name!r} is defined twice")
        SERVICES[name] = (argument_count, function)
        return function

    return register


def _answer(value: int | None) -> int:
    return PROM_ERROR if value is None else value


def _property(of: OfState, phandle: int, name_gra: int) -> bytes | None:
    """The value of a property; `name` exists on every node, as Open Firmware wants."""
    where = of.tree.node(phandle)
    name = read_c_string(of.memory, name_gra, MAX_PROPERTY_NAME)
    if where is None or name is None:
        return None
    if name == "name" and where.get_property("name") is None:
        return where.name.split("@")[0].encode() + b"\0"
    return get(where, name)


def _store_text(of: OfState, found: str | None, buffer: int, length: int) -> int:
    """Copies as much of a path as fits; the answer is its whole length without the NUL."""
    if found is None:
        return PROM_ERROR
    data = found.encode() + b"\0"
    if not write_if_inside(of.memory, buffer, data[:length]):
        return PROM_ERROR
    return len(data) - 1


@service("finddevice", 1)
def finddevice(of: OfState, path_gra: int) -> ServiceResult:
    path = read_c_string(of.memory, path_gra, MAX_PATH)
    where = None if path is None else of.tree.find(path)
    return PROM_ERROR if where is None else of.tree.phandle(where)


@service("getprop", 4)
def getprop(of: OfState, phandle: int, name_gra: int, buffer: int, length: int) -> ServiceResult:
    value = _property(of, phandle, name_gra)
    if value is None or not write_if_inside(of.memory, buffer, value[:length]):
        return PROM_ERROR
    return len(value)


@service("getproplen", 2)
def getproplen(of: OfState, phandle: int, name_gra: int) -> ServiceResult:
    value = _property(of, phandle, name_gra)
    return PROM_ERROR if value is None else len(value)


@service("setprop", 4)
def setprop(of: OfState, phandle: int, name_gra: int, buffer: int, length: int) -> ServiceResult:
    where = of.tree.node(phandle)
    name = read_c_string(of.memory, name_gra, MAX_PROPERTY_NAME)
    if where is None or not name or not name.isprintable() or length > MAX_PROPERTY_VALUE:
        return PROM_ERROR
    is_identity = name in {"name", "phandle", "linux,phandle"}
    is_full = where.get_property(name) is None and len(where.props) >= MAX_PROPERTIES
    value = read_or_none(of.memory, buffer, length)
    if is_identity or is_full or value is None:
        return PROM_ERROR
    put(where, name, value)
    return length


@service("nextprop", 3)
def nextprop(of: OfState, phandle: int, previous_gra: int, buffer: int) -> ServiceResult:
    """1 and the name of the property after `previous`; 0 after the last; -1: no such."""
    where = of.tree.node(phandle)
    previous = (
        "" if previous_gra == 0 else read_c_string(of.memory, previous_gra, MAX_PROPERTY_NAME)
    )
    if where is None or previous is None:
        return PROM_ERROR
    names = [prop.name for prop in where.props]
    if previous and previous not in names:
        return PROM_ERROR
    index = names.index(previous) + 1 if previous else 0
    following = names[index] if index < len(names) else ""
    if not write_if_inside(of.memory, buffer, following.encode() + b"\0"):
        return PROM_ERROR
    return 1 if following else 0


@service("peer", 1)
def peer(of: OfState, phandle: int) -> ServiceResult:
    return _answer(of.tree.peer(phandle))


@service("child", 1)
def child(of: OfState, phandle: int) -> ServiceResult:
    return _answer(of.tree.child(phandle))


@service("parent", 1)
def parent(of: OfState, phandle: int) -> ServiceResult:
    return _answer(of.tree.parent(phandle))


@service("open", 1)
def open_(of: OfState, path_gra: int) -> ServiceResult:
    path = read_c_string(of.memory, path_gra, MAX_PATH)
    return 0 if path is None else of.tree.open(path)


@service("close", 1)
def close(of: OfState, ihandle: int) -> ServiceResult:
    of.tree.close(ihandle)
    return 0


@service("instance-to-package", 1)
def instance_to_package(of: OfState, ihandle: int) -> ServiceResult:
    instance = of.tree.instance(ihandle)
    return PROM_ERROR if instance is None else instance.phandle


@service("instance-to-path", 3)
def instance_to_path(of: OfState, ihandle: int, buffer: int, length: int) -> ServiceResult:
    instance = of.tree.instance(ihandle)
    return _store_text(of, None if instance is None else instance.path, buffer, length)


@service("package-to-path", 3)
def package_to_path(of: OfState, phandle: int, buffer: int, length: int) -> ServiceResult:
    where = of.tree.node(phandle)
    return _store_text(of, None if where is None else of.tree.path(where), buffer, length)


@service("canon", 3)
def canon(of: OfState, path_gra: int, buffer: int, length: int) -> ServiceResult:
    path = read_c_string(of.memory, path_gra, MAX_PATH)
    where = None if path is None else of.tree.find(path)
    return _store_text(of, None if where is None else of.tree.path(where), buffer, length)


@service("write", 3)
def write(of: OfState, ihandle: int, buffer: int, length: int) -> ServiceResult:
    """The text is on the console. Ref: IEEE 1275-1994 6.3.2.3.   Differs from VOF: it prints."""
    instance = of.tree.instance(ihandle)
    where = None if instance is None else of.tree.node(instance.phandle)
    if where is None or get(where, "device_type") != b"serial\0" or length > MAX_WRITE:
        return PROM_ERROR
    data = read_or_none(of.memory, buffer, length)
    unit = get(where, "reg")
    if data is None or unit is None:
        return PROM_ERROR
    of.host.write_console(int.from_bytes(unit, "big"), data)
    return length


@service("read", 3)
def read(of: OfState, ihandle: int, buffer: int, length: int) -> ServiceResult:
    """Nothing is ever there to read: the console belongs to the kernel's driver."""
    return PROM_ERROR if of.tree.instance(ihandle) is None else 0


@service("claim", 3)
def claim(of: OfState, start: int, size: int, align: int) -> ServiceResult:
    taken = of.claims.claim(start, size, align)
    if taken is None:
        return PROM_ERROR
    of.publish_available()
    return taken


@service("release", 2)
def release(of: OfState, start: int, size: int) -> ServiceResult:
    if not of.claims.release(start, size):
        return PROM_ERROR
    of.publish_available()
    return 0


@service("call-method", -1)
def call_method(of: OfState, args: list[int]) -> ServiceResult:
    """(catch result, results of the method...). Ref: IEEE 1275-1994 6.3.2.2 (call-method)."""
    if len(args) < 2:
        return PROM_ERROR
    name = read_c_string(of.memory, args[0], MAX_PROPERTY_NAME)
    instance = of.tree.instance(args[1])
    where = None if instance is None else of.tree.node(instance.phandle)
    if name is None or where is None:
        return PROM_ERROR
    method = METHODS.get((of.tree.path(where), name))
    return PROM_ERROR if method is None else method(of, args[2:])


@service("interpret", -1)
def interpret(of: OfState, args: list[int]) -> ServiceResult:
    """There is no Forth here: always fails."""
    return PROM_ERROR


@service("milliseconds", 0)
def milliseconds(of: OfState) -> ServiceResult:
    return (time.monotonic_ns() - of.started_ns) // 1_000_000 & 0xFFFFFFFF


@service("quiesce", 0)
def quiesce(of: OfState) -> ServiceResult:
    """The kernel takes over; one that has not agreed on radix and XICS would hang: it ends here.

    Ref: IEEE 1275-1994 6.3.2.8 (quiesce, PowerPC binding).
    """
    of.is_quiescent = True
    if not of.has_negotiated:
        of.host.leave(f"the kernel cannot run on this pseries machine: {of.refusal}")
    return 0


@service("exit", 0)
def exit_(of: OfState) -> ServiceResult:
    of.host.leave("the guest left through the Open Firmware exit service")
    return 0


@service("test", 1)
def test(of: OfState, name_gra: int) -> ServiceResult:
    """0 when the service exists, -1 when not. Ref: IEEE 1275-1994 6.3.2.1 (test)."""
    name = read_c_string(of.memory, name_gra, MAX_PROPERTY_NAME)
    return 0 if name in SERVICES else PROM_ERROR
