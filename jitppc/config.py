"""What the options of one run said, as a configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from jitppc import option_values as values
from jitppc.errors import OptionError
from jitppc.keyed_values import Pairs
from jitppc.numa import Numa, numa
from jitppc.topology import ONE_PROCESSOR, Topology


@dataclass(frozen=True, slots=True)
class HardwareWords:
    """What the options of `device_options` said; `jitppc.host.qemu_line` makes hardware of it."""

    drives: tuple[Pairs, ...] = ()
    blockdevs: tuple[Pairs, ...] = ()
    hda: Pairs = ()
    hdb: Pairs = ()
    hdc: Pairs = ()
    hdd: Pairs = ()
    cdrom: Pairs = ()
    snapshot: bool = False
    devices: tuple[Pairs, ...] = ()
    globals: tuple[tuple[str, str, str], ...] = ()
    netdevs: tuple[Pairs, ...] = ()
    nics: tuple[Pairs, ...] = ()
    nets: tuple[Pairs, ...] = ()
    fsdevs: tuple[Pairs, ...] = ()
    folders: tuple[Pairs, ...] = ()
    serials: tuple[str, ...] | None = None
    chardevs: tuple[Pairs, ...] = ()
    nodefaults: bool = False
    boot: Pairs = ()
    prom_env: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunConfig:
    """All that one run of a machine needs to know."""

    kernel: Path | None = None
    initrd: Path | None = None
    append: str = ""
    firmware: Path | None = None
    kernel_gra: int | None = None
    cpu: str = "power9"
    max_cpu_compat: str | None = None
    ic_mode: str = "dual"
    numa: Numa | None = None
    resize_hpt: str = "default"
    hpt_max_page_size: str = "64k"
    storage_keys: bool = False
    large_decrementer: bool = True
    memory: int = 2 * values.GIB
    smp: Topology = ONE_PROCESSOR
    hardware: HardwareWords = HardwareWords()
    name: str = ""
    no_reboot: bool = False
    until: str | None = None
    timeout: float | None = None
    clock: str = "host"
    rtc: Mapping[str, Any] = field(default_factory=dict)
    strategy: str = "regions"
    lockstep: tuple[str, str] | None = None
    code_cache: bool = True
    stats: Path | None = None
    perfmap: bool = False
    jitdump: bool = False
    symbols: Path | None = None
    verbose: bool = False
    notes: tuple[str, ...] = ()


def run_config(settings: Mapping[str, Any]) -> RunConfig:
    """The configuration that parsed options describe; contradictions are refused."""
    settings = dict(settings)
    properties = settings.pop("machine", {})
    if properties.get("x-vof") == "off":
        settings.setdefault("firmware", Path(values.SLOF))
    elif "firmware" in settings and "x-vof" in properties:
        raise OptionError("-M x-vof=on is the built-in firmware: leave out -bios")
    if "kernel" not in settings and "firmware" not in settings:
        raise OptionError(
            "no kernel: give -kernel FILE, or `jitppc boot` for the Debian installer, "
            "or -bios slof.bin and a disk"
        )
    if "lockstep" in settings and "strategy" in settings:
        raise OptionError("-lockstep names both strategies: leave out -strategy")
    notes = values.changes_nothing(properties)
    settings["max_cpu_compat"] = properties.get("max-cpu-compat")
    if "kernel-addr" in properties:
        settings["kernel_gra"] = int(properties["kernel-addr"], 0)
    settings["ic_mode"] = properties.get("ic-mode", "dual")
    settings["resize_hpt"] = properties.get("resize-hpt", "default")
    settings["hpt_max_page_size"] = properties.get("cap-hpt-max-page-size", "64k")
    settings["large_decrementer"] = properties.get("cap-large-decr") != "off"
    settings["storage_keys"] = properties.get("storage-keys") == "on"
    if settings.pop("accel", None):
        notes.append("-accel tcg changes nothing: jitppc translates by itself")
    words, objects = settings.pop("numa", ()), settings.pop("objects", ())
    names = {item.name for item in fields(HardwareWords)}
    described = {name: settings.pop(name) for name in names & set(settings)}
    settings["hardware"] = HardwareWords(**described)
    settings["code_cache"] = not settings.pop("no_code_cache", False)
    config = RunConfig(**settings, notes=tuple(notes))
    return replace(config, numa=numa(words, objects, config.memory, config.smp.cpus))
