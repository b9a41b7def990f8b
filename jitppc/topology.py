"""How many virtual processors a machine has, and how they are cores and threads."""

from __future__ import annotations

from dataclasses import dataclass

from jitppc.option_values import suggestion

KEYS = ("cpus", "maxcpus", "sockets", "cores", "threads")
MAX_VCPUS = 64
THREADS = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class Topology:
    """`cpus` of `maxcpus` are there, `threads` of them in each core.

    Nothing can be plugged in while the machine runs: `maxcpus` is only what the guest is told.
    """

    cpus: int = 1
    threads: int = 1
    maxcpus: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError when there is no such machine."""
        if not self.maxcpus:
            object.__setattr__(self, "maxcpus", self.cpus)
        if not 1 <= self.cpus <= self.maxcpus <= MAX_VCPUS:
            raise ValueError(
                f"{self.cpus} of {self.maxcpus} virtual processors: a machine has 1 to {MAX_VCPUS}")
        if self.threads not in THREADS:
            raise ValueError(f"{self.threads} threads in a core: there are 1, 2, 4 or 8")
        if self.cpus % self.threads or self.maxcpus % self.threads:
            raise ValueError(f"{self.cpus} virtual processors are no cores of {self.threads}")


ONE_PROCESSOR = Topology()


def parse(text: str) -> Topology:
    """`-smp` as QEMU has it: what is left out follows from the rest, cores before sockets.

    Ref: QEMU's documentation of -smp.
    """
    given: dict[str, int] = {}
    for number, part in enumerate(text.split(",")):
        key, equals, value = part.partition("=")
        if not equals and number == 0:
            key, value = "cpus", part
        if key not in KEYS:
            raise ValueError(f"unknown key {key!r}{suggestion(key, KEYS)}")
        if not value.isdecimal() or not int(value):
            raise ValueError(f"{key} is a number from 1, not {value!r}")
        given[key] = int(value)
    threads, cores, sockets = (given.get(key, 0) for key in ("threads", "cores", "sockets"))
    wanted = given.get("maxcpus", given.get("cpus", 0))
    sockets, threads = sockets or 1, threads or 1
    if not cores:
        cores = max(1, wanted // (sockets * threads))
        if "sockets" not in given and "threads" not in given and not wanted:
            cores = 1
    everything = sockets * cores * threads
    if not wanted:
        wanted = everything
    if "cores" in given and "sockets" not in given and everything < wanted:
        everything = wanted // (cores * threads) * cores * threads
    if everything != wanted:
        what = f"{sockets} sockets of {cores} cores of {threads} threads"
        raise ValueError(f"{what} are not {wanted}")
    return Topology(given.get("cpus", wanted), threads, wanted)
