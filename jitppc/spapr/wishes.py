"""What the user wants a machine to be, checked before there is one."""

from dataclasses import dataclass
from typing import Self

from jitppc.errors import OptionError
from jitppc.numa import Numa
from jitppc.option_values import CLOCKS
from jitppc.spapr import hash_pages, interrupts
from jitppc.spapr.cpu_models import CpuModel, cpu_model, newest_mode, with_small_decrementer
from jitppc.spapr.memory_size import memory_size
from jitppc.topology import Topology

BOOTARGS_MAX = 2047


@dataclass(frozen=True, slots=True)
class Wishes:
    """The parts of a machine that the device tree and negotiations tell of, as `Machine` says."""

    model: CpuModel
    newest_mode: CpuModel | None
    topology: Topology
    ram_size: int
    numa: Numa | None
    bootargs: str
    ic_mode: interrupts.IcMode
    resize_hpt: hash_pages.ResizeHpt
    hash_page_limit_log2: int
    has_storage_keys: bool

    @classmethod
    def checked(
        cls,
        cpu: str,
        max_cpu_compat: str | None,
        smp: int | Topology,
        memory: str | int,
        numa: Numa | None,
        clock: str,
        append: str,
        ic_mode: str,
        resize_hpt: str,
        hpt_max_page_size: str,
        *,
        has_storage_keys: bool,
        large_decrementer: bool,
    ) -> Self:
        """From what `Machine` is given; `OptionError` tells in one line what cannot be."""
        model = cpu_model(cpu)
        mode = newest_mode(model, max_cpu_compat)
        if not large_decrementer or not (mode or model).has_large_decrementer:
            model = with_small_decrementer(model)
        ram_size = memory_size(memory)
        if numa is not None and sum(numa.memory) != ram_size:
            raise OptionError("the NUMA nodes have not as much memory as the machine")
        if clock not in CLOCKS:
            raise OptionError(f"clock {clock!r} is unknown; there are {', '.join(CLOCKS)}")
        if len(append.encode()) > BOOTARGS_MAX or "\0" in append:
            raise OptionError(f"the kernel command line is longer than {BOOTARGS_MAX} bytes")
        return cls(
            model=model,
            newest_mode=mode,
            topology=_topology(smp, clock),
            ram_size=ram_size,
            numa=numa,
            bootargs=append,
            ic_mode=interrupts.ic_mode(ic_mode, model, mode),
            resize_hpt=hash_pages.resize_hpt(resize_hpt),
            hash_page_limit_log2=hash_pages.page_limit_log2(hpt_max_page_size),
            has_storage_keys=has_storage_keys,
        )

    @property
    def first_node_size(self) -> int:
        """Bytes of memory at the real address 0 that are in one NUMA node."""
        return self.ram_size if self.numa is None else self.numa.memory[0]


def _topology(smp: int | Topology, clock: str) -> Topology:
    """What `smp` says, if there is such a machine."""
    try:
        found = Topology(smp) if isinstance(smp, int) else smp
    except ValueError as error:
        raise OptionError(f"-smp {smp}: {error}") from error
    if clock == "insns" and found.cpus > 1:
        raise OptionError("-clock insns: runs of several virtual processors do not repeat")
    return found
