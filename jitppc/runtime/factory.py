"""Making vCPUs: which strategy, which clock, from which engine."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from jitppc import strategies
from jitppc.environment import cache_directory
from jitppc.option_values import CLOCKS
from jitppc.strategies import Strategy
from jitppc.topology import Topology

from .engine import Engine
from .memory import GuestMemory
from .region_store import RegionStore
from .tier0_cache import Progress
from .toolchain import region_key
from .translator import Translator
from .vcpu import Vcpu
from .workers import WorkerPool

if TYPE_CHECKING:
    from .perf_files import PerfFiles


def make_vcpus(
    memory: GuestMemory,
    pvr: int,
    topology: Topology,
    strategy: str | Strategy = "regions",
    **options: Any,
) -> list[Vcpu]:
    """All vCPUs of a machine; `options` as of `make_vcpu`. They share engine and translator."""
    first = make_vcpu(memory, 0, pvr, strategy, count=topology.cpus, **options)
    rest = range(1, topology.cpus)
    options |= {"beside": first, "count": topology.cpus}
    vcpus = [first, *(make_vcpu(memory, n, pvr, strategy, **options) for n in rest)]
    for number, vcpu in enumerate(vcpus):
        vcpu.set_topology(number % topology.threads, topology.threads)
    return vcpus


def make_vcpu(
    memory: GuestMemory,
    vcpu_id: int,
    pvr: int,
    strategy: str | Strategy = "regions",
    clock: str = "host",
    use_cache: bool = True,
    progress: Progress | None = None,
    *,
    paced: bool = False,
    perf: PerfFiles | None = None,
    beside: Vcpu | None = None,
    count: int = 1,
) -> Vcpu:
    """A vCPU with an engine of its own, or with that of the first one of its machine.

    Args:
        strategy: how guest code is executed; a name of the table in `jitppc.strategies`, or a
            strategy of the caller's.
        clock: the Time Base follows the `host`, or retired instructions (`insns`).
        use_cache: native code may come from the cache directory, and go there.
        paced: regions arrive when `translator.tick` says so, and none comes from earlier runs, so
            that a run repeats exactly.
        perf: told of all native code.
        progress: told what is being compiled, how much of it is done, and of how much.
        beside: the first vCPU of the machine.
        count: how many the machine is going to have.
    """
    if clock not in CLOCKS:
        raise ValueError(f"unknown clock {clock!r}; there are {', '.join(CLOCKS)}")
    if isinstance(strategy, str):
        strategy = strategies.find(strategy)
    options = strategy.regions
    is_kept = use_cache and strategy.keeps_regions and not paced
    with ExitStack() as undo:
        pool = None
        if beside is None and options is not None:
            pool = WorkerPool(max(1, (os.cpu_count() or 2) - 1))
            undo.callback(pool.close)
            if not paced and not is_kept:
                pool.prepare()      # while we load the interpreter
        engine = beside.engine if beside is not None else Engine(
            exact=strategy.exact, use_cache=use_cache, progress=progress, vcpus=count)
        vcpu = Vcpu(engine, memory, vcpu_id, pvr, clock)
        if perf is not None and beside is None:
            perf.tier0(engine.arena)
        if options is not None and options.windows:
            vcpu.open_windows()
        if strategy.units:
            engine.give_units(memory, vcpu_id, count)
            if perf is not None:
                start, end = (int(vcpu.space.state[field]) for field in ("units", "units_end"))
                perf.room(start, end - start, "tier0:units" + (f":{vcpu_id}" if beside else ""))
        if beside is not None and beside.translator is not None:
            beside.translator.serve(vcpu)
        elif pool is not None and options is not None:
            root = cache_directory() if is_kept else None
            vcpu.translator = Translator(
                engine, memory, vcpu, pool, options, paced=paced,
                open_store=lambda: RegionStore(root, region_key(repr(options))),
                watcher=perf.region if perf is not None else None,
            )
        undo.pop_all()
    return vcpu
