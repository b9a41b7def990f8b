"""The values of options: each parser returns the value, or raises ValueError with one reason."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

from jitppc import strategies

MIB = 1 << 20
GIB = 1 << 30

# pseries hands out memory in logical memory blocks of this size.
MEMORY_BLOCK = 256 * MIB

STRATEGIES = strategies.OURS
#: what guest code goes through on its way (jitppc/explain)
STAGES = ("guest", "ir", "optimised", "llvm", "host")
CLOCKS = ("host", "insns")
CPUS = (
    "power5+", "power5p_v2.1", "power7", "power7_v2.3", "power7+", "power7p_v2.1",
    "power8", "power8_v2.0", "power8e", "power8e_v2.1", "power8nvl", "power8nvl_v1.0",
    "power9", "power9_v2.0", "power9_v2.2", "power10", "power10_v2.0", "power11", "power11_v2.0",
)  # fmt: skip


def host_memory_bytes() -> int:
    """All memory of this host, used or not."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean WORD?`, or nothing when no known word is near."""
    near = get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""


def one_of(*known: str) -> Callable[[str], str]:
    """The value is one of these words, in any letter case."""

    def parse(text: str) -> str:
        if text.lower() in known:
            return text.lower()
        guess = suggestion(text.lower(), known) or f"; known: {', '.join(known)}"
        raise ValueError(f"unknown value {text!r}{guess}")

    return parse


def some_of(*known: str) -> Callable[[str], tuple[str, ...]]:
    """The value is some of these words, with commas between."""
    one = one_of(*known)

    def parse(text: str) -> tuple[str, ...]:
        return tuple(one(part) for part in text.split(","))

    return parse


def memory_size(text: str) -> int:
    """Bytes of `2G`, `2048` (MiB as in QEMU), `size=2G`."""
    size = text
    for number, part in enumerate(text.split(",")):
        key, equals, value = part.partition("=")
        if not equals and number == 0:
            size = part
        elif key == "size":
            size = value
        elif key in {"slots", "maxmem"}:
            raise ValueError(f"{key}= is for memory hotplug, which jitppc does not have yet")
        else:
            raise ValueError(f"unknown key {key!r}{suggestion(key, ('size', 'slots', 'maxmem'))}")
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([bkmgt]?)(?:i?b)?", size.strip(), re.IGNORECASE)
    if match is None:
        raise ValueError(f"{size!r} is not a size such as 2G or 2048 (MiB)")
    unit = {"b": 1, "k": 1 << 10, "": MIB, "m": MIB, "g": GIB, "t": 1 << 40}
    size_bytes = int(float(match[1]) * unit[match[2].lower()])
    if size_bytes < MEMORY_BLOCK:
        raise ValueError("too little: a pseries guest needs at least 256M")
    if size_bytes % MEMORY_BLOCK:
        raise ValueError("a pseries guest gets memory in blocks of 256 MiB: give a multiple")
    host = host_memory_bytes()
    if size_bytes > host:
        raise ValueError(f"more than this host has ({host / GIB:.1f} GiB)")
    return size_bytes


def machine_properties(text: str) -> dict[str, str]:
    """The properties of `pseries,key=value,...`; a key alone means `on`, as in QEMU."""
    kind, *pairs = text.split(",")
    kind = kind.removeprefix("type=")
    # In QEMU a second -machine may carry properties only.
    if "=" in kind:
        pairs.insert(0, kind)
    elif not re.fullmatch(r"pseries(-\d+\.\d+(-sxxm)?)?", kind):
        raise ValueError(f"unknown machine {kind!r}; jitppc has one: pseries")
    properties = {}
    for pair in filter(None, pairs):
        key, equals, value = pair.partition("=")
        if key not in MACHINE_PROPERTIES:
            raise ValueError(f"unknown property {key!r}{suggestion(key, MACHINE_PROPERTIES)}")
        row = MACHINE_PROPERTIES[key]
        value = value if equals else "on"
        if row.values and value not in row.values:
            guess = suggestion(value, row.values)
            raise ValueError(f"{key} is one of {', '.join(row.values)}, not {value!r}{guess}")
        try:
            row.parse(value)
        except ValueError as error:
            raise ValueError(f"{key} {error}, not {value!r}") from None
        if value in row.refused_values:
            raise ValueError(f"{key}={value}: {row.refused_values[value]}")
        properties[key] = value
    return properties


def cpu_model(text: str) -> str:
    """The model, in lower case; features after a comma are not ours to switch."""
    name, *features = text.split(",")
    if features:
        raise ValueError(f"the feature {features[0]!r} cannot be switched")
    if name.lower() in {"host", "max"}:
        return "power9"
    if re.fullmatch(r"power(5|pc)?(_v\d\.\d)?|970.*", name.lower()):
        raise ValueError(f"jitppc does not have this processor yet; it has {', '.join(CPUS)}")
    return one_of(*CPUS)(name)


def rtc(text: str) -> dict[str, str | int]:
    """`base=utc|localtime|DATE,clock=host|rt|vm` as keys of `RtcWish`; a date is UTC."""
    found: dict[str, str | int] = {}
    for pair in filter(None, text.split(",")):
        key, _, value = pair.partition("=")
        if key == "base" and value not in {"utc", "localtime"}:
            try:
                found[key] = int(datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp())
            except ValueError:
                raise ValueError(
                    f"base is utc, localtime or a date such as 2026-11-21T20:40:00, not {value!r}"
                ) from None
        elif key == "base":
            found[key] = value
        elif key == "clock":
            found[key] = one_of("host", "rt", "vm")(value)
        elif key != "driftfix" or value not in {"none", "slew"}:
            raise ValueError(f"unknown key {key!r}{suggestion(key, ('base', 'clock'))}")
    return found


def lockstep_pair(text: str) -> tuple[str, str]:
    """Two different strategies, to be run side by side."""
    parts = [one_of(*STRATEGIES)(part) for part in text.split(",")]
    if len(parts) != 2 or parts[0] == parts[1]:
        raise ValueError("name two different strategies, such as regions,exact")
    if "exact" not in parts:
        raise ValueError("one of the two must be exact, which can stop at any instruction")
    return parts[0], parts[1]


def regular_expression(text: str) -> str:
    """A pattern that Python's `re` accepts."""
    try:
        re.compile(text.encode())
    except (re.error, UnicodeError) as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return text


def accelerator(text: str) -> str:
    """`tcg`, the only one that means translation."""
    name = text.partition(",")[0].lower().removeprefix("accel=")
    if name == "kvm":
        raise ValueError("jitppc is a translator; it does not use KVM")
    return one_of("tcg")(name)


def seconds(text: str) -> float:
    """A positive number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise ValueError(f"{text!r} is not a positive number of seconds")
    return value


def whole_seconds(text: str) -> int:
    """A number of seconds from 1."""
    if not text.isdecimal() or not 1 <= int(text) <= 86_400:
        raise ValueError(f"{text!r} is not a number of seconds from 1 to 86400")
    return int(text)


def words(text: str) -> tuple[str, ...]:
    """Words with commas between; there may be none."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def paths(text: str) -> tuple[Path, ...]:
    """Paths with commas between, at least one."""
    if not words(text):
        raise ValueError("name a file")
    return tuple(map(Path, words(text)))


def address(text: str) -> int:
    """A hexadecimal address, with or without 0x."""
    try:
        return int(text, 16)
    except ValueError:
        raise ValueError(f"{text!r} is not a hexadecimal address") from None


def guest_address(text: str) -> int:
    """A guest real address, decimal or with 0x, in whole pages of 64 KiB."""
    try:
        value = int(text, 0)
    except ValueError:
        value = -1
    if value < 0 or value % 0x1_0000:
        raise ValueError("is an address in whole pages of 64 KiB")
    return value


def count(text: str) -> int:
    """A number from 1."""
    if not text.isdecimal() or not int(text):
        raise ValueError(f"{text!r} is not a number from 1")
    return int(text)


@dataclass(frozen=True, slots=True)
class MachineProperty:
    """A property of `-M pseries`: its values, and which of them say what the machine is anyway.

    A value that is neither `fulfilled` nor refused is accepted, and said to change nothing.
    """

    says: str
    values: tuple[str, ...] = ()
    fulfilled: tuple[str, ...] = ()
    refused_values: Mapping[str, str] = field(default_factory=dict)
    parse: Callable[[str], object] = str


_SWITCH = ("on", "off")
SLOF = "slof.bin"
_MITIGATION = ("broken", "workaround", "fixed")

COMPAT_MODES = ("power6", "power7", "power7+", "power8", "power9", "power10", "power11")
HASH_PAGE_SIZES = ("4k", "64k", "16M", "16G")

MACHINE_PROPERTIES = {
    "x-vof": MachineProperty(
        "Open Firmware served by the machine itself",
        _SWITCH,
        _SWITCH,
    ),
    "kernel-addr": MachineProperty("where the kernel is loaded", parse=guest_address),
    "ic-mode": MachineProperty(
        "interrupt controllers offered",
        ("xics", "xive", "dual"),
        ("xics", "xive", "dual"),
    ),
    "cap-vsx": MachineProperty("Vector Scalar Extensions", _SWITCH, ("on",)),
    "cap-dfp": MachineProperty("Decimal Floating Point", _SWITCH, ("on",)),
    "cap-htm": MachineProperty(
        "Transactional Memory",
        _SWITCH,
        ("off",),
        {"on": "jitppc has no transactional memory"},
    ),
    "cap-nested-hv": MachineProperty(
        "nested KVM", _SWITCH, ("off",), {"on": "jitppc has no nested hypervisor"}
    ),
    "cap-large-decr": MachineProperty("56-bit Decrementer", _SWITCH, _SWITCH),
    "cap-ccf-assist": MachineProperty("count cache flush by hardware", _SWITCH, ("off",)),
    "cap-fwnmi": MachineProperty("machine checks through firmware", _SWITCH, ("off",)),
    "cap-rpt-invalidate": MachineProperty("H_RPT_INVALIDATE", _SWITCH, ("off",)),
    "cap-ail-mode-3": MachineProperty("interrupts at AIL 3", _SWITCH, ("on",)),
    "cap-cfpc": MachineProperty("cache flush on privilege change", _MITIGATION, ("broken",)),
    "cap-sbbc": MachineProperty("speculation barrier bounds check", _MITIGATION, ("broken",)),
    "cap-ibs": MachineProperty(
        "indirect branch speculation",
        ("broken", "workaround", "fixed-ibs", "fixed-ccd", "fixed-na"),
        ("broken",),
    ),
    "cap-hpt-max-page-size": MachineProperty(
        "largest page of a hashed page table",
        HASH_PAGE_SIZES,
        HASH_PAGE_SIZES,
    ),
    "storage-keys": MachineProperty(
        "the guest is told of the keys that pages of a hashed page table have", _SWITCH, _SWITCH
    ),
    "max-cpu-compat": MachineProperty(
        "newest processor that the guest may take ours for",
        COMPAT_MODES,
        COMPAT_MODES,
    ),
    "resize-hpt": MachineProperty(
        "resizing of the hashed page table",
        ("default", "disabled", "enabled", "required"),
        ("default", "disabled", "enabled", "required"),
    ),
    "vfio-no-msix-emulation": MachineProperty("MSI-X of passed-through devices", _SWITCH, ("off",)),
    "kvm-type": MachineProperty("kind of KVM"),
    "usb": MachineProperty(
        "USB controller", _SWITCH, ("off",), {"on": "jitppc has no USB controller"}
    ),
    "graphics": MachineProperty("display adapter", _SWITCH, ("off",)),
    "dump-guest-core": MachineProperty("guest memory in core dumps", _SWITCH),
    "mem-merge": MachineProperty("merging of equal pages", _SWITCH),
    "suppress-vmdesc": MachineProperty("description of migration streams", _SWITCH),
    "host-model": MachineProperty("host model shown to the guest"),
    "host-serial": MachineProperty("host serial number shown to the guest"),
    "use-hotplug-events": MachineProperty("hotplug through events", _SWITCH),
    "accel": MachineProperty(
        "accelerator",
        ("tcg", "kvm"),
        (),
        {"kvm": "jitppc is a translator; it does not use KVM"},
    ),
}


def changes_nothing(properties: Mapping[str, str]) -> list[str]:
    """One line for each property whose value is accepted and has no effect."""
    return [
        f"-M {key}={value} changes nothing ({MACHINE_PROPERTIES[key].says})"
        for key, value in properties.items()
        if value not in MACHINE_PROPERTIES[key].fulfilled and MACHINE_PROPERTIES[key].parse is str
    ]
