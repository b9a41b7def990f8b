"""Making vCPUs: which strategy, which clock, from which engine."""

from __future__ import annotations

import os

from jitppc.config import cache_directory
from jitppc.option_values import CLOCKS, STRATEGIES

from .engine import Engine
from .memory import GuestMemory
from .region_store import RegionStore
from .tier0 import Progress
from .tier0_cache import region_key
from .translator import Translator, region_options
from .vcpu import Vcpu
from .workers import WorkerPool


def make_vcpu(
    memory: GuestMemory,
    vcpu_id: int,
    pvr: int,
    strategy: str = "regions",
    clock: str = "host",
    use_cache: bool = True,
    progress: Progress | None = None,
    *,
    paced: bool = False,
) -> Vcpu:
    """A vCPU with an engine of its own.

    Args:
        strategy: `interp`: tier 0 only, the threaded interpreter. `regions`: tier 0, and LLVM
            regions for hot code, compiled in worker processes. `exact`: tier 0 that counts and
            stops at exact instructions, the reference of -lockstep.
        clock: the Time Base follows the `host`, or retired instructions (`insns`).
        use_cache: native code may come from the cache directory, and go there.
        paced: regions arrive when `translator.tick` says so, and none comes from earlier runs, so
            that a run repeats exactly.
        progress: told what is being compiled, how much of it is done, and of how much.
    """
    for what, name, names in (("strategy", strategy, STRATEGIES), ("clock", clock, CLOCKS)):
        if name not in names:
            raise ValueError(f"unknown {what} {name!r}; there are {', '.join(names)}")
    engine = Engine(exact=strategy == "exact", use_cache=use_cache, progress=progress)
    vcpu = Vcpu(engine, memory, vcpu_id, pvr, clock)
    if strategy == "regions":
        pool = WorkerPool(max(1, (os.cpu_count() or 2) - 1))
        root = cache_directory() if use_cache and not paced else None
        vcpu.translator = Translator(
            engine, memory, vcpu, pool, paced=paced,
            open_store=lambda: RegionStore(root, region_key(region_options())),
        )
    return vcpu
