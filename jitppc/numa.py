"""NUMA nodes as `-numa` and `-object memory-backend-ram` describe them, spelled as in QEMU."""

from collections.abc import Sequence
from dataclasses import dataclass

from jitppc.errors import OptionError
from jitppc.keyed_values import Key, Pairs
from jitppc.option_values import memory_size

MAX_NODES = 128
LOCAL_DISTANCE, REMOTE_DISTANCE = 10, 20
MAX_DISTANCE = 254

MEMORY = "memory-backend-ram"
OTHER_OBJECTS = ("rng-random", "rng-builtin", "iothread")
"""What needs none here: random numbers are the host's, and each queue has a thread."""

_NO_HMAT = "pseries machines have no such table"

NUMA_KEYS = (
    Key("type", "what is said", ("node", "dist", "cpu"),
        {"hmat-lb": _NO_HMAT, "hmat-cache": _NO_HMAT}),
    Key("nodeid", "(node) number of the node (the next)"),
    Key("cpus", "(node) processors `N` or `N-M`; may occur again"),
    Key("mem", "(node) its memory"),
    Key("memdev", "(node) its memory as an `-object`"),
    Key("src", "(dist) number of a node"),
    Key("dst", "(dist) number of another"),
    Key("val", "(dist) distance of the two, 11 to 254 (20)"),
    Key("node-id", "(cpu) number of the node"),
    Key("core-id", "(cpu) number of the processor"),
)  # fmt: skip

OBJECT_KEYS = (
    Key("qom-type", "kind of object", (MEMORY, *OTHER_OBJECTS)),
    Key("id", "name, for `-numa node,memdev=ID`, `rng=` or `iothread=` of a device"),
    Key("size", "how much memory"),
    Key("filename", "where random numbers come from; here, the host's kernel", is_idle=True),
    Key("share", "shared with other processes", ("on", "off"), is_idle=True),
    Key("prealloc", "taken from the host at once", ("on", "off"), is_idle=True),
    Key("policy", "of the host's nodes", is_idle=True),
    Key("host-nodes", "of the host", is_idle=True),
    Key("merge", "merging of equal pages", ("on", "off"), is_idle=True),
    Key("dump", "in core dumps", ("on", "off"), is_idle=True),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Numa:
    """Nodes 0, 1, ...: bytes of memory of each, which node each processor is on, distances."""

    memory: tuple[int, ...]
    cpus: tuple[int, ...]
    distances: tuple[tuple[int, ...], ...]

    @property
    def count(self) -> int:
        return len(self.memory)

    def node_of(self, cpu: int) -> int:
        return self.cpus[cpu] if cpu < len(self.cpus) else 0


def one_node(ram_size: int) -> Numa:
    """What a machine is without `-numa`."""
    return Numa((ram_size,), (), ((LOCAL_DISTANCE,),))


def numa(
    words: Sequence[Pairs], objects: Sequence[Pairs], ram_size: int, cpu_count: int
) -> Numa | None:
    """The nodes that these options describe, or None without any; OptionError in one line."""
    memories = [keys for keys in map(dict, objects) if keys["qom-type"] == MEMORY]
    if not all(keys.get("size") for keys in memories):
        raise OptionError(f"-object {MEMORY}: size= is missing")
    backends = {keys["id"]: keys["size"] for keys in memories}
    memory: dict[int, int] = {}
    cpus: dict[int, int] = {}
    distances: dict[tuple[int, int], int] = {}
    for pairs in words:
        values = dict(pairs)
        kind = values.get("type", "node")
        if kind == "node":
            node = _number(values.get("nodeid", str(len(memory))), "nodeid", MAX_NODES)
            if node in memory:
                raise OptionError(f"-numa: there are two nodes {node}")
            memory[node] = _memory(values, backends)
            for name, value in pairs:
                if name == "cpus":
                    cpus |= dict.fromkeys(_range(value, cpu_count), node)
        elif kind == "dist":
            ends = (_number(values.get(end, ""), end, MAX_NODES) for end in ("src", "dst"))
            distances[next(ends), next(ends)] = _number(
                values.get("val", ""), "val", MAX_DISTANCE + 1
            )
        else:
            core = _number(values.get("core-id", ""), "core-id", cpu_count)
            cpus[core] = _number(values.get("node-id", ""), "node-id", MAX_NODES)
    if backends and not memory:
        raise OptionError(f"-object {MEMORY}: say -numa node,memdev=ID")
    return _checked(memory, cpus, distances, ram_size, cpu_count) if words else None


def _checked(
    memory: dict[int, int],
    cpus: dict[int, int],
    distances: dict[tuple[int, int], int],
    ram_size: int,
    cpu_count: int,
) -> Numa:
    count = len(memory)
    if sorted(memory) != list(range(count)) or not count:
        raise OptionError("-numa: nodes are numbered 0, 1, ... without a gap")
    if sum(memory.values()) != ram_size:
        has = sum(memory.values()) >> 20
        raise OptionError(f"-numa: the nodes have {has} MiB together, -m says {ram_size >> 20}")
    if not memory[0]:
        raise OptionError("-numa: node 0 needs memory, where the kernel starts")
    missing = [cpu for cpu in range(cpu_count) if cpu not in cpus]
    if cpus and missing:
        raise OptionError(f"-numa: on which node is processor {missing[0]}?")
    nodes = tuple(cpus.get(cpu, cpu % count) for cpu in range(cpu_count))
    named = {*cpus.values(), *(node for pair in distances for node in pair)}
    unknown = [node for node in named if node >= count]
    if unknown:
        raise OptionError(f"-numa: there is no node {unknown[0]}")
    return Numa(tuple(memory[n] for n in range(count)), nodes, _matrix(distances, count))


def _matrix(distances: dict[tuple[int, int], int], count: int) -> tuple[tuple[int, ...], ...]:
    def distance(src: int, dst: int) -> int:
        default = LOCAL_DISTANCE if src == dst else REMOTE_DISTANCE
        found = distances.get((src, dst), distances.get((dst, src), default))
        if (src == dst) != (found == LOCAL_DISTANCE) or found < LOCAL_DISTANCE:
            raise OptionError(
                f"-numa dist: {src} to {dst} is {found}; a node is 10 from itself, 11 to "
                f"{MAX_DISTANCE} from others"
            )
        return found

    return tuple(tuple(distance(src, dst) for dst in range(count)) for src in range(count))


def _number(text: str, name: str, end: int) -> int:
    if not text.isdecimal() or int(text) >= end:
        raise OptionError(f"-numa {name}={text}: a number below {end} is missing")
    return int(text)


def _range(text: str, cpu_count: int) -> range:
    first, _, last = text.partition("-")
    start = _number(first, "cpus", cpu_count)
    return range(start, _number(last or first, "cpus", cpu_count) + 1)


def _memory(values: dict[str, str], backends: dict[str, str]) -> int:
    """Bytes of a node; none is possible."""
    text = values.get("mem", "")
    if "memdev" in values:
        if values["memdev"] not in backends:
            raise OptionError(f"-numa memdev={values['memdev']}: there is no such -object")
        text = backends[values["memdev"]]
    if not text:
        return 0
    try:
        return memory_size(text)
    except ValueError as error:
        raise OptionError(f"-numa: memory of a node: {error}") from None
